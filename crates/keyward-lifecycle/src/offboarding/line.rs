//! The lines of a plan.

use std::collections::BTreeSet;
use std::fmt;

use keyward_types::{Access, EnvironmentName, Kind, Place, ProjectName, SecretName, Timestamp, Version};
use keyward_vault::{HoldingKind, Stored};
use serde::{Deserialize, Serialize};

/// A value in use that the leaver knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Which one.
    pub subject: Subject,
    /// How it is known that he knows it.
    pub evidence: Evidence,
    /// Where else he met the same value; empty when he met it here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub met_at: Vec<String>,
    /// How many others have read this version.
    pub others: u64,
}

/// A version of a secret with what matters for its rank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// Where it stands.
    pub place: Place,
    /// Its project.
    pub project: ProjectName,
    /// Its environment.
    pub environment: EnvironmentName,
    /// Its name.
    pub name: SecretName,
    /// Which version.
    pub version: Version,
    /// What it is.
    pub kind: Kind,
    /// The service it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// What it allows there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// How much depends on its environment.
    pub tier: Tier,
}

/// What is on record of somebody and a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// By which ways it came to him.
    pub ways: BTreeSet<Way>,
    /// How often he read it.
    pub times: u64,
    /// When it first came to him.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    /// When it last came to him.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
    /// Copies outside keyward that nobody has closed.
    pub open_copies: u64,
}

/// How a value came to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// He wrote it.
    Wrote,
    /// `get`, an API read, the clipboard.
    Read,
    /// As part of an exported file.
    Export,
    /// A program of his ran with it.
    Run,
    /// He had it brought to a deployment target.
    Target,
}

/// A version that the leaver knows and that is in use no longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// Where it stands or stood.
    pub place: Place,
    /// How it is called: `project/environment/NAME`; `None` when nothing of it is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which version.
    pub version: Version,
    /// Why it needs no rotation.
    pub fate: Fate,
    /// When it last came to him.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
}

/// What became of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Another version is active.
    Replaced {
        /// Which one.
        by: Version,
        /// Since when that one exists.
        at: Timestamp,
    },
    /// It is hidden. Brought back, it has to be replaced.
    Deleted,
    /// It was destroyed, and nothing took its place.
    Destroyed,
    /// The secret is there no longer.
    Gone,
}

/// How much depends on an environment, by its exact name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Nothing that others rely on.
    Development,
    /// A rehearsal.
    Staging,
    /// The real thing, and every environment whose name says nothing.
    Production,
}

impl Subject {
    pub(super) fn of(stored: &Stored, version: Version) -> Self {
        let head = &stored.head;
        Self {
            place: head.place,
            project: stored.project.clone(),
            environment: stored.environment.clone(),
            name: head.name.clone(),
            version,
            kind: head.kind,
            provider: head.provider.clone(),
            access: head.access,
            tier: Tier::of(&stored.environment),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.project, self.environment, self.name)
    }
}

impl Evidence {
    /// Both taken together.
    pub(super) fn join(&mut self, other: &Self) {
        self.ways.extend(&other.ways);
        self.times += other.times;
        self.open_copies += other.open_copies;
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
    }
}

impl Way {
    /// The way of a holding; `None` for one by which no value came to anybody.
    pub(super) fn of(kind: HoldingKind) -> Option<Self> {
        match kind {
            HoldingKind::Read => Some(Self::Read),
            HoldingKind::Run => Some(Self::Run),
            HoldingKind::Export => Some(Self::Export),
            HoldingKind::Target => Some(Self::Target),
            // The gateway applies the value itself; its caller never has it.
            HoldingKind::Gateway => None,
        }
    }

    /// The word in lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wrote => "wrote",
            Self::Read => "read",
            Self::Export => "export",
            Self::Run => "run",
            Self::Target => "target",
        }
    }
}

impl Tier {
    /// The tier of an environment of this name.
    pub fn of(environment: &EnvironmentName) -> Self {
        match environment.as_str() {
            "development" | "dev" | "test" => Self::Development,
            "staging" | "stage" => Self::Staging,
            _ => Self::Production,
        }
    }
}
