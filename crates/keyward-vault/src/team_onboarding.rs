//! Newcomers: what they were given, what they confirmed, and what can be seen of them.

use keyward_access::credential::AccountCredential;
use keyward_access::{Object, TokenRecord};
use keyward_audit::Action as ActionName;
use keyward_types::{Head, PrincipalId, Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::records::{self, Holding, HoldingKind, Reads};
use crate::team::plain;
use crate::write::raced;
use crate::{Error, Vault};

/// Somebody who came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Onboarding {
    /// Who.
    pub principal: PrincipalId,
    /// By which template he was given roles.
    pub template: String,
    /// Who began it.
    pub started_by: PrincipalId,
    /// When.
    pub started_at: Timestamp,
    /// The version of the policy that he accepted, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<(String, Timestamp)>,
    /// When he confirmed that he knows where to report a leak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leak_contact: Option<Timestamp>,
}

/// What only the newcomer himself can say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirmation {
    /// He accepts the policy of this version.
    Policy(String),
    /// He knows where to report a leak.
    LeakContact,
}

/// What the store shows of somebody's work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// When he first did something under his own account.
    pub first_act: Option<Timestamp>,
    /// When a program of his first ran with secrets.
    pub first_run: Option<Timestamp>,
    /// Since when he has had the authenticator that he signs in with.
    pub second_factor: Option<Timestamp>,
    /// When a token of his for a program's account that others have tokens for, too, was last used:
    /// nobody can tell then who of them it was.
    pub shared_account: Option<Timestamp>,
}

impl Record for Onboarding {
    const COLLECTION: &'static str = "onboarding";

    fn key(&self) -> Vec<u8> {
        self.principal.as_str().as_bytes().to_vec()
    }
}

impl Vault {
    /// Puts on record that somebody came.
    ///
    /// # Errors
    /// [`Error::Exists`] when that stands there already; [`Error::Denied`].
    pub fn begin_onboarding(&self, actor: &Actor, person: &PrincipalId, template: &str) -> Result<Onboarding, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::OnboardingUpdate);
        let names = Names::default().with("principal", person.as_str()).with("template", template);
        let permit = self.permit_administer(actor, object, action, &names)?;
        let onboarding = Onboarding {
            principal: person.clone(),
            template: template.to_owned(),
            started_by: actor.principal().clone(),
            started_at: self.tools.clock.now(),
            policy: None,
            leak_contact: None,
        };
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::absent(&onboarding));
        change.put(&onboarding);
        change.commit().map_err(|error| match error {
            Error::Store(keyward_store::Error::Conflict(_)) => {
                Error::Exists { noun: "onboarding of", name: person.to_string() }
            }
            other => other,
        })?;
        Ok(onboarding)
    }

    /// What is on record of somebody's coming: for himself, and for who may list the vault.
    ///
    /// # Errors
    /// [`Error::Denied`] for others.
    pub fn onboarding(&self, actor: &Actor, person: &PrincipalId) -> Result<Option<Onboarding>, Error> {
        if actor.principal() != person {
            self.permit_list_vault(actor)?;
        }
        Ok(records::load::<Onboarding>(&self.store, person.as_str().as_bytes())?.map(|row| row.record))
    }

    /// Puts on record what a newcomer says of himself. It gives no right, so that it takes none.
    ///
    /// # Errors
    /// [`Error::Refused`] when nobody has begun his onboarding, or a token says it in his place.
    pub fn confirm_onboarding(&self, actor: &Actor, said: &Confirmation) -> Result<Onboarding, Error> {
        if actor.caller.restriction().is_some_and(|restriction| restriction.token.is_some()) {
            return Err(Error::Refused("a person confirms this himself, not by a token".into()));
        }
        let row = records::load::<Onboarding>(&self.store, actor.principal().as_str().as_bytes())?
            .ok_or_else(|| Error::Refused("nobody has begun your onboarding: ask an administrator to".into()))?;
        let now = self.tools.clock.now();
        let (onboarding, what) = match said {
            Confirmation::Policy(version) => {
                (Onboarding { policy: Some((version.clone(), now)), ..row.record.clone() }, "policy accepted")
            }
            Confirmation::LeakContact => (Onboarding { leak_contact: Some(now), ..row.record.clone() }, "leak contact"),
        };
        let names = Names::default().with("step", what);
        let telling = Telling::new(ActionName::OnboardingUpdate, Object::Vault(self.id())).names(names);
        let mut change = Change::told(self, actor, telling);
        change.expect(records::unchanged(&row));
        change.put(&onboarding);
        change.commit().map_err(|error| raced(error, "the onboarding"))?;
        Ok(onboarding)
    }

    /// What the store shows of somebody's work since a moment: for himself, and for who may list
    /// the vault.
    ///
    /// # Errors
    /// [`Error::Denied`] for others.
    pub fn traces(&self, actor: &Actor, person: &PrincipalId, since: Timestamp) -> Result<Traces, Error> {
        if actor.principal() != person {
            self.permit_list_vault(actor)?;
        }
        let prefix = [person.as_str().as_bytes(), &[0]].concat();
        let reads = plain(records::scan::<Reads>(&self.store, &prefix)?).into_iter().map(|reads| reads.first);
        let held = plain(records::find::<Holding>(&self.store, "principal", person.as_str().as_bytes())?);
        let runs = held.iter().filter(|holding| holding.kind == HoldingKind::Run).map(|holding| holding.since);
        let heads = plain(records::scan::<Head>(&self.store, &[])?);
        let versions = heads.iter().flat_map(|head| &head.versions);
        let written = versions.filter(|version| version.created_by == *person).map(|version| version.created_at);
        let lately = |at: &Timestamp| *at >= since;
        Ok(Traces {
            first_act: reads.chain(written).filter(lately).min(),
            first_run: runs.filter(lately).min(),
            second_factor: self.second_factor_since(person)?,
            shared_account: self.shared_account_used(person)?.filter(lately),
        })
    }

    fn second_factor_since(&self, person: &PrincipalId) -> Result<Option<Timestamp>, Error> {
        let credential = records::load::<AccountCredential>(&self.store, person.as_str().as_bytes())?;
        let authenticator = credential.and_then(|row| row.record.totp).map(|totp| totp.since);
        Ok(authenticator.into_iter().chain(self.passkey_since(person)?).min())
    }

    fn shared_account_used(&self, person: &PrincipalId) -> Result<Option<Timestamp>, Error> {
        let (tokens, now) = (plain(records::scan::<TokenRecord>(&self.store, &[])?), self.tools.clock.now());
        let living = |token: &&TokenRecord| {
            token.revoked_at.is_none() && token.expires_at.is_none_or(|end| now < end) && token.uses_left != Some(0)
        };
        let his = tokens.iter().filter(|token| token.created_by == *person && token.owner != *person);
        let shared = his.filter(|his| {
            tokens.iter().filter(living).any(|other| other.owner == his.owner && other.created_by != *person)
        });
        Ok(shared.filter(living).filter_map(|token| token.last_used).max())
    }
}
