//! Who uses the rights that he has: what an access review asks about.

use std::collections::HashMap;

use keyward_access::{Identity, Role, RoleBinding, Subject, TokenRecord};
use keyward_types::{EnvironmentId, Head, PrincipalId, ProjectId, Timestamp};

use crate::actor::Actor;
use crate::counting::Uncounted;
use crate::records::{self, Reads};
use crate::roster::Roster;
use crate::team::plain;
use crate::team_review::Right;
use crate::{Error, Vault};

/// When people last did something, by where.
#[derive(Default)]
struct Uses {
    read: HashMap<(PrincipalId, ProjectId, EnvironmentId), Timestamp>,
    written: HashMap<(PrincipalId, ProjectId, EnvironmentId), Timestamp>,
    administered: HashMap<PrincipalId, Timestamp>,
    /// By a token of theirs, whatever they did with it.
    came: HashMap<PrincipalId, Timestamp>,
}

impl Vault {
    /// Every right that an enabled account has at present, with its last use; what a group gives is one.
    /// Reading and writing are kept by place; of administration what it made; of looking at lists
    /// only that a token was used.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn rights_in_use(&self, actor: &Actor) -> Result<Vec<Right>, Error> {
        self.permit_list_vault(actor)?;
        let (roster, now) = (self.roster()?, self.tools.clock.now());
        let uses = self.uses(&roster)?;
        let mut rights = Vec::new();
        for account in roster.identities().into_iter().filter(|account| account.is_enabled()) {
            let own = Subject::Principal(account.principal.clone());
            for binding in roster.bindings_of(&own).iter().filter(|binding| binding.lasts(now)) {
                rights.push(self.right(&uses, account, binding)?);
            }
            for group in roster.groups().iter().filter(|group| group.members.contains(&account.principal)) {
                let given = roster.bindings_of(&Subject::Group(group.id)).iter();
                let given = given.filter(|binding| binding.lasts(now));
                let given = given.map(|binding| self.right(&uses, account, binding)).collect::<Result<Vec<_>, _>>()?;
                rights.extend(together(given, group.name.as_str()));
            }
        }
        Ok(rights)
    }

    fn right(&self, uses: &Uses, account: &Identity, binding: &RoleBinding) -> Result<Right, Error> {
        let reach = self.reach_of_ids(binding.project, binding.environment)?;
        let at = match (&reach.project, &reach.environment) {
            (None, _) => "*".to_owned(),
            (Some(project), None) => project.name.to_string(),
            (Some(project), Some(environment)) => format!("{}/{}", project.name, environment.name),
        };
        let last_changed = uses.changed(&account.principal, binding);
        let first = self.header().owner == account.principal && binding.role == Role::Owner;
        Ok(Right {
            holder: account.principal.clone(),
            answers: account.owner.clone(),
            role: binding.role.to_string(),
            at,
            binding: binding.id.to_string(),
            group: None,
            since: binding.created_at.max(account.created_at),
            changes: matches!(binding.role, Role::Owner | Role::Admin | Role::Developer | Role::Operator),
            last_used: uses.used(&account.principal, binding).max(last_changed),
            last_changed,
            indispensable: first,
        })
    }

    fn uses(&self, roster: &Roster) -> Result<Uses, Error> {
        let mut uses = Uses::default();
        let uncounted = Uncounted::of(&self.store.reader(), None)?;
        for reads in uncounted.added(plain(records::scan::<Reads>(&self.store, &[])?)) {
            later(&mut uses.read, (reads.principal, reads.place.project, reads.place.environment), reads.last);
        }
        for head in plain(records::scan::<Head>(&self.store, &[])?) {
            for version in head.versions {
                let at = (version.created_by, head.place.project, head.place.environment);
                later(&mut uses.written, at, version.created_at);
            }
        }
        for binding in roster.bindings() {
            later(&mut uses.administered, binding.granted_by.clone(), binding.created_at);
        }
        for token in plain(records::scan::<TokenRecord>(&self.store, &[])?) {
            if token.created_by != token.owner {
                later(&mut uses.administered, token.created_by, token.created_at);
            }
            if let Some(last) = token.last_used {
                later(&mut uses.came, token.owner, last);
            }
        }
        Ok(uses)
    }
}

impl Uses {
    fn changed(&self, person: &PrincipalId, binding: &RoleBinding) -> Option<Timestamp> {
        let written = within(&self.written, person, binding);
        let administers = matches!(binding.role, Role::Owner | Role::Admin);
        written.max(self.administered.get(person).copied().filter(|_| administers))
    }

    fn used(&self, person: &PrincipalId, binding: &RoleBinding) -> Option<Timestamp> {
        let looks = binding.role == Role::Auditor;
        within(&self.read, person, binding).max(self.came.get(person).copied().filter(|_| looks))
    }
}

/// What a group gives to one of its members: kept or lost as one.
fn together(given: Vec<Right>, group: &str) -> Option<Right> {
    let joined = |text: fn(&Right) -> &str| {
        let mut texts: Vec<&str> = given.iter().map(text).collect();
        texts.sort_unstable();
        texts.dedup();
        texts.join(", ")
    };
    let (role, at) = (joined(|right| &right.role), joined(|right| &right.at));
    let all = given.iter();
    let whole = Right {
        role,
        at,
        group: Some(group.to_owned()),
        since: all.clone().map(|right| right.since).min()?,
        changes: all.clone().any(|right| right.changes),
        last_used: all.clone().filter_map(|right| right.last_used).max(),
        last_changed: all.clone().filter_map(|right| right.last_changed).max(),
        ..given.first()?.clone()
    };
    Some(whole)
}

fn within(
    uses: &HashMap<(PrincipalId, ProjectId, EnvironmentId), Timestamp>,
    person: &PrincipalId,
    binding: &RoleBinding,
) -> Option<Timestamp> {
    let there = uses.iter().filter(|((who, project, environment), _)| {
        who == person
            && binding.project.is_none_or(|mine| mine == *project)
            && binding.environment.is_none_or(|mine| mine == *environment)
    });
    there.map(|(_, at)| *at).max()
}

fn later<K: std::hash::Hash + Eq>(uses: &mut HashMap<K, Timestamp>, key: K, at: Timestamp) {
    let last = uses.entry(key).or_insert(at);
    *last = at.max(*last);
}
