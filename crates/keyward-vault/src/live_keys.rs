//! What gateways know of virtual keys: all that serve at this moment, with what they stand for, made
//! once and kept until something of it changes. Whether an owner may use the secrets is asked here,
//! with each change of who may do what, and never on the way of a request.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use keyward_access::{
    Budget, Caller, Cause, Caveat, IdentityKind, KeyState, Login, NarrowedKey, Network, Protected as _, TokenHash,
    TokenRecord, UpstreamUrl, VirtualKey, authorize,
};
use keyward_store::Changed;
use keyward_types::token::{PlainToken, TokenKind};
use keyward_types::{
    EnvironmentName, Head, Label, Place, PrincipalId, ProjectName, Record, SecretName, Timestamp, Use, Version,
    VersionState,
};

use crate::read::loaded;
use crate::records::{self, Environment, Project};
use crate::ring::KeyRing;
use crate::roster::Known;
use crate::virtual_key_children::GENERATIONS;
use crate::{Error, Loaded, Scope, Vault};

/// Every virtual key that serves, at one moment. Immutable: another one takes its place.
#[derive(Debug)]
pub struct LiveKeys {
    /// The moment.
    pub as_of: Timestamp,
    keys: BTreeMap<String, Arc<LiveKey>>,
    /// Before this moment nothing of it is over by the clock alone.
    next_end: Option<Timestamp>,
    serial: u64,
}

/// A virtual key that serves.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveKey {
    /// Its record.
    pub key: Arc<VirtualKey>,
    /// Its project's name.
    pub project: ProjectName,
    /// Its environment's name.
    pub environment: EnvironmentName,
    /// What its owner signs in with.
    pub owner: Option<Login>,
    /// Whether its owner is a program.
    pub of_program: bool,
    /// What it stands for, as far as its owner may use that.
    pub routes: Vec<LiveRoute>,
    /// From where it may be used, its project's networks counted in; empty: from everywhere.
    pub networks: Vec<Network>,
    /// The keys that it is a child of, the nearest first: it spends their budgets, too.
    pub ancestors: Vec<Arc<VirtualKey>>,
    /// From when on it serves no more, unless something changes: its own end, its ancestors' and that of
    /// the token it was made with.
    pub until: Option<Timestamp>,
}

/// A secret of a virtual key, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveRoute {
    /// The service.
    pub provider: String,
    /// Where requests go, where that is not the catalogue's address.
    pub upstream: Option<UpstreamUrl>,
    /// The secret.
    pub place: Place,
    /// What it is called.
    pub name: SecretName,
    /// The version in force.
    pub version: Version,
    /// The one before it, while it is labelled so and lives: for services that still know only that.
    pub previous: Option<Version>,
}

/// What a secret is called, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpelledPlace {
    /// Its project.
    pub project: ProjectName,
    /// Its environment.
    pub environment: EnvironmentName,
    /// Its name.
    pub name: SecretName,
}

impl fmt::Display for SpelledPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.project, self.environment, self.name)
    }
}

/// Finds out by what a presented text is known, without a store: for the tables of a gateway.
#[derive(Clone)]
pub struct KeyLookup(Arc<KeyRing>);

impl KeyLookup {
    /// The hash of a virtual key's text; `None` for what is none.
    pub fn hash_of(&self, presented: &str) -> Option<[u8; 32]> {
        let token: PlainToken = presented.parse().ok()?;
        let ours = token.kind() == TokenKind::Virtual;
        let hash = ours.then(|| TokenHash::of(&token, &*self.0)).and_then(Result::ok)?;
        Some(*hash.as_bytes())
    }

    /// The same for a key that its holder made narrower, and what he added; `None` for what was not made of
    /// a key that serves. The hash is that of the text from which it was made: it dies with that.
    pub fn narrowed(&self, live: &LiveKeys, presented: &str) -> Option<([u8; 32], Vec<Caveat>)> {
        let narrowed: NarrowedKey = presented.parse().ok()?;
        let key = &live.by_id(narrowed.id())?.key;
        let previous = key.previous.as_ref().map(|previous| (&previous.hash, &previous.attenuation));
        let texts = std::iter::once((&key.hash, &key.attenuation)).chain(previous);
        texts.filter_map(|(hash, sealed)| Some((hash, sealed.as_ref()?))).find_map(|(hash, sealed)| {
            let attenuation = sealed.open(&key.id, &*self.0).ok()?;
            Some((*hash.as_bytes(), narrowed.clone().verified(&attenuation)?))
        })
    }
}

impl LiveKey {
    /// Every cap that a request is held to, and whose it is: the key's own, and those of its ancestors.
    pub fn caps(&self) -> impl Iterator<Item = (&VirtualKey, Budget)> {
        let family = std::iter::once(&self.key).chain(&self.ancestors);
        family.flat_map(|one| one.rules.caps().map(move |cap| (&**one, cap)))
    }
}

impl Default for LiveKeys {
    fn default() -> Self {
        Self { as_of: Timestamp(0), keys: BTreeMap::new(), next_end: None, serial: 0 }
    }
}

impl LiveKeys {
    /// Rises with each look that found something changed: equal numbers of one vault are one state.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Every key, by id.
    pub fn all(&self) -> impl Iterator<Item = &Arc<LiveKey>> {
        self.keys.values()
    }

    /// The key of this id.
    pub fn by_id(&self, id: &str) -> Option<&Arc<LiveKey>> {
        self.keys.get(id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Each hash that a key is known by, and from when on it is not.
    pub fn hashes(&self) -> impl Iterator<Item = ([u8; 32], Option<Timestamp>, &Arc<LiveKey>)> {
        self.keys.values().flat_map(|live| {
            let previous = live.key.previous(self.as_of);
            let previous = previous.map(|previous| (*previous.hash.as_bytes(), Some(previous.until), live));
            std::iter::once((*live.key.hash.as_bytes(), None, live)).chain(previous)
        })
    }
}

/// What is kept between two looks at the store, and who is told of changes.
#[derive(Default)]
pub(crate) struct KeyTable {
    kept: Mutex<Kept>,
    /// One look at a time.
    looking: Mutex<()>,
    told: Mutex<Vec<Arc<dyn Fn() + Send + Sync>>>,
    /// Services beside the catalogue's that this process's gateway sends keys to.
    own_services: OnceLock<BTreeSet<String>>,
    /// Under which address this process's gateway is called.
    gateway: OnceLock<String>,
}

#[derive(Default)]
struct Kept {
    rows: HashMap<String, Arc<VirtualKey>>,
    stale: Stale,
    live: Arc<LiveKeys>,
    serial: u64,
}

/// What has to be looked at anew.
#[derive(Default)]
enum Stale {
    #[default]
    Everything,
    /// Who may do what, or a secret; and these keys.
    Standing(HashSet<String>),
    Keys(HashSet<String>),
}

impl KeyTable {
    /// Whether a change in this collection can make any of it untrue.
    pub(crate) fn concerns(collection: &str) -> bool {
        collection == VirtualKey::COLLECTION || concerns(collection)
    }

    /// Notes what a committed change of these records made untrue. True when it was anything.
    pub(crate) fn note(&self, changed: &[(String, Vec<u8>)]) -> bool {
        let mut kept = lock(&self.kept);
        let mut noted = false;
        for (collection, key) in changed {
            match collection.as_str() {
                VirtualKey::COLLECTION => kept.stale.key(String::from_utf8_lossy(key).into_owned()),
                other if concerns(other) => kept.stale.standing(),
                _ => continue,
            }
            noted = true;
        }
        noted
    }

    /// Notes that others changed records of these collections. True when it matters.
    pub(crate) fn note_changes(&self, changes: &[Changed]) -> bool {
        let mut kept = lock(&self.kept);
        let mut noted = false;
        // All of them: one that matters says nothing of the next.
        for Changed { collection, keys } in changes {
            match (collection.as_str(), keys) {
                (VirtualKey::COLLECTION, Some(keys)) => {
                    keys.iter().for_each(|key| kept.stale.key(String::from_utf8_lossy(key).into_owned()));
                }
                (VirtualKey::COLLECTION, None) => kept.stale = Stale::Everything,
                (other, _) if concerns(other) => kept.stale.standing(),
                _ => continue,
            }
            noted = true;
        }
        noted
    }

    pub(crate) fn note_all(&self) {
        lock(&self.kept).stale = Stale::Everything;
    }

    /// Tells whoever wants to know.
    pub(crate) fn tell(&self) {
        let told = lock(&self.told).clone();
        told.iter().for_each(|tell| tell());
    }
}

impl Stale {
    fn key(&mut self, id: String) {
        match self {
            Self::Everything => {}
            Self::Standing(ids) | Self::Keys(ids) => drop(ids.insert(id)),
        }
    }

    fn standing(&mut self) {
        if let Self::Keys(ids) = self {
            *self = Self::Standing(std::mem::take(ids));
        }
    }

    fn is_nothing(&self) -> bool {
        matches!(self, Self::Keys(ids) if ids.is_empty())
    }
}

/// Whether a change in this collection can make a key serve or not, or stand for another version.
fn concerns(collection: &str) -> bool {
    Known::concerns(collection) || collection == Head::COLLECTION || collection == Environment::COLLECTION
}

impl Vault {
    /// By what virtual keys are found in the tables of a gateway.
    pub fn key_lookup(&self) -> KeyLookup {
        KeyLookup(Arc::clone(&self.ring))
    }

    /// Makes known which services beside the catalogue's this process's gateway sends keys to, once, when it
    /// starts: virtual keys may be made for them.
    pub fn also_serve(&self, services: BTreeSet<String>) {
        // Who starts twice has said it before.
        let _ = self.keys.own_services.set(services);
    }

    /// Whether it sends keys to this one.
    pub fn also_serves(&self, service: &str) -> bool {
        self.keys.own_services.get().is_some_and(|services| services.contains(service))
    }

    /// Makes known under which address this process's gateway is called, once, when it starts.
    pub fn gateway_is_at(&self, url: String) {
        // Who starts twice has said it before.
        let _ = self.keys.gateway.set(url);
    }

    /// Under which address this process's gateway is called: `https://gateway.example`, without a `/` at its
    /// end. `None`: it has none, or one that does not know.
    pub fn gateway(&self) -> Option<&str> {
        self.keys.gateway.get().map(String::as_str)
    }

    /// Calls `tell` after each change that [`Vault::live_keys`] may show, in this process, before whoever
    /// made the change is answered. What other nodes change is told when it is caught up with.
    pub fn on_key_change(&self, tell: impl Fn() + Send + Sync + 'static) {
        lock(&self.keys.told).push(Arc::new(tell));
    }

    /// Tells of a change at once, where that can be: whoever replaces the header holds it meanwhile, and
    /// what is known of people is read by its owner. Then it is told with the next look.
    pub(crate) fn tell_of_keys(&self) {
        let free = self.try_header_lock().is_some();
        if free {
            self.keys.tell();
        }
    }

    /// Every virtual key that serves now. The same as the last time, where nothing changed.
    ///
    /// # Errors
    /// When the store refuses; what was known before may go on for as long as it may be stale.
    pub fn live_keys(&self) -> Result<Arc<LiveKeys>, Error> {
        let _alone = lock(&self.keys.looking);
        let now = self.tools.clock.now();
        let (stale, before, mut rows) = {
            let mut kept = lock(&self.keys.kept);
            let over = kept.live.next_end.is_some_and(|end| now >= end);
            if kept.stale.is_nothing() && !over {
                return Ok(Arc::clone(&kept.live));
            }
            if over {
                kept.stale.standing();
            }
            let stale = std::mem::replace(&mut kept.stale, Stale::Keys(HashSet::new()));
            (stale, Arc::clone(&kept.live), std::mem::take(&mut kept.rows))
        };
        match self.look(&stale, &before, &mut rows, now) {
            Ok(mut live) => {
                let mut kept = lock(&self.keys.kept);
                kept.serial += 1;
                live.serial = kept.serial;
                (kept.rows, kept.live) = (rows, Arc::new(live));
                Ok(Arc::clone(&kept.live))
            }
            Err(error) => {
                self.keys.note_all();
                Err(error)
            }
        }
    }

    fn look(
        &self,
        stale: &Stale,
        before: &LiveKeys,
        rows: &mut HashMap<String, Arc<VirtualKey>>,
        now: Timestamp,
    ) -> Result<LiveKeys, Error> {
        match stale {
            Stale::Everything => {
                let all = records::scan::<VirtualKey>(&self.store, &[])?;
                *rows = all.into_iter().map(|row| (row.record.id.clone(), Arc::new(row.record))).collect();
            }
            Stale::Standing(ids) | Stale::Keys(ids) => {
                for id in ids {
                    match records::load::<VirtualKey>(&self.store, id.as_bytes())? {
                        Some(row) => drop(rows.insert(id.clone(), Arc::new(row.record))),
                        None => drop(rows.remove(id)),
                    }
                }
            }
        }
        let mut view = View { vault: self, now, uses: HashMap::new(), scopes: HashMap::new(), next_end: None };
        let mut keys = BTreeMap::new();
        match stale {
            Stale::Keys(ids) => {
                keys.clone_from(&before.keys);
                let concerned = |key: &Arc<VirtualKey>| {
                    ids.contains(&key.id) || key.parent.is_some() && lineage(rows, key).any(|one| ids.contains(&one.id))
                };
                ids.iter().for_each(|id| drop(keys.remove(id)));
                for key in rows.values().filter(|key| concerned(key)) {
                    match view.live(rows, key)? {
                        Some(live) => drop(keys.insert(key.id.clone(), Arc::new(live))),
                        None => drop(keys.remove(&key.id)),
                    }
                }
                view.next_end = earlier(view.next_end, before.next_end);
            }
            Stale::Everything | Stale::Standing(_) => {
                for key in rows.values() {
                    let Some(live) = view.live(rows, key)? else { continue };
                    // What is as it was is the same to those who made something of it.
                    let live = match before.keys.get(&key.id).filter(|same| ***same == live) {
                        Some(same) => Arc::clone(same),
                        None => Arc::new(live),
                    };
                    keys.insert(key.id.clone(), live);
                }
            }
        }
        Ok(LiveKeys { as_of: now, keys, next_end: view.next_end, serial: 0 })
    }

    /// The project and environment of a key.
    pub(crate) fn scope_of(&self, key: &VirtualKey) -> Result<Scope, Error> {
        let missing = || Error::Refused(format!("the environment of the virtual key `{}` is gone", key.name));
        self.scope_at(key.project, key.environment)?.ok_or_else(missing)
    }

    /// The same for whoever shows it; `None` when it is gone.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn key_place(&self, key: &VirtualKey) -> Result<Option<Scope>, Error> {
        self.scope_at(key.project, key.environment)
    }

    /// What a secret is called that a virtual key stands for, and where it is; `None` when it is gone.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn spelled_place(&self, place: &Place) -> Result<Option<SpelledPlace>, Error> {
        let Some(row) = records::load::<Head>(&self.store, &place.key())? else { return Ok(None) };
        let scope = self.scope_at(place.project, place.environment)?;
        Ok(scope.map(|scope| SpelledPlace {
            project: scope.project.name,
            environment: scope.environment.name,
            name: row.record.name,
        }))
    }

    fn scope_at(
        &self,
        project: keyward_types::ProjectId,
        environment: keyward_types::EnvironmentId,
    ) -> Result<Option<Scope>, Error> {
        let at = [&project.as_bytes()[..], environment.as_bytes()].concat();
        let project = records::load::<Project>(&self.store, project.as_bytes())?;
        let environment = records::load::<Environment>(&self.store, &at)?;
        Ok(project
            .zip(environment)
            .map(|(project, environment)| Scope { project: project.record, environment: environment.record }))
    }

    /// What stands at this place, in this version or the active one; `None` where there is none to use.
    pub(crate) fn load_place(&self, place: &Place, version: Option<Version>) -> Result<Option<Loaded>, Error> {
        let Some(row) = records::load::<Head>(&self.store, &place.key())? else { return Ok(None) };
        let Some(scope) = self.scope_at(place.project, place.environment)? else { return Ok(None) };
        let live = |version: &Version| row.record.version(*version).is_some_and(|one| one.state == VersionState::Live);
        let version = match version {
            Some(version) => Some(version).filter(live),
            None => row.record.active().map(|active| active.version),
        };
        Ok(version.map(|version| loaded(Arc::new(row.record), version, &scope, &*self.tools.clock)))
    }
}

/// One look at what keys stand for. What many keys have in common is asked once.
struct View<'a> {
    vault: &'a Vault,
    now: Timestamp,
    uses: HashMap<(PrincipalId, Place), Option<Usable>>,
    scopes: HashMap<Place, Option<Scope>>,
    next_end: Option<Timestamp>,
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

impl View<'_> {
    /// The key as it serves, if it does.
    fn live(
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
        for end in changes.filter(|end| *end > self.now) {
            self.next_end = earlier(self.next_end, Some(end));
        }
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
fn lineage<'a>(
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

/// A panic while this was held leaves what it protects as it was, or to be looked at anew.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(changed: &[(&str, Option<&[&str]>)]) -> Stale {
        let bytes = |keys: &[&str]| keys.iter().map(|key| key.as_bytes().to_vec()).collect();
        let of = |&(collection, keys): &(&str, Option<&[&str]>)| Changed {
            collection: collection.to_owned(),
            keys: keys.map(bytes),
        };
        let table = KeyTable::default();
        lock(&table.kept).stale = Stale::Keys(HashSet::new());
        assert!(table.note_changes(&changed.iter().map(of).collect::<Vec<_>>()));
        std::mem::take(&mut lock(&table.kept).stale)
    }

    /// Other nodes' changes come together, several of them at a look.
    #[test]
    fn of_what_changed_together_everything_is_noted() {
        let others = [(Head::COLLECTION, None), (VirtualKey::COLLECTION, None), ("nothing of ours", None)];
        for first in 0..others.len() {
            let mut changed = others;
            changed.rotate_left(first);
            assert!(matches!(noted(&changed), Stale::Everything), "{changed:?}");
        }
    }

    #[test]
    fn a_key_that_others_changed_is_looked_at_alone() {
        let key = (VirtualKey::COLLECTION, Some(&["a1B2c3D4e5F6"][..]));
        assert!(matches!(noted(&[key]), Stale::Keys(ids) if ids.len() == 1));
        let head = (Head::COLLECTION, Some(&["a secret"][..]));
        for changed in [[key, head], [head, key]] {
            assert!(matches!(noted(&changed), Stale::Standing(ids) if ids.contains("a1B2c3D4e5F6")));
        }
    }
}
