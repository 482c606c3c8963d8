//! Giving roles and taking them away. Nobody gives what he does not have in that place, so that
//! nobody raises himself; owners alone make owners, and the one in whose name the vault is opened
//! stays.

use keyward_access::{Group, IdentityKind, Object, Permit, Role, RoleBinding, Subject};
use keyward_audit::Action as ActionName;
use keyward_types::{
    Administer, BindingId, EnvironmentId, EnvironmentName, GroupId, Operation, ProjectId, ProjectName, Record,
    Timestamp,
};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::records::{self, Environment, Project};
use crate::write::raced;
use crate::{Error, Vault, team_history};

/// Where a role counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reach {
    /// In which project; `None`: in all, and on the vault itself.
    pub project: Option<Project>,
    /// In which environment; `None`: in all of the project.
    pub environment: Option<Environment>,
}

impl Reach {
    pub(crate) fn object(&self, vault: keyward_types::VaultId) -> Object {
        match (&self.project, &self.environment) {
            (None, _) => Object::Vault(vault),
            (Some(project), None) => Object::Project(vault, project.id),
            (Some(project), Some(environment)) => Object::Environment(vault, project.id, environment.id),
        }
    }

    pub(crate) fn names(&self) -> Names {
        Names {
            project: self.project.as_ref().map(|project| project.name.clone()),
            environment: self.environment.as_ref().map(|environment| environment.name.clone()),
            ..Names::default()
        }
    }

    pub(crate) fn project_id(&self) -> Option<ProjectId> {
        self.project.as_ref().map(|project| project.id)
    }

    pub(crate) fn environment_id(&self) -> Option<EnvironmentId> {
        self.environment.as_ref().map(|environment| environment.id)
    }
}

impl Vault {
    /// What these names reach: the vault, a project or an environment.
    ///
    /// # Errors
    /// [`Error::NoProject`], [`Error::NoEnvironment`], or the [`Error::Denied`] of who may not know;
    /// [`Error::Refused`] for an environment of no project.
    pub fn reach(
        &self,
        actor: &Actor,
        project: Option<&ProjectName>,
        environment: Option<&EnvironmentName>,
    ) -> Result<Reach, Error> {
        match (project, environment) {
            (None, None) => Ok(Reach::default()),
            (None, Some(_)) => Err(Error::Refused("an environment is one of a project: name it too".into())),
            (Some(project), None) => {
                Ok(Reach { project: Some(self.project_to_change(actor, project)?.record), environment: None })
            }
            (Some(project), Some(environment)) => {
                let scope = self.enter(actor, project, environment, Operation::Administer)?;
                Ok(Reach { project: Some(scope.project), environment: Some(scope.environment) })
            }
        }
    }

    /// Gives a role.
    ///
    /// # Errors
    /// [`Error::Refused`] when the actor could not give it there, or it would make an owner of a
    /// group, a program or for a while; [`Error::Exists`], [`Error::Denied`]; [`Error::Raced`] when
    /// the group is changed at this moment.
    pub fn grant(
        &self,
        actor: &Actor,
        subject: &Subject,
        role: Role,
        reach: &Reach,
        until: Option<Timestamp>,
    ) -> Result<RoleBinding, Error> {
        let (permit, telling, binding) = self.granting(actor, subject, role, reach, until)?;
        let mut change = Change::permitted(self, actor, permit, telling);
        self.keep_first_owner(&mut change)?;
        change.put(&binding);
        if let Subject::Group(id) = subject {
            self.touch_group(&mut change, *id)?;
        }
        change.commit().map_err(|error| raced(error, role.as_str()))?;
        Ok(binding)
    }

    /// A group goes with its roles: who deletes it at this moment has to know of this one, and none
    /// is given to a group that is gone.
    fn touch_group(&self, change: &mut Change<'_>, id: GroupId) -> Result<(), Error> {
        let missing = || Error::Missing { noun: "group", name: id.to_string() };
        let row = records::load::<Group>(&self.store, id.as_bytes())?.ok_or_else(missing)?;
        change.expect(records::unchanged(&row));
        change.put(&row.record);
        Ok(())
    }

    /// The permit, the entry and the new binding for giving a role.
    pub(crate) fn granting(
        &self,
        actor: &Actor,
        subject: &Subject,
        role: Role,
        reach: &Reach,
        until: Option<Timestamp>,
    ) -> Result<(Permit<Administer>, Telling, RoleBinding), Error> {
        let (object, action) = (reach.object(self.id()), ActionName::RoleGrant);
        let names = self.of_subject(subject, reach.names())?.with("role", role.as_str());
        let permit = self.permit_administer(actor, object, action, &names)?;
        if !actor.caller.gives(role, reach.project_id(), reach.environment_id()) {
            return Err(Error::Refused(format!("you could not give the role {role} there: you do not have it")));
        }
        if role == Role::Owner {
            self.refuse_odd_owner(subject, reach, until)?;
        }
        let binding = self.binding_of(actor, subject, role, reach, until)?;
        Ok((permit, Telling::new(action, object).names(names), binding))
    }

    /// A new binding, unless there is one that gives the same.
    pub(crate) fn binding_of(
        &self,
        actor: &Actor,
        subject: &Subject,
        role: Role,
        reach: &Reach,
        until: Option<Timestamp>,
    ) -> Result<RoleBinding, Error> {
        let now = self.tools.clock.now();
        let (project, environment) = (reach.project_id(), reach.environment_id());
        let same = |other: &&RoleBinding| {
            (other.role, other.project, other.environment) == (role, project, environment)
                && other.lasts(now)
                && other.until.is_none_or(|theirs| until.is_some_and(|until| until <= theirs))
        };
        if self.roster()?.bindings_of(subject).iter().find(same).is_some() {
            return Err(Error::Exists { noun: "role binding", name: role.to_string() });
        }
        if until.is_some_and(|until| until <= now) {
            return Err(Error::Refused("a role that has ended already gives nothing".into()));
        }
        Ok(RoleBinding {
            id: BindingId::random(&*self.tools.random)?,
            subject: subject.clone(),
            role,
            project,
            environment,
            until,
            granted_by: actor.principal().clone(),
            created_at: now,
        })
    }

    /// Takes a role away.
    ///
    /// # Errors
    /// [`Error::Refused`] for what the actor could not give, and for the owner in whose name the
    /// vault is opened; [`Error::Missing`], [`Error::Denied`].
    pub fn revoke_role(&self, actor: &Actor, id: BindingId) -> Result<RoleBinding, Error> {
        let roster = self.roster()?;
        let missing = || Error::Missing { noun: "role binding", name: id.to_string() };
        let binding = roster.bindings().into_iter().find(|binding| binding.id == id).cloned().ok_or_else(missing)?;
        let (permit, telling) = self.revocation(actor, &binding)?;
        let emergency = binding.role == Role::Emergency;
        if !emergency && !actor.caller.gives(binding.role, binding.project, binding.environment) {
            return Err(Error::Refused(format!("the role {} is not yours to take away there", binding.role)));
        }
        let mut change = Change::permitted(self, actor, permit, telling);
        self.revoke_in(&mut change, &binding)?;
        change.commit().map_err(|error| raced(error, binding.role.as_str()))?;
        Ok(binding)
    }

    /// The permit and the entry for taking a role away. Whether it is one's to take is asked by who
    /// calls.
    pub(crate) fn revocation(
        &self,
        actor: &Actor,
        binding: &RoleBinding,
    ) -> Result<(Permit<Administer>, Telling), Error> {
        let reach = self.reach_of_ids(binding.project, binding.environment)?;
        let action = ActionName::RoleRevoke;
        let object = match (binding.project, binding.environment) {
            (None, _) => Object::Vault(self.id()),
            (Some(project), None) => Object::Project(self.id(), project),
            (Some(project), Some(environment)) => Object::Environment(self.id(), project, environment),
        };
        let names = self.of_subject(&binding.subject, reach.names())?.with("role", binding.role.as_str());
        let permit = self.permit_administer(actor, object, action, &names)?;
        Ok((permit, Telling::new(action, object).names(names)))
    }

    /// Takes a role away within a change.
    pub(crate) fn revoke_in(&self, change: &mut Change<'_>, binding: &RoleBinding) -> Result<(), Error> {
        if self.is_of_the_first_owner(binding) {
            return Err(Error::Refused(
                "whoever opens the vault with a key slot acts in this owner's name; hand that over first".into(),
            ));
        }
        let row = records::load::<RoleBinding>(&self.store, &binding.key())?;
        if let Some(row) = &row {
            change.expect(records::unchanged(row));
        }
        // He may be handed the vault at this moment.
        if binding.role == Role::Owner {
            change.expect(self.same_header());
        }
        change.delete::<RoleBinding>(binding.key());
        team_history::remember_binding(change, binding, self.tools.clock.now());
        Ok(())
    }

    /// Whether it makes him an owner in whose name the vault is opened: it stays.
    pub(crate) fn is_of_the_first_owner(&self, binding: &RoleBinding) -> bool {
        binding.role == Role::Owner && binding.subject == Subject::Principal(self.header_lock().owner.clone())
    }

    /// Every binding for a caller who may list the vault; for others those of their own and of the
    /// projects they may list.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn role_bindings(&self, actor: &Actor) -> Result<Vec<RoleBinding>, Error> {
        let roster = self.roster()?;
        let all = self.may_list_vault(actor);
        let own = Subject::Principal(actor.principal().clone());
        let projects = self.projects_seen(actor)?;
        let seen = |binding: &&RoleBinding| {
            all || binding.subject == own || binding.project.is_some_and(|id| projects.iter().any(|one| one.id == id))
        };
        Ok(roster.bindings().into_iter().filter(seen).cloned().collect())
    }

    /// What these ids reach; what is gone is left out.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn reach_of_ids(&self, project: Option<ProjectId>, environment: Option<EnvironmentId>) -> Result<Reach, Error> {
        let Some(id) = project else { return Ok(Reach::default()) };
        let project = records::load::<Project>(&self.store, id.as_bytes())?.map(|row| row.record);
        let environment = match environment {
            None => None,
            Some(environment) => {
                let key = [&id.as_bytes()[..], environment.as_bytes()].concat();
                records::load::<Environment>(&self.store, &key)?.map(|row| row.record)
            }
        };
        Ok(Reach { project, environment })
    }

    fn of_subject(&self, subject: &Subject, names: Names) -> Result<Names, Error> {
        let roster = self.roster()?;
        let missing = |noun, name| Error::Missing { noun, name };
        match subject {
            Subject::Principal(principal) => {
                let account = roster.identity(principal).ok_or_else(|| missing("account", principal.to_string()))?;
                Ok(names.with("account", crate::people::called(account)).with("principal", principal.as_str()))
            }
            Subject::Group(id) => {
                let group = roster.groups().iter().find(|group| group.id == *id);
                let group = group.ok_or_else(|| missing("group", id.to_string()))?;
                Ok(names.with("group", group.name.as_str()))
            }
        }
    }

    fn refuse_odd_owner(&self, subject: &Subject, reach: &Reach, until: Option<Timestamp>) -> Result<(), Error> {
        let roster = self.roster()?;
        let person = match subject {
            Subject::Principal(principal) => roster
                .identity(principal)
                .is_some_and(|account| account.kind == IdentityKind::Person && account.is_enabled()),
            Subject::Group(_) => false,
        };
        if person && *reach == Reach::default() && until.is_none() {
            return Ok(());
        }
        Err(Error::Refused("an owner is a person, of the whole vault and without an end".into()))
    }

    /// A vault from before there were roles has no record of its owner's: it is written with the
    /// first one that is given.
    fn keep_first_owner(&self, change: &mut Change<'_>) -> Result<(), Error> {
        let roster = self.roster()?;
        let first = roster.bindings().into_iter().find(|binding| *binding.id.as_bytes() == [0; 16]).cloned();
        if let Some(first) = first {
            let id = BindingId::random(&*self.tools.random)?;
            change.put(&RoleBinding { id, created_at: self.tools.clock.now(), ..first });
        }
        Ok(())
    }

    /// A permit to administer what a binding reaches.
    pub(crate) fn permit_reach(
        &self,
        actor: &Actor,
        reach: &Reach,
        action: ActionName,
        names: &Names,
    ) -> Result<keyward_access::Permit<Administer>, Error> {
        self.permit_administer(actor, reach.object(self.id()), action, names)
    }
}
