//! What calls take and give.

use keyward_access::Network;
use keyward_types::{
    Access, EnvironmentName, Kind, ProjectName, SecretName, SlotId, Timestamp, VaultId, Version, VersionState,
};
use serde::{Deserialize, Serialize};

use crate::Bytes;

/// Where a call works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Where {
    /// The project.
    pub project: ProjectName,
    /// The environment.
    pub environment: EnvironmentName,
}

/// The vault, as far as everybody who opened it may know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Its id.
    pub vault: VaultId,
    /// Who acts.
    pub principal: String,
    /// What people call him.
    pub name: String,
    /// Tells two lives of one vault apart.
    pub incarnation: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Why nothing irreversible is done at present.
    pub safe_mode: Option<String>,
    /// Ways into it; none for who came by the network, to whom they are not told.
    #[serde(default)]
    pub slots: Vec<SlotInfo>,
    /// Number of entries in the log.
    pub log_size: u64,
    /// The key by which others verify the log.
    pub log_key: String,
}

/// A way into the vault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlotInfo {
    /// Its id.
    pub id: SlotId,
    /// `key-file`, `passphrase`, `recovery-code`, `keyring`, `age` or `shamir`.
    pub kind: String,
    /// What its owner calls it.
    pub label: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// Whether it opens a copy of the store elsewhere.
    pub portable: bool,
}

/// A project and its environments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectInfo {
    /// Its name.
    pub name: ProjectName,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its environments, in the order in which they were made.
    pub environments: Vec<EnvironmentInfo>,
    /// From where it may be used; empty: from everywhere.
    #[serde(default)]
    pub networks: Vec<Network>,
}

/// An environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentInfo {
    /// Its name.
    pub name: EnvironmentName,
    /// Where a missing name is read instead.
    pub parent: Option<EnvironmentName>,
    /// For how many seconds clients may keep what they read of it; `None`: not at all.
    #[serde(default)]
    pub offline_seconds: Option<u32>,
}

/// A value to be stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewSecret {
    /// Under which name.
    pub name: SecretName,
    /// The value.
    pub value: Bytes,
    /// Estimated entropy in bits.
    pub bits: u16,
    /// Its metadata.
    pub edit: EditInfo,
}

/// A change of metadata: an absent field stays, `null` clears it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EditInfo {
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// What its value looks like. Counts for a name that is new, and where a secret comes into what
    /// was none; what was once said of a secret stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks_like: Option<Kind>,
    /// The service it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "double")]
    pub provider: Option<Option<String>>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "double")]
    pub owner: Option<Option<String>>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "double")]
    pub description: Option<Option<String>>,
    /// What it allows.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "double")]
    pub access: Option<Option<Access>>,
    /// When the value stops working.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "double")]
    pub expires_at: Option<Option<Timestamp>>,
    /// After how many days a new value is due.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "double")]
    pub rotate_every_days: Option<Option<u32>>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Whether `run` hands it over as a private file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_file: Option<bool>,
    /// How many versions keep their value.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "double")]
    pub max_versions: Option<Option<u32>>,
    /// Whether nobody knows how old the value is: it was brought from somewhere else. With a value: of
    /// that, if it is a new one; without one: of the active version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_unknown: Option<bool>,
}

/// Tells an absent field from one that is `null`.
mod double {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer, T: Serialize>(
        value: &Option<Option<T>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().and_then(Option::as_ref).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<T>>, D::Error> {
        Option::<T>::deserialize(deserializer).map(Some)
    }
}

/// What became of a value that was to be stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    /// Its name.
    pub name: SecretName,
    /// The version that is active now.
    pub version: Version,
    /// What it is.
    pub kind: Kind,
    /// How it relates to the value before.
    pub change: StoredChange,
    /// Where else the same secret value is stored: `project/environment/NAME`.
    pub same_as: Vec<String>,
    /// Names the state of its head now.
    #[serde(default)]
    pub tag: String,
}

/// How a value relates to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoredChange {
    /// The name is new.
    Added,
    /// A new version.
    Changed,
    /// The same value: no new version.
    Unchanged,
}

/// Which secrets to read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// Every active one of the environment and its parents.
    All,
    /// These, all of which have to be there.
    Names(Vec<SecretName>),
    /// One version of one secret.
    Version(SecretName, Version),
}

/// How values are to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// To a pipe or a terminal.
    Read,
    /// Into the environment of a child.
    Run,
    /// Into a file or a pipe as part of an environment.
    Export,
    /// To the clipboard.
    Copy,
}

/// A value that left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Disclosed {
    /// Its name.
    pub name: SecretName,
    /// The value.
    pub value: Bytes,
    /// Which version.
    pub version: Version,
    /// What it is.
    pub kind: Kind,
    /// Estimated entropy in bits.
    pub bits: u16,
    /// The environment that answered.
    pub environment: EnvironmentName,
    /// Whether `run` hands it over as a private file.
    pub as_file: bool,
    /// The holding that was opened for it.
    pub holding: Option<String>,
    /// Until when its reader may keep it for when he cannot ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline_until: Option<Timestamp>,
}

/// Values that a client gave out of what it had kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfflineUse {
    /// Of which environment.
    pub at: Where,
    /// What for.
    pub purpose: Purpose,
    /// How many values, each as often as it was given out.
    pub count: u64,
    /// The first time, by the client's clock.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

/// A name that can be read, and the version that answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedVersion {
    /// The name.
    pub name: SecretName,
    /// The active version.
    pub version: Version,
}

/// One line of a list: what scripts read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretInfo {
    /// Its name.
    pub name: SecretName,
    /// What it is.
    pub kind: Kind,
    /// Where it lies.
    pub environment: EnvironmentName,
    /// The active version; `None` when it is deleted or destroyed.
    pub version: Option<Version>,
    /// When the active version was written.
    pub created_at: Timestamp,
    /// When the value stops working.
    pub expires_at: Option<Timestamp>,
    /// The service it belongs to.
    pub provider: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What it allows.
    pub access: Option<Access>,
    /// After how many days a new value is due.
    pub rotate_every_days: Option<u32>,
    /// How many values are kept at most; writing one more destroys the oldest.
    #[serde(default)]
    pub max_versions: Option<u32>,
    /// Estimated entropy of the active value in bits.
    pub bits: u16,
    /// Length of the active value in bytes.
    pub size: u32,
    /// Whether `run` hands it over as a private file.
    pub as_file: bool,
    /// Whether the active value was brought from somewhere else, and may be older than `created_at` says.
    #[serde(default)]
    pub age_unknown: bool,
    /// Names the state of its head: different after every change.
    #[serde(default)]
    pub tag: String,
    /// Equal for equal secret values, within this answer alone; `None` for `config` and deleted.
    pub same: Option<String>,
    /// Every version, the newest last.
    pub versions: Vec<VersionInfo>,
}

/// What a list shows of a secret that can be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineInfo {
    /// Its name.
    pub name: SecretName,
    /// What it is.
    pub kind: Kind,
    /// The active version.
    pub version: Version,
    /// When the active version was written.
    pub written: Timestamp,
    /// When the value stops working.
    pub expires_at: Option<Timestamp>,
    /// The service it belongs to.
    pub provider: Option<String>,
}

/// One version of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionInfo {
    /// Its number.
    pub version: Version,
    /// What became of it.
    pub state: VersionState,
    /// When it was written.
    pub created_at: Timestamp,
    /// Who wrote it.
    pub created_by: String,
    /// Names of the version.
    pub labels: Vec<String>,
    /// Length in bytes.
    pub size: u32,
    /// Whether it was brought from somewhere else, and may be older than `created_at` says.
    #[serde(default)]
    pub age_unknown: bool,
}

/// A secret with who has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// What a list says of it.
    #[serde(flatten)]
    pub secret: SecretInfo,
    /// Where else the same value is stored.
    pub same_as: Vec<String>,
    /// Who has versions of it outside keyward.
    pub holdings: Vec<HoldingInfo>,
    /// Who read versions of it.
    pub reads: Vec<ReadsInfo>,
    /// Which virtual keys used which versions yesterday and today, the latest use first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<UseInfo>,
}

/// A virtual key that a version was used by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UseInfo {
    /// Its id.
    pub virtual_key: String,
    /// Its name, for whoever may see the key.
    pub name: Option<String>,
    /// Which version.
    pub version: Version,
    /// Calls.
    pub requests: u64,
    /// The beginning of the last hour in which it was.
    pub last: Timestamp,
}

/// Who has a value outside keyward.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldingInfo {
    /// Who.
    pub principal: String,
    /// Which version.
    pub version: Version,
    /// `read`, `run`, `export`, `target` or `gateway`.
    pub kind: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// How often somebody read a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadsInfo {
    /// Who.
    pub principal: String,
    /// Which version.
    pub version: Version,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
    /// How often.
    pub n: u64,
}

/// A folder's binding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BindingInfo {
    /// Canonical path.
    pub path: String,
    /// Its git origin at that time.
    pub origin: Option<String>,
    /// The project it may have secrets of.
    pub project: ProjectName,
    /// Since when.
    pub created_at: Timestamp,
}

/// One entry of the log, in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLineInfo {
    /// Its place.
    pub index: u64,
    /// When.
    pub time: String,
    /// What.
    pub action: String,
    /// How it ended.
    pub outcome: String,
    /// Who.
    pub principal: String,
    /// `project/environment/NAME`, as far as names are known.
    pub about: Option<String>,
    /// Which version.
    pub version: Option<u64>,
    /// With what program.
    pub agent: Option<String>,
    /// Why, in the actor's words.
    pub reason: Option<String>,
    /// What else was said.
    pub more: std::collections::BTreeMap<String, String>,
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Entries that were read.
    pub entries: u64,
    /// Records that were compared with them.
    pub records: u64,
    /// The signed checkpoint of the state that was verified.
    pub checkpoint: String,
    /// What is wrong, each in one sentence.
    pub faults: Vec<String>,
}

/// What protects a new slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NewSlotInfo {
    /// The text of a key file, which the caller writes.
    KeyFile(Bytes),
    /// The private half, which the caller puts into the keyring.
    Keyring(Bytes),
    /// A passphrase.
    Passphrase(Bytes),
    /// A recovery code, which the caller shows.
    RecoveryCode(Bytes),
    /// A public key of age or SSH.
    Age(String),
    /// Every share, one a line, which the caller shows.
    Shamir(Bytes),
    /// What a key of AWS KMS has wrapped for the caller.
    Kms(keyward_vault::KmsSlot),
}
