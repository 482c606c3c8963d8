//! Whose identity at a provider is whose account here: by issuer and subject, which a provider gives
//! to nobody else. Never by a mail address or a name: those pass from one person to another.

use keyward_access::Object;
use keyward_audit::Action as ActionName;
use keyward_types::{PrincipalId, Record, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::actor::Actor;
use crate::change::{Change, Telling};
use crate::people::of_account;
use crate::records::{self, Row};
use crate::value::hex;
use crate::write::raced;
use crate::{Error, Vault};

/// An identity that belongs to an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityLink {
    /// Made of issuer and subject, so that an identity belongs to one account.
    pub id: String,
    /// Who vouches for it.
    pub issuer: String,
    /// For whom, in the issuer's words.
    pub subject: String,
    /// Whose account it is.
    pub principal: PrincipalId,
    /// By which way it became so.
    pub by: LinkedBy,
    /// Since when.
    pub created_at: Timestamp,
}

/// How an identity came to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkedBy {
    /// With the link of an invitation.
    Invite,
    /// By the person, who was signed in.
    Person,
    /// By the id under which SCIM brought the person.
    Scim,
}

/// Most identities of one account.
pub(crate) const MOST: usize = 16;

impl Record for IdentityLink {
    const COLLECTION: &'static str = "identity_link";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }

    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("principal", self.principal.as_str().as_bytes().to_vec())]
    }
}

impl IdentityLink {
    pub(crate) fn id_of(issuer: &str, subject: &str) -> String {
        let length = (issuer.len() as u64).to_be_bytes();
        let hash = Sha256::new().chain_update(length).chain_update(issuer).chain_update(subject).finalize();
        hex(&hash[..16])
    }
}

impl LinkedBy {
    /// The word in the log and in lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Person => "person",
            Self::Scim => "scim",
        }
    }
}

impl Vault {
    /// The identities of an account: one's own, or another's for who may administer it.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Missing`].
    pub fn identities(&self, actor: &Actor, principal: &PrincipalId) -> Result<Vec<IdentityLink>, Error> {
        let account = self.account_row(principal)?.record;
        if principal != actor.principal() {
            self.permit_account(actor, &account, ActionName::IdentityUnlink, &of_account(&account))?;
        }
        let rows = records::find::<IdentityLink>(&self.store, "principal", principal.as_str().as_bytes())?;
        Ok(rows.into_iter().map(|row| row.record).collect())
    }

    /// Takes an identity away from an account, and ends the account's sessions.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Refused`] for one's own with a token, and for an owner's;
    /// [`Error::Denied`].
    pub fn unlink_identity(&self, actor: &Actor, principal: &PrincipalId, id: &str) -> Result<IdentityLink, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::IdentityUnlink);
        let account = self.account_row(principal)?.record;
        let names = of_account(&account);
        let permit = self.permit_account(actor, &account, action, &names)?;
        self.refuse_narrowed(actor)?;
        match principal == actor.principal() {
            true if actor.caller.restriction().is_some() => {
                return Err(Error::Refused("no token changes how its owner signs in: sign in first".into()));
            }
            true => {}
            false => self.refuse_above(actor, principal)?,
        }
        let shown: String = id.chars().take(60).flat_map(char::escape_debug).collect();
        let row = self.link_row(id)?.filter(|row| row.record.principal == *principal);
        let row = row.ok_or_else(|| Error::Missing { noun: "identity", name: shown.clone() })?;
        let names = names.with("issuer", row.record.issuer.as_str()).with("subject", row.record.subject.as_str());
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::unchanged(&row));
        change.delete::<IdentityLink>(row.record.key());
        if principal != actor.principal() {
            self.end_sessions_in(&mut change, principal, None)?;
        }
        change.commit().map_err(|error| raced(error, &shown))?;
        Ok(row.record)
    }

    pub(crate) fn link_row(&self, id: &str) -> Result<Option<Row<IdentityLink>>, Error> {
        records::load::<IdentityLink>(&self.store, id.as_bytes())
    }
}
