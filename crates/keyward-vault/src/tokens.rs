//! Tokens: a part of their owner's present rights, for a while. The store keeps a hash, the text
//! is shown once.

use std::net::IpAddr;
use std::sync::Arc;

use keyward_access::{
    About, AccountFacts, Caller, Facts, Identity, IdentityKind, Network, Object, Permit, Restriction, ScopeText,
    TokenFault, TokenHash, TokenRecord, TokenScope, authorize,
};
use keyward_audit::{Action as ActionName, Outcome};
use keyward_types::token::{PlainToken, TokenKind};
use keyward_types::{Administer, PrincipalId, Timestamp};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::people::{called, of_account};
use crate::records::{self, Row};
use crate::write::raced;
use crate::{Error, Vault};

/// A token that is to be made.
#[derive(Clone, Debug, Default)]
pub struct NewToken {
    /// What its maker calls it.
    pub name: String,
    /// Whose rights it has a part of; `None`: the maker's.
    pub owner: Option<PrincipalId>,
    /// Which part; empty: all.
    pub scopes: Vec<ScopeText>,
    /// Whether it changes nothing.
    pub read_only: bool,
    /// From where it may be used; empty: from everywhere.
    pub networks: Vec<Network>,
    /// How often it may be used; `None`: without limit.
    pub uses: Option<u64>,
    /// From when on it is dead; `None`: in an hour, or with the token that makes it.
    pub expires_at: Option<Timestamp>,
}

/// How long a token lives at most.
pub(crate) const LONGEST_DAYS: i64 = 366;
/// How far the clock of whoever names a token's end may be ahead.
pub(crate) const SKEW: i64 = 5 * 60 * 1000;

/// How exactly the last use is known.
const HOUR: i64 = 60 * 60 * 1000;
/// How often counting a use is tried again when others use the same token at the same time.
const ATTEMPTS: usize = 64;
/// How many generations of tokens made with tokens are followed.
const GENERATIONS: usize = 8;
/// Longest name, in bytes; most scopes and networks.
const MAX_NAME: usize = 200;
const MAX_PARTS: usize = 64;

impl Vault {
    /// Makes a token: for oneself, or for a program whose roles one could give.
    ///
    /// # Errors
    /// [`Error::Refused`] when it would be wider than its maker; [`Error::TooLong`]; [`Error::Denied`],
    /// [`Error::NoProject`], [`Error::NoEnvironment`].
    pub fn create_token(&self, actor: &Actor, new: NewToken) -> Result<(PlainToken, TokenRecord), Error> {
        let owner = new.owner.clone().unwrap_or_else(|| actor.principal().clone());
        let account = self.account_row(&owner)?.record;
        let names = of_account(&account).with("name", new.name.as_str());
        let permit = self.permit_account(actor, &account, ActionName::TokenCreate, &names)?;
        check_sizes(&new)?;
        self.refuse_foreign(actor, &account)?;
        let now = self.tools.clock.now();
        let expires_at = match new.expires_at {
            Some(end) if end.0 > now.0 + LONGEST_DAYS * 24 * HOUR + SKEW => return Err(Error::TooLong),
            Some(end) => end,
            None => self.default_end(actor, now)?,
        };
        if expires_at <= now || new.uses == Some(0) {
            return Err(Error::Refused("a token that is dead from the beginning serves nobody".into()));
        }
        self.refuse_odd_provisioner(actor, &account, &new.scopes)?;
        let scopes = new.scopes.into_iter().map(|scope| self.resolve(actor, scope)).collect::<Result<Vec<_>, _>>()?;
        let kind = match account.kind {
            IdentityKind::Person => TokenKind::Personal,
            IdentityKind::Service => TokenKind::Service,
        };
        let token = PlainToken::generate(kind, &*self.tools.random)?;
        let record = TokenRecord {
            id: token.id().to_owned(),
            hash: TokenHash::of(&token, &*self.ring)?,
            owner,
            name: new.name,
            scopes,
            read_only: new.read_only,
            networks: new.networks,
            uses_left: new.uses,
            expires_at: Some(expires_at),
            revoked_at: None,
            created_by: actor.principal().clone(),
            made_with: actor.caller.restriction().and_then(|restriction| restriction.token.clone()),
            trust: None,
            created_at: now,
            last_used: None,
        };
        self.refuse_wider(actor, &record)?;
        let telling =
            Telling::new(ActionName::TokenCreate, Object::Vault(self.id())).names(names.with("token", token.id()));
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::absent(&record));
        change.put(&record);
        change.commit()?;
        Ok((token, record))
    }

    /// Revokes a token; it is dead when this returns. Every token may revoke itself.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Refused`] when it is revoked already, [`Error::Denied`].
    pub fn revoke_token(&self, actor: &Actor, id: &str) -> Result<TokenRecord, Error> {
        let action = ActionName::TokenRevoke;
        let shown: String = id.chars().take(60).flat_map(char::escape_debug).collect();
        let missing = || Error::Missing { noun: "token", name: shown.clone() };
        let row = records::load::<TokenRecord>(&self.store, id.as_bytes())?.ok_or_else(missing)?;
        let account = self.account_row(&row.record.owner)?.record;
        let names = of_account(&account).with("name", row.record.name.as_str()).with("token", id);
        let telling = Telling::new(action, Object::Vault(self.id())).names(names.clone());
        let itself = actor.caller.restriction().is_some_and(|restriction| restriction.token.as_deref() == Some(id));
        let mut change = match itself {
            true => Change::told(self, actor, telling),
            false => {
                let permit = self.permit_account(actor, &account, action, &names).map_err(|error| {
                    // Whose token it is, and that there is one, is for those who may know.
                    if self.may_list_vault(actor) { error } else { missing() }
                })?;
                Change::permitted(self, actor, permit, telling)
            }
        };
        if row.record.revoked_at.is_some() {
            return Err(Error::Refused(format!("the token `{shown}` is revoked already")));
        }
        let revoked = TokenRecord { revoked_at: Some(self.tools.clock.now()), ..row.record.clone() };
        // Nothing is expected: a use that is counted meanwhile must not keep it alive.
        change.put(&revoked);
        change.commit().map_err(|error| raced(error, &shown))?;
        Ok(revoked)
    }

    /// One's own tokens and those of one's programs; all of them for a caller who may list the
    /// vault. The newest first, dead ones too.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn tokens(&self, actor: &Actor) -> Result<Vec<TokenRecord>, Error> {
        let (all, roster) = (self.may_list_vault(actor), self.roster()?);
        let me = actor.principal();
        let seen = |token: &TokenRecord| {
            all || token.owner == *me
                || roster.identity(&token.owner).is_some_and(|account| account.owner.as_ref() == Some(me))
        };
        let rows = records::scan::<TokenRecord>(&self.store, &[])?.into_iter().map(|row| row.record);
        let mut tokens: Vec<TokenRecord> = rows.filter(seen).collect();
        tokens.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        Ok(tokens)
    }

    /// Whoever holds this token, with its owner's present rights as far as it has them. A limited
    /// use is counted durably before this returns.
    ///
    /// # Errors
    /// [`Error::NotIdentified`], whatever the reason is: that stands in the log.
    pub fn caller_of_token(&self, token: &PlainToken, from: Option<IpAddr>) -> Result<Caller, Error> {
        match self.look_at(token, from)? {
            Shown::Known { caller, counts: None } => Ok(caller),
            Shown::Known { caller, counts: Some(record) } => {
                self.count_use(&caller, &record, self.tools.clock.now(), from)?;
                Ok(caller)
            }
            Shown::Refused { record, fault } => Err(self.refuse_token(&record, fault, from)),
        }
    }

    /// The same where nothing has to be written down for it: for who cannot wait. `None` says
    /// nothing about the token.
    ///
    /// # Errors
    /// [`Error::NotIdentified`] for a token that nobody has; when the store refuses.
    pub fn caller_at_once(&self, token: &PlainToken, from: Option<IpAddr>) -> Result<Option<Caller>, Error> {
        match self.look_at(token, from)? {
            Shown::Known { caller, counts: None } => Ok(Some(caller)),
            Shown::Known { caller, counts: Some(record) } if self.token_uses.covers(&record) => Ok(Some(caller)),
            _ => Ok(None),
        }
    }

    fn look_at(&self, token: &PlainToken, from: Option<IpAddr>) -> Result<Shown, Error> {
        let presented = TokenHash::of(token, &*self.ring)?;
        let record = self.token_record(token.id())?;
        let right = record.as_ref().map_or(&TokenHash::NOBODYS, |record| &record.hash).matches(&presented);
        // Who is not known at all leaves no entry: anybody could fill the log.
        let record = record.ok_or(Error::NotIdentified)?;
        let now = self.tools.clock.now();
        let fault = if !right {
            Some(TokenFault::Wrong)
        } else {
            match record.serves(now, from) {
                Err(fault) => Some(fault),
                Ok(()) => (!self.ancestors_live(&record, now)?).then_some(TokenFault::Revoked),
            }
        };
        let standing = self.roster()?.standing(&record.owner);
        let (Some(standing), None) = (standing, fault) else {
            return Ok(Shown::Refused { record, fault: fault.unwrap_or(TokenFault::Revoked) });
        };
        let caller = Caller::member(standing, now).restricted(record.restriction()).coming_from(from);
        let counts = counts(&record, now).then_some(record);
        Ok(Shown::Known { caller, counts })
    }

    /// Writes down a use. Where uses are limited, it counts only once it is durable.
    fn count_use(
        &self,
        caller: &Caller,
        record: &Arc<TokenRecord>,
        now: Timestamp,
        from: Option<IpAddr>,
    ) -> Result<(), Error> {
        let writing = self.token_uses.begin(record);
        if writing.is_none() && record.uses_left.is_none() {
            return Ok(());
        }
        let actor = Actor::new(caller.clone(), AGENT);
        for _ in 0..ATTEMPTS {
            let row: Row<TokenRecord> =
                records::load(&self.store, record.id.as_bytes())?.ok_or(Error::NotIdentified)?;
            if let Err(fault) = row.record.serves(now, from) {
                return Err(self.refuse_token(record, fault, from));
            }
            // Somebody else has just written it.
            if !counts(&row.record, now) {
                return Ok(());
            }
            let uses_left = row.record.uses_left.map(|uses| uses - 1);
            let used = TokenRecord { uses_left, last_used: Some(now), ..row.record.clone() };
            let names = from_where(Names::default().with("token", record.id.as_str()), from);
            let telling = Telling::new(ActionName::TokenUse, Object::Vault(self.id())).names(names);
            let mut change = Change::told(self, &actor, telling);
            change.expect(records::unchanged(&row));
            change.put(&used);
            match change.commit() {
                Ok(_) => return Ok(()),
                // When it was last used does not matter so much.
                Err(_) if uses_left.is_none() => return Ok(()),
                Err(Error::Store(keyward_store::Error::Conflict(_))) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Raced(record.id.clone()))
    }

    /// Whether the token with which this one was made lives, and the one before it.
    pub(crate) fn ancestors_live(&self, record: &Arc<TokenRecord>, now: Timestamp) -> Result<bool, Error> {
        let mut record = Arc::clone(record);
        for _ in 0..GENERATIONS {
            let Some(parent) = &record.made_with else { return Ok(true) };
            let Some(parent) = self.token_record(parent)? else { return Ok(false) };
            if parent.revoked_at.is_some() || parent.expires_at.is_some_and(|end| now >= end) {
                return Ok(false);
            }
            record = parent;
        }
        Ok(false)
    }

    fn refuse_token(&self, record: &TokenRecord, fault: TokenFault, from: Option<IpAddr>) -> Error {
        let owner = Identity::new(record.owner.clone(), IdentityKind::Person, String::new(), Timestamp(0));
        let actor = Actor::new(Caller::identified(&owner), AGENT);
        let names = Names::default().with("token", record.id.as_str()).with("why", fault.as_str());
        let telling = Telling::new(ActionName::TokenUse, Object::Vault(self.id()))
            .outcome(Outcome::Denied)
            .names(from_where(names, from));
        match Change::told(self, &actor, telling).commit() {
            Ok(_) => Error::NotIdentified,
            Err(error) => error,
        }
    }

    /// A permit to look after an account's tokens.
    pub(crate) fn permit_account(
        &self,
        actor: &Actor,
        account: &Identity,
        action: ActionName,
        names: &Names,
    ) -> Result<Permit<Administer>, Error> {
        let whose = AccountFacts { principal: &account.principal, owner: account.owner.as_ref() };
        let facts = Facts { account: Some(whose), ..Facts::default() };
        let about = About { object: Object::Account(self.id()), facts };
        authorize::<Administer>(&actor.caller, &about)
            .map_err(|denial| self.denied(actor, denial, action, names.clone()))
    }

    /// A token of another person would be a second person; one of a program with more rights than
    /// its maker would be a way to them.
    pub(crate) fn refuse_foreign(&self, actor: &Actor, account: &Identity) -> Result<(), Error> {
        if !account.is_enabled() {
            return Err(Error::Refused(format!("`{}` is disabled", called(account))));
        }
        if account.principal == *actor.principal() {
            return Ok(());
        }
        if account.kind == IdentityKind::Person {
            return Err(Error::Refused("nobody makes tokens in another person's name".into()));
        }
        let roster = self.roster()?;
        let standing = roster.standing(&account.principal).ok_or(Error::NotIdentified)?;
        let now = self.tools.clock.now();
        let above = standing
            .bindings
            .iter()
            .filter(|binding| binding.lasts(now))
            .find(|binding| !actor.caller.gives(binding.role, binding.project, binding.environment));
        match above {
            None => Ok(()),
            Some(binding) => Err(Error::Refused(format!(
                "`{}` has the role {}, which you could not give it there: a token is never wider than its maker",
                called(account),
                binding.role
            ))),
        }
    }

    /// When a token ends for which nothing was said.
    fn default_end(&self, actor: &Actor, now: Timestamp) -> Result<Timestamp, Error> {
        let end = Timestamp(now.0 + HOUR);
        let Some(Restriction { token: Some(id), .. }) = actor.caller.restriction() else { return Ok(end) };
        let maker = self.token_record(id)?.ok_or(Error::NotIdentified)?;
        Ok(maker.expires_at.map_or(end, |makers| makers.min(end)))
    }

    /// What is made with a token is within that token, and ends no later.
    fn refuse_wider(&self, actor: &Actor, new: &TokenRecord) -> Result<(), Error> {
        let Some(Restriction { token: Some(id), .. }) = actor.caller.restriction() else { return Ok(()) };
        let maker = self.token_record(id)?.ok_or(Error::NotIdentified)?;
        let within = maker.restriction().includes(&new.restriction())
            && maker.expires_at.is_none_or(|end| new.expires_at.is_some_and(|mine| mine <= end))
            && maker.uses_left.is_none()
            && (maker.networks.is_empty()
                || !new.networks.is_empty()
                    && new.networks.iter().all(|mine| maker.networks.iter().any(|net| net.includes(mine))));
        match within {
            true => Ok(()),
            false => Err(Error::Refused(
                "a token that is made with a token cannot be wider in `scopes` or `networks`, or end later in `expires_at`".into(),
            )),
        }
    }

    pub(crate) fn resolve(&self, actor: &Actor, scope: ScopeText) -> Result<TokenScope, Error> {
        let Some(project) = &scope.project else { return Ok(scope.resolved(None, None)) };
        let reach = self.reach(actor, Some(project), scope.environment.as_ref())?;
        Ok(scope.resolved(reach.project_id(), reach.environment_id()))
    }
}

/// Whether a use of this token is to be written down: each where they are limited, else one an hour.
fn counts(record: &TokenRecord, now: Timestamp) -> bool {
    record.uses_left.is_some() || record.last_used.is_none_or(|last| now.0 - last.0 >= HOUR)
}

/// What a token turned out to be.
enum Shown {
    /// Its holder, and its record where this use has to be written down.
    Known {
        caller: Caller,
        counts: Option<Arc<TokenRecord>>,
    },
    Refused {
        record: Arc<TokenRecord>,
        fault: TokenFault,
    },
}

/// What the log calls the place where tokens are shown.
pub(crate) const AGENT: &str = "keyward/door";

pub(crate) fn from_where(names: Names, from: Option<IpAddr>) -> Names {
    match from {
        Some(address) => names.with("from", address.to_string()),
        None => names,
    }
}

fn check_sizes(new: &NewToken) -> Result<(), Error> {
    if new.name.len() > MAX_NAME || new.name.chars().any(char::is_control) {
        return Err(Error::Refused(format!("a token's name has at most {MAX_NAME} bytes and no control characters")));
    }
    if new.scopes.len() > MAX_PARTS || new.networks.len() > MAX_PARTS {
        return Err(Error::Refused(format!("a token has at most {MAX_PARTS} scopes and as many networks")));
    }
    Ok(())
}
