//! From where a project may be used. The list belongs to the project and is a part of where every
//! member stands ([`keyward_access::Bounds`]), so that it counts wherever a permit is made. Who opened
//! the vault with a slot holds its root key, is on no network, and is not held back: he can always
//! lift a list that keeps everybody out.

use std::net::IpAddr;

use keyward_access::{Network, Object};
use keyward_audit::Action as ActionName;
use keyward_types::ProjectName;

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::records::{self, Project};
use crate::write::raced;
use crate::{Error, Vault};

/// Most networks of a project.
const MOST: usize = 64;

impl Vault {
    /// Sets the networks from which a project may be used; none: from everywhere. `even_outside`: also
    /// where the actor would keep himself out.
    ///
    /// # Errors
    /// [`Error::Outside`] when his own address is in none of them, [`Error::Refused`] for too many;
    /// [`Error::NoProject`], [`Error::Denied`], [`Error::Raced`].
    pub fn set_networks(
        &self,
        actor: &Actor,
        name: &ProjectName,
        networks: &[Network],
        even_outside: bool,
    ) -> Result<Project, Error> {
        let row = self.project_to_change(actor, name)?;
        let object = Object::Project(self.id(), row.record.id);
        let names = Names { project: Some(name.clone()), ..Names::default() }
            .with("networks", shown(networks))
            .with("before", shown(&row.record.networks));
        let permit = self.permit_administer(actor, object, ActionName::ProjectNetworks, &names)?;
        if networks.len() > MOST {
            return Err(Error::Refused(format!("a project has at most {MOST} networks")));
        }
        if !even_outside {
            refuse_lock_out(actor, networks)?;
        }
        let mut project = Project { networks: networks.to_vec(), ..row.record.clone() };
        project.networks.dedup();
        let telling = Telling::new(ActionName::ProjectNetworks, object).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::unchanged(&row));
        change.put(&project);
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        Ok(project)
    }
}

fn refuse_lock_out(actor: &Actor, networks: &[Network]) -> Result<(), Error> {
    let from: Option<IpAddr> = actor.caller.address();
    let inside = from.is_some_and(|address| networks.iter().any(|network| network.contains(address)));
    match networks.is_empty() || inside || !actor.caller.is_bound_to_networks() {
        true => Ok(()),
        false => Err(Error::Outside(from)),
    }
}

fn shown(networks: &[Network]) -> String {
    match networks.is_empty() {
        true => "all".into(),
        false => networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}
