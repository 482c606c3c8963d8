//! Coming back from a provider that vouches for somebody: whose account that is, and his session.
//!
//! What holds here:
//!
//! - An account is found by issuer and subject, by the link of an invitation, or by the id under
//!   which SCIM brought the person, where an owner said that they are the same. Never by a name.
//! - Who is not found, or whose account is disabled, gets one answer; the log has the reason. Each is
//!   counted as a wrong try of the identity and of the network.
//! - The provider answers for second factors, unless the account has an authenticator here: then its
//!   code is asked for too.
//! - What somebody went with serves once: the session and the mark that it did are one change.

use keyward_access::credential::{AccountCredential, Checked, SecondFactor};
use keyward_access::lockout::{AttemptsRecord, neighbourhood};
use keyward_access::oidc::Claims;
use keyward_access::{Identity, IdentityKind, Invite, Role, Session, SessionKind, Subject};
use keyward_audit::{Action as ActionName, Outcome};
use keyward_types::token::PlainToken;
use keyward_types::{PrincipalId, Record, Secret, Timestamp};
use serde::{Deserialize, Serialize};

use crate::change::{Change, Names};
use crate::identity_links::{self, IdentityLink, LinkedBy};
use crate::identity_providers::{IdentityProvider, of_provider};
use crate::journey::{Errand, Journey};
use crate::passwords::Proof;
use crate::people::called;
use crate::provisioning::ProvisionedUser;
use crate::records::{self, Row};
use crate::sessions::SignedIn;
use crate::sign_in::{ROUNDS, Visitor, at_the_door, from_where};
use crate::spent::Spent;
use crate::tally::Tally;
use crate::{Error, Vault};

/// How somebody arrived.
#[derive(Debug)]
pub enum Arrival {
    /// He is signed in.
    SignedIn(PlainToken, Box<Session>),
    /// His account has an authenticator here: a code of it is needed too. For his browser, to be
    /// brought with the code.
    NeedsCode(Secret<String>),
    /// The identity is his account's from now on.
    Linked(IdentityLink),
}

/// Somebody for whom a provider vouches, before it is known whose account that is.
#[derive(Clone, Serialize, Deserialize)]
struct Arrived {
    provider: keyward_access::Login,
    issuer: String,
    subject: String,
    /// What SCIM would call him.
    scim_id: Option<String>,
    methods: Vec<String>,
    purpose: Errand,
    /// What serves once.
    pass: String,
    at: Timestamp,
}

/// Whose account it is, and what has to be as it is until the change is made.
struct Owner {
    identity: Row<Identity>,
    /// The link that is there, or the one to be put.
    link: Result<Row<IdentityLink>, IdentityLink>,
    invite: Option<Row<Invite>>,
}

impl Vault {
    /// The secret that a provider knows us by, for whoever came back. That it is opened is on
    /// record first.
    ///
    /// # Errors
    /// When the store refuses or a record was altered.
    pub fn secret_for(&self, journey: &Journey, from: &Visitor<'_>) -> Result<Option<Secret<Vec<u8>>>, Error> {
        self.open_provider(&journey.provider, from)
    }

    /// Counts that a provider vouched for nobody, or that what it signed is not believed.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn not_vouched_for(&self, journey: &Journey, why: &'static str, from: &Visitor<'_>) -> Result<(), Error> {
        let names = of_provider(&journey.provider.name, &journey.provider.issuer);
        self.count_failed(&self.tally_of_network(from)?, None, names, why, from)
    }

    /// Writes down that a provider could not say who somebody is, once a minute. It is nobody's wrong
    /// try.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn provider_failed(&self, why: &'static str, from: &Visitor<'_>) -> Result<(), Error> {
        self.tell_refusal(None, from, why)
    }

    /// Lets somebody arrive for whom a provider vouches.
    ///
    /// # Errors
    /// [`Error::NoAccount`] when no account here is his; [`Error::Strayed`] when he arrived before;
    /// [`Error::Refused`] when what he came for cannot be; [`Error::TooManyAttempts`],
    /// [`Error::Busy`].
    pub fn arrive(&self, journey: Journey, claims: &Claims, from: &Visitor<'_>) -> Result<Arrival, Error> {
        let Journey { provider, travel, spent } = journey;
        if claims.issuer() != provider.issuer || !provider.admits(claims) {
            return Err(self.no_account(&provider, claims.subject(), None, "not admitted", from));
        }
        let scim_id = provider.scim_claim.as_ref().and_then(|claim| claims.text(claim)).map(str::to_owned);
        let arrived = Arrived {
            provider: provider.name.clone(),
            issuer: claims.issuer().to_owned(),
            subject: claims.subject().to_owned(),
            scim_id,
            methods: claims.methods(),
            purpose: travel.purpose,
            pass: self.unguessable()?,
            at: self.tools.clock.now(),
        };
        match self.settle(&provider, &arrived, &spent, None, from) {
            Err(Error::SecondFactor) => {
                // The answer of the provider is used up by it: what counts from now on is the code.
                let names = of_provider(&provider.name, &provider.issuer).with("why", "second factor missing");
                let telling =
                    self.about_vault(ActionName::SignIn).outcome(Outcome::Denied).names(from_where(names, from));
                let actor = at_the_door(from.agent);
                let mut change = Change::told(self, &actor, telling);
                spent.take_into(&mut change);
                change.commit().map_err(|error| used(error, &spent, self))?;
                Ok(Arrival::NeedsCode(self.seal_for_browser(ARRIVED, &arrived)?))
            }
            done => done,
        }
    }

    /// Lets somebody arrive whose account has an authenticator here, with a code of it.
    ///
    /// # Errors
    /// As [`Vault::arrive`]; [`Error::NotIdentified`] for a wrong code.
    pub fn arrive_with_code(
        &self,
        sealed: Option<&str>,
        second: &SecondFactor,
        from: &Visitor<'_>,
    ) -> Result<Arrival, Error> {
        let arrived = sealed.and_then(|sealed| self.unseal_of_browser::<Arrived>(ARRIVED, sealed));
        let arrived = arrived.ok_or(Error::Strayed("it was not begun in this browser"))?;
        if !(0..CODE).contains(&self.tools.clock.now().0.saturating_sub(arrived.at.0)) {
            return Err(Error::Strayed("the code was waited for for more than five minutes"));
        }
        let provider = self.identity_provider(&arrived.provider)?.record;
        if provider.issuer != arrived.issuer {
            return Err(Error::Strayed("it was begun at another provider"));
        }
        let until = Timestamp(arrived.at.0.saturating_add(CODE));
        let spent = self.spent("pass", &[&arrived.pass], until)?;
        if self.is_spent(&spent)? {
            return Err(Error::Strayed("its answer was used already"));
        }
        self.settle(&provider, &arrived, &spent, Some(second), from)
    }

    /// Whoever is signed in proves himself once more before he makes an identity his own: with his
    /// password, or where he has none by having signed in a moment ago.
    ///
    /// # Errors
    /// [`Error::Refused`] when he has no password and signed in long ago; else as
    /// [`Vault::sign_in`].
    pub fn prove_for_identity(
        &self,
        who: &SignedIn,
        proof: Option<&Proof<'_>>,
        from: &Visitor<'_>,
    ) -> Result<(), Error> {
        let key = who.principal().as_str().as_bytes();
        let known = records::load::<AccountCredential>(&self.store, key)?;
        let has_password = known.is_some_and(|row| row.record.password.is_some());
        match (proof, has_password) {
            (Some(proof), true) => self.reprove(who, proof, from, ActionName::IdentityBegin, |left, _| Ok(left)),
            (None, true) => Err(Error::Refused("your password is needed beside it".into())),
            (_, false) => {
                let age = self.tools.clock.now().0.saturating_sub(who.session().created_at.0);
                match (0..LATELY).contains(&age) {
                    true => Ok(()),
                    false => Err(Error::Refused("you signed in more than ten minutes ago: sign in again first".into())),
                }
            }
        }
    }

    fn settle(
        &self,
        provider: &IdentityProvider,
        arrived: &Arrived,
        spent: &Spent,
        second: Option<&SecondFactor>,
        from: &Visitor<'_>,
    ) -> Result<Arrival, Error> {
        for _ in 0..ROUNDS {
            let settled = match &arrived.purpose {
                Errand::Link { principal, session } => self.link(arrived, principal, session, spent, from),
                Errand::SignIn | Errand::Invite { .. } => self.admit(provider, arrived, spent, second, from),
            };
            match settled {
                Err(Error::Store(keyward_store::Error::Conflict(_))) if self.is_spent(spent)? => {
                    return Err(Error::Strayed("its answer was used already"));
                }
                Err(Error::Store(keyward_store::Error::Conflict(_))) => {}
                done => return done,
            }
        }
        Err(Error::Busy)
    }

    /// Signs in whoever it is.
    fn admit(
        &self,
        provider: &IdentityProvider,
        arrived: &Arrived,
        spent: &Spent,
        second: Option<&SecondFactor>,
        from: &Visitor<'_>,
    ) -> Result<Arrival, Error> {
        let no_account = |account, why| self.no_account(provider, &arrived.subject, account, why, from);
        let Some(owner) = self.owner_of(arrived)? else { return Err(no_account(None, "no account")) };
        let account = &owner.identity.record;
        if account.kind != IdentityKind::Person || !account.is_enabled() {
            return Err(no_account(Some(account), "disabled"));
        }
        if !provider.by_owner && self.is_owner(&account.principal)? {
            return Err(no_account(Some(account), "an owner, and the provider was added by none"));
        }
        let key = self.tally_key(AttemptsRecord::ACCOUNT, called(account))?;
        let network = from.address.map(neighbourhood);
        let _turn = self.door.turn(&key).ok_or(Error::Busy)?;
        let tally = self.tally(&key, network.as_deref())?;
        let now = self.tools.clock.now();
        let row = records::load::<AccountCredential>(&self.store, account.principal.as_str().as_bytes())?;
        let known = row.as_ref().map(|row| row.record.clone());
        let without = owner.invite.as_ref().is_some_and(|invite| invite.record.without_second_factor);
        let known = known.map(|known| if without { known.without_second_factor() } else { known });
        // A code can be guessed at, and what a provider says cannot.
        if known.as_ref().is_some_and(|known| known.totp.is_some()) {
            self.refuse_untimely(&tally, Some(account), from)?;
        }
        let checked = known.as_ref().map(|known| known.check_second(second, &*self.ring, now)).transpose()?;
        let (left, shown) = match checked {
            None => (None, false),
            Some(Checked::Right { left, second_factor }) => (left.map(|left| *left).or(known), second_factor),
            Some(Checked::NeedsSecondFactor) => return Err(Error::SecondFactor),
            Some(Checked::Wrong) => return Err(self.count_wrong(&tally, Some(account), from)),
        };
        let shown = shown || arrived.methods.iter().any(|method| method == "mfa");
        let (token, session) = self.new_session(&account.principal, SessionKind::Browser, shown, from)?;
        let actor = self.in_person(&account.principal, from)?;
        let names = arrived.names(from).with("session", session.id.as_str());
        let names = names.with("second_factor", if shown { "yes" } else { "no" });
        let mut change = Change::told(self, &actor, self.about_vault(ActionName::SignIn).names(names));
        spent.take_into(&mut change);
        change.expect(records::unchanged(&owner.identity));
        match (&row, left) {
            (Some(row), left) => {
                change.expect(records::unchanged(row));
                left.filter(|left| *left != row.record).iter().for_each(|left| change.put(left));
            }
            (None, _) => change.expect(keyward_store::Expect::Absent {
                collection: AccountCredential::COLLECTION.to_owned(),
                key: account.principal.as_str().as_bytes().to_vec(),
            }),
        }
        if let Some(invite) = &owner.invite {
            change.expect(records::unchanged(invite));
            change.delete::<Invite>(invite.record.key());
            self.end_sessions_in(&mut change, &account.principal, None)?;
        }
        tally.clear(&mut change);
        change.expect(records::absent(&session));
        change.put(&session);
        match &owner.link {
            Ok(row) => change.expect(records::unchanged(row)),
            Err(link) => {
                let names = arrived.names(from).with("by", link.by.as_str());
                change.also(self.about_vault(ActionName::IdentityLink).names(names));
                change.expect(records::absent(link));
                change.put(link);
            }
        }
        change.commit()?;
        Ok(Arrival::SignedIn(token, Box::new(session)))
    }

    /// Makes the identity that of whoever went to get it.
    fn link(
        &self,
        arrived: &Arrived,
        principal: &PrincipalId,
        session: &str,
        spent: &Spent,
        from: &Visitor<'_>,
    ) -> Result<Arrival, Error> {
        let over = || Error::Strayed("the session in which it was begun is over");
        let session = records::load::<Session>(&self.store, session.as_bytes())?.ok_or_else(over)?;
        session.record.serves(self.tools.clock.now()).map_err(|_| over())?;
        let identity = self.account_row(principal)?;
        let actor = self.in_person(principal, from)?;
        let link = self.free_link(arrived, principal, LinkedBy::Person)?;
        let names = arrived.names(from).with("by", link.by.as_str());
        let mut change = Change::told(self, &actor, self.about_vault(ActionName::IdentityLink).names(names));
        spent.take_into(&mut change);
        change.expect(records::unchanged(&identity));
        change.expect(records::unchanged(&session));
        change.expect(records::absent(&link));
        change.put(&link);
        change.commit()?;
        Ok(Arrival::Linked(link))
    }

    /// A link of this identity to this account, where there is none.
    fn free_link(&self, arrived: &Arrived, principal: &PrincipalId, by: LinkedBy) -> Result<IdentityLink, Error> {
        let id = IdentityLink::id_of(&arrived.issuer, &arrived.subject);
        if let Some(row) = self.link_row(&id)? {
            return Err(Error::Refused(match row.record.principal == *principal {
                true => format!("this identity at `{}` is yours already", arrived.provider),
                false => format!("this identity at `{}` belongs to another account", arrived.provider),
            }));
        }
        let mine = records::find::<IdentityLink>(&self.store, "principal", principal.as_str().as_bytes())?;
        if mine.len() >= identity_links::MOST {
            return Err(Error::Refused(format!("an account has at most {} identities", identity_links::MOST)));
        }
        Ok(IdentityLink {
            id,
            issuer: arrived.issuer.clone(),
            subject: arrived.subject.clone(),
            principal: principal.clone(),
            by,
            created_at: self.tools.clock.now(),
        })
    }

    fn owner_of(&self, arrived: &Arrived) -> Result<Option<Owner>, Error> {
        let row = self.link_row(&IdentityLink::id_of(&arrived.issuer, &arrived.subject))?;
        if let Some(link) = arrived.purpose.link() {
            let (invite, identity) = self.invite_row(&link)?;
            let link = match row {
                Some(row) if row.record.principal == identity.record.principal => Ok(row),
                _ => Err(self.free_link(arrived, &identity.record.principal, LinkedBy::Invite)?),
            };
            return Ok(Some(Owner { identity, link, invite: Some(invite) }));
        }
        if let Some(row) = row {
            let identity = self.account_row(&row.record.principal)?;
            return Ok(Some(Owner { identity, link: Ok(row), invite: None }));
        }
        let Some(principal) = self.provisioned_as(arrived.scim_id.as_deref())? else { return Ok(None) };
        // Owners are above SCIM.
        if self.is_owner(&principal)? {
            return Ok(None);
        }
        let link = Err(self.free_link(arrived, &principal, LinkedBy::Scim)?);
        Ok(Some(Owner { identity: self.account_row(&principal)?, link, invite: None }))
    }

    /// The one person whom SCIM brought under this id.
    fn provisioned_as(&self, scim_id: Option<&str>) -> Result<Option<PrincipalId>, Error> {
        let Some(scim_id) = scim_id.filter(|id| !id.is_empty()) else { return Ok(None) };
        let said = records::scan::<ProvisionedUser>(&self.store, &[])?;
        let mut found = said.into_iter().map(|row| row.record);
        let mut found = found.by_ref().filter(|one| !one.gone && one.external_id.as_deref() == Some(scim_id));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(Some(one.principal)),
            _ => Ok(None),
        }
    }

    fn is_owner(&self, principal: &PrincipalId) -> Result<bool, Error> {
        let roster = self.roster()?;
        let bindings = roster.bindings_of(&Subject::Principal(principal.clone()));
        Ok(bindings.iter().any(|binding| binding.role == Role::Owner) || self.header().owner == *principal)
    }

    /// Counts, and answers alike whatever the reason is.
    fn no_account(
        &self,
        provider: &IdentityProvider,
        subject: &str,
        account: Option<&Identity>,
        why: &'static str,
        from: &Visitor<'_>,
    ) -> Error {
        let counted = || {
            let network = from.address.map(neighbourhood);
            let key = self.tally_key("identity", &IdentityLink::id_of(&provider.issuer, subject))?;
            let tally: Tally = self.tally(&key, network.as_deref())?;
            self.refuse_untimely(&tally, account, from)?;
            let names = of_provider(&provider.name, &provider.issuer).with("subject", subject);
            self.count_failed(&tally, account, names, why, from)
        };
        match counted() {
            Ok(()) => Error::NoAccount(provider.name.to_string()),
            Err(error) => error,
        }
    }
}

impl Arrived {
    fn names(&self, from: &Visitor<'_>) -> Names {
        let names = of_provider(&self.provider, &self.issuer).with("subject", self.subject.as_str());
        let names = if self.methods.is_empty() { names } else { names.with("amr", self.methods.join(" ")) };
        let names = match self.purpose.link() {
            Some(link) => names.with("link", link.id()),
            None => names,
        };
        from_where(names, from)
    }
}

fn used(error: Error, spent: &Spent, vault: &Vault) -> Error {
    match error {
        Error::Store(keyward_store::Error::Conflict(_)) if vault.is_spent(spent).unwrap_or(true) => {
            Error::Strayed("its answer was used already")
        }
        error => error,
    }
}

/// What is sealed is known by its sort.
const ARRIVED: &str = "keyward/arrived/1";
/// How long a code may be waited for, and how lately somebody signed in who needs no further proof.
const CODE: i64 = 5 * 60 * 1000;
const LATELY: i64 = 10 * 60 * 1000;
