use std::fmt;
use std::str::FromStr;

use keyward_types::{BindingId, EnvironmentId, GroupId, PrincipalId, ProjectId, Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Object;

/// A role: what it allows stands in `data/roles.cedar`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything, and making others owners.
    Owner,
    /// Everything but making owners.
    Admin,
    /// Reads and writes development, reads staging, sees the names of production.
    Developer,
    /// Applies and replaces values without seeing them.
    Operator,
    /// Sees everything but values, and the log.
    Auditor,
    /// Reads and recognises values where it is bound.
    Ci,
    /// What breaking the glass gives; it cannot be granted.
    Emergency,
}

/// Who has a role where, and until when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleBinding {
    /// Names it for ever.
    pub id: BindingId,
    /// Who.
    pub subject: Subject,
    /// What.
    pub role: Role,
    /// In which project; `None`: in all, and on the vault itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// In which environment; `None`: in all of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentId>,
    /// From when on it gives nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Who gave it.
    pub granted_by: PrincipalId,
    /// Since when.
    pub created_at: Timestamp,
}

/// A principal or a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// One person or program.
    Principal(PrincipalId),
    /// Whoever is in the group.
    Group(GroupId),
}

impl Role {
    /// Every role that can be granted, the widest first.
    pub const GRANTABLE: [Self; 6] =
        [Self::Owner, Self::Admin, Self::Developer, Self::Operator, Self::Auditor, Self::Ci];

    /// The name in policies, on the command line and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Ci => "ci",
            Self::Emergency => "emergency",
        }
    }

    /// Whether whoever has this role may give the other one away in the same place.
    pub fn gives(self, other: Self) -> bool {
        match self {
            Self::Owner => other != Self::Emergency,
            Self::Admin => !matches!(other, Self::Owner | Self::Emergency),
            same => same == other && other != Self::Emergency,
        }
    }
}

/// A set of roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Roles(u8);

impl Roles {
    pub(crate) fn with(self, role: Role) -> Self {
        Self(self.0 | 1 << role as u8)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Role> {
        let all = Role::GRANTABLE.into_iter().chain([Role::Emergency]);
        all.filter(move |role| self.0 & 1 << *role as u8 != 0)
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            let shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
            format!("`{shown}` is not a role: use owner, admin, developer, operator, auditor or ci")
        };
        Self::GRANTABLE.into_iter().find(|role| role.as_str() == text).ok_or_else(unknown)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl RoleBinding {
    /// Whether it gives its role at this moment.
    pub fn lasts(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Whether it gives its role for this object.
    pub fn covers(&self, object: &Object) -> bool {
        self.project.is_none_or(|project| object.project() == Some(project))
            && self.environment.is_none_or(|environment| object.environment() == Some(environment))
    }

    /// Whether all that the other one covers is covered by this one.
    pub fn includes(&self, project: Option<ProjectId>, environment: Option<EnvironmentId>) -> bool {
        self.project.is_none_or(|mine| project == Some(mine))
            && self.environment.is_none_or(|mine| environment == Some(mine))
    }
}

impl Subject {
    /// The value of the index by which bindings are found.
    pub fn index(&self) -> Vec<u8> {
        match self {
            Self::Principal(principal) => principal.as_str().as_bytes().to_vec(),
            Self::Group(group) => format!("group:{group}").into_bytes(),
        }
    }
}

impl Record for RoleBinding {
    const COLLECTION: &'static str = "role-binding";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }

    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        let project = self.project.map(|project| ("project", project.as_bytes().to_vec()));
        std::iter::once(("subject", self.subject.index())).chain(project).collect()
    }
}
