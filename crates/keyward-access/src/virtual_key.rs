//! Virtual keys: what a browser, a script or an agent holds in the place of the real key.
//!
//! A key stands for secrets of one environment, each at one service, and its owner's right to *use*
//! them is asked for anew whenever a gateway learns of it. What it may be used for are its rules.

mod allow;
mod budget;
mod caveat;
mod glob;
mod narrowed;
mod rules;

use std::fmt;

use keyward_types::{EnvironmentId, Place, PrincipalId, ProjectId, Record, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use allow::{Allow, BrowserOrigin, Method, UpstreamUrl};
pub use budget::{Budget, BudgetUnit, BudgetWindow};
pub use caveat::Caveat;
pub use glob::{ModelGlob, PathGlob};
pub use narrowed::{AttenuationKey, NarrowedKey, SealedAttenuation, is_narrowed};
pub use rules::KeyRules;

use crate::{Login, TokenHash};

/// What the store keeps of a virtual key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VirtualKey {
    /// The public id in its text; it stays when the text is replaced.
    pub id: String,
    /// What people call it, unique in its environment while it lives. A child has its parent's.
    pub name: Login,
    /// What it is known by.
    pub hash: TokenHash,
    /// What narrower keys are known by that holders made of it; none: it is from before there were such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attenuation: Option<SealedAttenuation>,
    /// What it was known by before it was replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousHash>,
    /// Whose right to use the secrets it has a part of.
    pub owner: PrincipalId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// The environment it belongs to.
    pub environment: EnvironmentId,
    /// What it stands for, at least one, each at a service of its own.
    pub routes: Vec<KeyRoute>,
    /// What it is good for.
    #[serde(default)]
    pub rules: KeyRules,
    /// From when on it is dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// The key that it is a child of, without which it is dead too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// For whom a backend had it made: that backend's own name of its user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The token it was made with, without which it is dead too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_with: Option<String>,
    /// Who made it.
    pub created_by: PrincipalId,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A secret, and the service that it is sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRoute {
    /// The service, by the catalogue's id or the operator's own.
    pub provider: String,
    /// The secret, by its ids: a name that is given to something else later moves nothing.
    pub place: Place,
    /// Where requests go, where that is not the catalogue's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamUrl>,
}

/// The hash of a text that was replaced, and until when it serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousHash {
    /// What it was known by.
    pub hash: TokenHash,
    /// What narrower keys were known by that holders had made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attenuation: Option<SealedAttenuation>,
    /// From when on it serves no more.
    pub until: Timestamp,
}

/// How a key stands, by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It serves, if its owner may.
    Live,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

/// A text that is no rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{input}` is no {what} of a virtual key: {why}")]
pub struct RuleError {
    what: &'static str,
    input: String,
    why: &'static str,
}

/// Most services of one key, and the longest id of one.
const MOST_ROUTES: usize = 16;
const LONGEST_PROVIDER: usize = 64;

impl VirtualKey {
    /// How it stands at this moment.
    pub fn state(&self, now: Timestamp) -> KeyState {
        match self {
            Self { revoked_at: Some(_), .. } => KeyState::Revoked,
            Self { expires_at: Some(end), .. } if now >= *end => KeyState::Expired,
            _ => KeyState::Live,
        }
    }

    /// The hash by which it was known before, as long as that serves.
    pub fn previous(&self, now: Timestamp) -> Option<&PreviousHash> {
        self.previous.as_ref().filter(|previous| now < previous.until)
    }

    /// The value of its index of names.
    pub fn name_index(project: ProjectId, environment: EnvironmentId, name: &Login) -> Vec<u8> {
        [&project.as_bytes()[..], environment.as_bytes(), name.as_str().as_bytes()].concat()
    }
}

impl KeyRoute {
    /// Whether these are what a key can stand for: each service once.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(routes: &[Self]) -> Result<(), RuleError> {
        let fail = |text: &str, why| Err(RuleError::new("service", text, why));
        if routes.is_empty() || routes.len() > MOST_ROUTES {
            return fail("…", "a key stands for 1 to 16 secrets");
        }
        for (i, route) in routes.iter().enumerate() {
            let id = &route.provider;
            let fits = (1..=LONGEST_PROVIDER).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if !fits {
                return fail(id, "it is an id of the catalogue: a-z, 0-9 and `-`");
            }
            if routes[..i].iter().any(|other| other.provider == *id) {
                return fail(id, "one key has one secret at a service: the path tells them apart");
            }
        }
        Ok(())
    }
}

impl KeyState {
    /// The word in lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl RuleError {
    fn new(what: &'static str, input: &str, why: &'static str) -> Self {
        Self { what, input: input.chars().take(120).flat_map(char::escape_debug).collect(), why }
    }
}

impl Record for VirtualKey {
    const COLLECTION: &'static str = "virtual_key";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }

    /// `name` while it is not revoked, of children none; `owner`; `parent`.
    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut indexes = vec![("owner", self.owner.as_str().as_bytes().to_vec())];
        match &self.parent {
            Some(parent) => indexes.push(("parent", parent.as_bytes().to_vec())),
            None if self.revoked_at.is_none() => {
                indexes.push(("name", Self::name_index(self.project, self.environment, &self.name)));
            }
            None => {}
        }
        indexes
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is written as text and read by one parser.
macro_rules! as_text {
    ($($type:ident),*) => {$(
        impl std::str::FromStr for $type {
            type Err = RuleError;
            fn from_str(text: &str) -> Result<Self, RuleError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$type> for String {
            fn from(one: $type) -> String {
                one.to_string()
            }
        }
    )*};
}
use as_text;

#[cfg(test)]
mod tests;
