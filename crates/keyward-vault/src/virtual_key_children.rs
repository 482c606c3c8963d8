//! Narrower keys of a key: what a backend has made for its signed-in user, so that the page in his
//! browser calls the gateway by itself. A child is within its parent in every rule, spends its
//! parent's budgets along with its own, and dies with it.

use keyward_access::{KeyRules, Permit, SealedAttenuation, TokenHash, VirtualKey, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::token::{PlainToken, TokenKind};
use keyward_types::{Operation, PrincipalId, Timestamp, Use, is_plain};

use crate::actor::Actor;
use crate::change::{Change, Telling};
use crate::lead::Lead;
use crate::virtual_keys::{key_names, maker_token, missing, no_rule};
use crate::{Error, Vault, records};

/// A narrower key that is to be made of one.
#[derive(Clone, Debug, Default)]
pub struct NewChild {
    /// The services it is for; empty: all of its parent's.
    pub providers: Vec<String>,
    /// What it is good for; what it says nothing of is as with its parent.
    pub rules: KeyRules,
    /// How long it lives, in milliseconds; `None`: an hour.
    pub lives: Option<i64>,
    /// For whom, as the backend calls its user.
    pub subject: Option<String>,
}

/// How long a child lives where nothing is said, and at most: it is for one visit.
const HOUR: i64 = 60 * 60 * 1000;
const LONGEST: i64 = 24 * HOUR;
/// How many generations there are at most.
pub(crate) const GENERATIONS: usize = 4;
/// Longest name of a backend's user, in bytes.
const MAX_SUBJECT: usize = 200;
/// How long the record of a dead child is kept: whoever looks into what happened finds it.
const KEPT: i64 = 7 * 24 * HOUR;
/// Records that are cleared away in one change.
const AT_ONCE: usize = 500;

impl Vault {
    /// Makes a narrower key of one: its owner does, or who answers for that owner, with no more than the
    /// right to use the secrets. Its text is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`Error::Refused`] where it would be wider than its parent, which names the rule, and for a dead
    /// parent; [`Error::Missing`]; [`Error::Denied`], also for a token that changes nothing.
    pub fn mint_child_key(
        &self,
        actor: &Actor,
        parent: &str,
        new: NewChild,
    ) -> Result<(PlainToken, VirtualKey), Error> {
        let action = ActionName::VirtualKeyMint;
        let parent = self.key_row(parent)?.record;
        if !self.answers_for(actor, &parent.owner)? {
            return Err(missing(&parent.id));
        }
        let (scope, account) = (self.scope_of(&parent)?, self.account_row(&parent.owner)?.record);
        let names = key_names(&scope, &parent.name, &account).with("parent", &*parent.id);
        let now = self.tools.clock.now();
        self.refuse_dead(&parent, now)?;
        if actor.caller.restriction().is_some_and(|restriction| restriction.read_only) {
            let denial = self.denial(actor, Operation::Write, scope.object(self.id()));
            return Err(self.denied(actor, denial, action, names));
        }
        if self.lineage_of(&parent)?.len() >= GENERATIONS {
            return Err(Error::Refused(format!("a virtual key has at most {GENERATIONS} generations")));
        }
        let mut routes = parent.routes.clone();
        if !new.providers.is_empty() {
            if let Some(foreign) = new.providers.iter().find(|id| !routes.iter().any(|route| route.provider == **id)) {
                return Err(Error::Refused(format!("the virtual key `{}` is not for `{foreign}`", parent.name)));
            }
            routes.retain(|route| new.providers.contains(&route.provider));
        }
        let mut permits: Vec<Permit<Use>> = Vec::with_capacity(routes.len());
        for route in &routes {
            let loaded = self.load_place(&route.place, None)?.ok_or_else(|| missing(&parent.id))?;
            let permit = authorize::<Use>(&actor.caller, &loaded)
                .map_err(|denial| self.denied(actor, denial, action, names.clone()))?;
            permits.push(permit);
        }
        let permit = permits.pop().ok_or(Error::Damaged("a virtual key stands for nothing"))?;
        let rules = self.narrowed(&parent, new.rules)?;
        let subject = new.subject.map(|subject| check_subject(&subject).map(|()| subject)).transpose()?;
        let expires_at = self.end_of_child(actor, &parent, new.lives, now)?;
        let token = PlainToken::generate(TokenKind::Virtual, &*self.tools.random)?;
        let key = VirtualKey {
            id: token.id().to_owned(),
            hash: TokenHash::of(&token, &*self.ring)?,
            attenuation: Some(SealedAttenuation::of(&token, &*self.ring)?),
            previous: None,
            routes,
            rules,
            expires_at: Some(expires_at),
            revoked_at: None,
            parent: Some(parent.id.clone()),
            subject,
            made_with: maker_token(actor),
            created_by: actor.principal().clone(),
            created_at: now,
            ..parent
        };
        let names = match &key.subject {
            Some(subject) => names.with("subject", &**subject),
            None => names,
        };
        let telling = Telling::new(action, scope.object(self.id())).names(names.with("virtual_key", &*key.id));
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::absent(&key));
        change.put(&key);
        change.commit()?;
        Ok((token, key))
    }

    /// Clears away records of children that died a week ago; answers how many.
    ///
    /// # Errors
    /// [`Error::Replaced`] when another process leads; when the store refuses.
    pub fn sweep_virtual_keys(&self, lead: &Lead) -> Result<u64, Error> {
        let now = self.tools.clock.now();
        let over = |key: &VirtualKey| {
            let end = key.revoked_at.or(key.expires_at);
            key.parent.is_some() && end.is_some_and(|end| now.0 - end.0 > KEPT)
        };
        let rows = records::scan::<VirtualKey>(&self.store, &[])?;
        let dead: Vec<_> = rows.into_iter().filter(|row| over(&row.record)).take(AT_ONCE).collect();
        if dead.is_empty() {
            return Ok(0);
        }
        let actor = Actor::task(keyward_access::SystemTask::Gateway, lead, "keyward");
        let telling = Telling::new(ActionName::VirtualKeySweep, keyward_access::Object::Vault(self.id()))
            .count(dead.len() as u64);
        let mut change = Change::told(self, &actor, telling);
        for row in &dead {
            change.expect(records::unchanged(row));
            change.delete::<VirtualKey>(row.record.id.as_bytes().to_vec());
        }
        change.commit()?;
        Ok(dead.len() as u64)
    }

    /// A key and those it is a child of, the nearest first.
    pub(crate) fn lineage_of(&self, key: &VirtualKey) -> Result<Vec<VirtualKey>, Error> {
        let mut lineage = vec![key.clone()];
        while let Some(parent) = &lineage[lineage.len() - 1].parent {
            if lineage.len() > GENERATIONS {
                return Err(Error::Damaged("a virtual key has more generations than there can be"));
            }
            lineage.push(self.key_row(parent)?.record);
        }
        Ok(lineage)
    }

    fn answers_for(&self, actor: &Actor, owner: &PrincipalId) -> Result<bool, Error> {
        let me = actor.principal();
        Ok(owner == me || self.roster()?.identity(owner).is_some_and(|account| account.owner.as_ref() == Some(me)))
    }

    fn narrowed(&self, parent: &VirtualKey, rules: KeyRules) -> Result<KeyRules, Error> {
        rules.check().map_err(no_rule)?;
        let rules = rules.inheriting(&parent.rules);
        match parent.rules.includes(&rules) {
            Ok(()) => Ok(rules),
            Err(rule) => Err(Error::Refused(format!(
                "a child of `{}` cannot be wider than it is, and is so in `{rule}`",
                parent.name
            ))),
        }
    }

    fn end_of_child(
        &self,
        actor: &Actor,
        parent: &VirtualKey,
        lives: Option<i64>,
        now: Timestamp,
    ) -> Result<Timestamp, Error> {
        if lives.is_some_and(|lives| !(1..=LONGEST).contains(&lives)) {
            return Err(Error::Refused("a child of a virtual key lives for a day at most".into()));
        }
        let end = Timestamp(now.0 + lives.unwrap_or(HOUR));
        let end = parent.expires_at.map_or(end, |parents| parents.min(end));
        self.refuse_longer(actor, Some(end))?;
        Ok(end)
    }
}

fn check_subject(subject: &str) -> Result<(), Error> {
    match (1..=MAX_SUBJECT).contains(&subject.len()) && is_plain(subject, false) {
        true => Ok(()),
        false => Err(Error::Refused(format!("a user's name has 1 to {MAX_SUBJECT} bytes and no control characters"))),
    }
}
