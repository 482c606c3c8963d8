//! What a caller sees of the vault as a whole.

use keyward_access::{Denial, Object, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::{EnvironmentName, List, Operation, ProjectName};

use crate::actor::Actor;
use crate::change::Names;
use crate::{Error, Project, Scope, Vault};

impl Vault {
    /// Whether a caller may list an environment. Nothing is recorded: it decides what a list of
    /// environments leaves out, and asking for one of them is recorded as ever.
    pub fn sees(&self, actor: &Actor, scope: &Scope) -> bool {
        authorize::<List>(&actor.caller, &scope.object(self.id())).is_ok()
    }

    /// Whether a caller may list everything, and so knows what exists and what does not.
    pub fn sees_everything(&self, actor: &Actor) -> bool {
        authorize::<List>(&actor.caller, &Object::Vault(self.id())).is_ok()
    }

    /// The project of this name, for a caller: who may not know what exists is told of a denial
    /// where there is none.
    ///
    /// # Errors
    /// [`Error::NoProject`]; [`Error::Denied`], recorded.
    pub fn project_for(&self, actor: &Actor, name: &ProjectName) -> Result<Project, Error> {
        self.project(name).map_err(|error| {
            let names = Names { project: Some(name.clone()), ..Names::default() };
            self.hide_absence(actor, names, error)
        })
    }

    /// The project and environment of these names, for a caller: who may not know what exists is
    /// told of a denial where there is none.
    ///
    /// # Errors
    /// [`Error::NoProject`], [`Error::NoEnvironment`]; [`Error::Denied`], recorded.
    pub fn scope_for(
        &self,
        actor: &Actor,
        project: &ProjectName,
        environment: &EnvironmentName,
    ) -> Result<Scope, Error> {
        self.scope(project, environment).map_err(|error| {
            let (project, environment) = (Some(project.clone()), Some(environment.clone()));
            self.hide_absence(actor, Names { project, environment, ..Names::default() }, error)
        })
    }

    fn hide_absence(&self, actor: &Actor, names: Names, error: Error) -> Error {
        let is_absence = matches!(error, Error::NoProject(_) | Error::NoEnvironment { .. });
        if !is_absence || self.sees_everything(actor) {
            return error;
        }
        let (principal, object) = (actor.principal().clone(), Object::Vault(self.id()));
        self.denied(actor, Denial { principal, operation: Operation::List, object }, ActionName::SecretList, names)
    }

    /// The log tells of everybody and everything: who may list the vault as a whole may read it.
    ///
    /// # Errors
    /// [`Error::Denied`], recorded.
    pub fn permit_log(&self, actor: &Actor) -> Result<(), Error> {
        match authorize::<List>(&actor.caller, &Object::Vault(self.id())) {
            Ok(_) => Ok(()),
            Err(denial) => Err(self.denied(actor, denial, ActionName::LogRead, Names::default())),
        }
    }
}
