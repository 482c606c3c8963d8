//! Who there is and with which roles: people, groups, bindings and policies, read once and kept
//! until one of them changes; and the projects that are for some networks alone. Secrets are not
//! among them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use keyward_access::{
    Bounds, Caller, Group, Identity, Login, Policies, PolicyRecord, Role, RoleBinding, Standing, Subject, TokenRecord,
};
use keyward_store::Store;
use keyward_types::{BindingId, EnvironmentName, PrincipalId, ProjectName, Record};

use crate::read::Scope;
use crate::records::{self, Environment, Project};
use crate::{Error, Vault};

/// Everybody, at one moment.
pub(crate) struct Roster {
    people: HashMap<PrincipalId, Identity>,
    groups: Vec<Group>,
    bindings: HashMap<Subject, Vec<RoleBinding>>,
    policies: Arc<Policies>,
    bounds: Arc<Bounds>,
    standings: Mutex<HashMap<PrincipalId, Arc<Standing>>>,
}

/// The present roster, and tokens and places that were used lately, as long as nothing of them changes.
#[derive(Default)]
pub(crate) struct Known(RwLock<Present>);

#[derive(Default)]
struct Present {
    /// Rises with every change, so that what was read before one is not kept after it.
    generation: u64,
    roster: Option<Arc<Roster>>,
    tokens: HashMap<String, Arc<TokenRecord>>,
    /// Where requests were for lately, by names.
    scopes: HashMap<ProjectName, HashMap<EnvironmentName, Scope>>,
}

/// So many tokens are kept at most; then all are forgotten.
const TOKENS: usize = 16 * 1024;

/// So many places are kept at most; then all are forgotten.
const SCOPES: usize = 4096;

/// What the roster is made of, and names of places.
const COLLECTIONS: [&str; 6] = [
    Identity::COLLECTION,
    Group::COLLECTION,
    RoleBinding::COLLECTION,
    PolicyRecord::COLLECTION,
    Project::COLLECTION,
    Environment::COLLECTION,
];

impl Known {
    /// Whether a change in this collection can make anything of it untrue.
    pub(crate) fn concerns(collection: &str) -> bool {
        COLLECTIONS.contains(&collection) || collection == TokenRecord::COLLECTION
    }

    /// Forgets what a committed change of these records may have made untrue.
    pub(crate) fn forget(&self, changed: &[(String, Vec<u8>)]) {
        if changed.is_empty() {
            return;
        }
        let mut present = self.0.write().unwrap_or_else(PoisonError::into_inner);
        present.generation += 1;
        for (collection, key) in changed {
            match collection == TokenRecord::COLLECTION {
                true => drop(present.tokens.remove(&*String::from_utf8_lossy(key))),
                false => {
                    present.roster = None;
                    present.scopes.clear();
                }
            }
        }
    }

    fn forget_all(&self) {
        let mut present = self.0.write().unwrap_or_else(PoisonError::into_inner);
        present.generation += 1;
        present.roster = None;
        present.scopes.clear();
        present.tokens.clear();
    }

    fn keep(&self, generation: u64, keep: impl FnOnce(&mut Present)) {
        let mut present = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if present.generation == generation {
            keep(&mut present);
        }
    }
}

impl Vault {
    /// The roster as it is now.
    pub(crate) fn roster(&self) -> Result<Arc<Roster>, Error> {
        let generation = {
            let present = self.known.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(roster) = &present.roster {
                return Ok(Arc::clone(roster));
            }
            present.generation
        };
        let roster = Arc::new(Roster::read(&self.store, &self.header().owner)?);
        self.known.keep(generation, |present| present.roster = Some(Arc::clone(&roster)));
        Ok(roster)
    }

    /// The record of a token, from memory where it was used lately.
    pub(crate) fn token_record(&self, id: &str) -> Result<Option<Arc<TokenRecord>>, Error> {
        let generation = {
            let present = self.known.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(token) = present.tokens.get(id) {
                return Ok(Some(Arc::clone(token)));
            }
            present.generation
        };
        let Some(row) = records::load::<TokenRecord>(&self.store, id.as_bytes())? else { return Ok(None) };
        let token = Arc::new(row.record);
        self.known.keep(generation, |present| {
            if present.tokens.len() >= TOKENS {
                present.tokens.clear();
            }
            present.tokens.insert(id.to_owned(), Arc::clone(&token));
        });
        Ok(Some(token))
    }

    /// The place of these names, from memory where it was asked for lately and no other process can have
    /// changed it.
    pub(crate) fn known_scope(
        &self,
        project: &ProjectName,
        environment: &EnvironmentName,
        find: impl FnOnce() -> Result<Scope, Error>,
    ) -> Result<Scope, Error> {
        if !self.answers_at_once() {
            return find();
        }
        let generation = {
            let present = self.known.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(scope) = present.scopes.get(project).and_then(|of_project| of_project.get(environment)) {
                return Ok(scope.clone());
            }
            present.generation
        };
        let scope = find()?;
        self.known.keep(generation, |present| {
            if present.scopes.values().map(HashMap::len).sum::<usize>() >= SCOPES {
                present.scopes.clear();
            }
            present.scopes.entry(project.clone()).or_default().insert(environment.clone(), scope.clone());
        });
        Ok(scope)
    }

    /// Reads people, roles, policies and tokens anew: another node has changed some of them.
    pub(crate) fn refresh_access(&self) {
        self.known.forget_all();
    }

    /// Somebody who has been identified by other means than a token, with his present rights. Where he
    /// comes from is added by who knows it ([`Caller::coming_from`]).
    ///
    /// # Errors
    /// [`Error::NotIdentified`] when there is no such account or it is disabled.
    pub fn caller_of(&self, principal: &PrincipalId) -> Result<Caller, Error> {
        let standing = self.roster()?.standing(principal).ok_or(Error::NotIdentified)?;
        Ok(Caller::member(standing, self.tools.clock.now()))
    }
}

impl Roster {
    fn read(store: &Store, first_owner: &PrincipalId) -> Result<Self, Error> {
        let own: Vec<PolicyRecord> = all(store)?;
        let policies = Policies::with(&own)?;
        let people = all::<Identity>(store)?.into_iter().map(|one| (one.principal.clone(), one)).collect();
        let mut bindings: HashMap<Subject, Vec<RoleBinding>> = HashMap::new();
        for binding in with_owner(all(store)?, first_owner) {
            bindings.entry(binding.subject.clone()).or_default().push(binding);
        }
        let bounds = all::<Project>(store)?.into_iter().map(|project| (project.id, project.networks)).collect();
        let bounds = Arc::new(bounds);
        Ok(Self { people, groups: all(store)?, bindings, policies, bounds, standings: Mutex::default() })
    }

    /// The account of this principal.
    pub(crate) fn identity(&self, principal: &PrincipalId) -> Option<&Identity> {
        self.people.get(principal)
    }

    /// The account of this login.
    pub(crate) fn by_login(&self, login: &Login) -> Option<&Identity> {
        self.people.values().find(|one| one.login.as_ref() == Some(login))
    }

    /// Every account, in the order of logins.
    pub(crate) fn identities(&self) -> Vec<&Identity> {
        let mut all: Vec<&Identity> = self.people.values().collect();
        all.sort_by(|a, b| (&a.login, &a.principal).cmp(&(&b.login, &b.principal)));
        all
    }

    /// Every group.
    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Every binding, the oldest first.
    pub(crate) fn bindings(&self) -> Vec<&RoleBinding> {
        let mut all: Vec<&RoleBinding> = self.bindings.values().flatten().collect();
        all.sort_by_key(|binding| (binding.created_at, binding.id));
        all
    }

    /// The bindings of one principal or group.
    pub(crate) fn bindings_of(&self, subject: &Subject) -> &[RoleBinding] {
        self.bindings.get(subject).map_or(&[], Vec::as_slice)
    }

    /// What the roles and one's own policies say.
    pub(crate) fn policies(&self) -> &Arc<Policies> {
        &self.policies
    }

    /// Where an enabled account stands; `None` for all others.
    pub(crate) fn standing(&self, principal: &PrincipalId) -> Option<Arc<Standing>> {
        let identity = self.people.get(principal).filter(|identity| identity.is_enabled())?;
        let mut standings = self.standings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(standing) = standings.get(principal) {
            return Some(Arc::clone(standing));
        }
        let standing = Arc::new(self.standing_under(identity, Arc::clone(&self.policies)));
        standings.insert(principal.clone(), Arc::clone(&standing));
        Some(standing)
    }

    /// Where somebody would stand under these policies.
    pub(crate) fn standing_under(&self, identity: &Identity, policies: Arc<Policies>) -> Standing {
        let principal = identity.principal.clone();
        let groups: Vec<&Group> = self.groups.iter().filter(|group| group.members.contains(&principal)).collect();
        let subjects = groups.iter().map(|group| Subject::Group(group.id));
        let subjects = std::iter::once(Subject::Principal(principal.clone())).chain(subjects);
        let bindings = subjects.flat_map(|subject| self.bindings_of(&subject).to_vec()).collect();
        let groups = groups.iter().map(|group| (group.id, group.name.clone())).collect();
        let standing = Standing::new(principal, identity.login.clone(), groups, bindings, policies);
        standing.within(Arc::clone(&self.bounds))
    }
}

/// The bindings, with that of who made the vault where it was made before there were roles.
fn with_owner(mut bindings: Vec<RoleBinding>, first: &PrincipalId) -> Vec<RoleBinding> {
    if !bindings.iter().any(|binding| binding.role == Role::Owner) {
        bindings.push(owner_binding(BindingId::from_bytes([0; 16]), first, keyward_types::Timestamp(0)));
    }
    bindings
}

/// What makes somebody an owner.
pub(crate) fn owner_binding(id: BindingId, owner: &PrincipalId, now: keyward_types::Timestamp) -> RoleBinding {
    RoleBinding {
        id,
        subject: Subject::Principal(owner.clone()),
        role: Role::Owner,
        project: None,
        environment: None,
        until: None,
        granted_by: owner.clone(),
        created_at: now,
    }
}

fn all<R: Record + Send>(store: &Store) -> Result<Vec<R>, Error> {
    Ok(records::scan::<R>(store, &[])?.into_iter().map(|row| row.record).collect())
}

#[cfg(test)]
mod tests {
    use keyward_types::Timestamp;

    use super::*;

    #[test]
    fn a_vault_from_before_there_were_roles_has_its_first_owner() {
        let founder: PrincipalId = "user:founder".parse().unwrap();
        let made_up = with_owner(vec![], &founder);
        assert_eq!(made_up[0].subject, Subject::Principal(founder.clone()));
        let other = owner_binding(BindingId::from_bytes([1; 16]), &"user:other".parse().unwrap(), Timestamp(1));
        assert_eq!(with_owner(vec![other.clone()], &founder), [other], "and no more than one once there are records");
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let known = Known::default();
        let change = [(TokenRecord::COLLECTION.to_owned(), b"id".to_vec())];
        let generation = known.0.read().unwrap().generation;
        known.forget(&change);
        let mut kept = false;
        known.keep(generation, |_| kept = true);
        assert!(!kept);
        let generation = known.0.read().unwrap().generation;
        known.forget(&[]);
        known.keep(generation, |_| kept = true);
        assert!(kept, "nothing has changed");
    }
}
