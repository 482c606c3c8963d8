//! Decisions that were made already. What is asked about is all that a decision goes by (policies
//! know neither time nor place), so that one of the past is the one of now, as long as the policies
//! and the principal are the same: they belong to one [`Standing`](crate::Standing), which ends with
//! any change of them.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use keyward_types::Operation;

use crate::facts::Facts;
use crate::role::Roles;
use crate::{Object, Standing};

/// The decisions about one principal.
#[derive(Debug, Default)]
pub(crate) struct Decided(RwLock<HashMap<Asked, bool>>);

/// A question as far as its answer depends on it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    operation: Operation,
    roles: Roles,
    object: Object,
    /// It is about a secret, be there one or not.
    secret: bool,
    /// Names and what else policies compare, each behind its length.
    words: Vec<u8>,
}

/// Beyond so many, all are forgotten: where policies tell secrets apart, there is one for each.
const KEPT: usize = 8192;

impl Asked {
    /// `apart`: policies may speak of a single secret, by its id, name, kind or tags. The roles' do
    /// not: for them all secrets of an environment are one.
    pub(crate) fn new(operation: Operation, roles: Roles, object: &Object, facts: &Facts<'_>, apart: bool) -> Self {
        let object = match *object {
            Object::Secret(place, _) if apart => Object::Secret(place, None),
            Object::Secret(place, _) => Object::Environment(place.vault, place.project, place.environment),
            other => other,
        };
        let mut words = Vec::new();
        let mut say = |word: Option<&str>| {
            let length = word.map_or(u32::MAX, |word| u32::try_from(word.len()).unwrap_or(u32::MAX - 1));
            words.extend_from_slice(&length.to_be_bytes());
            words.extend_from_slice(word.unwrap_or_default().as_bytes());
        };
        say(facts.project.map(|name| name.as_str()));
        say(facts.environment.map(|name| name.as_str()));
        if let Some(account) = &facts.account {
            say(Some(account.principal.as_str()));
            say(account.owner.map(|owner| owner.as_str()));
        }
        if let Some(secret) = facts.secret.as_ref().filter(|_| apart) {
            say(Some(secret.name.as_str()));
            say(secret.kind.map(|kind| kind.as_str()));
            secret.tags.iter().for_each(|tag| say(Some(tag)));
        }
        Self { operation, roles, object, secret: facts.secret.is_some(), words }
    }
}

impl Decided {
    /// What was decided, or is by `decide`.
    pub(crate) fn or_decide(&self, asked: Asked, decide: impl FnOnce() -> bool) -> bool {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&asked).copied();
        kept.unwrap_or_else(|| {
            let allowed = decide();
            let mut decided = self.0.write().unwrap_or_else(PoisonError::into_inner);
            if decided.len() >= KEPT {
                decided.clear();
            }
            decided.insert(asked, allowed);
            allowed
        })
    }
}

impl Standing {
    /// The decision about an operation, made anew only where it was not made before.
    pub(crate) fn decide(&self, roles: Roles, operation: Operation, object: &Object, facts: &Facts<'_>) -> bool {
        let apart = self.policies.slice(operation, roles).tells_secrets_apart();
        let asked = Asked::new(operation, roles, object, facts, apart);
        self.decided.or_decide(asked, || crate::decide::decide(self, roles, operation, object, facts))
    }
}
