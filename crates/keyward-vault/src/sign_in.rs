//! Signing in: what somebody says he is, and the one place where that is believed.
//!
//! What holds here:
//!
//! - A login that nobody has, one without a password, a disabled one and a wrong password go the
//!   same way: the same turn, the same reads, the same cost, the same count, the same answer.
//! - A wrong try is counted durably before it is answered, and one account is tried once at a time:
//!   tries side by side do not get more than their number.
//! - What is refused untried is told once a minute with its count, so that nobody fills the log.

use std::net::IpAddr;

use keyward_access::credential::{AccountCredential, Checked, SecondFactor};
use keyward_access::lockout::{Attempt, AttemptsRecord, neighbourhood};
use keyward_access::{Caller, Identity, IdentityKind, Login, Object, Session, SessionKind, SystemTask};
use keyward_audit::{Action as ActionName, Outcome};
use keyward_types::token::PlainToken;
use keyward_types::{PrincipalId, Secret};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::door::{Refusal, Turn};
use crate::records::{self, Row};
use crate::tally::Tally;
use crate::{Error, Vault};

/// What somebody brings who signs in.
#[derive(Clone, Debug)]
pub struct SignIn<'a> {
    /// Who he says he is, as it was typed.
    pub login: &'a str,
    /// His password.
    pub password: &'a Secret<String>,
    /// What comes beside it.
    pub second: Option<&'a SecondFactor>,
    /// Where the session will live.
    pub kind: SessionKind,
    /// From where he comes.
    pub from: Visitor<'a>,
}

/// From where somebody comes, and with what.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// His address; `None`: this machine.
    pub address: Option<IpAddr>,
    /// His program, in its own words.
    pub agent: &'a str,
}

/// Who somebody says he is.
pub(crate) enum Who<'a> {
    /// By what was typed.
    Login(&'a str),
    /// By the account that he is signed in to.
    Known(&'a PrincipalId),
}

/// Somebody who has proved that he is who he says. Nothing of it is durable yet: what is done next
/// takes the proof into its own change.
pub(crate) struct Proven<'a> {
    pub(crate) identity: Row<Identity>,
    credential: Row<AccountCredential>,
    /// The credential as it has to be left behind: with a code used up, and hashed at today's cost.
    pub(crate) left: AccountCredential,
    pub(crate) second_factor: bool,
    tally: Tally,
    /// Held until the change is committed.
    _turn: Turn<'a>,
}

/// How often it is begun anew when another node changes the same records at the same time.
pub(crate) const ROUNDS: usize = 4;

impl Vault {
    /// Signs somebody in.
    ///
    /// # Errors
    /// [`Error::NotIdentified`], whatever is wrong; [`Error::SecondFactor`] when a code is needed
    /// beside the right password; [`Error::TooManyAttempts`], [`Error::Busy`].
    pub fn sign_in(&self, with: &SignIn<'_>) -> Result<(PlainToken, Session), Error> {
        for _ in 0..ROUNDS {
            let proven = self.believe(&Who::Login(with.login), with.password, with.second, &with.from)?;
            match self.open_session(&proven, with) {
                Err(Error::Store(keyward_store::Error::Conflict(_))) => {}
                done => return done,
            }
        }
        Err(Error::Busy)
    }

    fn open_session(&self, proven: &Proven<'_>, with: &SignIn<'_>) -> Result<(PlainToken, Session), Error> {
        let principal = proven.identity.record.principal.clone();
        let (token, session) = self.new_session(&principal, with.kind, proven.second_factor, &with.from)?;
        let actor = self.in_person(&principal, &with.from)?;
        let names = from_where(Names::default().with("session", session.id.as_str()), &with.from);
        let second = if proven.second_factor { "yes" } else { "no" };
        let telling = self.about_vault(ActionName::SignIn).names(names.with("second_factor", second));
        let mut change = Change::told(self, &actor, telling);
        proven.take_into(&mut change);
        change.expect(records::absent(&session));
        change.put(&session);
        change.commit()?;
        Ok((token, session))
    }

    /// Believes somebody, or not.
    pub(crate) fn believe(
        &self,
        who: &Who<'_>,
        password: &Secret<String>,
        second: Option<&SecondFactor>,
        from: &Visitor<'_>,
    ) -> Result<Proven<'_>, Error> {
        let account = self.account_in_question(who)?;
        let key = self.tally_key(AttemptsRecord::ACCOUNT, who_text(who, account.as_ref()))?;
        let network = from.address.map(neighbourhood);
        // Before the queue, so that who is refused takes nobody's place in it.
        self.refuse_untimely(&self.tally(&key, network.as_deref())?, account.as_ref(), from)?;
        let turn = self.door.turn(&key).ok_or(Error::Busy)?;
        let tally = self.tally(&key, network.as_deref())?;
        self.refuse_untimely(&tally, account.as_ref(), from)?;
        let principal = account.as_ref().map_or_else(nobody, |account| account.principal.clone());
        let identity = records::load::<Identity>(&self.store, principal.as_str().as_bytes())?;
        let credential = records::load::<AccountCredential>(&self.store, principal.as_str().as_bytes())?;
        let known = credential.as_ref().filter(|_| identity.as_ref().is_some_and(may_sign_in)).map(|row| &row.record);
        let now = self.tools.clock.now();
        match (AccountCredential::check(known, password, second, &*self.ring, now)?, identity, credential) {
            (Checked::Right { left, second_factor }, Some(identity), Some(credential)) => {
                let left = left.map_or_else(|| credential.record.clone(), |left| *left);
                let left = left.renewed(password, &*self.ring, &*self.tools.random)?.unwrap_or(left);
                Ok(Proven { identity, credential, left, second_factor, tally, _turn: turn })
            }
            (Checked::NeedsSecondFactor, ..) => {
                self.tell_refusal(account.as_ref(), from, "second factor missing")?;
                Err(Error::SecondFactor)
            }
            _ => Err(self.count_wrong(&tally, account.as_ref(), from)),
        }
    }

    pub(crate) fn account_in_question(&self, who: &Who<'_>) -> Result<Option<Identity>, Error> {
        let roster = self.roster()?;
        Ok(match who {
            Who::Login(text) => text.parse::<Login>().ok().and_then(|login| roster.by_login(&login)).cloned(),
            Who::Known(principal) => roster.identity(principal).cloned(),
        })
    }

    /// Refuses untried, while it is not the time.
    pub(crate) fn refuse_untimely(
        &self,
        tally: &Tally,
        account: Option<&Identity>,
        from: &Visitor<'_>,
    ) -> Result<(), Error> {
        let now = self.tools.clock.now();
        let Some(until) = tally.wait(now) else { return Ok(()) };
        self.tell_refusal(account, from, "too many failures")?;
        self.anchor_counts(tally, from)?;
        Err(Error::TooManyAttempts { seconds: (until.0 - now.0 + 999) / 1000 })
    }

    /// Writes down that somebody was refused, once a minute.
    pub(crate) fn tell_refusal(
        &self,
        account: Option<&Identity>,
        from: &Visitor<'_>,
        why: &'static str,
    ) -> Result<(), Error> {
        let account = account.map_or(UNKNOWN, |account| account.principal.as_str()).to_owned();
        let network = from.address.map(neighbourhood).unwrap_or_default();
        let refusal = Refusal { account, network, why };
        match self.door.refuse(&refusal, self.tools.clock.now()) {
            Some(count) => self.tell_refusals(&refusal, count, from.agent),
            None => Ok(()),
        }
    }

    pub(crate) fn tell_refusals(&self, refusal: &Refusal, count: u64, agent: &str) -> Result<(), Error> {
        let names = Names::default()
            .with("account", refusal.account.as_str())
            .with("network", refusal.network.as_str())
            .with("why", refusal.why);
        let telling = self.about_vault(ActionName::SignIn).outcome(Outcome::Denied).names(names).count(count);
        Change::told(self, &at_the_door(agent), telling).commit()?;
        Ok(())
    }

    /// Counts a wrong try, durably, and gives the answer to it.
    pub(crate) fn count_wrong(&self, tally: &Tally, account: Option<&Identity>, from: &Visitor<'_>) -> Error {
        match self.count_failed(tally, account, Names::default(), "wrong", from) {
            Ok(()) => Error::NotIdentified,
            Err(error) => error,
        }
    }

    /// Counts a wrong try, durably; `why`, and what else is known of it, is for the log.
    pub(crate) fn count_failed(
        &self,
        tally: &Tally,
        account: Option<&Identity>,
        names: Names,
        why: &'static str,
        from: &Visitor<'_>,
    ) -> Result<(), Error> {
        let actor = at_the_door(from.agent);
        let account = account.map_or(UNKNOWN, |account| account.principal.as_str());
        let network = from.address.map(neighbourhood).unwrap_or_default();
        let names = names.with("account", account).with("network", network);
        loop {
            let tally = self.tally_again(tally)?;
            let now = self.tools.clock.now();
            let telling = self.about_vault(ActionName::SignIn).outcome(Outcome::Denied);
            let mut change = Change::told(self, &actor, telling.names(names.clone().with("why", why)).count(1));
            let locked = tally.put(&mut change, Attempt::Wrong, now);
            for what in locked {
                let names = names.clone().with("locked", what);
                change.also(self.about_vault(ActionName::SignInLock).outcome(Outcome::Denied).names(names));
            }
            match change.commit() {
                Ok(_) => return Ok(()),
                // Another node has counted one in between: this one is counted on top of it.
                Err(Error::Store(keyward_store::Error::Conflict(_))) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// After the clock jumped back, waits are counted from the new time on.
    fn anchor_counts(&self, tally: &Tally, from: &Visitor<'_>) -> Result<(), Error> {
        let now = self.tools.clock.now();
        if !tally.is_ahead(now) {
            return Ok(());
        }
        let names = Names::default().with("why", "the clock went back");
        let telling = self.about_vault(ActionName::SignIn).outcome(Outcome::Denied).names(names);
        let actor = at_the_door(from.agent);
        let mut change = Change::told(self, &actor, telling);
        tally.put(&mut change, Attempt::Refused, now);
        match change.commit() {
            // Whoever was faster did the same.
            Ok(_) | Err(Error::Store(keyward_store::Error::Conflict(_))) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// How many passwords were tried since the vault was opened, right or wrong.
    pub fn passwords_tried(&self) -> u64 {
        self.door.tried()
    }

    /// Somebody who is known to be who he is, at this door.
    pub(crate) fn in_person(&self, principal: &PrincipalId, from: &Visitor<'_>) -> Result<Actor, Error> {
        Ok(Actor::new(self.caller_of(principal)?.coming_from(from.address), shown(from.agent)))
    }

    pub(crate) fn about_vault(&self, action: ActionName) -> Telling {
        Telling::new(action, Object::Vault(self.id()))
    }
}

impl Proven<'_> {
    /// Makes the change depend on all that was proved: the account as it was, the password as it
    /// was, the code used up, the count as it was and now cleared.
    pub(crate) fn take_into(&self, change: &mut Change<'_>) {
        change.expect(records::unchanged(&self.identity));
        change.expect(records::unchanged(&self.credential));
        if self.left != self.credential.record {
            change.put(&self.left);
        }
        self.tally.clear(change);
    }
}

pub(crate) fn may_sign_in(identity: &Row<Identity>) -> bool {
    identity.record.kind == IdentityKind::Person && identity.record.is_enabled()
}

/// What is counted under: what was typed, or what the account would have typed.
fn who_text<'a>(who: &Who<'a>, account: Option<&'a Identity>) -> &'a str {
    match who {
        Who::Login(text) => text,
        Who::Known(principal) => {
            account.and_then(|account| account.login.as_ref()).map_or(principal.as_str(), |login| login.as_str())
        }
    }
}

/// In whose name it is looked for what nobody has.
fn nobody() -> PrincipalId {
    PrincipalId::system("nobody")
}

/// What was typed as a login may be a password: of whom nobody knows, nothing is written down.
const UNKNOWN: &str = "unknown";
/// Most characters of what a program calls itself.
const MAX_AGENT: usize = 200;

pub(crate) fn at_the_door(agent: &str) -> Actor {
    Actor::new(Caller::system(SystemTask::Door), shown(agent))
}

pub(crate) fn shown(agent: &str) -> String {
    agent.chars().filter(|c| !c.is_control()).take(MAX_AGENT).collect()
}

pub(crate) fn from_where(names: Names, from: &Visitor<'_>) -> Names {
    match from.address {
        Some(address) => names.with("from", address.to_string()),
        None => names,
    }
}
