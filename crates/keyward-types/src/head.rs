use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use litemap::LiteMap;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    EnvironmentId, Kind, Label, PrincipalId, ProjectId, SecretId, SecretName, Timestamp, VaultId, Version, VersionState,
};

/// Names of a secret's versions.
pub type Labels = LiteMap<Label, Version>;

/// Where a secret stands, by ids that never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The tenant.
    pub vault: VaultId,
    /// The project in it.
    pub project: ProjectId,
    /// The environment of the project.
    pub environment: EnvironmentId,
    /// The secret itself.
    pub secret: SecretId,
}

/// All that is known of a secret without opening it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Where it stands.
    pub place: Place,
    /// What it is called.
    pub name: SecretName,
    /// What it is.
    pub kind: Kind,
    /// How the value is structured.
    #[serde(default)]
    pub content: Content,
    /// Where values come from.
    #[serde(default)]
    pub origin: Origin,
    /// Names of versions.
    pub labels: Labels,
    /// Every version there ever was, in order, beginning with 1.
    #[serde(deserialize_with = "without_spare_room")]
    pub versions: Vec<VersionHead>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The service it belongs to, by the catalogue's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// What it allows at the service, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// When the active value stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// After how many days a new value is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_every_days: Option<u32>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Free metadata, at most 4 KiB in all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// How many versions keep their value; older ones are destroyed. `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_versions: Option<u32>,
    /// Whether a write must name the version it replaces.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cas_required: bool,
    /// Whether `run` hands the value over as a private file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub as_file: bool,
    /// When the secret was first stored.
    pub created_at: Timestamp,
}

/// What is known of one version without opening it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionHead {
    /// Its number.
    pub version: Version,
    /// What became of it.
    pub state: VersionState,
    /// When it was written.
    pub created_at: Timestamp,
    /// Who wrote it.
    pub created_by: PrincipalId,
    /// Length of the value in bytes.
    pub size: u32,
    /// Estimated entropy of the value in bits, cut at 65,535.
    pub bits: u16,
    /// Keyed hash of the value: equal values have equal fingerprints. 32 bytes in hex.
    pub fingerprint: String,
    /// Whether it ever counted as a secret. What a head is called afterwards takes nobody's knowledge back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// Whether it was brought from somewhere else, and may be much older than `created_at` says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub age_unknown: bool,
    /// When its service ends it by itself, where that was told with the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// How a value is structured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Bytes, handed out as they are.
    #[default]
    Bytes,
    /// A JSON object, sealed as one.
    Fields,
}

/// Where a secret's values come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Somebody stored them.
    #[default]
    Stored,
}

/// What a key allows at its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// It can only read.
    ReadOnly,
    /// It can read and write.
    ReadWrite,
    /// It can do everything, keys included.
    Admin,
    /// It is meant to be seen by everybody.
    Public,
}

impl Head {
    /// The version that readers get, if there is a live one.
    pub fn active(&self) -> Option<&VersionHead> {
        let version = self.labels.get(&Label::active())?;
        self.version(*version).filter(|v| v.state == VersionState::Live)
    }

    /// One version, whatever its state.
    pub fn version(&self, version: Version) -> Option<&VersionHead> {
        let index = usize::try_from(version.get() - 1).ok()?;
        self.versions.get(index).filter(|v| v.version == version)
    }

    /// Whether its values have to be kept from anybody, as it is called now.
    pub fn is_secret(&self) -> bool {
        self.kind.is_secret() && self.access != Some(Access::Public)
    }

    /// Whether a version counts as a secret, or ever did.
    pub fn was_secret(&self, version: &VersionHead) -> bool {
        version.secret || self.is_secret()
    }

    /// The number that the next value gets.
    pub fn next_version(&self) -> Version {
        self.versions.last().map_or(Version::FIRST, |v| v.version.next())
    }
}

impl Access {
    /// The name on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::ReadWrite => "read-write",
            Self::Admin => "admin",
            Self::Public => "public",
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Access {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::ReadOnly, Self::ReadWrite, Self::Admin, Self::Public]
            .into_iter()
            .find(|access| access.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not an access: use read-only, read-write, admin or public"))
    }
}

/// Most secrets have one version, and a parser makes room for four. Heads are what a server remembers
/// most of.
fn without_spare_room<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<VersionHead>, D::Error> {
    let mut versions = Vec::deserialize(deserializer)?;
    versions.shrink_to_fit();
    Ok(versions)
}

impl crate::Record for Head {
    const COLLECTION: &'static str = "secret";

    /// `project ‖ environment ‖ secret`, 48 bytes, so that an environment is one range.
    fn key(&self) -> Vec<u8> {
        self.place.key()
    }

    /// `name`: `project ‖ environment ‖ name`. `fingerprint`: that of the active value, 32 bytes.
    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut indexes = vec![("name", self.place.name_index(&self.name))];
        if let Some(active) = self.active().filter(|_| self.kind.is_secret()) {
            indexes.push(("fingerprint", active.fingerprint.as_bytes().to_vec()));
        }
        indexes
    }
}

impl Place {
    /// The key of the secret's head: `project ‖ environment ‖ secret`.
    pub fn key(&self) -> Vec<u8> {
        [&self.project.as_bytes()[..], self.environment.as_bytes(), self.secret.as_bytes()].concat()
    }

    /// The value of the head's `name` index.
    pub fn name_index(&self, name: &SecretName) -> Vec<u8> {
        [&self.project.as_bytes()[..], self.environment.as_bytes(), name.as_str().as_bytes()].concat()
    }

    /// The key of what belongs to one version: `secret ‖ version`, big-endian.
    pub fn version_key(&self, version: Version) -> Vec<u8> {
        [&self.secret.as_bytes()[..], &version.get().to_be_bytes()].concat()
    }
}
