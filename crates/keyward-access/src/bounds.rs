use std::collections::HashMap;
use std::net::IpAddr;

use keyward_types::ProjectId;

use crate::{Network, Object};

/// The projects that may be used from some networks alone. A part of who stands where, so that it is
/// asked wherever a permit is made and no call can leave it out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds(HashMap<ProjectId, Vec<Network>>);

impl Bounds {
    /// Whether something may be used from there. From an unknown address only what is in no project,
    /// or in one that is for no networks in particular.
    pub(crate) fn admit(&self, object: &Object, from: Option<IpAddr>) -> bool {
        let Some(networks) = object.project().and_then(|project| self.0.get(&project)) else { return true };
        from.is_some_and(|address| networks.iter().any(|network| network.contains(address)))
    }
}

/// Each project with its networks; those without any are for every network.
impl FromIterator<(ProjectId, Vec<Network>)> for Bounds {
    fn from_iter<I: IntoIterator<Item = (ProjectId, Vec<Network>)>>(projects: I) -> Self {
        Self(projects.into_iter().filter(|(_, networks)| !networks.is_empty()).collect())
    }
}

#[cfg(test)]
mod tests {
    use keyward_types::{EnvironmentId, Place, SecretId, VaultId, Version};

    use super::*;

    fn project(id: u8) -> ProjectId {
        ProjectId::from_bytes([id; 16])
    }

    #[test]
    fn all_of_a_project_is_within_its_networks_and_nothing_else_is() {
        let networks = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        let bounds: Bounds = [(project(1), networks), (project(2), vec![])].into_iter().collect();
        let (vault, environment) = (VaultId::from_bytes([9; 16]), EnvironmentId::from_bytes([8; 16]));
        let place = Place { vault, project: project(1), environment, secret: SecretId::from_bytes([7; 16]) };
        let of_it = [
            Object::Project(vault, project(1)),
            Object::Environment(vault, project(1), environment),
            Object::Secret(place, Version::new(1).ok()),
        ];
        for object in of_it {
            for home in ["10.1.1.1", "::ffff:10.1.1.1", "2001:db8::1"] {
                assert!(bounds.admit(&object, home.parse().ok()), "{object:?} {home}");
            }
            for away in ["11.0.0.1", "2001:db9::1", "::10.1.1.1"] {
                assert!(!bounds.admit(&object, away.parse().ok()), "{object:?} {away}");
            }
            assert!(!bounds.admit(&object, None), "{object:?}");
        }
        for other in [Object::Project(vault, project(2)), Object::Project(vault, project(3)), Object::Vault(vault)] {
            assert!(bounds.admit(&other, None), "{other:?}");
        }
    }
}
