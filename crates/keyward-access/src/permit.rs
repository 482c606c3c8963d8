use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;

use keyward_types::{Action, EnvironmentId, Operation, Place, PrincipalId, ProjectId, VaultId, Version};
use thiserror::Error;

use crate::{Caller, Protected};

/// What a permit is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    /// The vault as a whole.
    Vault(VaultId),
    /// A project, or a new name in it.
    Project(VaultId, ProjectId),
    /// An environment, or a new name in it.
    Environment(VaultId, ProjectId, EnvironmentId),
    /// A secret that exists, and one version of it or none in particular.
    Secret(Place, Option<Version>),
    /// What belongs to one principal's account: tokens.
    Account(VaultId),
}

/// The right to do `A` to one object, given by [`authorize`]. Private fields, no `Clone`: it
/// cannot be made elsewhere and serves once.
#[derive(Debug)]
pub struct Permit<A: Action> {
    principal: PrincipalId,
    object: Object,
    action: PhantomData<fn() -> A>,
}

/// The policy says no. Who may not `list` gets the same answer for what does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Denial {
    /// Who asked.
    pub principal: PrincipalId,
    /// For what.
    pub operation: Operation,
    /// About what.
    pub object: Object,
    /// Why not.
    pub cause: Cause,
}

/// What keeps a caller from something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// He has no right to it.
    Rights,
    /// He has it, and the project is for other networks than the one he comes from. Boxed, as every
    /// check hands one back.
    Network(Box<Option<IpAddr>>),
}

/// Turns a caller, an action and what it is about into a permit.
///
/// # Errors
/// A [`Denial`], which the caller has to record.
pub fn authorize<A: Action>(caller: &Caller, about: &impl Protected) -> Result<Permit<A>, Denial> {
    let (principal, object) = (caller.principal().clone(), about.object());
    match caller.judge(A::OPERATION, &object, &about.facts()) {
        Ok(()) => Ok(Permit { principal, object, action: PhantomData }),
        Err(cause) => Err(Denial { principal, operation: A::OPERATION, object, cause }),
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cause::Network(from) = &self.cause else {
            return write!(f, "`{}` may not {:?} this", self.principal, self.operation);
        };
        f.write_str("this project may be used from its own networks alone, and ")?;
        match **from {
            Some(from) => write!(f, "`{from}` is in none of them"),
            None => f.write_str("this connection is from no network"),
        }
    }
}

impl<A: Action> Permit<A> {
    /// Who may.
    pub fn principal(&self) -> &PrincipalId {
        &self.principal
    }

    /// What it is about.
    pub fn object(&self) -> &Object {
        &self.object
    }
}

impl Object {
    /// The vault it belongs to.
    pub fn vault(&self) -> VaultId {
        match self {
            Self::Vault(vault) | Self::Account(vault) => *vault,
            Self::Project(vault, _) | Self::Environment(vault, ..) => *vault,
            Self::Secret(place, _) => place.vault,
        }
    }

    /// The project it belongs to.
    pub fn project(&self) -> Option<ProjectId> {
        match self {
            Self::Vault(_) | Self::Account(_) => None,
            Self::Project(_, project) | Self::Environment(_, project, _) => Some(*project),
            Self::Secret(place, _) => Some(place.project),
        }
    }

    /// The environment it belongs to.
    pub fn environment(&self) -> Option<EnvironmentId> {
        match self {
            Self::Vault(_) | Self::Account(_) | Self::Project(..) => None,
            Self::Environment(_, _, environment) => Some(*environment),
            Self::Secret(place, _) => Some(place.environment),
        }
    }
}

#[cfg(test)]
mod tests {
    use keyward_types::{Read, Timestamp, Write};

    use super::*;
    use crate::{Grant, Identity, SystemTask};

    fn vault() -> VaultId {
        VaultId::from_bytes([1; 16])
    }

    fn environment(project: u8, environment: u8) -> Object {
        Object::Environment(vault(), ProjectId::from_bytes([project; 16]), EnvironmentId::from_bytes([environment; 16]))
    }

    fn identity() -> Identity {
        Identity::owner("user:a".parse().unwrap(), "A".into(), Timestamp(0))
    }

    #[test]
    fn the_owner_may_and_a_disabled_owner_may_not() {
        let mut owner = identity();
        assert!(authorize::<Write>(&Caller::identified(&owner), &Object::Vault(vault())).is_ok());
        owner.disabled_at = Some(Timestamp(1));
        assert!(authorize::<Write>(&Caller::identified(&owner), &Object::Vault(vault())).is_err());
    }

    #[test]
    fn a_grant_ends_at_its_scope_and_its_operations() {
        let mut reader = identity();
        reader.grants = vec![Grant {
            operations: vec![Operation::Read],
            project: Some(ProjectId::from_bytes([1; 16])),
            environment: Some(EnvironmentId::from_bytes([2; 16])),
        }];
        let caller = Caller::identified(&reader);
        assert!(authorize::<Read>(&caller, &environment(1, 2)).is_ok());
        assert!(authorize::<Write>(&caller, &environment(1, 2)).is_err());
        assert!(authorize::<Read>(&caller, &environment(1, 3)).is_err());
        assert!(authorize::<Read>(&caller, &environment(9, 2)).is_err());
        assert!(authorize::<Read>(&caller, &Object::Vault(vault())).is_err());
    }

    #[test]
    fn system_work_cannot_disclose() {
        let caller = Caller::system(SystemTask::Rekey);
        assert!(authorize::<keyward_types::Use>(&caller, &environment(1, 1)).is_ok());
        assert!(authorize::<Read>(&caller, &environment(1, 1)).is_err());
    }
}
