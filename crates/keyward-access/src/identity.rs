use keyward_types::{EnvironmentId, Operation, PrincipalId, ProjectId, Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Login, Object};

/// Somebody who can act, as the store keeps it. The name is personal data and stands here, never
/// in the public part of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The id by which the log knows it.
    pub principal: PrincipalId,
    /// A person or a program.
    pub kind: IdentityKind,
    /// What people call it.
    pub name: String,
    /// What it signs in with, unique among people and programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
    /// Who answers for a program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PrincipalId>,
    /// What it may do by ids alone: everything, for who made the vault and opens it. All others
    /// have roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    /// Since when it exists.
    pub created_at: Timestamp,
    /// Since when it may do nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Timestamp>,
}

/// Sorts of identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityKind {
    /// A human being.
    Person,
    /// A program, which outlives the person who set it up.
    Service,
}

/// One right: some operations on a part of the vault. Scopes are ids, so that no name can be made
/// to match a pattern it should not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// What may be done.
    pub operations: Vec<Operation>,
    /// In which project; `None`: in all, and on the vault itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// In which environment; `None`: in all of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentId>,
}

impl Identity {
    /// The owner of a vault, who may do everything in it.
    pub fn owner(principal: PrincipalId, name: String, now: Timestamp) -> Self {
        let grants = vec![Grant { operations: Operation::ALL.to_vec(), project: None, environment: None }];
        let login = Some(Login::near(&name));
        Self { login, grants, ..Self::new(principal, IdentityKind::Person, name, now) }
    }

    /// Somebody without rights.
    pub fn new(principal: PrincipalId, kind: IdentityKind, name: String, now: Timestamp) -> Self {
        let (login, owner) = (None, None);
        Self { principal, kind, name, login, owner, grants: Vec::new(), created_at: now, disabled_at: None }
    }

    /// Whether it can act.
    pub fn is_enabled(&self) -> bool {
        self.disabled_at.is_none()
    }
}

impl Grant {
    /// Whether nothing is left out.
    pub(crate) fn is_everything(&self) -> bool {
        self.project.is_none()
            && self.environment.is_none()
            && Operation::ALL.iter().all(|operation| self.operations.contains(operation))
    }

    pub(crate) fn covers(&self, operation: Operation, object: &Object) -> bool {
        self.operations.contains(&operation)
            && self.project.is_none_or(|project| object.project() == Some(project))
            && self.environment.is_none_or(|environment| object.environment() == Some(environment))
    }
}

impl Record for Identity {
    const COLLECTION: &'static str = "identity";

    fn key(&self) -> Vec<u8> {
        self.principal.as_str().as_bytes().to_vec()
    }

    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        let login = self.login.as_ref().map(|login| ("login", login.as_str().as_bytes().to_vec()));
        let owner = self.owner.as_ref().map(|owner| ("owner", owner.as_str().as_bytes().to_vec()));
        login.into_iter().chain(owner).collect()
    }
}
