//! Projects and their environments, and the keys that belong to a project.

use keyward_access::{About, Facts, Object, Permit, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::{Administer, EnvironmentId, EnvironmentName, Head, Operation, ProjectId, ProjectName, Record};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::crypto::Key;
use crate::matching::MatchRow;
use crate::read::Scope;
use crate::records::{self, Binding, Environment, Project, Sealed, StoredKey, environment_index, stored_key_key};
use crate::value::{ProjectKey, purpose};
use crate::write::raced;
use crate::{Error, Vault};

impl Vault {
    /// Makes a project with a key of its own and these environments.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Denied`].
    pub fn create_project(
        &self,
        actor: &Actor,
        name: &ProjectName,
        environments: &[EnvironmentName],
    ) -> Result<Project, Error> {
        let names = Names { project: Some(name.clone()), ..Names::default() };
        let permit = self.permit_administer(actor, Object::Vault(self.id()), ActionName::ProjectCreate, &names)?;
        let now = self.tools.clock.now();
        let id = ProjectId::random(&*self.tools.random)?;
        let project = Project { id, name: name.clone(), created_at: now, key_generation: 1, networks: Vec::new() };
        let telling = Telling::new(ActionName::ProjectCreate, Object::Project(self.id(), id)).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect_free::<Project>("name", name.as_str().as_bytes().to_vec());
        let key = Key::random(&*self.tools.random)?;
        let (stored, under) = self.wrap_key(&key, &purpose(id), 1)?;
        change.expect(under);
        change.put(&project);
        change.put(&stored);
        for (i, environment) in environments.iter().enumerate() {
            // A millisecond apart, so that they are listed in the order in which they were named.
            let created_at = keyward_types::Timestamp(now.0 + i as i64);
            let id = EnvironmentId::random(&*self.tools.random)?;
            let environment = Environment::new(id, project.id, environment.clone(), created_at);
            change.put(&environment);
        }
        change.commit().map_err(|error| exists(error, "project", name.as_str()))?;
        self.ring.keep_project(id, 1, key);
        Ok(project)
    }

    /// Gives a project another name; everything else stays as it is.
    ///
    /// # Errors
    /// [`Error::NoProject`], [`Error::Exists`], [`Error::Denied`].
    pub fn rename_project(&self, actor: &Actor, from: &ProjectName, to: &ProjectName) -> Result<Project, Error> {
        let row = self.project_to_change(actor, from)?;
        let object = Object::Project(self.id(), row.record.id);
        let names = Names { project: Some(from.clone()), ..Names::default() }.with("to", to.as_str());
        let permit = self.permit_administer(actor, object, ActionName::ProjectRename, &names)?;
        let project = Project { name: to.clone(), ..row.record.clone() };
        let mut change =
            Change::permitted(self, actor, permit, Telling::new(ActionName::ProjectRename, object).names(names));
        change.expect(records::unchanged(&row));
        change.expect_free::<Project>("name", to.as_str().as_bytes().to_vec());
        change.put(&project);
        change.commit().map_err(|error| exists(error, "project", to.as_str()))?;
        Ok(project)
    }

    /// Deletes a project with its keys, which shreds every value of it: not reversible.
    ///
    /// # Errors
    /// [`Error::NoProject`], [`Error::Denied`], [`Error::SafeMode`].
    pub fn delete_project(&self, actor: &Actor, name: &ProjectName) -> Result<u64, Error> {
        self.refuse_in_safe_mode()?;
        let row = self.project_to_change(actor, name)?;
        let project = &row.record;
        let object = Object::Project(self.id(), project.id);
        let names = Names { project: Some(name.clone()), ..Names::default() };
        let permit = self.permit_administer(actor, object, ActionName::ProjectDelete, &names)?;
        let heads = records::scan::<Head>(&self.store, project.id.as_bytes())?;
        let telling = Telling::new(ActionName::ProjectDelete, object).names(names).count(heads.len() as u64);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::unchanged(&row));
        change.delete::<Project>(project.key());
        for generation in 1..=project.key_generation {
            change.delete::<StoredKey>(stored_key_key(&purpose(project.id), generation));
        }
        for environment in self.environments(project)? {
            change.delete::<Environment>(environment.key());
        }
        for binding in records::find::<Binding>(&self.store, "project", project.id.as_bytes())? {
            change.delete::<Binding>(binding.record.key());
        }
        for row in &heads {
            forget_secret(&mut change, &row.record);
        }
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        self.ring.forget_project(project.id);
        Ok(heads.len() as u64)
    }

    /// Adds an environment to a project.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::NoEnvironment`] for a parent that is not there,
    /// [`Error::Denied`].
    pub fn add_environment(
        &self,
        actor: &Actor,
        project: &ProjectName,
        name: &EnvironmentName,
        parent: Option<&EnvironmentName>,
    ) -> Result<Environment, Error> {
        let parent = parent.map(|parent| self.enter(actor, project, parent, Operation::Administer)).transpose()?;
        let project = self.project_to_change(actor, project)?.record;
        let names = Names { project: Some(project.name.clone()), environment: Some(name.clone()), ..Names::default() };
        let object = Object::Project(self.id(), project.id);
        let permit = self.permit_administer(actor, object, ActionName::EnvironmentAdd, &names)?;
        let id = EnvironmentId::random(&*self.tools.random)?;
        let made = Environment::new(id, project.id, name.clone(), self.tools.clock.now());
        let environment = Environment { parent: parent.map(|parent| parent.environment.id), ..made };
        let object = Object::Environment(self.id(), project.id, id);
        let mut change =
            Change::permitted(self, actor, permit, Telling::new(ActionName::EnvironmentAdd, object).names(names));
        change.expect_free::<Environment>("name", environment_index(project.id, name));
        change.put(&environment);
        change.commit().map_err(|error| exists(error, "environment", name.as_str()))?;
        Ok(environment)
    }

    /// Removes an environment with what it holds: not reversible.
    ///
    /// # Errors
    /// [`Error::Refused`] when other environments read from it, or when it holds secrets and
    /// `with_secrets` is not set; [`Error::NoEnvironment`], [`Error::Denied`], [`Error::SafeMode`].
    pub fn remove_environment(&self, actor: &Actor, scope: &Scope, with_secrets: bool) -> Result<u64, Error> {
        self.refuse_in_safe_mode()?;
        let object = scope.object(self.id());
        let permit = self.permit_administer(actor, object, ActionName::EnvironmentRemove, &scope.names(None))?;
        let heads = records::scan::<Head>(
            &self.store,
            &[&scope.project.id.as_bytes()[..], scope.environment.id.as_bytes()].concat(),
        )?;
        if !heads.is_empty() && !with_secrets {
            let (name, n) = (&scope.environment.name, heads.len());
            return Err(Error::Refused(format!("environment `{name}` holds {n} secrets")));
        }
        let child = self.environments(&scope.project)?.into_iter().find(|e| e.parent == Some(scope.environment.id));
        if let Some(child) = child {
            return Err(Error::Refused(format!("environment `{}` reads missing names from it", child.name)));
        }
        let telling =
            Telling::new(ActionName::EnvironmentRemove, object).names(scope.names(None)).count(heads.len() as u64);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.delete::<Environment>(scope.environment.key());
        for row in &heads {
            change.expect(records::unchanged(row));
            forget_secret(&mut change, &row.record);
        }
        change.commit().map_err(|error| raced(error, scope.environment.name.as_str()))?;
        Ok(heads.len() as u64)
    }

    /// A project that somebody wants to change.
    pub(crate) fn project_to_change(&self, actor: &Actor, name: &ProjectName) -> Result<records::Row<Project>, Error> {
        self.project_row(name).map_err(|error| self.hidden(actor, error, name, Operation::Administer))
    }

    fn project_row(&self, name: &ProjectName) -> Result<records::Row<Project>, Error> {
        let found = records::find::<Project>(&self.store, "name", name.as_str().as_bytes())?;
        found.into_iter().next().ok_or_else(|| Error::NoProject(name.clone()))
    }

    pub(crate) fn permit_administer(
        &self,
        actor: &Actor,
        object: Object,
        action: ActionName,
        names: &Names,
    ) -> Result<Permit<Administer>, Error> {
        let facts =
            Facts { project: names.project.as_ref(), environment: names.environment.as_ref(), ..Facts::default() };
        authorize::<Administer>(&actor.caller, &About { object, facts })
            .map_err(|denial| self.denied(actor, denial, action, names.clone()))
    }

    /// The key of a project in one generation, unwrapped when it is first needed.
    pub(crate) fn project_key(&self, project: ProjectId, generation: u32) -> Result<ProjectKey, Error> {
        if let Some(key) = self.ring.project(project, generation) {
            return Ok(ProjectKey { key, generation });
        }
        let stored = records::load::<StoredKey>(&self.store, &stored_key_key(&purpose(project), generation))?
            .ok_or(Error::Damaged("the key of a project is missing"))?;
        let key = self.unwrap_key(&stored.record.key)?;
        self.ring.keep_project(project, generation, key.clone());
        Ok(ProjectKey { key, generation })
    }
}

fn forget_secret(change: &mut Change<'_>, head: &Head) {
    change.delete::<Head>(head.key());
    for version in &head.versions {
        let key = head.place.version_key(version.version);
        change.delete::<Sealed>(key.clone());
        change.delete::<MatchRow>(key);
    }
}

/// A conflict over a name, in the user's words.
fn exists(error: Error, noun: &'static str, name: &str) -> Error {
    match error {
        Error::Store(keyward_store::Error::Conflict(_)) => Error::Exists { noun, name: name.to_owned() },
        other => other,
    }
}
