//! The leases that this process has. Requests read the table without a lock.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use keyward_gateway::{Lease, Leases};
use keyward_types::{SecretId, Timestamp, Version};

/// Leases by secret.
pub(super) struct Table {
    held: ArcSwap<HashMap<SecretId, Arc<Held>>>,
    /// Secrets that somebody called for and that there was no lease of.
    wanted: Mutex<BTreeSet<SecretId>>,
    ask: Sender<()>,
}

/// A lease, and whether it was used since it was renewed.
struct Held {
    lease: Arc<Lease>,
    used: AtomicBool,
}

/// A lease is renewed when it has so many milliseconds left.
const RENEW: i64 = 30_000;

impl Table {
    pub(super) fn new(ask: Sender<()>) -> Self {
        Self { held: ArcSwap::default(), wanted: Mutex::default(), ask }
    }

    /// Whether a lease of this version is to be had, or had anew.
    pub(super) fn is_due(&self, secret: SecretId, version: Version, previous: Option<Version>, now: Timestamp) -> bool {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner).contains(&secret);
        let Some(held) = self.held.load().get(&secret).cloned() else { return wanted };
        if !held.lease.lives(now) {
            return wanted || held.used.load(Ordering::Relaxed);
        }
        let same = held.lease.version == version && held.lease.previous.as_ref().map(|one| one.version) == previous;
        !same || held.lease.until.0 - now.0 < RENEW && held.used.load(Ordering::Relaxed)
    }

    /// The lease of this version, to be renewed without making its masks again.
    pub(super) fn of(&self, secret: SecretId, version: Version) -> Option<Arc<Lease>> {
        let held = self.held.load().get(&secret).cloned()?;
        let previous = held.lease.previous.clone();
        std::iter::once(Arc::clone(&held.lease)).chain(previous).find(|lease| lease.version == version)
    }

    /// Puts these leases in, and takes those out that `stays` does not name or that are over.
    pub(super) fn renew(&self, leases: Vec<Arc<Lease>>, stays: impl Fn(SecretId) -> bool, now: Timestamp) {
        let mut held = HashMap::clone(&self.held.load());
        held.retain(|secret, one| stays(*secret) && one.lease.lives(now));
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        for lease in leases {
            wanted.remove(&lease.secret);
            held.insert(lease.secret, Arc::new(Held { lease, used: AtomicBool::new(false) }));
        }
        wanted.retain(|secret| stays(*secret));
        drop(wanted);
        self.held.store(Arc::new(held));
    }

    /// Gives all of them up.
    pub(super) fn clear(&self) {
        self.held.store(Arc::default());
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Leases for Table {
    fn lease(&self, secret: SecretId, version: Option<Version>) -> Option<Arc<Lease>> {
        let held = self.held.load();
        let held = held.get(&secret).filter(|held| version.is_none_or(|version| held.lease.version == version))?;
        // Written once a lease: a line of memory that every core writes is slow to read.
        if !held.used.load(Ordering::Relaxed) {
            held.used.store(true, Ordering::Relaxed);
        }
        Some(Arc::clone(&held.lease))
    }

    fn ask(&self, secret: SecretId) -> bool {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).insert(secret);
        self.ask.send(()).is_ok()
    }
}
