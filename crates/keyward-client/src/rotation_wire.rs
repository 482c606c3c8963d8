//! What calls about rotations, targets and due times take and give.

use std::collections::BTreeMap;

use keyward_access::Login;
use keyward_types::{SecretName, Timestamp, Version};
use serde::{Deserialize, Serialize};

pub use keyward_lifecycle::calendar::{Due, Entry as DueEntry, UNKNOWN_AGE_DAYS, default_days, feed as calendar_feed};
pub use keyward_lifecycle::rotation::Wish;
pub use keyward_sync::{
    Proof as TargetProof, Restart as TargetRestart, Settings as TargetSettings, Workload as TargetWorkload,
};

/// How a successor is asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RotateAsk {
    /// keyward makes the value itself, in this form (a profile of `keyward generate`): only one's own
    /// programs know it. It is remembered. `None`: as it was made before, or as its kind says.
    #[serde(default)]
    pub generate: Option<String>,
    /// PostgreSQL, by two roles that stand in for each other. It is remembered.
    #[serde(default)]
    pub postgres: Option<PostgresAsk>,
    /// By the service whose key it is. It is remembered.
    #[serde(default)]
    pub service: Option<ServiceAsk>,
    /// The old value ends as soon as its successor is everywhere, whoever holds it.
    #[serde(default)]
    pub emergency: bool,
    /// Nothing succeeds it: the key is stopped where that can be taken back, and ended.
    #[serde(default)]
    pub revoke: bool,
    /// The version that is revoked; `None`: the active one.
    #[serde(default)]
    pub version: Option<Version>,
    /// The successor may only what the secret was seen in use for.
    #[serde(default)]
    pub narrow: bool,
}

/// Which keys of a service, and what manages them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceAsk {
    /// Parts of the account: `project`, `user`; `key`: the service's id of the key that is replaced,
    /// where the service does not tell it by the value. That one is not remembered.
    pub account: BTreeMap<String, String>,
    /// The secret of the same environment that manages the service's keys.
    pub admin: Option<SecretName>,
}

/// Parts of an account as one text: `project=shop;user=deploy`.
///
/// # Errors
/// When a part has no `=`, or stands twice.
pub fn account_parts(text: &str) -> crate::Result<BTreeMap<String, String>> {
    let mut parts = BTreeMap::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| crate::Failure::usage("parts of an account are `NAME=VALUE`, with `;` between them"))?;
        if parts.insert(name.trim().to_owned(), value.trim().to_owned()).is_some() {
            return Err(crate::Failure::usage(format!("the part `{}` stands twice", name.trim())));
        }
    }
    Ok(parts)
}

/// Two roles of a PostgreSQL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PostgresAsk {
    /// Their names; the current value is of one of them.
    pub roles: [String; 2],
    /// The secret of the same environment that holds the administrator's connection URL.
    pub admin: SecretName,
}

/// What may be done with a leaked key of a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KillFirstInfo {
    /// The secret.
    pub name: SecretName,
    /// Whether an emergency ends the key before its successor is there.
    pub kill_first: bool,
    /// Who said so, by id; `None`: nobody.
    pub set_by: Option<String>,
    /// When.
    pub set_at: Option<Timestamp>,
}

/// What a rotation would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RotationPreview {
    /// The secret.
    pub name: SecretName,
    /// The version that is replaced.
    pub version: Version,
    /// How old and new overlap: `many-keys`, `two-slots`, `grace-roll`, `in-place`, `keyring`, `console`.
    pub overlap: String,
    /// Every step, in order; calls to a provider with method and address, and `<value>` for each value.
    pub steps: Vec<String>,
    /// What somebody should know before.
    pub warnings: Vec<String>,
    /// Who has the value outside keyward at this moment.
    pub holders: Vec<String>,
    /// Whether the old key ends before its successor is there: an emergency, and somebody allowed it.
    pub kill_first: bool,
    /// Who used the secret in the last 24 hours, whichever version: who, how, how often, when last.
    pub users: Vec<String>,
    /// What the successor will be allowed and what was seen, where it is to be narrower.
    #[serde(default)]
    pub narrowed: Vec<String>,
}

/// A rotation, as far as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RotationInfo {
    /// Names it for ever.
    pub id: String,
    /// The secret.
    pub name: SecretName,
    /// Where it is, in a word: `planned` … `done`, `rolled-back`, `needs-a-person`.
    pub state: String,
    /// What has been reached, also where it waits for a person.
    pub phase: String,
    /// What is being done.
    pub doing: Option<String>,
    /// Why it does not go on by itself.
    pub why: Option<String>,
    /// What a person can safely do now: `resume`, `approve`, `abort`, `bring`.
    pub actions: Vec<Wish>,
    /// The version that is replaced.
    pub old: Version,
    /// Its successor.
    pub new: Option<Version>,
    /// Where the value goes.
    pub targets: Vec<RotationTarget>,
    /// Who needs the old value still, as far as it is known.
    pub holders: Vec<String>,
    /// Whether it was asked for as an emergency.
    pub emergency: bool,
    /// Whether nothing succeeds the value.
    pub revokes: bool,
    /// Whether it has ended.
    pub over: bool,
    /// When it goes on by itself.
    pub due: Option<Timestamp>,
    /// Since when.
    pub begun_at: Timestamp,
    /// Who asked for it.
    pub begun_by: String,
    /// When it went its last step.
    pub written_at: Timestamp,
}

/// How far a target of a rotation is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RotationTarget {
    /// What it is called.
    pub name: String,
    /// `unchecked`, `ready`, `sent`, `confirmed`, `rechecked`, `given-up`, `recalled`, `restored`.
    pub state: String,
    /// Why it failed the last time.
    pub fault: Option<String>,
}

/// A place that a secret's values go to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetInfo {
    /// What it is called.
    pub name: Login,
    /// The secret.
    pub secret: SecretName,
    /// `env-file`, `command`, `webhook`, `vault-kv`, `kubernetes`, `github-actions`, `aws-sm`, `aws-ssm`,
    /// `azure-kv` or `gcp-sm`.
    pub kind: String,
    /// Where it is, and under which name the value lies there.
    pub address: String,
    /// The secret that it is signed in to with.
    pub credential: Option<SecretName>,
    /// What has to be seen before it counts as having a value: `accepted`, `read-back`, `restarted` or
    /// `in-use`.
    pub proof: String,
    /// Whether the old value lives until this place has the new one.
    pub required: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Who added it.
    pub created_by: String,
}

/// A target that is to be added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewTargetInfo {
    /// What it is called.
    pub name: Login,
    /// Of which secrets: each has it.
    pub secrets: Vec<SecretName>,
    /// How it is reached.
    pub settings: TargetSettings,
    /// The secret of the same environment that it is signed in to with.
    #[serde(default)]
    pub credential: Option<SecretName>,
    /// What has to be seen before it counts as having a value; `None`: all that it can prove by itself.
    #[serde(default)]
    pub proof: Option<TargetProof>,
    /// Whether the old value lives until this place has the new one.
    pub required: bool,
}

/// Whether a target has what it should have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftInfo {
    /// The target.
    pub target: TargetInfo,
    /// `same`, `differs`, `unknown` where it does not say, `unreachable`.
    pub state: String,
    /// In words.
    pub why: Option<String>,
}
