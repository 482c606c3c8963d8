//! What gateways know of virtual keys: all that serve at this moment, with what they stand for, made
//! once and kept until something of it changes. Whether an owner may use the secrets is asked here,
//! with each change of who may do what, and never on the way of a request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use keyward_access::{Budget, Caveat, Login, NarrowedKey, Network, TokenHash, UpstreamUrl, VirtualKey};
use keyward_types::token::{PlainToken, TokenKind};
use keyward_types::{EnvironmentName, Head, Place, ProjectName, SecretName, Timestamp, Version, VersionState};

use crate::key_table::lock;
use crate::read::loaded;
use crate::records::{self, Environment, Project};
use crate::ring::KeyRing;
use crate::{Error, Loaded, Scope, Vault};

/// Every virtual key that serves, at one moment. Immutable: another one takes its place.
#[derive(Debug)]
pub struct LiveKeys {
    /// The moment.
    pub as_of: Timestamp,
    pub(crate) keys: BTreeMap<String, Arc<LiveKey>>,
    /// Before this moment nothing of it is over by the clock alone.
    pub(crate) next_end: Option<Timestamp>,
    pub(crate) serial: u64,
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
    /// When the clock alone makes something of it untrue: besides its end, that of a role of its owner's, or of
    /// the text that it was known by before.
    pub(crate) next_end: Option<Timestamp>,
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

    pub(crate) fn scope_at(
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
