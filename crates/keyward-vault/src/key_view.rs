//! What a virtual key stands for at this moment: its family, its owner's rights, its secrets.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use keyward_access::{
    Caller, Cause, IdentityKind, KeyState, Network, Protected as _, TokenRecord, VirtualKey, authorize,
};
use keyward_types::{Label, Place, PrincipalId, SecretName, Timestamp, Use, Version, VersionState};

use crate::live_keys::{LiveKey, LiveRoute};
use crate::virtual_key_children::GENERATIONS;
use crate::{Error, Loaded, Scope, Vault};

/// One look at what keys stand for. What many keys have in common is asked once.
pub(crate) struct View<'a> {
    vault: &'a Vault,
    now: Timestamp,
    uses: HashMap<(PrincipalId, Place), Option<Usable>>,
    scopes: HashMap<Place, Option<Scope>>,
}

/// A secret that somebody may use.
#[derive(Clone)]
struct Usable {
    name: SecretName,
    version: Version,
    previous: Option<Version>,
    /// Whether he may from his project's networks alone.
    bound: bool,
}

impl<'a> View<'a> {
    pub(crate) fn new(vault: &'a Vault, now: Timestamp) -> Self {
        Self { vault, now, uses: HashMap::new(), scopes: HashMap::new() }
    }

    /// The key as it serves, if it does.
    pub(crate) fn live(
        &mut self,
        rows: &HashMap<String, Arc<VirtualKey>>,
        key: &Arc<VirtualKey>,
    ) -> Result<Option<LiveKey>, Error> {
        let family: Vec<Arc<VirtualKey>> = lineage(rows, key).cloned().collect();
        let is_whole = family.last().is_some_and(|root| root.parent.is_none());
        if !is_whole || family.iter().any(|one| one.state(self.now) != KeyState::Live) {
            return Ok(None);
        }
        let mut until = None;
        for one in &family {
            until = earlier(until, one.expires_at);
            if let Some(token) = &one.made_with {
                let Some(token) = self.vault.living_token(token, self.now)? else { return Ok(None) };
                until = earlier(until, token.expires_at);
            }
        }
        let roster = self.vault.roster()?;
        let Some(standing) = roster.standing(&key.owner) else { return Ok(None) };
        // A role that ends takes its keys along.
        let ends = standing.bindings.iter().filter(|one| one.lasts(self.now)).filter_map(|one| one.until);
        let changes = ends.chain(until).chain(key.previous.as_ref().map(|previous| previous.until));
        let next_end = changes.filter(|end| *end > self.now).min();
        let caller = Caller::member(standing, self.now);
        let Some(scope) = self.scope(&key.routes[0].place, key)? else { return Ok(None) };
        let mut networks = key.rules.networks.clone();
        let mut routes = Vec::with_capacity(key.routes.len());
        for route in &key.routes {
            let Some(usable) = self.usable(&caller, &key.owner, &route.place)? else { continue };
            if usable.bound {
                match within(&networks, &scope.project.networks) {
                    Some(left) => networks = left,
                    None => return Ok(None),
                }
            }
            routes.push(LiveRoute {
                provider: route.provider.clone(),
                upstream: route.upstream.clone(),
                place: route.place,
                name: usable.name,
                version: usable.version,
                previous: usable.previous,
            });
        }
        let account = roster.identity(&key.owner);
        Ok((!routes.is_empty()).then(|| LiveKey {
            key: Arc::clone(key),
            project: scope.project.name,
            environment: scope.environment.name,
            owner: account.and_then(|account| account.login.clone()),
            of_program: account.is_some_and(|account| account.kind == IdentityKind::Service),
            routes,
            networks,
            ancestors: family[1..].to_vec(),
            until,
            next_end,
        }))
    }

    fn scope(&mut self, place: &Place, key: &VirtualKey) -> Result<Option<Scope>, Error> {
        let of = Place { project: key.project, environment: key.environment, ..*place };
        if let Some(known) = self.scopes.get(&of) {
            return Ok(known.clone());
        }
        let scope = self.vault.scope_at(key.project, key.environment)?;
        self.scopes.insert(of, scope.clone());
        Ok(scope)
    }

    fn usable(&mut self, caller: &Caller, owner: &PrincipalId, place: &Place) -> Result<Option<Usable>, Error> {
        let at = (owner.clone(), *place);
        if let Some(known) = self.uses.get(&at) {
            return Ok(known.clone());
        }
        let usable = match self.vault.load_place(place, None)? {
            None => None,
            Some(loaded) => match authorize::<Use>(caller, &loaded) {
                Ok(_) => Some(Usable::of(&loaded, false)),
                Err(denial) if denial.cause != Cause::Rights => Some(Usable::of(&loaded, true)),
                Err(_) => None,
            },
        };
        self.uses.insert(at, usable.clone());
        Ok(usable)
    }
}

impl Usable {
    fn of(loaded: &Loaded, bound: bool) -> Self {
        let head = loaded.head();
        debug_assert!(loaded.object().project().is_some(), "a secret is one of a project");
        let previous = head.labels.get(&Label::previous()).copied().filter(|version| {
            *version != loaded.version() && head.version(*version).is_some_and(|one| one.state == VersionState::Live)
        });
        Self { name: head.name.clone(), version: loaded.version(), previous, bound }
    }
}

impl Vault {
    /// The token, if it lives and those do that it was made with.
    fn living_token(&self, id: &str, now: Timestamp) -> Result<Option<Arc<TokenRecord>>, Error> {
        let Some(token) = self.token_record(id)? else { return Ok(None) };
        let lives = token.revoked_at.is_none() && token.expires_at.is_none_or(|end| now < end);
        Ok((lives && self.ancestors_live(&token, now)?).then_some(token))
    }
}

/// A key and those it is a child of, the nearest first; it ends where one is missing.
pub(crate) fn lineage<'a>(
    rows: &'a HashMap<String, Arc<VirtualKey>>,
    key: &'a Arc<VirtualKey>,
) -> impl Iterator<Item = &'a Arc<VirtualKey>> {
    std::iter::successors(Some(key), |one| one.parent.as_ref().and_then(|parent| rows.get(parent))).take(GENERATIONS)
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    [one, other].into_iter().flatten().min()
}

/// What is in both lists, where none at all is everywhere; `None` where nothing is in both.
fn within(mine: &[Network], projects: &[Network]) -> Option<Vec<Network>> {
    if mine.is_empty() || projects.is_empty() {
        return Some([mine, projects].concat());
    }
    let pairs = mine.iter().flat_map(|one| projects.iter().map(move |other| (one, other)));
    let both: BTreeSet<String> = pairs
        .filter_map(|(one, other)| match (one.includes(other), other.includes(one)) {
            (true, _) => Some(other.to_string()),
            (_, true) => Some(one.to_string()),
            _ => None,
        })
        .collect();
    let both: Vec<Network> = both.iter().filter_map(|text| text.parse().ok()).collect();
    (!both.is_empty()).then_some(both)
}
