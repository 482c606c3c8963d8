//! From the vault's live keys to the data plane's tables, and to the leases that they want.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use keyward_access::{Allow, BudgetUnit, Network};
use keyward_client::{Result, SystemClock};
use keyward_gateway::{Budget, Call, Glob, Grant, Lease, Route, Snapshot, Unit};
use keyward_types::{Clock, Place, Secret, SecretId, Version};
use keyward_vault::{GatewayLease, LiveKey, LiveRoute, Vault};

use super::ledger::id_of;
use super::narrowed::presented;
use super::{Front, known_until};
use crate::follow::Freshness;

/// What is known of one vault's keys.
pub(super) struct Tables {
    vault: Weak<Vault>,
    front: Arc<Front>,
    freshness: Freshness,
    made: Mutex<Made>,
    /// One has leases renewed at a time.
    leasing: Mutex<()>,
}

/// What was made of the live keys as they were last.
#[derive(Default)]
struct Made {
    serial: Option<u64>,
    grants: HashMap<String, (Arc<LiveKey>, Arc<Grant>)>,
    /// What keys with the same rules share, by those.
    alike: HashMap<String, Arc<Alike>>,
    /// Each secret that a key stands for, once.
    routes: Arc<[LiveRoute]>,
}

/// The part of a grant that many keys have in common.
struct Alike {
    routes: Arc<[Route]>,
    networks: Arc<[ipnet::IpNet]>,
    origins: Arc<[Box<str>]>,
}

impl Tables {
    pub(super) fn new(vault: Weak<Vault>, front: Arc<Front>, freshness: Freshness) -> Self {
        Self { vault, front, freshness, made: Mutex::default(), leasing: Mutex::default() }
    }

    /// Looks at the keys, and puts tables in place that are as they are.
    ///
    /// # Errors
    /// When the store refuses: the tables stay, and go stale.
    pub(super) fn refresh(&self) -> Result<()> {
        let Some(vault) = self.vault.upgrade() else { return Ok(()) };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        // From before the look: what changes meanwhile is not known.
        let as_of = known_until(&self.freshness);
        let live = vault.live_keys()?;
        let shared = &self.front.shared;
        if made.serial == Some(live.serial()) {
            let present = shared.snapshot();
            let still = present.still(as_of);
            drop(present);
            shared.publish(still);
            return Ok(());
        }
        let (mut grants, mut alike) = (HashMap::with_capacity(live.len()), std::mem::take(&mut made.alike));
        let mut routes: HashMap<SecretId, LiveRoute> = HashMap::new();
        for key in live.all() {
            let same = made.grants.get(&key.key.id).filter(|(before, _)| Arc::ptr_eq(before, key));
            let grant = match same {
                Some((_, grant)) => Arc::clone(grant),
                None => Arc::new(self.grant(key, &mut alike)),
            };
            // A trap serves nobody, and needs no lease.
            for route in key.routes.iter().filter(|_| !key.key.rules.canary) {
                routes.entry(route.place.secret).or_insert_with(|| route.clone());
            }
            grants.insert(key.key.id.clone(), (Arc::clone(key), grant));
        }
        let lookup = vault.key_lookup();
        let family = Arc::clone(&live);
        let presented = move |text: &[u8]| presented(&lookup, &family, std::str::from_utf8(text).ok()?);
        let mut snapshot = Snapshot::new(as_of, Arc::new(presented));
        for (hash, until, key) in live.hashes() {
            let Some((_, grant)) = grants.get(&key.key.id) else { continue };
            snapshot = match until {
                None => snapshot.with_key(hash, Arc::clone(grant)),
                Some(until) => snapshot.with_previous(hash, Arc::clone(grant), until),
            };
        }
        shared.publish(snapshot);
        alike.retain(|_, one| grants_share(one));
        let routes = routes.into_values().collect();
        *made = Made { serial: Some(live.serial()), grants, alike, routes };
        Ok(())
    }

    /// Has leases that are due.
    ///
    /// # Errors
    /// When they could not be recorded.
    pub(super) fn lease(&self) -> Result<()> {
        let Some(vault) = self.vault.upgrade() else { return Ok(()) };
        let _alone = self.leasing.lock().unwrap_or_else(PoisonError::into_inner);
        let routes = Arc::clone(&self.made.lock().unwrap_or_else(PoisonError::into_inner).routes);
        let (table, now) = (&self.front.table, SystemClock.now());
        let is_due = |route: &&LiveRoute| table.is_due(route.place.secret, route.version, route.previous, now);
        let due: Vec<&LiveRoute> = routes.iter().filter(is_due).collect();
        let versions = |route: &&LiveRoute| {
            let place = route.place;
            std::iter::once(route.version).chain(route.previous).map(move |version| (place, version))
        };
        let wanted: Vec<(Place, Version)> = due.iter().flat_map(versions).collect();
        let got = if wanted.is_empty() { Vec::new() } else { vault.lease_for_gateway(&self.front.node, &wanted)? };
        let leases = due.iter().filter_map(|route| self.together(route, &got)).collect();
        let stays: HashSet<SecretId> = routes.iter().map(|route| route.place.secret).collect();
        table.renew(leases, |secret| stays.contains(&secret), now);
        Ok(())
    }

    /// The lease of a route's version, with that of the one before it.
    fn together(&self, route: &LiveRoute, got: &[GatewayLease]) -> Option<Arc<Lease>> {
        let of = |version| got.iter().find(|one| one.place == route.place && one.version == version);
        let mut lease = self.data_planes(of(route.version)?)?;
        lease.previous = route.previous.and_then(of).and_then(|one| self.data_planes(one)).map(Arc::new);
        Some(Arc::new(lease))
    }

    /// The data plane's form of a lease: it may apply the value, too, and gives it to nobody.
    fn data_planes(&self, one: &GatewayLease) -> Option<Lease> {
        let (secret, version, until) = (one.place.secret, one.version, one.lease.until());
        if let Some(before) = self.front.table.of(secret, version) {
            return Some(before.renewed(until));
        }
        one.lease.apply(SystemClock.now(), |value| {
            Lease::new(secret, version, Secret::new("a leased value", value.to_vec()), until)
        })
    }

    fn grant(&self, live: &LiveKey, known: &mut HashMap<String, Arc<Alike>>) -> Grant {
        let rules = &live.key.rules;
        let written = {
            let places = live.routes.iter().map(|route| (&route.provider, &route.upstream, route.place.secret));
            let places: Vec<_> = places.collect();
            let (allow, models, fields) = (&rules.allow, &rules.models, &rules.max_fields);
            format!("{places:?} {allow:?} {models:?} {fields:?} {:?} {:?}", live.networks, rules.origins)
        };
        let alike = Arc::clone(known.entry(written).or_insert_with(|| Arc::new(self.alike(live))));
        let number = |most: u64| u32::try_from(most).unwrap_or(u32::MAX);
        Grant {
            id: id_of(&live.key.id),
            routes: Arc::clone(&alike.routes),
            networks: Arc::clone(&alike.networks),
            origins: Arc::clone(&alike.origins),
            rpm: rules.rpm.map(number),
            tpm: rules.tpm.map(number),
            parallel: rules.parallel.map(number),
            budgets: live.caps().map(|(key, budget)| self.budget(&key.id, budget)).collect(),
            expires: live.until,
            // Uses are a budget of requests.
            uses_left: None,
            canary: rules.canary,
            max_stale: rules.max_stale.map(|seconds| Duration::from_secs(seconds.into())),
        }
    }

    fn alike(&self, live: &LiveKey) -> Alike {
        let rules = &live.key.rules;
        let calls: Box<[Call]> = rules.allow.iter().map(call).collect();
        let models: Box<[Glob]> = rules.models.iter().map(|model| Glob::name(model.as_str())).collect();
        let maxima: Box<[(Box<str>, u64)]> =
            rules.max_fields.iter().map(|(field, most)| (field.as_str().into(), *most)).collect();
        let route = |route: &LiveRoute| {
            let upstream = match self.front.services.upstream(&route.provider, route.upstream.as_ref()) {
                Ok(upstream) => upstream,
                // Another node may know a service that this one was not told of.
                Err(failure) => {
                    tracing::warn!(key = live.key.id, reason = %failure, "a virtual key stands for what this gateway cannot reach");
                    return None;
                }
            };
            Some(Route {
                provider: route.provider.as_str().into(),
                upstream,
                secret: route.place.secret,
                version: None,
                calls: calls.clone(),
                models: models.clone(),
                maxima: maxima.clone(),
            })
        };
        Alike {
            routes: live.routes.iter().filter_map(route).collect(),
            networks: live.networks.iter().filter_map(network).collect(),
            origins: rules.origins.iter().map(|origin| origin.as_str().into()).collect(),
        }
    }

    fn budget(&self, key: &str, budget: keyward_access::Budget) -> Budget {
        let id = self.front.ledger.budget(key, budget.unit, budget.window);
        let unit = match budget.unit {
            BudgetUnit::MicroUsd => Unit::Money,
            BudgetUnit::Tokens => Unit::Tokens,
            BudgetUnit::Requests => Unit::Requests,
        };
        Budget { id, unit }
    }
}

/// A rule about requests in the data plane's form.
pub(super) fn call(allow: &Allow) -> Call {
    let methods = allow.method.iter().filter_map(|method| method.as_str().parse().ok()).collect();
    Call { methods, path: Glob::path(allow.path.as_str()) }
}

/// A network in the data plane's form.
pub(super) fn network(network: &Network) -> Option<ipnet::IpNet> {
    network.to_string().parse().ok()
}

/// Whether a key still has it: the table itself holds one, too.
fn grants_share(alike: &Alike) -> bool {
    Arc::strong_count(&alike.routes) > 1
}
