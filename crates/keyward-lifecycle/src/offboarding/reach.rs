//! The second tier: what somebody could have read by his rights, and did not.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use keyward_types::{EnvironmentId, Place, ProjectId, SecretId, Timestamp};
use keyward_vault::Stored;
use serde::{Deserialize, Serialize};

use super::known::Knowledge;
use super::line::Subject;
use super::{Facts, in_use, rank};

/// A time in which somebody had the right to read something.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    /// What.
    pub to: Part,
    /// By what.
    pub through: Through,
    /// From when on.
    pub since: Timestamp,
    /// Until when; `None`: still.
    pub until: Option<Timestamp>,
}

/// A part of the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// All of it.
    Vault,
    /// A project.
    Project(ProjectId),
    /// An environment.
    Environment(EnvironmentId),
    /// One secret.
    Secret(SecretId),
}

/// What gave somebody a right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Through {
    /// A role of his own.
    Own,
    /// A group that he is or was in, by its name.
    Group(String),
    /// A token of a service account that he made and therefore knows, by its public id.
    Token(String),
}

/// A value in use that the leaver could have read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReachableLine {
    /// Which one.
    pub subject: Subject,
    /// By which rights.
    pub through: BTreeSet<Through>,
}

/// Values in use, not known to him, that he could have read here or, being equal, elsewhere.
pub(super) fn beyond(facts: &Facts, knowledge: &Knowledge<'_>, now: Timestamp) -> Vec<ReachableLine> {
    let readable = readable(facts, now);
    let mut lines = Vec::new();
    for stored in &facts.footprint.secrets {
        let secret = in_use(&stored.head).filter(|version| stored.head.was_secret(version));
        for version in secret.filter(|version| !knowledge.knows(&version.fingerprint)) {
            let Some(through) = readable.get(version.fingerprint.as_str()) else { continue };
            let through = through.iter().map(|through| (*through).clone()).collect();
            lines.push(ReachableLine { subject: Subject::of(stored, version.version), through });
        }
    }
    lines.sort_by_cached_key(|line| {
        (Reverse(rank::standing(&line.subject)), line.subject.to_string(), line.subject.version)
    });
    lines
}

/// Every value that lay within his rights while he had them. A head does not say when a version
/// was hidden or destroyed, so that those count as readable to the end.
fn readable<'a>(facts: &'a Facts, now: Timestamp) -> HashMap<&'a str, BTreeSet<&'a Through>> {
    let mut readable: HashMap<&'a str, BTreeSet<&'a Through>> = HashMap::new();
    let mut by_part: HashMap<Part, Vec<&'a Reach>> = HashMap::new();
    for reach in facts.reaches.iter().filter(|reach| reach.since <= now) {
        by_part.entry(reach.to).or_default().push(reach);
    }
    for stored in &facts.footprint.secrets {
        let parts = parts(&stored.head.place);
        for reach in parts.iter().filter_map(|part| by_part.get(part)).flatten() {
            note(&mut readable, stored, reach);
        }
    }
    readable
}

fn note<'a>(readable: &mut HashMap<&'a str, BTreeSet<&'a Through>>, stored: &'a Stored, reach: &'a Reach) {
    let before_its_end = |at: Timestamp| reach.until.is_none_or(|until| at < until);
    for version in stored.head.versions.iter().filter(|version| before_its_end(version.created_at)) {
        readable.entry(version.fingerprint.as_str()).or_default().insert(&reach.through);
    }
}

fn parts(place: &Place) -> [Part; 4] {
    [Part::Vault, Part::Project(place.project), Part::Environment(place.environment), Part::Secret(place.secret)]
}
