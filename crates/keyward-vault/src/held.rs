//! Holdings that are open, as this process last saw them: who reads again what he has is told so
//! without a look at the store. It may be wrong, as others close holdings; each use of it is expected of
//! the very commit that puts the read on record, which fails then, and whoever tries again looks.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Open holdings by the keys of the rows that name them.
pub(crate) struct Held {
    parts: Vec<Mutex<HashMap<u64, Open>>>,
    hasher: RandomState,
}

/// An open holding.
struct Open {
    /// Of which row: two may have one hash.
    key: Box<[u8]>,
    /// Its id.
    holding: Box<str>,
    /// How often its record was written.
    generation: u64,
}

const PARTS: usize = 64;
/// More are not remembered, in all about ten megabytes.
const EACH: usize = 512;

impl Default for Held {
    fn default() -> Self {
        Self { parts: (0..PARTS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl Held {
    /// The id of the holding under the row of this key, if one is known, and how often it was written.
    pub(crate) fn of(&self, key: &[u8]) -> Option<(Box<str>, u64)> {
        let hash = self.hasher.hash_one(key);
        let part = self.part(hash);
        let open = part.get(&hash).filter(|open| *open.key == *key)?;
        Some((open.holding.clone(), open.generation))
    }

    /// Remembers one.
    pub(crate) fn keep(&self, key: &[u8], holding: &str, generation: u64) {
        let hash = self.hasher.hash_one(key);
        let mut part = self.part(hash);
        if part.len() >= EACH {
            // Those who read on are known again at their next read.
            part.clear();
        }
        part.insert(hash, Open { key: key.into(), holding: holding.into(), generation });
    }

    /// Forgets one that was not as it is remembered.
    pub(crate) fn forget(&self, key: &[u8]) {
        let hash = self.hasher.hash_one(key);
        self.part(hash).remove(&hash);
    }

    fn part(&self, hash: u64) -> MutexGuard<'_, HashMap<u64, Open>> {
        let at = (hash >> 32) as usize % self.parts.len();
        self.parts[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
