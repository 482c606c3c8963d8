//! Sessions: who is signed in, and until when.

use keyward_access::{Caller, Session, SessionFault, SessionKind, SystemTask, TokenHash};
use keyward_audit::{Action as ActionName, Outcome};
use keyward_types::token::{PlainToken, TokenKind};
use keyward_types::{PrincipalId, Record, Timestamp};

use crate::actor::Actor;
use crate::change::{Change, Names};
use crate::people::of_account;
use crate::records::{self, Row};
use crate::sign_in::{Visitor, at_the_door, from_where, shown};
use crate::{Error, Lead, Vault};

/// Somebody who is signed in at this moment. Made by [`Vault::signed_in`] alone: what takes one is
/// not for holders of tokens, however much those may.
#[derive(Clone, Debug)]
pub struct SignedIn {
    session: Session,
    caller: Caller,
}

impl SignedIn {
    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The person, with present rights.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Who it is.
    pub fn principal(&self) -> &PrincipalId {
        &self.session.principal
    }

    /// The person at this request.
    pub(crate) fn actor(&self, from: &Visitor<'_>) -> Actor {
        Actor::new(self.caller.clone(), shown(from.agent))
    }
}

impl Vault {
    /// Whoever holds this session.
    ///
    /// # Errors
    /// [`Error::NotIdentified`], whatever the reason is.
    pub fn signed_in(&self, token: &PlainToken, from: &Visitor<'_>) -> Result<SignedIn, Error> {
        if token.kind() != TokenKind::Session {
            return Err(Error::NotIdentified);
        }
        let presented = TokenHash::of(token, &*self.ring)?;
        let row = records::load::<Session>(&self.store, token.id().as_bytes())?;
        let right = row.as_ref().map_or(&TokenHash::NOBODYS, |row| &row.record.hash).matches(&presented);
        let (Some(row), true) = (row, right) else { return Err(Error::NotIdentified) };
        let now = self.tools.clock.now();
        if let Err(fault) = row.record.serves(now) {
            self.bury(&row, fault, from)?;
            return Err(Error::NotIdentified);
        }
        let caller = self.caller_of(&row.record.principal)?.coming_from(from.address);
        if row.record.is_to_be_marked(now) {
            self.mark(&row, &caller, now, from)?;
        }
        Ok(SignedIn { session: row.record, caller })
    }

    /// A session that is over stays over, even if the clock jumps back.
    fn bury(&self, row: &Row<Session>, fault: SessionFault, from: &Visitor<'_>) -> Result<(), Error> {
        if fault == SessionFault::Early {
            return Ok(());
        }
        let names = Names::default().with("session", row.record.id.as_str()).with("why", fault.as_str());
        let names = names.with("account", row.record.principal.as_str());
        let telling = self.about_vault(ActionName::SessionEnd).names(from_where(names, from));
        let actor = at_the_door(from.agent);
        let mut change = Change::told(self, &actor, telling);
        change.expect(records::unchanged(row));
        change.delete::<Session>(row.record.key());
        passed_over(change.commit())
    }

    /// Writes down that it is in use. If that fails, it may end early and nothing else.
    fn mark(&self, row: &Row<Session>, caller: &Caller, now: Timestamp, from: &Visitor<'_>) -> Result<(), Error> {
        let actor = Actor::new(caller.clone(), shown(from.agent));
        let names = from_where(Names::default().with("session", row.record.id.as_str()), from);
        let mut change = Change::told(self, &actor, self.about_vault(ActionName::SessionUse).names(names));
        change.expect(records::unchanged(row));
        change.put(&Session { last_seen: now, ..row.record.clone() });
        passed_over(change.commit())
    }

    /// Ends the session that is signed in.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn sign_out(&self, who: &SignedIn, from: &Visitor<'_>) -> Result<(), Error> {
        let names = from_where(Names::default().with("session", who.session.id.as_str()), from);
        let actor = who.actor(from);
        let mut change = Change::told(self, &actor, self.about_vault(ActionName::SignOut).names(names));
        change.delete::<Session>(who.session.key());
        change.commit()?;
        Ok(())
    }

    /// The sessions of an account that serve still, the newest first: one's own, or another's for
    /// who may administer it.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Missing`].
    pub fn sessions(&self, actor: &Actor, principal: &PrincipalId) -> Result<Vec<Session>, Error> {
        let account = self.account_row(principal)?.record;
        if principal != actor.principal() {
            self.permit_account(actor, &account, ActionName::SessionEnd, &of_account(&account))?;
        }
        self.living_sessions(principal)
    }

    fn living_sessions(&self, principal: &PrincipalId) -> Result<Vec<Session>, Error> {
        let now = self.tools.clock.now();
        let rows = records::find::<Session>(&self.store, "principal", principal.as_str().as_bytes())?;
        let mut sessions: Vec<Session> =
            rows.into_iter().map(|row| row.record).filter(|session| session.serves(now).is_ok()).collect();
        sessions.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        Ok(sessions)
    }

    /// The same for a plan of who leaves, which changes nothing.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn sessions_seen(&self, actor: &Actor, principal: &PrincipalId) -> Result<Vec<Session>, Error> {
        self.permit_list_vault(actor)?;
        self.living_sessions(principal)
    }

    /// Ends one session of an account, or all of them: signs out everywhere. Gives how many there
    /// were.
    ///
    /// # Errors
    /// [`Error::Missing`] for a session that is not this account's; [`Error::Denied`].
    pub fn end_sessions(&self, actor: &Actor, principal: &PrincipalId, only: Option<&str>) -> Result<u64, Error> {
        let account = self.account_row(principal)?.record;
        let names = of_account(&account);
        let permit = self.permit_account(actor, &account, ActionName::SessionEnd, &names)?;
        let rows = records::find::<Session>(&self.store, "principal", principal.as_str().as_bytes())?;
        let ended: Vec<_> = rows.into_iter().filter(|row| only.is_none_or(|id| row.record.id == id)).collect();
        if let (Some(id), true) = (only, ended.is_empty()) {
            let name = id.chars().take(60).flat_map(char::escape_debug).collect();
            return Err(Error::Missing { noun: "session", name });
        }
        let count = ended.len() as u64;
        let telling = self.about_vault(ActionName::SessionEnd).names(names).count(count);
        let mut change = Change::permitted(self, actor, permit, telling);
        // Nothing is expected: that one of them is in use meanwhile must not keep it alive.
        ended.iter().for_each(|row| change.delete::<Session>(row.record.key()));
        change.commit()?;
        Ok(count)
    }

    /// Ends an account's sessions within another change.
    pub(crate) fn end_sessions_in(
        &self,
        change: &mut Change<'_>,
        principal: &PrincipalId,
        except: Option<&str>,
    ) -> Result<(), Error> {
        for row in records::find::<Session>(&self.store, "principal", principal.as_str().as_bytes())? {
            if except != Some(row.record.id.as_str()) {
                change.delete::<Session>(row.record.key());
            }
        }
        Ok(())
    }

    pub(crate) fn new_session(
        &self,
        principal: &PrincipalId,
        kind: SessionKind,
        second_factor: bool,
        from: &Visitor<'_>,
    ) -> Result<(PlainToken, Session), Error> {
        let token = PlainToken::generate(TokenKind::Session, &*self.tools.random)?;
        let now = self.tools.clock.now();
        let session = Session {
            id: token.id().to_owned(),
            hash: TokenHash::of(&token, &*self.ring)?,
            principal: principal.clone(),
            kind,
            second_factor,
            created_at: now,
            last_seen: now,
            expires_at: Timestamp(now.0.saturating_add(kind.longest())),
            agent: shown(from.agent),
            network: from.address.map(keyward_access::lockout::neighbourhood),
        };
        Ok((token, session))
    }

    /// Clears away what is over at the door, and tells what is not told yet: for a job that runs
    /// each minute. Gives how many records went.
    ///
    /// # Errors
    /// [`Error::Replaced`] when another process leads; when the store refuses.
    pub fn sweep_sign_in(&self, lead: &Lead) -> Result<u64, Error> {
        self.tell_refused()?;
        let now = self.tools.clock.now();
        let over = [
            self.sweep::<Session>(lead, |session| {
                matches!(session.serves(now), Err(SessionFault::Idle | SessionFault::Over))
            }),
            self.sweep::<keyward_access::Invite>(lead, |invite| !invite.serves(now)),
            self.sweep::<keyward_access::DeviceLogin>(lead, |device| !device.serves(now)),
            self.sweep::<keyward_access::lockout::AttemptsRecord>(lead, |record| record.is_stale(now)),
            self.sweep::<crate::spent::Spent>(lead, |spent| spent.is_stale(now)),
            // A pipeline makes one with each run; what was done with it stays on record.
            self.sweep::<keyward_access::TokenRecord>(lead, |token| is_forgotten(token, now)),
        ];
        over.into_iter().sum()
    }

    /// Tells what this process has refused untried and not told yet: for every process, each minute.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn tell_refused(&self) -> Result<(), Error> {
        let untold = self.door.untold(self.tools.clock.now());
        untold.into_iter().try_for_each(|(refusal, count)| self.tell_refusals(&refusal, count, SWEEP))
    }

    fn sweep<R: Record + Send>(&self, lead: &Lead, is_over: impl Fn(&R) -> bool) -> Result<u64, Error> {
        let mut over = records::scan::<R>(&self.store, &[])?;
        over.retain(|row| is_over(&row.record));
        let mut gone = 0;
        for some in over.chunks(SWEPT_AT_ONCE) {
            let names = Names::default().with("collection", R::COLLECTION);
            let telling = self.about_vault(ActionName::SignInSweep).outcome(Outcome::Allowed).names(names);
            let actor = Actor::task(SystemTask::Door, lead, SWEEP);
            let mut change = Change::told(self, &actor, telling.count(some.len() as u64));
            for row in some {
                change.expect(records::unchanged(row));
                change.delete::<R>(row.record.key());
            }
            match change.commit() {
                Ok(_) => gone += some.len() as u64,
                // One of them is in use again: the next time.
                Err(Error::Store(keyward_store::Error::Conflict(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(gone)
    }
}

/// For how long a workload's token is shown after its end.
const SHOWN: i64 = 24 * 60 * 60 * 1000;

fn is_forgotten(token: &keyward_access::TokenRecord, now: Timestamp) -> bool {
    token.trust.is_some() && token.expires_at.is_some_and(|end| now.0.saturating_sub(SHOWN) > end.0)
}

/// What the log calls the job.
const SWEEP: &str = "keyward/sweep";
const SWEPT_AT_ONCE: usize = 256;

/// Somebody else was faster, which comes to the same.
fn passed_over(committed: Result<keyward_store::Committed, Error>) -> Result<(), Error> {
    match committed {
        Ok(_) | Err(Error::Store(keyward_store::Error::Conflict(_))) => Ok(()),
        Err(error) => Err(error),
    }
}
