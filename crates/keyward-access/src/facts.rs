use keyward_types::{EnvironmentName, Head, Kind, PrincipalId, ProjectName, SecretName};

use crate::Object;

/// Something whose head can be shown to the policy before anything of it is opened.
pub trait Protected {
    /// What a permit for it has to name.
    fn object(&self) -> Object;

    /// What policies say about it.
    fn facts(&self) -> Facts<'_>;
}

/// Names and metadata, as far as the thing has them. Policies compare them as they stand; what a
/// policy needs and is not there denies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// The project's name.
    pub project: Option<&'a ProjectName>,
    /// The environment's name.
    pub environment: Option<&'a EnvironmentName>,
    /// The secret, which may be one that is to be made.
    pub secret: Option<SecretFacts<'a>>,
    /// Whose account it is.
    pub account: Option<AccountFacts<'a>>,
}

/// A thing by its ids and its names.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// What a permit names.
    pub object: Object,
    /// What policies speak of.
    pub facts: Facts<'a>,
}

/// What policies may say of a secret.
#[derive(Clone, Copy, Debug)]
pub struct SecretFacts<'a> {
    /// Its name.
    pub name: &'a SecretName,
    /// What it is; `None` for a name that has no value yet.
    pub kind: Option<Kind>,
    /// Words to find it by.
    pub tags: &'a [String],
}

/// Whose account it is.
#[derive(Clone, Copy, Debug)]
pub struct AccountFacts<'a> {
    /// Whose.
    pub principal: &'a PrincipalId,
    /// Who answers for it, if it is a service's.
    pub owner: Option<&'a PrincipalId>,
}

impl<'a> Facts<'a> {
    /// Of something in a project.
    pub fn project(name: &'a ProjectName) -> Self {
        Self { project: Some(name), ..Self::default() }
    }

    /// Of an environment.
    pub fn environment(project: &'a ProjectName, name: &'a EnvironmentName) -> Self {
        Self { environment: Some(name), ..Self::project(project) }
    }

    /// Of a secret.
    pub fn secret(project: &'a ProjectName, environment: &'a EnvironmentName, secret: SecretFacts<'a>) -> Self {
        Self { secret: Some(secret), ..Self::environment(project, environment) }
    }
}

impl<'a> SecretFacts<'a> {
    /// A name that nothing has yet.
    pub fn new_name(name: &'a SecretName) -> Self {
        Self { name, kind: None, tags: &[] }
    }
}

impl<'a> From<&'a Head> for SecretFacts<'a> {
    fn from(head: &'a Head) -> Self {
        Self { name: &head.name, kind: Some(head.kind), tags: &head.tags }
    }
}

impl Protected for About<'_> {
    fn object(&self) -> Object {
        self.object
    }

    fn facts(&self) -> Facts<'_> {
        self.facts
    }
}

/// Without names: enough for the vault itself and for callers whose rights are ids alone.
impl Protected for Object {
    fn object(&self) -> Object {
        *self
    }

    fn facts(&self) -> Facts<'_> {
        Facts::default()
    }
}
