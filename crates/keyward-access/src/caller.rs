use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use cedar_policy::Entity;
use keyward_types::{EnvironmentId, GroupId, Operation, PrincipalId, ProjectId, Timestamp};

use crate::decide::{self, Verdict};
use crate::decided::Decided;
use crate::permit::Cause;
use crate::role::Roles;
use crate::{Bounds, Facts, Grant, Identity, Login, Object, Policies, Protected, Restriction, Role, RoleBinding};

/// Somebody who has been identified, with the rights he has at this moment.
#[derive(Clone, Debug)]
pub struct Caller {
    principal: PrincipalId,
    rights: Rights,
    restriction: Option<Arc<Restriction>>,
    /// From where, as far as that is known: projects may be bound to networks.
    from: Option<IpAddr>,
}

#[derive(Clone, Debug)]
enum Rights {
    /// Rights by ids alone: keyward itself, and whoever opened a slot. Who holds the root key is
    /// not held back by a policy, and nothing here pretends that he were.
    Granted(Vec<Grant>),
    /// Accounts and groups, as an identity provider has them: it gives no role by itself.
    Provisioner,
    /// Roles and policies.
    Member { standing: Arc<Standing>, at: Timestamp },
}

/// A principal's place in the organisation.
#[derive(Debug)]
pub struct Standing {
    /// Who.
    pub principal: PrincipalId,
    /// What he signs in with.
    pub login: Option<Login>,
    /// The groups he is in, with their names.
    pub groups: Vec<(GroupId, Login)>,
    /// The roles that he and his groups have, expired ones too.
    pub bindings: Vec<RoleBinding>,
    /// What roles and one's own policies allow.
    pub policies: Arc<Policies>,
    /// The projects that are for some networks alone.
    bounds: Arc<Bounds>,
    /// The principal as policies see him in some roles, made when it is first needed.
    principals: RwLock<HashMap<Roles, Entity>>,
    /// What was decided about him.
    pub(crate) decided: Decided,
}

/// Work that keyward does by itself, each with the rights it needs and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemTask {
    /// Seals values anew under a new generation of a project's key.
    Rekey,
    /// Tells of what happened before anybody was identified.
    Door,
    /// Opens what alert sinks are signed in to with, to send alerts.
    Alert,
    /// Opens the secret that an identity provider knows us by, to redeem a code.
    Provider,
    /// Looks for secrets that expire.
    Expiry,
    /// Counts who has read what.
    Reads,
    /// Takes away what a review's deadline takes away.
    Review,
    /// Clears away answers that nobody asks for again.
    Requests,
    /// Makes known to the scanner what becomes a secret.
    Match,
    /// Opens the vault on a node for whoever gave enough shares.
    Seal,
    /// Applies secrets to requests of those who hold virtual keys.
    Gateway,
    /// Replaces secrets by their successors, and takes these to where they are needed.
    Rotation,
}

impl SystemTask {
    /// How the log calls it.
    pub fn principal(self) -> PrincipalId {
        PrincipalId::system(match self {
            Self::Rekey => "rekey",
            Self::Door => "door",
            Self::Alert => "alert",
            Self::Provider => "provider",
            Self::Expiry => "expiry",
            Self::Reads => "reads",
            Self::Review => "review",
            Self::Requests => "requests",
            Self::Match => "match",
            Self::Seal => "seal",
            Self::Gateway => "gateway",
            Self::Rotation => "rotation",
        })
    }
}

impl Caller {
    /// The caller behind an identity record that carries its rights. A disabled identity may do
    /// nothing; its denials are recorded like any other.
    pub fn identified(identity: &Identity) -> Self {
        let grants = if identity.disabled_at.is_some() { Vec::new() } else { identity.grants.clone() };
        Self { principal: identity.principal.clone(), rights: Rights::Granted(grants), restriction: None, from: None }
    }

    /// Whoever opened a slot of the vault, in the name of the owner whose record this is: every
    /// right, by ids alone.
    pub fn opener(owner: &Identity) -> Self {
        let everything = Grant { operations: Operation::ALL.to_vec(), project: None, environment: None };
        Self::identified(&Identity { grants: vec![everything], ..owner.clone() })
    }

    /// A member of the organisation, as his roles and the policies stand at this moment.
    pub fn member(standing: Arc<Standing>, at: Timestamp) -> Self {
        let principal = standing.principal.clone();
        Self { principal, rights: Rights::Member { standing, at }, restriction: None, from: None }
    }

    /// The same, from there. Who is not known to come from anywhere is in no network.
    #[must_use]
    pub fn coming_from(mut self, address: Option<IpAddr>) -> Self {
        self.from = address;
        self
    }

    /// From where he comes, as far as that is known.
    pub fn address(&self) -> Option<IpAddr> {
        self.from
    }

    /// Whether lists of networks hold him: not who holds the root key, who is on no network, nor
    /// keyward at its own work.
    pub fn is_bound_to_networks(&self) -> bool {
        matches!(self.rights, Rights::Member { .. })
    }

    /// A program that keeps accounts and groups as an identity provider has them. That its token
    /// changes nothing is all that is left of what narrows it.
    pub fn provisioner(principal: PrincipalId, by: &Restriction) -> Self {
        let restriction = Restriction { token: by.token.clone(), scopes: Vec::new(), read_only: by.read_only };
        Self { principal, rights: Rights::Provisioner, restriction: Some(Arc::new(restriction)), from: None }
    }

    /// Whether he keeps accounts and groups, and may do nothing else.
    pub fn provisions(&self) -> bool {
        matches!(self.rights, Rights::Provisioner)
    }

    /// The same with less.
    #[must_use]
    pub fn restricted(mut self, restriction: Restriction) -> Self {
        self.restriction = Some(Arc::new(restriction));
        self
    }

    /// keyward itself, at one task.
    pub fn system(task: SystemTask) -> Self {
        let operations = match task {
            SystemTask::Rekey | SystemTask::Match => vec![Operation::Use],
            SystemTask::Door | SystemTask::Reads | SystemTask::Requests | SystemTask::Seal => vec![],
            SystemTask::Alert | SystemTask::Provider | SystemTask::Gateway => vec![Operation::Use],
            SystemTask::Expiry => vec![Operation::List],
            SystemTask::Rotation => vec![Operation::List, Operation::Read, Operation::Use, Operation::Write],
            SystemTask::Review => vec![Operation::List, Operation::Administer],
        };
        let grants = vec![Grant { operations, project: None, environment: None }];
        Self { principal: task.principal(), rights: Rights::Granted(grants), restriction: None, from: None }
    }

    /// Who it is.
    pub fn principal(&self) -> &PrincipalId {
        &self.principal
    }

    /// Whether it is whoever opened a slot of the vault, who can have all of it anyway.
    pub fn is_opener(&self) -> bool {
        let everything = matches!(&self.rights, Rights::Granted(grants) if grants.iter().any(Grant::is_everything));
        everything && self.restriction.is_none()
    }

    /// What narrows his rights, if he came with a token.
    pub fn restriction(&self) -> Option<&Restriction> {
        self.restriction.as_deref()
    }

    /// Whether he may list some secrets of an environment and not others, so that each has to be
    /// asked about.
    pub fn tells_secrets_apart(&self) -> bool {
        let by_policy = match &self.rights {
            Rights::Granted(_) | Rights::Provisioner => false,
            Rights::Member { standing, .. } => standing.policies.lists_vary(),
        };
        by_policy || self.restriction.as_ref().is_some_and(|restriction| restriction.tells_secrets_apart())
    }

    /// Whether the caller could give this role away there: nobody gives what he does not have, and
    /// owners alone make owners. No right by itself; that takes a permit.
    pub fn gives(&self, role: Role, project: Option<ProjectId>, environment: Option<EnvironmentId>) -> bool {
        match &self.rights {
            _ if self.restriction.as_ref().is_some_and(|restriction| restriction.narrows()) => false,
            Rights::Granted(grants) => role != Role::Emergency && grants.iter().any(Grant::is_everything),
            Rights::Provisioner => false,
            Rights::Member { standing, at } => standing
                .bindings
                .iter()
                .any(|mine| mine.lasts(*at) && mine.role.gives(role) && mine.includes(project, environment)),
        }
    }

    /// Whether he has this role in the whole vault.
    pub fn has_everywhere(&self, role: Role) -> bool {
        match &self.rights {
            Rights::Granted(grants) => grants.iter().any(Grant::is_everything),
            Rights::Provisioner => false,
            Rights::Member { standing, at } => {
                standing.bindings.iter().any(|mine| mine.lasts(*at) && mine.role == role && mine.includes(None, None))
            }
        }
    }

    /// Whether he works with values in a part of this project, by a role, and came in person.
    pub fn works_in(&self, project: ProjectId) -> bool {
        let works = |role| matches!(role, Role::Owner | Role::Admin | Role::Developer | Role::Operator);
        match &self.rights {
            _ if self.restriction.as_ref().is_some_and(|restriction| restriction.narrows()) => false,
            Rights::Granted(grants) => grants.iter().any(Grant::is_everything),
            Rights::Provisioner => false,
            Rights::Member { standing, at } => standing
                .bindings
                .iter()
                .any(|mine| mine.lasts(*at) && works(mine.role) && mine.project.is_none_or(|mine| mine == project)),
        }
    }

    /// Whether he may: by his rights, and then by where he comes from. Who has no right is not told
    /// that it would not be from here either.
    pub(crate) fn judge(&self, operation: Operation, object: &Object, facts: &Facts<'_>) -> Result<(), Cause> {
        if !self.may(operation, object, facts) {
            return Err(Cause::Rights);
        }
        if self.is_admitted(object) { Ok(()) } else { Err(Cause::Network(Box::new(self.from))) }
    }

    /// Whether he comes from where this may be used from. No right by itself: for who has one to all of
    /// the vault, and takes a part of it.
    pub fn is_admitted(&self, object: &Object) -> bool {
        match &self.rights {
            Rights::Member { standing, .. } => standing.bounds.admit(object, self.from),
            _ => true,
        }
    }

    fn may(&self, operation: Operation, object: &Object, facts: &Facts<'_>) -> bool {
        if self.restriction.as_ref().is_some_and(|restriction| !restriction.allows(operation, object, facts)) {
            return false;
        }
        match &self.rights {
            Rights::Granted(grants) => grants.iter().any(|grant| grant.covers(operation, object)),
            Rights::Provisioner => {
                matches!(operation, Operation::List | Operation::Administer) && matches!(object, Object::Vault(_))
            }
            Rights::Member { standing, at } => standing.decide(standing.roles(object, *at), operation, object, facts),
        }
    }

    /// What the policies say to an operation, and which of them; `None` for who is not under them.
    /// Asking decides nothing, and comes from nowhere: networks of projects are left out.
    pub fn explain(&self, operation: Operation, about: &impl Protected) -> Option<Verdict> {
        let (object, facts) = (about.object(), about.facts());
        let Rights::Member { standing, at } = &self.rights else { return None };
        let verdict = decide::explain(standing, standing.roles(&object, *at), operation, &object, &facts);
        let left = self.restriction.as_ref().is_none_or(|narrow| narrow.allows(operation, &object, &facts));
        Some(Verdict { allowed: verdict.allowed && left, ..verdict })
    }
}

impl Standing {
    /// Where somebody stands: his groups, and the roles that he and they have.
    pub fn new(
        principal: PrincipalId,
        login: Option<Login>,
        groups: Vec<(GroupId, Login)>,
        bindings: Vec<RoleBinding>,
        policies: Arc<Policies>,
    ) -> Self {
        Self {
            principal,
            login,
            groups,
            bindings,
            policies,
            bounds: Arc::default(),
            principals: RwLock::default(),
            decided: Decided::default(),
        }
    }

    /// The same where these projects are for some networks alone.
    #[must_use]
    pub fn within(mut self, bounds: Arc<Bounds>) -> Self {
        self.bounds = bounds;
        self
    }

    /// The principal in these roles; `make` makes him the first time.
    pub(crate) fn entity(&self, roles: Roles, make: impl FnOnce() -> Option<Entity>) -> Option<Entity> {
        let principals = self.principals.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(entity) = principals.get(&roles) {
            return Some(entity.clone());
        }
        drop(principals);
        let entity = make()?;
        self.principals.write().unwrap_or_else(PoisonError::into_inner).insert(roles, entity.clone());
        Some(entity)
    }

    /// The roles that count for an object.
    fn roles(&self, object: &Object, at: Timestamp) -> Roles {
        let counting = self.bindings.iter().filter(|binding| binding.lasts(at) && binding.covers(object));
        counting.fold(Roles::default(), |roles, binding| roles.with(binding.role))
    }
}
