//! Somebody leaves: what he knows that is still in use, what he could have known, and what ends
//! with him.

mod credential;
mod known;
mod line;
mod rank;
mod reach;
#[cfg(test)]
mod tests;
mod worklist;

use std::collections::HashMap;

use keyward_types::{Head, Label, PrincipalId, SecretId, Timestamp, Version, VersionHead, VersionState};
use keyward_vault::{Footprint, Stored};
use serde::{Deserialize, Serialize};

pub use credential::{Credential, CredentialFate, CredentialLine, CredentialSort};
pub use line::{Evidence, Fate, Line, Past, Subject, Tier, Way};
pub use reach::{Part, Reach, ReachableLine, Through};
pub use worklist::{Item, worklist};

use known::Knowledge;

/// What is known of somebody who leaves.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What he read, and everything that is stored.
    pub footprint: Footprint,
    /// What he had the right to read, and when.
    pub reaches: Vec<Reach>,
    /// Tokens, sessions and keys that are his or that he made.
    pub credentials: Vec<Credential>,
}

/// What has to be done when somebody leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Who leaves.
    pub leaver: PrincipalId,
    /// The moment it speaks of.
    pub at: Timestamp,
    /// Values in use that he knows, the worst first: to be replaced.
    pub rotate: Vec<Line>,
    /// Values that he knows and that are in use no longer: nothing to replace.
    pub past: Vec<Past>,
    /// Values in use that he could have read and did not, the worst first.
    pub reachable: Vec<ReachableLine>,
    /// What he signs in and works with, the most recently used first.
    pub credentials: Vec<CredentialLine>,
    /// How many of the places that he read hold nothing secret: configuration and public keys.
    pub not_secret: u64,
}

/// What has to be done when `leaver` leaves.
///
/// A value counts as known to who read it by any way, wrote it, or read or wrote an equal one
/// elsewhere. Only versions in use (`active` and `pending`) have to be replaced: who read an older
/// one needs no rotation, though whether its service still takes it is not for keyward to know.
pub fn plan(facts: &Facts, leaver: &PrincipalId, now: Timestamp) -> Plan {
    let secrets: HashMap<SecretId, &Stored> =
        facts.footprint.secrets.iter().map(|stored| (stored.head.place.secret, stored)).collect();
    let knowledge = Knowledge::of(&facts.footprint, &secrets, leaver);
    let mut rotate = Vec::new();
    let mut not_secret = 0;
    for stored in &facts.footprint.secrets {
        let head = &stored.head;
        if !head.is_secret() && !in_use(head).any(|version| head.was_secret(version)) {
            not_secret += u64::from(knowledge.touched(stored));
            continue;
        }
        let secret = in_use(head).filter(|version| head.was_secret(version));
        rotate.extend(secret.filter_map(|version| knowledge.line(stored, version)));
    }
    rank::sort(&mut rotate, now);
    Plan {
        leaver: leaver.clone(),
        at: now,
        past: knowledge.past(&secrets),
        reachable: reach::beyond(facts, &knowledge, now),
        credentials: credential::lines(&facts.credentials, leaver, now),
        rotate,
        not_secret,
    }
}

/// The versions that somebody can work with at present: the active one, and one that is on its way.
fn in_use(head: &Head) -> impl Iterator<Item = &VersionHead> {
    let labelled = |label: &str| -> Option<Version> {
        head.labels.iter().find(|(name, _)| name.as_str() == label).map(|(_, version)| *version)
    };
    let active = labelled(Label::active().as_str());
    let pending = labelled("pending").filter(|pending| Some(*pending) != active);
    let versions = active.into_iter().chain(pending);
    versions.filter_map(|version| head.version(version)).filter(|version| version.state == VersionState::Live)
}
