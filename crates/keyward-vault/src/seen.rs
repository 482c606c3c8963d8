//! What a caller may know of. Who may not list gets the same answer for what is not there as for
//! what he has no right to.

use keyward_access::{About, Cause, Denial, Facts, Object, Permit, SecretFacts, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::{Action, EnvironmentName, Head, List, Operation, ProjectName, SecretName};

use crate::actor::Actor;
use crate::change::Names;
use crate::records::{Environment, Project};
use crate::{Error, Scope, Vault};

impl Scope {
    /// The environment itself.
    pub(crate) fn about(&self, vault: keyward_types::VaultId) -> About<'_> {
        About { object: self.object(vault), facts: Facts::environment(&self.project.name, &self.environment.name) }
    }

    /// A name in it that nothing has yet.
    pub(crate) fn about_name<'a>(&'a self, vault: keyward_types::VaultId, name: &'a SecretName) -> About<'a> {
        let secret = SecretFacts::new_name(name);
        let facts = Facts::secret(&self.project.name, &self.environment.name, secret);
        About { object: self.object(vault), facts }
    }

    /// A secret of it.
    pub(crate) fn about_head<'a>(&'a self, head: &'a Head) -> About<'a> {
        let facts = Facts::secret(&self.project.name, &self.environment.name, SecretFacts::from(head));
        About { object: Object::Secret(head.place, None), facts }
    }
}

impl Vault {
    /// The project and environment of these names, for somebody who wants to do something there.
    ///
    /// # Errors
    /// [`Error::NoProject`] and [`Error::NoEnvironment`] for who may list what there is, else the
    /// [`Error::Denied`] that he would get if they existed.
    pub fn enter(
        &self,
        actor: &Actor,
        project: &ProjectName,
        environment: &EnvironmentName,
        operation: Operation,
    ) -> Result<Scope, Error> {
        self.scope(project, environment).map_err(|error| self.hidden(actor, error, project, operation))
    }

    /// The project of this name, for somebody who wants to list in it.
    ///
    /// # Errors
    /// [`Error::NoProject`] for who may list what there is, else [`Error::Denied`].
    pub fn project_named(&self, actor: &Actor, name: &ProjectName) -> Result<Project, Error> {
        self.project(name).map_err(|error| self.hidden(actor, error, name, Operation::List))
    }

    /// Every project that the caller may know of, in the order of names.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn projects_seen(&self, actor: &Actor) -> Result<Vec<Project>, Error> {
        let mut projects = self.projects()?;
        let mut seen = Vec::with_capacity(projects.len());
        for project in projects.drain(..) {
            if self.may_list_project(actor, &project) || !self.environments_seen(actor, &project)?.is_empty() {
                seen.push(project);
            }
        }
        Ok(seen)
    }

    /// The environments of a project that the caller may list, in the order in which they were made.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn environments_seen(&self, actor: &Actor, project: &Project) -> Result<Vec<Environment>, Error> {
        let mut environments = self.environments(project)?;
        environments.retain(|environment| {
            let object = Object::Environment(self.id(), project.id, environment.id);
            let facts = Facts::environment(&project.name, &environment.name);
            authorize::<List>(&actor.caller, &About { object, facts }).is_ok()
        });
        Ok(environments)
    }

    /// Lets a caller go on who may read the log and see who is who; a denial is recorded.
    ///
    /// # Errors
    /// [`Error::Denied`].
    pub fn permit_list_vault(&self, actor: &Actor) -> Result<(), Error> {
        match authorize::<List>(&actor.caller, &Object::Vault(self.id())) {
            Ok(_) => Ok(()),
            Err(denial) => Err(self.denied(actor, denial, ActionName::SecretList, Names::default())),
        }
    }

    /// Whether a caller may read the log and see who is who. For what is told along: nothing is
    /// recorded.
    pub fn may_list_vault(&self, actor: &Actor) -> bool {
        authorize::<List>(&actor.caller, &Object::Vault(self.id())).is_ok()
    }

    pub(crate) fn may_list_project(&self, actor: &Actor, project: &Project) -> bool {
        let object = Object::Project(self.id(), project.id);
        authorize::<List>(&actor.caller, &About { object, facts: Facts::project(&project.name) }).is_ok()
    }

    /// A permit to list an environment.
    pub(crate) fn permit_list(&self, actor: &Actor, scope: &Scope) -> Result<Permit<List>, Error> {
        authorize::<List>(&actor.caller, &scope.about(self.id()))
            .map_err(|denial| self.denied(actor, denial, ActionName::SecretList, scope.names(None)))
    }

    /// Whether the caller, who may list the environment, may list this secret of it.
    pub(crate) fn sees(&self, actor: &Actor, scope: &Scope, head: &Head) -> bool {
        !actor.caller.tells_secrets_apart() || authorize::<List>(&actor.caller, &scope.about_head(head)).is_ok()
    }

    /// Lets a caller go on who may know that there is nothing of this name in an environment. All
    /// others get the denial that `A` would get if it were there.
    pub(crate) fn may_miss<A: Action>(&self, actor: &Actor, scope: &Scope, name: &SecretName) -> Result<(), Denial> {
        let about = scope.about_name(self.id(), name);
        match authorize::<List>(&actor.caller, &about) {
            Ok(_) => Ok(()),
            Err(_) => Err(match authorize::<A>(&actor.caller, &about) {
                Ok(_) => self.denial(actor, A::OPERATION, about.object),
                Err(denial) => denial,
            }),
        }
    }

    /// A denial in the place of what is not there, for who may not know that.
    pub(crate) fn denial(&self, actor: &Actor, operation: Operation, object: Object) -> Denial {
        Denial { principal: actor.principal().clone(), operation, object, known: Vec::new(), cause: Cause::Rights }
    }

    /// What a secret is called that the caller may list; nothing of any other.
    pub(crate) fn known_name(&self, actor: &Actor, names: &Names) -> Option<String> {
        let (project, environment) = (names.project.as_ref()?, names.environment.as_ref()?);
        let name = names.secret.as_ref()?;
        let scope = self.scope(project, environment).ok()?;
        authorize::<List>(&actor.caller, &scope.about(self.id())).ok()?;
        let head = self.head_row(&scope, name).ok()??.record;
        self.sees(actor, &scope, &head).then(|| format!("{project}/{environment}/{name}"))
    }

    /// The project of this name as the caller sees it: one that he would see from its own networks is
    /// a denial, and on record.
    ///
    /// # Errors
    /// [`Error::NoProject`], [`Error::Denied`].
    pub fn project_seen(&self, actor: &Actor, name: &ProjectName) -> Result<Project, Error> {
        let project = self.project(name)?;
        if self.may_list_project(actor, &project) || !self.environments_seen(actor, &project)?.is_empty() {
            return Ok(project);
        }
        match self.outside(actor, &project)? {
            Some(denial) => {
                let names = Names { project: Some(name.clone()), ..Names::default() };
                Err(self.denied(actor, denial, ActionName::SecretList, names))
            }
            None => Err(Error::NoProject(name.clone())),
        }
    }

    /// The denial of who would see something of the project, did he not come from elsewhere.
    fn outside(&self, actor: &Actor, project: &Project) -> Result<Option<Denial>, Error> {
        let of_network = |about: &About<'_>| {
            authorize::<List>(&actor.caller, about).err().filter(|denial| denial.cause != Cause::Rights)
        };
        let object = Object::Project(self.id(), project.id);
        if let Some(denial) = of_network(&About { object, facts: Facts::project(&project.name) }) {
            return Ok(Some(denial));
        }
        Ok(self.environments(project)?.iter().find_map(|environment| {
            let object = Object::Environment(self.id(), project.id, environment.id);
            of_network(&About { object, facts: Facts::environment(&project.name, &environment.name) })
        }))
    }

    /// What somebody is told who named a project or environment that is not there.
    pub(crate) fn hidden(&self, actor: &Actor, error: Error, project: &ProjectName, operation: Operation) -> Error {
        let vault = Object::Vault(self.id());
        let (object, listed) = match &error {
            Error::NoProject(_) => (vault, authorize::<List>(&actor.caller, &vault)),
            Error::NoEnvironment { .. } => match self.project(project) {
                Ok(found) => {
                    let object = Object::Project(self.id(), found.id);
                    let about = About { object, facts: Facts::project(&found.name) };
                    (object, authorize::<List>(&actor.caller, &about))
                }
                Err(_) => (vault, Err(self.denial(actor, operation, vault))),
            },
            _ => return error,
        };
        let Err(Denial { cause, .. }) = listed else { return error };
        let action = match operation {
            Operation::Read => ActionName::SecretRead,
            Operation::Use | Operation::Sign => ActionName::SecretUse,
            Operation::Match => ActionName::SecretMatch,
            Operation::Write => ActionName::SecretWrite,
            Operation::List => ActionName::SecretList,
            Operation::Administer => ActionName::EnvironmentEdit,
        };
        let names = Names { project: Some(project.clone()), ..Names::default() };
        self.denied(actor, Denial { cause, ..self.denial(actor, operation, object) }, action, names)
    }
}
