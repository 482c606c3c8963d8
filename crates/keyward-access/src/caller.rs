use keyward_types::{Operation, PrincipalId};

use crate::{Grant, Identity, Object};

/// Somebody who has been identified, with the rights he has at this moment.
#[derive(Clone, Debug)]
pub struct Caller {
    principal: PrincipalId,
    grants: Vec<Grant>,
}

/// Work that keyward does by itself, each with the rights it needs and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemTask {
    /// Seals values anew under a new generation of a project's key.
    Rekey,
}

impl Caller {
    /// The caller behind an identity record. A disabled identity may do nothing; its denials are
    /// recorded like any other.
    pub fn identified(identity: &Identity) -> Self {
        let grants = if identity.disabled_at.is_some() { Vec::new() } else { identity.grants.clone() };
        Self { principal: identity.principal.clone(), grants }
    }

    /// keyward itself, at one task.
    pub fn system(task: SystemTask) -> Self {
        let (name, operations) = match task {
            SystemTask::Rekey => ("rekey", vec![Operation::Use]),
        };
        let grants = vec![Grant { operations, project: None, environment: None }];
        Self { principal: PrincipalId::system(name), grants }
    }

    /// Who it is.
    pub fn principal(&self) -> &PrincipalId {
        &self.principal
    }

    pub(crate) fn may(&self, operation: Operation, object: &Object) -> bool {
        self.grants.iter().any(|grant| grant.covers(operation, object))
    }
}
