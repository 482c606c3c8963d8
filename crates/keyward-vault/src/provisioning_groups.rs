//! Groups as an identity provider has them. It keeps those that it made, and no others; what being
//! in one gives is decided by who binds roles to it.

use std::collections::{HashMap, HashSet};

use keyward_access::{Group, Login, Object};
use keyward_audit::Action as ActionName;
use keyward_types::{GroupId, PrincipalId, Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::provisioning::check_id;
use crate::records::{self, Row};
use crate::write::raced;
use crate::{Error, Vault, team_history};

/// What an identity provider says of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionedGroup {
    /// Which one.
    pub group: GroupId,
    /// How people call it there, in their own spelling.
    pub display_name: String,
    /// How the provider calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// When it last said something.
    pub modified_at: Timestamp,
}

/// Longest name of a group, in bytes.
const LONGEST_NAME: usize = 200;

impl Record for ProvisionedGroup {
    const COLLECTION: &'static str = "provisioned-group";

    fn key(&self) -> Vec<u8> {
        self.group.as_bytes().to_vec()
    }
}

/// A group that an identity provider made, with what it says of it.
pub type ProvisionedTeam = (Group, ProvisionedGroup);

impl Vault {
    /// Every group that was made by an identity provider, in the order of names.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn provisioned_groups(&self, actor: &Actor) -> Result<Vec<ProvisionedTeam>, Error> {
        let mut said: HashMap<GroupId, ProvisionedGroup> = records::scan::<ProvisionedGroup>(&self.store, &[])?
            .into_iter()
            .map(|row| (row.record.group, row.record))
            .collect();
        let groups = self.groups(actor)?.into_iter();
        Ok(groups.filter_map(|group| said.remove(&group.id).map(|said| (group, said))).collect())
    }

    /// The same of the groups that somebody is in.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn provisioned_groups_of(&self, actor: &Actor, member: &PrincipalId) -> Result<Vec<ProvisionedTeam>, Error> {
        self.permit_list_vault(actor)?;
        let roster = self.roster()?;
        let his = roster.groups().iter().filter(|group| group.members.contains(member));
        let mut teams = Vec::new();
        for group in his {
            if let Some(said) = records::load::<ProvisionedGroup>(&self.store, group.id.as_bytes())? {
                teams.push((group.clone(), said.record));
            }
        }
        teams.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        Ok(teams)
    }

    /// A group that was made by an identity provider.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Denied`] for a caller who may not list the vault.
    pub fn provisioned_group(&self, actor: &Actor, id: GroupId) -> Result<ProvisionedTeam, Error> {
        self.permit_list_vault(actor)?;
        let (group, said) = self.provisioned_group_rows(id)?;
        Ok((group.record, said.record))
    }

    /// Makes a group with these people in it. It has no role until somebody binds one to it.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Missing`] for who is not there, [`Error::Refused`] when too much is
    /// said, [`Error::Denied`].
    pub fn provision_group(
        &self,
        actor: &Actor,
        name: &Login,
        display_name: &str,
        external_id: Option<String>,
        members: &[PrincipalId],
    ) -> Result<ProvisionedTeam, Error> {
        let group = self.new_group(actor, name)?;
        let said = self.said(group.id, display_name, external_id)?;
        let group = self.add_group(actor, group, |change, group| {
            change.put(&said);
            self.bring_to(change, actor, group, members)
        })?;
        Ok((group, said))
    }

    /// Changes a group that an identity provider made: what it is called, and who is in it. All of
    /// it is done, or nothing. `seen` is the group from which the change was made up.
    ///
    /// # Errors
    /// [`Error::Raced`] when it is not as it was seen; [`Error::Refused`] when somebody would get a
    /// role by it that no owner has bound to the group; [`Error::Exists`], [`Error::Missing`],
    /// [`Error::Denied`].
    pub fn change_provisioned_group(
        &self,
        actor: &Actor,
        seen: &ProvisionedTeam,
        name: &Login,
        display_name: &str,
        external_id: Option<String>,
        members: &[PrincipalId],
    ) -> Result<ProvisionedTeam, Error> {
        let (row, before) = self.provisioned_group_rows(seen.0.id)?;
        let (object, action) = (Object::Vault(self.id()), ActionName::GroupEdit);
        let names = Names::default().with("group", row.record.name.as_str()).with("to", name.as_str());
        let permit = self.permit_administer(actor, object, action, &names)?;
        if (&row.record, &before.record) != (&seen.0, &seen.1) {
            return Err(Error::Raced(name.to_string()));
        }
        let said = self.said(row.record.id, display_name, external_id)?;
        let mut group = Group { name: name.clone(), ..row.record.clone() };
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::unchanged(&row));
        change.expect(records::unchanged(&before));
        if *name != row.record.name {
            if self.roster()?.groups().iter().any(|other| other.name == *name) {
                return Err(Error::Exists { noun: "group", name: name.to_string() });
            }
            change.expect_free::<Group>("name", name.as_str().as_bytes().to_vec());
        }
        change.put(&said);
        self.bring_to(&mut change, actor, &mut group, members)?;
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        Ok((group, said))
    }

    /// Deletes a group that an identity provider made, with the roles that are bound to it.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Denied`].
    pub fn unprovision_group(&self, actor: &Actor, id: GroupId) -> Result<Group, Error> {
        let (row, _) = self.provisioned_group_rows(id)?;
        self.remove_group(actor, row)
    }

    /// Puts the group with these members, and then an entry for each who comes or goes: the group is
    /// as large as all of them are, so that it is put once.
    fn bring_to(
        &self,
        change: &mut Change<'_>,
        actor: &Actor,
        group: &mut Group,
        members: &[PrincipalId],
    ) -> Result<(), Error> {
        let before = std::mem::replace(&mut group.members, members.to_vec());
        group.members.sort();
        group.members.dedup();
        change.put(&*group);
        let (now, group) = (self.tools.clock.now(), &*group);
        let (had, has): (HashSet<_>, HashSet<_>) = (before.iter().collect(), group.members.iter().collect());
        for member in before.iter().filter(|member| !has.contains(member)) {
            let (permit, telling) = self.permit_leaving(actor, group, member)?;
            change.also_permitted(permit, telling);
            team_history::remember_member(change, group, member, now);
        }
        for member in group.members.iter().filter(|member| !had.contains(member)) {
            let (permit, telling) = self.permit_joining(actor, group, member)?;
            change.also_permitted(permit, telling);
        }
        Ok(())
    }

    fn provisioned_group_rows(&self, id: GroupId) -> Result<(Row<Group>, Row<ProvisionedGroup>), Error> {
        let missing = || Error::Missing { noun: "group", name: id.to_string() };
        let said = records::load::<ProvisionedGroup>(&self.store, id.as_bytes())?.ok_or_else(missing)?;
        let group = records::load::<Group>(&self.store, id.as_bytes())?.ok_or_else(missing)?;
        Ok((group, said))
    }

    fn said(&self, group: GroupId, name: &str, external_id: Option<String>) -> Result<ProvisionedGroup, Error> {
        check_id(external_id.as_deref())?;
        if name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(Error::Refused(format!(
                "a group's name has at most {LONGEST_NAME} bytes and no control characters"
            )));
        }
        let modified_at = self.tools.clock.now();
        Ok(ProvisionedGroup { group, display_name: name.to_owned(), external_id, modified_at })
    }
}
