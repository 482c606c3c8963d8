//! Groups of people and programs. Taking somebody in gives him the group's roles, so that nobody
//! takes in who could not give these.

use keyward_access::{Group, Login, Object, Permit, Role, RoleBinding, Subject};
use keyward_audit::Action as ActionName;
use keyward_types::{Administer, GroupId, PrincipalId, Record};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::provisioning_groups::ProvisionedGroup;
use crate::records::{self, Row};
use crate::write::raced;
use crate::{Error, Vault, team_history};

impl Vault {
    /// Makes a group without members.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Denied`].
    pub fn create_group(&self, actor: &Actor, name: &Login) -> Result<Group, Error> {
        self.add_group(actor, self.new_group(actor, name)?, |change, group| {
            change.put(&*group);
            Ok(())
        })
    }

    /// A group that nobody is in and that is not put yet.
    pub(crate) fn new_group(&self, actor: &Actor, name: &Login) -> Result<Group, Error> {
        let id = GroupId::random(&*self.tools.random)?;
        let (created_at, created_by) = (self.tools.clock.now(), actor.principal().clone());
        Ok(Group { id, name: name.clone(), members: Vec::new(), created_at, created_by })
    }

    /// Makes a group, which `put` puts into the change as it is to be, with what belongs to it.
    pub(crate) fn add_group(
        &self,
        actor: &Actor,
        mut group: Group,
        put: impl FnOnce(&mut Change<'_>, &mut Group) -> Result<(), Error>,
    ) -> Result<Group, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::GroupCreate);
        let names = Names::default().with("group", group.name.as_str());
        let permit = self.permit_administer(actor, object, action, &names)?;
        let exists = Error::Exists { noun: "group", name: group.name.to_string() };
        if self.roster()?.groups().iter().any(|other| other.name == group.name) {
            return Err(exists);
        }
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect_free::<Group>("name", group.name.as_str().as_bytes().to_vec());
        put(&mut change, &mut group)?;
        change.commit().map_err(|error| match error {
            Error::Store(keyward_store::Error::Conflict(_)) => exists,
            other => other,
        })?;
        Ok(group)
    }

    /// Deletes a group with its role bindings.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Denied`].
    pub fn delete_group(&self, actor: &Actor, name: &Login) -> Result<Group, Error> {
        self.remove_group(actor, self.group_row(name)?)
    }

    /// Deletes a group with its role bindings, and what an identity provider says of it.
    pub(crate) fn remove_group(&self, actor: &Actor, row: Row<Group>) -> Result<Group, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::GroupDelete);
        let names = Names::default().with("group", row.record.name.as_str());
        let permit = self.permit_administer(actor, object, action, &names)?;
        let bindings = self.bindings_now(&Subject::Group(row.record.id))?;
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::unchanged(&row));
        change.delete::<Group>(row.record.key());
        if let Some(said) = records::load::<ProvisionedGroup>(&self.store, &row.record.key())? {
            change.delete::<ProvisionedGroup>(said.record.key());
        }
        team_history::remember_group(&mut change, &row.record, &bindings, self.tools.clock.now());
        bindings.iter().for_each(|binding| change.delete::<RoleBinding>(binding.key()));
        change.commit().map_err(|error| raced(error, row.record.name.as_str()))?;
        Ok(row.record)
    }

    /// What the roster knows, and what was given so lately that it does not know it yet: the index
    /// alone is not authentic.
    fn bindings_now(&self, subject: &Subject) -> Result<Vec<RoleBinding>, Error> {
        let mut bindings = self.roster()?.bindings_of(subject).to_vec();
        for row in records::find::<RoleBinding>(&self.store, "subject", &subject.index())? {
            if bindings.iter().all(|known| known.id != row.record.id) {
                bindings.push(row.record);
            }
        }
        Ok(bindings)
    }

    /// Takes somebody in.
    ///
    /// # Errors
    /// [`Error::Refused`] when the group has a role that the actor could not give, or he is in it
    /// already; [`Error::Missing`], [`Error::Denied`].
    pub fn join_group(&self, actor: &Actor, name: &Login, member: &PrincipalId) -> Result<Group, Error> {
        let row = self.group_row(name)?;
        let mut group = row.record.clone();
        let (permit, telling) = self.joining(actor, &mut group, member)?;
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::unchanged(&row));
        change.put(&group);
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        Ok(group)
    }

    /// Takes somebody out.
    ///
    /// # Errors
    /// [`Error::Refused`] when he is not in it; [`Error::Missing`], [`Error::Denied`].
    pub fn leave_group(&self, actor: &Actor, name: &Login, member: &PrincipalId) -> Result<Group, Error> {
        let row = self.group_row(name)?;
        let mut group = row.record.clone();
        let (permit, telling) = self.leaving(actor, &mut group, member)?;
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::unchanged(&row));
        change.put(&group);
        team_history::remember_member(&mut change, &group, member, self.tools.clock.now());
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        Ok(group)
    }

    /// The permit and the entry for taking somebody into this group, in which he is then.
    pub(crate) fn joining(
        &self,
        actor: &Actor,
        group: &mut Group,
        member: &PrincipalId,
    ) -> Result<(Permit<Administer>, Telling), Error> {
        let made = self.permit_joining(actor, group, member)?;
        if group.members.contains(member) {
            return Err(Error::Refused(format!("the account is in `{}` already", group.name)));
        }
        group.members.push(member.clone());
        group.members.sort();
        Ok(made)
    }

    /// The same for who changes the members himself.
    pub(crate) fn permit_joining(
        &self,
        actor: &Actor,
        group: &Group,
        member: &PrincipalId,
    ) -> Result<(Permit<Administer>, Telling), Error> {
        let made = self.membership(actor, group, member, ActionName::GroupJoin)?;
        for binding in self.roster()?.bindings_of(&Subject::Group(group.id)) {
            self.refuse_to_bring(actor, group, binding)?;
        }
        Ok(made)
    }

    /// Nobody brings somebody into what he could not give. Who keeps accounts as an identity
    /// provider has them gives nothing himself: an owner has to have bound the role to the group.
    fn refuse_to_bring(&self, actor: &Actor, group: &Group, binding: &RoleBinding) -> Result<(), Error> {
        let (name, role) = (&group.name, binding.role);
        if actor.caller.provisions() {
            let (roster, by) = (self.roster()?, &binding.granted_by);
            let bindings = roster.bindings_of(&Subject::Principal(by.clone()));
            let by_owner = *by == self.header_lock().owner || bindings.iter().any(|one| one.role == Role::Owner);
            return match by_owner {
                true => Ok(()),
                false => Err(Error::Refused(format!(
                    "`{name}` has the role {role}, which no owner has bound to it: provisioning gives no role by itself"
                ))),
            };
        }
        match actor.caller.gives(role, binding.project, binding.environment) {
            true => Ok(()),
            false => Err(Error::Refused(format!("`{name}` has the role {role}, which you could not give"))),
        }
    }

    /// The permit and the entry for taking somebody out of this group, in which he is no more then.
    pub(crate) fn leaving(
        &self,
        actor: &Actor,
        group: &mut Group,
        member: &PrincipalId,
    ) -> Result<(Permit<Administer>, Telling), Error> {
        let made = self.permit_leaving(actor, group, member)?;
        let before = group.members.len();
        group.members.retain(|other| other != member);
        match group.members.len() < before {
            true => Ok(made),
            false => Err(Error::Refused(format!("the account is not in `{}`", group.name))),
        }
    }

    /// The same for who changes the members himself.
    pub(crate) fn permit_leaving(
        &self,
        actor: &Actor,
        group: &Group,
        member: &PrincipalId,
    ) -> Result<(Permit<Administer>, Telling), Error> {
        self.membership(actor, group, member, ActionName::GroupLeave)
    }

    fn membership(
        &self,
        actor: &Actor,
        group: &Group,
        member: &PrincipalId,
        action: ActionName,
    ) -> Result<(Permit<Administer>, Telling), Error> {
        let object = Object::Vault(self.id());
        let account = self.account_row(member)?.record;
        let names = crate::people::of_account(&account).with("group", group.name.as_str());
        let permit = self.permit_administer(actor, object, action, &names)?;
        Ok((permit, Telling::new(action, object).names(names)))
    }

    /// Every group, in the order of names.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn groups(&self, actor: &Actor) -> Result<Vec<Group>, Error> {
        self.permit_list_vault(actor)?;
        let mut groups = self.roster()?.groups().to_vec();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(groups)
    }

    /// The group that a caller names.
    ///
    /// # Errors
    /// [`Error::Missing`] for who may list the vault, else [`Error::Denied`].
    pub fn group_named(&self, actor: &Actor, name: &Login) -> Result<Group, Error> {
        let found = self.group_row(name).map(|row| row.record);
        found.or_else(|missing| self.permit_list_vault(actor).and(Err(missing)))
    }

    /// What a group is called.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn group_name(&self, id: GroupId) -> Result<Option<Login>, Error> {
        Ok(self.roster()?.groups().iter().find(|group| group.id == id).map(|group| group.name.clone()))
    }

    pub(crate) fn group_row(&self, name: &Login) -> Result<Row<Group>, Error> {
        let missing = || Error::Missing { noun: "group", name: name.to_string() };
        let id = self.roster()?.groups().iter().find(|group| group.name == *name).map(|group| group.id);
        let id = id.ok_or_else(missing)?;
        records::load::<Group>(&self.store, id.as_bytes())?.ok_or_else(missing)
    }
}
