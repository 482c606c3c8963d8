//! People as an identity provider has them. It makes accounts, changes what they are called, and
//! ends them at once; it gives no role, and owners are above it. What it says of somebody beyond
//! that is kept as it was said: what it means is the matter of who speaks its protocol.

use keyward_access::{Identity, IdentityKind, Login, Object};
use keyward_audit::Action as ActionName;
use keyward_types::{PrincipalId, PrincipalSort, Record, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actor::Actor;
use crate::change::{Change, Telling};
use crate::people::{called, named, of_account, taken};
use crate::records::{self, Row};
use crate::{Error, Vault};

/// What an identity provider says of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionedUser {
    /// Whom it is about.
    pub principal: PrincipalId,
    /// How the provider calls him.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// What it says of him.
    pub attributes: Value,
    /// When it last said something.
    pub modified_at: Timestamp,
    /// Whether he is gone, as far as the provider is concerned. The account stays, disabled: it is
    /// on record what he did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
}

/// A person's account, with what an identity provider says of it, if one ever did.
pub type Provisioned = (Identity, Option<ProvisionedUser>);

/// Longest attributes and id of a provider, in bytes.
const LONGEST: usize = 16 * 1024;
const LONGEST_ID: usize = 256;

impl Record for ProvisionedUser {
    const COLLECTION: &'static str = "provisioned-user";

    fn key(&self) -> Vec<u8> {
        self.principal.as_str().as_bytes().to_vec()
    }
}

impl Vault {
    /// Every person who is not gone, disabled ones too, in the order of logins.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn provisioned_users(&self, actor: &Actor) -> Result<Vec<Provisioned>, Error> {
        self.permit_list_vault(actor)?;
        let mut said: std::collections::HashMap<PrincipalId, ProvisionedUser> =
            records::scan::<ProvisionedUser>(&self.store, &[])?
                .into_iter()
                .map(|row| (row.record.principal.clone(), row.record))
                .collect();
        let roster = self.roster()?;
        let people = roster.identities().into_iter().map(|account| (account, said.remove(&account.principal)));
        let people = people.filter(|(account, said)| is_there(account, said.as_ref()));
        Ok(people.map(|(account, said)| (account.clone(), said)).collect())
    }

    /// A person who is not gone.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Denied`].
    pub fn provisioned_user(&self, actor: &Actor, principal: &PrincipalId) -> Result<Provisioned, Error> {
        self.permit_list_vault(actor)?;
        let missing = || Error::Missing { noun: "account", name: principal.to_string() };
        let account = self.account_row(principal)?.record;
        let said = self.said_of(principal)?.map(|row| row.record);
        is_there(&account, said.as_ref()).then_some((account, said)).ok_or_else(missing)
    }

    /// The person of a login who is not gone.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn provisioned_user_called(&self, actor: &Actor, login: &Login) -> Result<Option<Provisioned>, Error> {
        self.permit_list_vault(actor)?;
        let Some(account) = self.roster()?.by_login(login).cloned() else { return Ok(None) };
        let said = self.said_of(&account.principal)?.map(|row| row.record);
        Ok(is_there(&account, said.as_ref()).then_some((account, said)))
    }

    /// Makes a person's account, without any role; one that is not `active` is disabled from the
    /// beginning.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Refused`] when too much is said, [`Error::Denied`].
    pub fn provision_user(
        &self,
        actor: &Actor,
        login: &Login,
        name: &str,
        external_id: Option<String>,
        attributes: Value,
        active: bool,
    ) -> Result<Provisioned, Error> {
        let principal = PrincipalId::random(PrincipalSort::User, &*self.tools.random)?;
        let now = self.tools.clock.now();
        let account = Identity::new(principal.clone(), IdentityKind::Person, named(name, login)?, now);
        let account = Identity { login: Some(login.clone()), disabled_at: (!active).then_some(now), ..account };
        let said = ProvisionedUser { principal, external_id, attributes, modified_at: now, gone: false };
        check(&said)?;
        let account = self.add_account(actor, ActionName::UserAdd, account, |change, _| change.put(&said))?;
        Ok((account, Some(said)))
    }

    /// Changes what a person is called and what is said of him. `seen` is the person from whom the
    /// change was made up.
    ///
    /// # Errors
    /// [`Error::Raced`] when he is not as he was seen; [`Error::Exists`] for a login of somebody else; [`Error::Refused`] for an owner's account,
    /// or when too much is said; [`Error::Missing`], [`Error::Denied`].
    pub fn change_provisioned_user(
        &self,
        actor: &Actor,
        seen: &Provisioned,
        login: &Login,
        name: &str,
        external_id: Option<String>,
        attributes: Value,
    ) -> Result<Provisioned, Error> {
        let (account, before) = seen;
        let principal = account.principal.clone();
        let rows = (self.account_row(&principal)?, self.said_of(&principal)?);
        let changed = Identity { login: Some(login.clone()), name: named(name, login)?, ..account.clone() };
        let modified_at = self.tools.clock.now();
        let gone = before.as_ref().is_some_and(|said| said.gone);
        let said = ProvisionedUser { principal, external_id, attributes, modified_at, gone };
        self.change_said(actor, rows, seen, changed, said)
    }

    /// Says that somebody is gone, whose account is disabled already.
    ///
    /// # Errors
    /// [`Error::Refused`] while his account lives, and for an owner's; [`Error::Missing`],
    /// [`Error::Denied`].
    pub fn unprovision_user(&self, actor: &Actor, principal: &PrincipalId) -> Result<(), Error> {
        let rows = (self.account_row(principal)?, self.said_of(principal)?);
        if rows.0.record.is_enabled() {
            return Err(Error::Refused(format!("`{}` is not disabled", called(&rows.0.record))));
        }
        let modified_at = self.tools.clock.now();
        let seen = (rows.0.record.clone(), rows.1.as_ref().map(|row| row.record.clone()));
        let said = match seen.1.clone() {
            Some(said) => ProvisionedUser { gone: true, modified_at, ..said },
            None => ProvisionedUser {
                principal: principal.clone(),
                external_id: None,
                attributes: Value::Null,
                modified_at,
                gone: true,
            },
        };
        self.change_said(actor, rows, &seen, seen.0.clone(), said).map(drop)
    }

    fn change_said(
        &self,
        actor: &Actor,
        (row, before): (Row<Identity>, Option<Row<ProvisionedUser>>),
        seen: &Provisioned,
        account: Identity,
        said: ProvisionedUser,
    ) -> Result<Provisioned, Error> {
        check(&said)?;
        let (object, action) = (Object::Vault(self.id()), ActionName::UserEdit);
        let names = of_account(&account).with("gone", said.gone.to_string());
        let permit = self.permit_administer(actor, object, action, &names)?;
        self.refuse_above(actor, &account.principal)?;
        if (&row.record, before.as_ref().map(|row| &row.record)) != (&seen.0, seen.1.as_ref()) {
            return Err(Error::Raced(called(&account).to_owned()));
        }
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::unchanged(&row));
        match &before {
            Some(before) => change.expect(records::unchanged(before)),
            None => change.expect(records::absent(&said)),
        }
        if account.login != row.record.login {
            self.expect_login_free(&mut change, &account)?;
        }
        if account != row.record {
            change.put(&account);
        }
        change.put(&said);
        change.commit().map_err(|error| taken(error, &account))?;
        Ok((account, Some(said)))
    }

    /// Within the change by which somebody acts again.
    pub(crate) fn is_there_again(&self, change: &mut Change<'_>, principal: &PrincipalId) -> Result<(), Error> {
        match self.said_of(principal)? {
            Some(row) => {
                change.expect(records::unchanged(&row));
                if row.record.gone {
                    change.put(&ProvisionedUser { gone: false, modified_at: self.tools.clock.now(), ..row.record });
                }
            }
            // The provider may say at this moment that he is gone.
            None => change.expect(records::absent_at::<ProvisionedUser>(principal.as_str().into())),
        }
        Ok(())
    }

    fn said_of(&self, principal: &PrincipalId) -> Result<Option<Row<ProvisionedUser>>, Error> {
        records::load::<ProvisionedUser>(&self.store, principal.as_str().as_bytes())
    }
}

/// Whether an account is a person's who is not gone, as far as the provider is concerned.
fn is_there(account: &Identity, said: Option<&ProvisionedUser>) -> bool {
    account.kind == IdentityKind::Person && !said.is_some_and(|said| said.gone)
}

fn check(said: &ProvisionedUser) -> Result<(), Error> {
    check_id(said.external_id.as_deref())?;
    match said.attributes.to_string().len() > LONGEST {
        true => Err(Error::Refused(format!("at most {LONGEST} bytes are kept of a person"))),
        false => Ok(()),
    }
}

pub(crate) fn check_id(external_id: Option<&str>) -> Result<(), Error> {
    match external_id {
        Some(id) if id.len() > LONGEST_ID || id.chars().any(char::is_control) => {
            Err(Error::Refused(format!("an external id has at most {LONGEST_ID} bytes and no control characters")))
        }
        _ => Ok(()),
    }
}
