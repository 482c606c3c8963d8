//! What calls about people, roles, policies and tokens take and give.

use keyward_access::{Login, Role};
use keyward_types::{EnvironmentName, Operation, ProjectName, SecretName, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::Bytes;

/// A person or a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountInfo {
    /// Its id, by which the log knows it.
    pub principal: String,
    /// `person` or `service`.
    pub kind: String,
    /// What it signs in with.
    pub login: Option<Login>,
    /// What people call it.
    pub name: String,
    /// Who answers for a program.
    pub owner: Option<String>,
    /// Since when it exists.
    pub created_at: Timestamp,
    /// Since when it may do nothing any more.
    pub disabled_at: Option<Timestamp>,
    /// How many passkeys sign it in.
    #[serde(default)]
    pub passkeys: u64,
}

/// A link by which a person chooses a password, as it is given to that person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MadeInvite {
    /// What the link holds: a one-time token.
    pub text: Bytes,
    /// For whom it is.
    pub login: Login,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether it takes the authenticator away too.
    pub without_second_factor: bool,
}

impl MadeInvite {
    /// The link at a server's address. What it holds stands behind `#`, which browsers send to nobody.
    pub fn at(&self, server: &str) -> Zeroizing<String> {
        Zeroizing::new(format!("{server}/#link={}", String::from_utf8_lossy(self.text.expose())))
    }
}

/// A group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupInfo {
    /// What it is called.
    pub name: Login,
    /// Who is in it, by login.
    pub members: Vec<String>,
    /// Since when it exists.
    pub created_at: Timestamp,
}

/// Who has a role where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleBindingInfo {
    /// Names it.
    pub id: String,
    /// The account that has it.
    pub account: Option<String>,
    /// The group that has it.
    pub group: Option<String>,
    /// What.
    pub role: Role,
    /// In which project; `None`: in all.
    pub project: Option<ProjectName>,
    /// In which environment; `None`: in all of the project.
    pub environment: Option<EnvironmentName>,
    /// From when on it gives nothing any more.
    pub until: Option<Timestamp>,
    /// Who gave it.
    pub granted_by: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// A role that is to be given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrantInfo {
    /// To an account or to a group.
    pub to: Grantee,
    /// What.
    pub role: Role,
    /// In which project; `None`: in all.
    #[serde(default)]
    pub project: Option<ProjectName>,
    /// In which environment; `None`: in all of the project.
    #[serde(default)]
    pub environment: Option<EnvironmentName>,
    /// From when on it gives nothing any more.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

/// Who is given a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grantee {
    /// The account of this login.
    Account(Login),
    /// The group of this name.
    Group(Login),
}

/// One's own policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyInfo {
    /// What it is called.
    pub name: Login,
    /// Cedar.
    pub text: String,
    /// Whether it counts.
    pub enabled: bool,
    /// Since when it reads like this.
    pub changed_at: Timestamp,
    /// Who wrote it.
    pub changed_by: String,
}

/// What the policies are asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuestionInfo {
    /// Who would do it.
    pub account: Login,
    /// What.
    pub operation: Operation,
    /// In which project; `None`: to the vault itself.
    #[serde(default)]
    pub project: Option<ProjectName>,
    /// In which environment.
    #[serde(default)]
    pub environment: Option<EnvironmentName>,
    /// With which secret, which need not exist.
    #[serde(default)]
    pub secret: Option<SecretName>,
    /// As if this policy were there already.
    #[serde(default)]
    pub draft: Option<DraftInfo>,
}

/// A policy that is not written yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DraftInfo {
    /// What it would be called; one of this name counts no more then.
    pub name: Login,
    /// Cedar.
    pub text: String,
}

/// What the policies say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictInfo {
    /// Whether it is allowed.
    pub allowed: bool,
    /// What decided; nothing when nothing permits it.
    pub deciding: Vec<DecidingInfo>,
    /// The roles that counted.
    pub roles: Vec<Role>,
}

/// A policy that decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecidingInfo {
    /// Its name.
    pub name: String,
    /// Whether it is one of the roles' policies.
    pub of_role: bool,
    /// Whether it forbids.
    pub forbids: bool,
}

/// A token that is to be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewTokenInfo {
    /// What its maker calls it.
    #[serde(default)]
    pub name: String,
    /// The account whose rights it has a part of; `None`: one's own.
    #[serde(default)]
    pub account: Option<Login>,
    /// Which part, for example `read:shop/development/*`; empty: all.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whether it changes nothing.
    #[serde(default)]
    pub read_only: bool,
    /// From where it may be used (CIDR); empty: from everywhere.
    #[serde(default)]
    pub networks: Vec<String>,
    /// How often it may be used.
    #[serde(default)]
    pub uses: Option<u64>,
    /// From when on it is dead.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// A token, without its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// Its public id.
    pub id: String,
    /// What its maker calls it.
    pub name: String,
    /// The account whose rights it has a part of.
    pub account: String,
    /// `live`, `expired`, `revoked` or `used-up`.
    pub state: String,
    /// Which part.
    pub scopes: Vec<String>,
    /// Whether it changes nothing.
    pub read_only: bool,
    /// From where it may be used.
    pub networks: Vec<String>,
    /// How often it may still be used.
    pub uses_left: Option<u64>,
    /// From when on it is dead.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it was last used, to the hour.
    pub last_used: Option<Timestamp>,
}

/// A token that was just made: its text is shown this once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MadeToken {
    /// The text.
    pub text: Bytes,
    /// What it is.
    pub token: TokenInfo,
}

/// What is asked for, or taken in an emergency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ElevationAsk {
    /// For what; an emergency gives what it gives.
    #[serde(default)]
    pub role: Option<Role>,
    /// In which project; `None`: in all.
    #[serde(default)]
    pub project: Option<ProjectName>,
    /// In which environment; `None`: in all of the project.
    #[serde(default)]
    pub environment: Option<EnvironmentName>,
    /// For how long.
    pub seconds: u32,
    /// Why.
    pub reason: String,
}

/// A request for more rights, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ElevationInfo {
    /// Names it.
    pub id: String,
    /// Who asked.
    pub account: String,
    /// For what.
    pub role: Role,
    /// In which project; `None`: in all.
    pub project: Option<ProjectName>,
    /// In which environment; `None`: in all of the project.
    pub environment: Option<EnvironmentName>,
    /// For how long.
    pub seconds: u32,
    /// Why.
    pub reason: String,
    /// `open`, `approved`, `denied`, `broken-glass`, or `lapsed` when nobody decided.
    pub state: String,
    /// When.
    pub created_at: Timestamp,
    /// Who decided.
    pub decided_by: Option<String>,
    /// Until when the rights last.
    pub until: Option<Timestamp>,
}
