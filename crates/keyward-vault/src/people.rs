//! Accounts of people and programs. An id is never given again, and a login can be: what is on
//! record speaks of ids.

use keyward_access::{Identity, IdentityKind, Invite, Login, Object, Role, Subject, TokenRecord};
use keyward_audit::Action as ActionName;
use keyward_store::Expect;
use keyward_types::{Operation, PrincipalId, PrincipalSort};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::header::Header;
use crate::records::{self, Row};
use crate::write::raced;
use crate::{Error, Vault};

impl Vault {
    /// Makes a person's account. It has no rights until a role is granted.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Denied`].
    pub fn add_user(&self, actor: &Actor, login: &Login, name: &str) -> Result<Identity, Error> {
        let principal = PrincipalId::random(PrincipalSort::User, &*self.tools.random)?;
        let account = Identity::new(principal, IdentityKind::Person, named(name, login)?, self.tools.clock.now());
        self.add_account(actor, ActionName::UserAdd, Identity { login: Some(login.clone()), ..account }, |_, _| {})
    }

    /// Makes a program's account, for which a person answers. It outlives who made it.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Denied`]; [`Error::Missing`] when the owner is no person.
    pub fn add_service_account(
        &self,
        actor: &Actor,
        login: &Login,
        name: &str,
        owner: &PrincipalId,
    ) -> Result<Identity, Error> {
        let is_person = |one: &Identity| one.kind == IdentityKind::Person && one.is_enabled();
        if !self.roster()?.identity(owner).is_some_and(is_person) {
            return Err(Error::Missing { noun: "person who could answer for it", name: owner.to_string() });
        }
        let principal = PrincipalId::random(PrincipalSort::Service, &*self.tools.random)?;
        let account = Identity::new(principal, IdentityKind::Service, named(name, login)?, self.tools.clock.now());
        let account = Identity { login: Some(login.clone()), owner: Some(owner.clone()), ..account };
        self.add_account(actor, ActionName::ServiceAccountAdd, account, |_, _| {})
    }

    /// Makes an account, and what `besides` puts into the same change.
    pub(crate) fn add_account(
        &self,
        actor: &Actor,
        action: ActionName,
        account: Identity,
        besides: impl FnOnce(&mut Change<'_>, &Identity),
    ) -> Result<Identity, Error> {
        let names = of_account(&account);
        let names = if account.is_enabled() { names } else { names.with("disabled", "true") };
        let object = Object::Vault(self.id());
        let permit = self.permit_administer(actor, object, action, &names)?;
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        self.expect_login_free(&mut change, &account)?;
        change.put(&account);
        besides(&mut change, &account);
        change.commit().map_err(|error| taken(error, &account))?;
        Ok(account)
    }

    /// Gives an account another login.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Missing`], [`Error::Denied`].
    pub fn change_login(&self, actor: &Actor, principal: &PrincipalId, login: &Login) -> Result<Identity, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::UserEdit);
        let row = self.account_row(principal)?;
        let names = of_account(&row.record).with("to", login.as_str());
        let permit = self.permit_administer(actor, object, action, &names)?;
        self.refuse_above(actor, principal)?;
        let account = Identity { login: Some(login.clone()), ..row.record.clone() };
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::unchanged(&row));
        self.expect_login_free(&mut change, &account)?;
        change.put(&account);
        change.commit().map_err(|error| taken(error, &account))?;
        Ok(account)
    }

    /// Ends an account's rights at once, and its tokens for ever.
    ///
    /// # Errors
    /// [`Error::Refused`] for oneself and for the owner in whose name the vault is opened;
    /// [`Error::Missing`], [`Error::Denied`].
    pub fn disable(&self, actor: &Actor, principal: &PrincipalId) -> Result<Identity, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::UserDisable);
        let row = self.account_row(principal)?;
        let names = of_account(&row.record);
        let permit = self.permit_administer(actor, object, action, &names)?;
        self.refuse_above(actor, principal)?;
        if principal == actor.principal() {
            return Err(Error::Refused("nobody ends his own account; let somebody else do it".into()));
        }
        if *principal == self.header_lock().owner {
            return Err(Error::Refused(
                "whoever opens the vault with a key slot acts in this name; hand that over first".into(),
            ));
        }
        if !row.record.is_enabled() {
            return Err(Error::Refused(format!("`{}` is disabled already", called(&row.record))));
        }
        let now = self.tools.clock.now();
        let account = Identity { disabled_at: Some(now), ..row.record.clone() };
        let tokens = records::find::<TokenRecord>(&self.store, "owner", principal.as_str().as_bytes())?;
        let alive: Vec<_> = tokens.into_iter().filter(|token| token.record.revoked_at.is_none()).collect();
        let telling = Telling::new(action, object).names(names).count(alive.len() as u64);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::unchanged(&row));
        // He may be handed the vault at this moment.
        change.expect(self.same_header());
        change.put(&account);
        for token in &alive {
            // Its uses may be counted down meanwhile, which does not matter to a dead token.
            change.put(&TokenRecord { revoked_at: Some(now), ..token.record.clone() });
        }
        self.revoke_keys_in(&mut change, principal, now)?;
        self.end_sessions_in(&mut change, principal, None)?;
        change.delete::<Invite>(principal.as_str().as_bytes().to_vec());
        change.commit().map_err(|error| raced(error, called(&account)))?;
        Ok(account)
    }

    /// Lets an account act again. Its tokens stay dead. To an identity provider for which he was
    /// gone he is there again: nobody acts whom it can not end.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not disabled; [`Error::Missing`], [`Error::Denied`].
    pub fn enable(&self, actor: &Actor, principal: &PrincipalId) -> Result<Identity, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::UserEnable);
        let row = self.account_row(principal)?;
        let names = of_account(&row.record);
        let permit = self.permit_administer(actor, object, action, &names)?;
        self.refuse_above(actor, principal)?;
        if row.record.is_enabled() {
            return Err(Error::Refused(format!("`{}` is not disabled", called(&row.record))));
        }
        let account = Identity { disabled_at: None, ..row.record.clone() };
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::unchanged(&row));
        change.put(&account);
        self.is_there_again(&mut change, principal)?;
        change.commit().map_err(|error| raced(error, called(&account)))?;
        Ok(account)
    }

    /// From now on whoever opens the vault with a key slot acts in this owner's name.
    ///
    /// # Errors
    /// [`Error::Refused`] when he is no owner; [`Error::Missing`], [`Error::Denied`].
    pub fn hand_over(&self, actor: &Actor, principal: &PrincipalId) -> Result<(), Error> {
        let row = self.account_row(principal)?;
        let owners = self.roster()?;
        let is_owner = owners.bindings_of(&Subject::Principal(principal.clone())).iter().any(|b| b.role == Role::Owner);
        let names = of_account(&row.record);
        if !actor.caller.has_everywhere(Role::Owner) {
            let denial = self.denial(actor, Operation::Administer, Object::Vault(self.id()));
            return Err(self.denied(actor, denial, ActionName::OwnerHandOver, names));
        }
        // A token's scope may leave less than that; what is refused after it is told to who may.
        self.permit_administer(actor, Object::Vault(self.id()), ActionName::OwnerHandOver, &names)?;
        if !is_owner || !row.record.is_enabled() {
            return Err(Error::Refused("a vault is handed over to an owner".into()));
        }
        let changed = Header { owner: principal.clone(), ..self.header() };
        self.replace_header(actor, ActionName::OwnerHandOver, names, changed)
    }

    /// Every account, disabled ones too, in the order of logins.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn accounts(&self, actor: &Actor) -> Result<Vec<Identity>, Error> {
        self.permit_list_vault(actor)?;
        Ok(self.roster()?.identities().into_iter().cloned().collect())
    }

    /// The account of a login, whatever its state: for whoever signs in, and for administration.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn account(&self, login: &Login) -> Result<Identity, Error> {
        let roster = self.roster()?;
        let missing = || Error::Missing { noun: "account", name: login.to_string() };
        roster.by_login(login).cloned().ok_or_else(missing)
    }

    /// The account that a caller names.
    ///
    /// # Errors
    /// [`Error::Missing`] for who may list the vault, else [`Error::Denied`].
    pub fn account_named(&self, actor: &Actor, login: &Login) -> Result<Identity, Error> {
        self.account(login).or_else(|missing| self.permit_list_vault(actor).and(Err(missing)))
    }

    /// The account of a principal, whatever its state.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn account_of(&self, principal: &PrincipalId) -> Result<Option<Identity>, Error> {
        Ok(self.roster()?.identity(principal).cloned())
    }

    pub(crate) fn account_row(&self, principal: &PrincipalId) -> Result<Row<Identity>, Error> {
        let missing = || Error::Missing { noun: "account", name: principal.to_string() };
        records::load::<Identity>(&self.store, principal.as_str().as_bytes())?.ok_or_else(missing)
    }

    /// Owners are changed by owners alone.
    pub(crate) fn refuse_above(&self, actor: &Actor, principal: &PrincipalId) -> Result<(), Error> {
        let roster = self.roster()?;
        let bindings = roster.bindings_of(&Subject::Principal(principal.clone()));
        let above = bindings.iter().any(|b| b.role == Role::Owner) && !actor.caller.has_everywhere(Role::Owner);
        match above {
            true => Err(Error::Refused("an owner's account is changed by an owner".into())),
            false => Ok(()),
        }
    }

    pub(crate) fn expect_login_free(&self, change: &mut Change<'_>, account: &Identity) -> Result<(), Error> {
        if let Some(login) = &account.login {
            // The index is not authentic by itself, and a login must not name two.
            if self.roster()?.by_login(login).is_some_and(|other| other.principal != account.principal) {
                return Err(Error::Exists { noun: "account", name: login.to_string() });
            }
            change.expect_free::<Identity>("login", login.as_str().as_bytes().to_vec());
        }
        Ok(())
    }
}

/// Longest name of a person, in bytes.
const MAX_NAME: usize = 200;

pub(crate) fn named(name: &str, login: &Login) -> Result<String, Error> {
    if name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::Refused(format!("a name has at most {MAX_NAME} bytes and no control characters")));
    }
    Ok(if name.is_empty() { login.to_string() } else { name.to_owned() })
}

/// How messages call an account.
pub(crate) fn called(account: &Identity) -> &str {
    account.login.as_ref().map_or(account.principal.as_str(), |login| login.as_str())
}

pub(crate) fn of_account(account: &Identity) -> Names {
    Names::default().with("account", called(account)).with("principal", account.principal.as_str())
}

/// Somebody else has the login, or changed the account meanwhile.
pub(crate) fn taken(error: Error, account: &Identity) -> Error {
    let name = called(account).to_owned();
    match error {
        Error::Store(keyward_store::Error::Conflict(expect)) if matches!(*expect, Expect::AbsentIndex { .. }) => {
            Error::Exists { noun: "account", name }
        }
        other => raced(other, &name),
    }
}
