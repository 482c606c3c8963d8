//! Virtual keys: made, shown, replaced and revoked. Whoever makes one may use what it stands for,
//! and so may its owner, at this moment and whenever a gateway learns of it (`live_keys.rs`).

use keyward_access::{
    Caller, Cause, Identity, KeyRoute, KeyRules, KeyState, Login, PreviousHash, Restriction, RuleError,
    SealedAttenuation, TokenHash, UpstreamUrl, VirtualKey, authorize,
};
use keyward_audit::Action as ActionName;
use keyward_types::token::{PlainToken, TokenKind};
use keyward_types::{PrincipalId, Read, SecretName, Timestamp, Use};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::people::{called, of_account};
use crate::records::{self, Row};
use crate::tokens::{LONGEST_DAYS, SKEW};
use crate::write::raced;
use crate::{Error, Loaded, Scope, Vault};

/// A virtual key that is to be made.
#[derive(Clone, Debug)]
pub struct NewVirtualKey {
    /// What people call it.
    pub name: Login,
    /// Whose right to use the secrets it has a part of; `None`: the maker's.
    pub owner: Option<PrincipalId>,
    /// What it stands for.
    pub secrets: Vec<NewRoute>,
    /// What it is good for.
    pub rules: KeyRules,
    /// From when on it is dead; `None`: when it is revoked, or with the token that makes it.
    pub expires_at: Option<Timestamp>,
}

/// A secret that a virtual key is to stand for.
#[derive(Clone, Debug)]
pub struct NewRoute {
    /// The secret's name.
    pub secret: SecretName,
    /// The service; `None`: the one that the secret belongs to. Another one gets to see the value,
    /// so that it takes the right to read it.
    pub provider: Option<String>,
    /// Where requests go, where that is not the catalogue's address. That takes the right to read.
    pub upstream: Option<UpstreamUrl>,
}

/// Longest time that an old text serves beside a new one, in milliseconds: a week.
const LONGEST_GRACE: i64 = 7 * 24 * 60 * 60 * 1000;

impl Vault {
    /// Makes a virtual key; its text is in the answer and nowhere else. `service` says what keeps a gateway
    /// from sending a key to such a service, if anything does.
    ///
    /// # Errors
    /// [`Error::Refused`] for rules that are none, for an owner who may not use the secrets, and when it
    /// would be wider than its maker; [`Error::TooLong`], [`Error::Exists`], [`Error::NoSecret`],
    /// [`Error::Denied`].
    pub fn create_virtual_key(
        &self,
        actor: &Actor,
        scope: &Scope,
        new: NewVirtualKey,
        service: &dyn Fn(&KeyRoute) -> Result<(), String>,
    ) -> Result<(PlainToken, VirtualKey), Error> {
        let action = ActionName::VirtualKeyCreate;
        let owner = new.owner.clone().unwrap_or_else(|| actor.principal().clone());
        let account = self.account_row(&owner)?.record;
        let names = key_names(scope, &new.name, &account);
        let permit = self.permit_account(actor, &account, action, &names)?;
        self.refuse_foreign(actor, &account)?;
        new.rules.check().map_err(no_rule)?;
        let now = self.tools.clock.now();
        let expires_at = self.end_of_key(actor, new.expires_at, now)?;
        let (mut routes, mut told) = (Vec::with_capacity(new.secrets.len()), names);
        for wanted in &new.secrets {
            let loaded = self.usable(actor, scope, &wanted.secret, action, &told)?;
            self.refuse_unusable(&account, &loaded)?;
            let route = self.route_to(actor, wanted, &loaded, &told)?;
            service(&route).map_err(Error::Refused)?;
            told = told.with(&format!("secret {}", route.provider), spelled(&loaded, &route));
            routes.push(route);
        }
        KeyRoute::check(&routes).map_err(no_rule)?;
        let token = PlainToken::generate(TokenKind::Virtual, &*self.tools.random)?;
        let key = VirtualKey {
            id: token.id().to_owned(),
            name: new.name,
            hash: TokenHash::of(&token, &*self.ring)?,
            attenuation: Some(SealedAttenuation::of(&token, &*self.ring)?),
            previous: None,
            owner,
            project: scope.project.id,
            environment: scope.environment.id,
            routes,
            rules: new.rules,
            expires_at,
            revoked_at: None,
            parent: None,
            subject: None,
            made_with: maker_token(actor),
            created_by: actor.principal().clone(),
            created_at: now,
        };
        let telling = Telling::new(action, scope.object(self.id())).names(told.with("virtual_key", &*key.id));
        let mut change = Change::permitted(self, actor, permit, telling);
        let taken = VirtualKey::name_index(key.project, key.environment, &key.name);
        change.expect_free::<VirtualKey>("name", taken);
        change.expect(records::absent(&key));
        change.put(&key);
        change.commit().map_err(|error| match error {
            Error::Store(keyward_store::Error::Conflict(_)) => {
                Error::Exists { noun: "virtual key", name: key.name.to_string() }
            }
            other => other,
        })?;
        Ok((token, key))
    }

    /// One's own keys and those of one's programs; all of them for a caller who may list the vault.
    /// The newest first, dead ones too. Children are left out: there may be one a visitor.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn virtual_keys(&self, actor: &Actor) -> Result<Vec<VirtualKey>, Error> {
        let rows = records::scan::<VirtualKey>(&self.store, &[])?.into_iter().map(|row| row.record);
        let mut keys: Vec<VirtualKey> = Vec::new();
        for key in rows.filter(|key| key.parent.is_none()) {
            if self.sees_key(actor, &key)? {
                keys.push(key);
            }
        }
        keys.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        Ok(keys)
    }

    /// One key, and how many children of it there are.
    ///
    /// # Errors
    /// [`Error::Missing`], also for who may not know of it.
    pub fn virtual_key(&self, actor: &Actor, id: &str) -> Result<(VirtualKey, u64), Error> {
        let key = self.key_row(id)?.record;
        match self.sees_key(actor, &key)? {
            true => {
                let children = records::find::<VirtualKey>(&self.store, "parent", id.as_bytes())?;
                Ok((key, children.len() as u64))
            }
            false => Err(missing(id)),
        }
    }

    /// Gives a key another text, which is in the answer and nowhere else. The old one serves for `grace`
    /// milliseconds more. Its id, its rules and its children stay.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Refused`] for a dead key, and for a grace of more than a week;
    /// [`Error::Denied`], [`Error::Raced`].
    pub fn rotate_virtual_key(&self, actor: &Actor, id: &str, grace: i64) -> Result<(PlainToken, VirtualKey), Error> {
        let action = ActionName::VirtualKeyRotate;
        let row = self.key_row(id)?;
        let (scope, account) = (self.scope_of(&row.record)?, self.account_row(&row.record.owner)?.record);
        let names = key_names(&scope, &row.record.name, &account).with("virtual_key", id);
        let permit = self.permit_account(actor, &account, action, &names).map_err(|e| self.unseen(actor, e, id))?;
        self.refuse_foreign(actor, &account)?;
        let now = self.tools.clock.now();
        self.refuse_dead(&row.record, now)?;
        if !(0..=LONGEST_GRACE).contains(&grace) {
            return Err(Error::Refused("the old text of a key serves for a week at most".into()));
        }
        // Whoever gets the new text has the key: it must not be more than he has.
        self.refuse_longer(actor, row.record.expires_at)?;
        for route in &row.record.routes {
            let loaded = self.load_place(&route.place, None)?.ok_or_else(|| gone(&row.record))?;
            authorize::<Use>(&actor.caller, &loaded)
                .map_err(|denial| self.denied(actor, denial, action, names.clone()))?;
        }
        let token = PlainToken::renewed(TokenKind::Virtual, id, &*self.tools.random)?;
        let until = Timestamp(now.0 + grace);
        let (hash, attenuation) = (row.record.hash.clone(), row.record.attenuation.clone());
        let previous = (grace > 0).then_some(PreviousHash { hash, attenuation, until });
        let attenuation = Some(SealedAttenuation::of(&token, &*self.ring)?);
        let key = VirtualKey { hash: TokenHash::of(&token, &*self.ring)?, attenuation, previous, ..row.record.clone() };
        let names = names.with("grace_until", until.to_string());
        let telling = Telling::new(action, scope.object(self.id())).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::unchanged(&row));
        change.put(&key);
        change.commit().map_err(|error| raced(error, key.name.as_str()))?;
        Ok((token, key))
    }

    /// Revokes a key with its children; they are dead when this returns.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Refused`] when it is revoked already, [`Error::Denied`].
    pub fn revoke_virtual_key(&self, actor: &Actor, id: &str) -> Result<VirtualKey, Error> {
        let action = ActionName::VirtualKeyRevoke;
        let row = self.key_row(id)?;
        let (scope, account) = (self.scope_of(&row.record)?, self.account_row(&row.record.owner)?.record);
        let names = key_names(&scope, &row.record.name, &account).with("virtual_key", id);
        let permit = self.permit_account(actor, &account, action, &names).map_err(|e| self.unseen(actor, e, id))?;
        if row.record.revoked_at.is_some() {
            return Err(Error::Refused(format!("the virtual key `{}` is revoked already", row.record.name)));
        }
        let revoked = VirtualKey { revoked_at: Some(self.tools.clock.now()), previous: None, ..row.record };
        let telling = Telling::new(action, scope.object(self.id())).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        // Nothing is expected: a text that is replaced meanwhile must not keep it alive.
        change.put(&revoked);
        change.commit()?;
        Ok(revoked)
    }

    /// Revokes what is left of an account's keys, in the change that ends the account.
    pub(crate) fn revoke_keys_in(
        &self,
        change: &mut Change<'_>,
        owner: &PrincipalId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let keys = records::find::<VirtualKey>(&self.store, "owner", owner.as_str().as_bytes())?;
        // A child is dead with its parent.
        for row in keys.into_iter().filter(|row| row.record.parent.is_none() && row.record.revoked_at.is_none()) {
            change.put(&VirtualKey { revoked_at: Some(now), previous: None, ..row.record });
        }
        Ok(())
    }

    pub(crate) fn key_row(&self, id: &str) -> Result<Row<VirtualKey>, Error> {
        records::load::<VirtualKey>(&self.store, id.as_bytes())?.ok_or_else(|| missing(id))
    }

    pub(crate) fn sees_key(&self, actor: &Actor, key: &VirtualKey) -> Result<bool, Error> {
        let me = actor.principal();
        Ok(key.owner == *me
            || self.may_list_vault(actor)
            || self.roster()?.identity(&key.owner).is_some_and(|account| account.owner.as_ref() == Some(me)))
    }

    /// Whose key it is, and that there is one, is for those who may know.
    pub(crate) fn unseen(&self, actor: &Actor, error: Error, id: &str) -> Error {
        if self.may_list_vault(actor) { error } else { missing(id) }
    }

    pub(crate) fn refuse_dead(&self, key: &VirtualKey, now: Timestamp) -> Result<(), Error> {
        match key.state(now) {
            KeyState::Live => Ok(()),
            dead => Err(Error::Refused(format!("the virtual key `{}` is {dead}: make another one", key.name))),
        }
    }

    /// The secret of this name, which the actor may use. What is not there is recorded as such.
    fn usable(
        &self,
        actor: &Actor,
        scope: &Scope,
        name: &SecretName,
        action: ActionName,
        names: &Names,
    ) -> Result<Loaded, Error> {
        let names = Names { secret: Some(name.clone()), ..names.clone() };
        let loaded = match self.find(scope, name, None)? {
            Ok(loaded) => loaded,
            Err(missing) => {
                if let Err(denial) = self.may_miss::<Use>(actor, scope, name) {
                    return Err(self.denied(actor, denial, action, names));
                }
                return Err(self.not_found(actor, scope.object(self.id()), action, names, missing));
            }
        };
        match authorize::<Use>(&actor.caller, &loaded) {
            Ok(_) => Ok(loaded),
            Err(denial) => Err(self.denied(actor, denial, action, names)),
        }
    }

    /// A key of somebody who may not use its secrets serves nobody.
    fn refuse_unusable(&self, owner: &Identity, loaded: &Loaded) -> Result<(), Error> {
        let standing = self.roster()?.standing(&owner.principal).ok_or(Error::NotIdentified)?;
        let caller = Caller::member(standing, self.tools.clock.now());
        match authorize::<Use>(&caller, loaded) {
            // From where is asked with each request.
            Ok(_) => Ok(()),
            Err(denial) if denial.cause != Cause::Rights => Ok(()),
            Err(_) => Err(Error::Refused(format!(
                "`{}` may not use `{}`: a virtual key is never wider than its owner; the role operator gives that right",
                called(owner),
                loaded.head().name,
            ))),
        }
    }

    fn route_to(&self, actor: &Actor, wanted: &NewRoute, loaded: &Loaded, names: &Names) -> Result<KeyRoute, Error> {
        let known = loaded.head().provider.as_deref();
        let provider = wanted.provider.as_deref().or(known).ok_or_else(|| {
            Error::Refused(format!(
                "it is not known which service `{}` belongs to: name it, or set it on the secret",
                loaded.head().name
            ))
        })?;
        // Whoever says where a value goes can have it sent to himself.
        if wanted.upstream.is_some() || known != Some(provider) {
            let names = Names { secret: Some(loaded.head().name.clone()), ..names.clone() };
            authorize::<Read>(&actor.caller, loaded)
                .map_err(|denial| self.denied(actor, denial, ActionName::VirtualKeyCreate, names))?;
        }
        let place = loaded.head().place;
        Ok(KeyRoute { provider: provider.to_owned(), place, upstream: wanted.upstream.clone() })
    }

    fn end_of_key(&self, actor: &Actor, wanted: Option<Timestamp>, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        let longest = Timestamp(now.plus_days(LONGEST_DAYS).0 + SKEW);
        if wanted.is_some_and(|end| end > longest) {
            return Err(Error::TooLong);
        }
        if wanted.is_some_and(|end| end <= now) {
            return Err(Error::Refused("a virtual key that is dead from the beginning serves nobody".into()));
        }
        let end = match (wanted, self.maker_end(actor)?) {
            (None, makers) => makers,
            (wanted, _) => wanted,
        };
        self.refuse_longer(actor, end)?;
        Ok(end)
    }

    /// When the token ends that the actor came with.
    fn maker_end(&self, actor: &Actor) -> Result<Option<Timestamp>, Error> {
        let Some(Restriction { token: Some(id), .. }) = actor.caller.restriction() else { return Ok(None) };
        Ok(self.token_record(id)?.ok_or(Error::NotIdentified)?.expires_at)
    }

    /// What is made with a token ends no later than it.
    pub(crate) fn refuse_longer(&self, actor: &Actor, end: Option<Timestamp>) -> Result<(), Error> {
        match self.maker_end(actor)? {
            Some(makers) if end.is_none_or(|end| end > makers) => Err(Error::Refused(
                "a virtual key that is made with a token ends with that token: name a sooner end".into(),
            )),
            _ => Ok(()),
        }
    }
}

/// What the log calls a key; `scope` is where it belongs.
pub(crate) fn key_names(scope: &Scope, name: &Login, owner: &Identity) -> Names {
    let account = of_account(owner);
    Names { more: account.more, ..scope.names(None) }.with("name", name.as_str())
}

pub(crate) fn maker_token(actor: &Actor) -> Option<String> {
    actor.caller.restriction().and_then(|restriction| restriction.token.clone())
}

pub(crate) fn no_rule(error: RuleError) -> Error {
    Error::Refused(error.to_string())
}

pub(crate) fn missing(id: &str) -> Error {
    let name = id.chars().take(60).flat_map(char::escape_debug).collect();
    Error::Missing { noun: "virtual key", name }
}

fn gone(key: &VirtualKey) -> Error {
    Error::Refused(format!("a secret that the virtual key `{}` stands for has no value any more", key.name))
}

fn spelled(loaded: &Loaded, route: &KeyRoute) -> String {
    match &route.upstream {
        Some(upstream) => format!("{} at {upstream}", loaded.head().name),
        None => loaded.head().name.to_string(),
    }
}
