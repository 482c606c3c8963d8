use keyward_types::{EnvironmentId, Operation, PrincipalId, ProjectId, Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Object;

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
    /// What it may do.
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
        use Operation::{Administer, List, Match, Read, Sign, Use, Write};
        let operations = vec![Read, Use, Sign, Match, Write, Administer, List];
        let grants = vec![Grant { operations, project: None, environment: None }];
        Self { principal, kind: IdentityKind::Person, name, grants, created_at: now, disabled_at: None }
    }
}

impl Grant {
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
}
