//! The table of live keys as it is kept: what a change makes untrue of it is noted, and that alone is
//! looked at anew. A change of a secret that no key stands for costs nothing here, one of another its keys.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use keyward_access::VirtualKey;
use keyward_store::Changed;
use keyward_types::{Head, Record, Timestamp};

use crate::key_view::{View, lineage};
use crate::live_keys::{LiveKey, LiveKeys};
use crate::records::{self, Environment};
use crate::roster::Known;
use crate::{Error, Vault};

/// What is kept between two looks at the store, and who is told of changes.
#[derive(Default)]
pub(crate) struct KeyTable {
    kept: Mutex<Kept>,
    /// One look at a time.
    looking: Mutex<()>,
    pub(crate) told: Mutex<Vec<Arc<dyn Fn() + Send + Sync>>>,
    /// Services beside the catalogue's that this process's gateway sends keys to.
    pub(crate) own_services: OnceLock<BTreeSet<String>>,
    /// Under which address this process's gateway is called.
    pub(crate) gateway: OnceLock<String>,
}

#[derive(Default)]
struct Kept {
    /// None while somebody looks, and after a look that did not come to its end.
    rows: Option<Rows>,
    stale: Stale,
    live: Arc<LiveKeys>,
    serial: u64,
}

/// The records of all virtual keys, dead ones too.
#[derive(Default)]
struct Rows {
    by_id: HashMap<String, Arc<VirtualKey>>,
    /// Places of the secrets that they stand for, by the keys of their heads.
    places: HashSet<Vec<u8>>,
}

/// What has to be looked at anew.
struct Stale {
    /// Every record.
    all: bool,
    /// Who may do what, and so every key, but no record.
    standing: bool,
    /// Records of these keys.
    ids: HashSet<String>,
    /// Secrets at these places.
    places: HashSet<Vec<u8>>,
}

/// So many keys or secrets are noted one by one.
const MOST_NOTED: usize = 4_096;

impl Default for Stale {
    fn default() -> Self {
        Self { all: true, ..Self::nothing() }
    }
}

impl Stale {
    fn nothing() -> Self {
        Self { all: false, standing: false, ids: HashSet::new(), places: HashSet::new() }
    }

    fn is_nothing(&self) -> bool {
        !self.all && !self.standing && self.ids.is_empty() && self.places.is_empty()
    }

    fn key(&mut self, id: &[u8]) {
        if !self.all {
            self.ids.insert(String::from_utf8_lossy(id).into_owned());
            self.all = self.ids.len() > MOST_NOTED;
        }
    }

    fn place(&mut self, key: &[u8]) {
        if !self.all && !self.standing {
            self.places.insert(key.to_vec());
            self.standing = self.places.len() > MOST_NOTED;
        }
    }
}

impl Kept {
    /// Notes that a record was put or deleted. True when it matters.
    fn note(&mut self, collection: &str, key: &[u8]) -> bool {
        match collection {
            VirtualKey::COLLECTION => self.stale.key(key),
            Head::COLLECTION => {
                // Whoever looks just now may know of more than we do.
                let is_known = |rows: &Rows| self.stale.all || rows.places.contains(key);
                if !self.rows.as_ref().is_none_or(is_known) {
                    return false;
                }
                self.stale.place(key);
            }
            other if concerns(other) => self.stale.standing = true,
            _ => return false,
        }
        true
    }
}

impl Rows {
    fn put(&mut self, key: VirtualKey) {
        self.places.extend(key.routes.iter().map(|route| route.place.key()));
        self.by_id.insert(key.id.clone(), Arc::new(key));
    }
}

impl KeyTable {
    /// Whether a change in this collection can make any of it untrue.
    pub(crate) fn concerns(collection: &str) -> bool {
        collection == VirtualKey::COLLECTION || concerns(collection)
    }

    /// Notes what a committed change of these records made untrue. True when it was anything.
    pub(crate) fn note(&self, changed: &[(String, Vec<u8>)]) -> bool {
        let mut kept = lock(&self.kept);
        // All of them: one that matters says nothing of the next.
        changed.iter().fold(false, |noted, (collection, key)| kept.note(collection, key) | noted)
    }

    /// Notes what others changed. True when it matters.
    pub(crate) fn note_changes(&self, changes: &[Changed]) -> bool {
        let mut kept = lock(&self.kept);
        changes.iter().fold(false, |noted, Changed { collection, keys }| {
            let matters = match (collection.as_str(), keys) {
                (_, Some(keys)) => keys.iter().fold(false, |noted, key| kept.note(collection, key) | noted),
                (VirtualKey::COLLECTION, None) => {
                    kept.stale.all = true;
                    true
                }
                (other, None) => {
                    kept.stale.standing |= concerns(other);
                    concerns(other)
                }
            };
            matters | noted
        })
    }

    pub(crate) fn note_all(&self) {
        lock(&self.kept).stale.all = true;
    }

    /// Tells whoever wants to know.
    pub(crate) fn tell(&self) {
        let told = lock(&self.told).clone();
        told.iter().for_each(|tell| tell());
    }
}

/// Whether a change in this collection can make a key serve or not, or stand for another version.
fn concerns(collection: &str) -> bool {
    Known::concerns(collection) || collection == Head::COLLECTION || collection == Environment::COLLECTION
}

impl Vault {
    /// Every virtual key that serves now. The same as the last time, where nothing changed.
    ///
    /// # Errors
    /// When the store refuses; what was known before may go on for as long as it may be stale.
    pub fn live_keys(&self) -> Result<Arc<LiveKeys>, Error> {
        let _alone = lock(&self.keys.looking);
        let now = self.tools.clock.now();
        let (stale, before, mut rows) = {
            let mut kept = lock(&self.keys.kept);
            let is_over = kept.live.next_end.is_some_and(|end| end <= now);
            if kept.rows.is_some() && kept.stale.is_nothing() && !is_over {
                return Ok(Arc::clone(&kept.live));
            }
            let mut stale = std::mem::replace(&mut kept.stale, Stale::nothing());
            let rows = kept.rows.take();
            // Whoever panicked at this took along what was to be looked at.
            stale.all |= rows.is_none();
            (stale, Arc::clone(&kept.live), rows.unwrap_or_default())
        };
        // After a failure it is not known how far the look came: the next one finds no rows, and looks at all.
        let found = self.look(&stale, &before, &mut rows, now)?;
        let mut kept = lock(&self.keys.kept);
        kept.rows = Some(rows);
        if let Some(mut live) = found {
            kept.serial += 1;
            live.serial = kept.serial;
            kept.live = Arc::new(live);
        }
        Ok(Arc::clone(&kept.live))
    }

    /// What serves now; `None` when that is what served before.
    fn look(
        &self,
        stale: &Stale,
        before: &LiveKeys,
        rows: &mut Rows,
        now: Timestamp,
    ) -> Result<Option<LiveKeys>, Error> {
        if stale.all {
            *rows = Rows::default();
            records::scan::<VirtualKey>(&self.store, &[])?.into_iter().for_each(|row| rows.put(row.record));
        } else {
            for id in &stale.ids {
                match records::load::<VirtualKey>(&self.store, id.as_bytes())? {
                    Some(row) => rows.put(row.record),
                    None => drop(rows.by_id.remove(id)),
                }
            }
        }
        let rows = &rows.by_id;
        let is_over = |live: &Arc<LiveKey>| live.next_end.is_some_and(|end| end <= now);
        let is_concerned = |key: &&Arc<VirtualKey>| {
            let stands_for_changed = || key.routes.iter().any(|route| stale.places.contains(&route.place.key()));
            stale.all
                || stale.standing
                || stale.ids.contains(&key.id)
                || key.parent.is_some() && lineage(rows, key).any(|one| stale.ids.contains(&one.id))
                || !stale.places.is_empty() && stands_for_changed()
                || before.by_id(&key.id).is_some_and(is_over)
        };
        let concerned: Vec<&Arc<VirtualKey>> = rows.values().filter(is_concerned).collect();
        let mut keys = match stale.all || stale.standing {
            true => BTreeMap::new(),
            false => before.keys.clone(),
        };
        stale.ids.iter().for_each(|id| drop(keys.remove(id)));
        let mut view = View::new(self, now);
        for key in concerned {
            let Some(live) = view.live(rows, key)? else {
                keys.remove(&key.id);
                continue;
            };
            // What is as it was is the same to those who made something of it.
            let live = match before.by_id(&key.id).filter(|same| ***same == live) {
                Some(same) => Arc::clone(same),
                None => Arc::new(live),
            };
            keys.insert(key.id.clone(), live);
        }
        // A change of one's own comes back with those of others; whoever made tables of it need not again.
        let is_same = |(one, other): (&Arc<LiveKey>, &Arc<LiveKey>)| Arc::ptr_eq(one, other);
        if keys.len() == before.len() && keys.values().zip(before.all()).all(is_same) {
            return Ok(None);
        }
        let next_end = keys.values().filter_map(|live| live.next_end).min();
        Ok(Some(LiveKeys { as_of: now, keys, next_end, serial: 0 }))
    }
}

/// A panic while this was held leaves what it protects as it was, or to be looked at anew.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(collection: &str, keys: Option<&[&str]>) -> Changed {
        let bytes = |keys: &[&str]| keys.iter().map(|key| key.as_bytes().to_vec()).collect();
        Changed { collection: collection.to_owned(), keys: keys.map(bytes) }
    }

    /// What is stale after these changes, where one secret is stood for.
    fn noted(changes: &[Changed]) -> Option<Stale> {
        let table = KeyTable::default();
        {
            let mut kept = lock(&table.kept);
            let places = HashSet::from([b"stood for".to_vec()]);
            (kept.stale, kept.rows) = (Stale::nothing(), Some(Rows { places, ..Rows::default() }));
        }
        let matters = table.note_changes(changes);
        let stale = std::mem::take(&mut lock(&table.kept).stale);
        assert_eq!(matters, !stale.is_nothing());
        matters.then_some(stale)
    }

    /// Other nodes' changes come together, several of them at a look.
    #[test]
    fn of_what_changed_together_everything_is_noted() {
        let mut changes = vec![
            changed(Head::COLLECTION, None),
            changed(VirtualKey::COLLECTION, None),
            changed("nothing of ours", None),
        ];
        for _ in 0..changes.len() {
            changes.rotate_left(1);
            assert!(noted(&changes).is_some_and(|stale| stale.all && stale.standing), "{changes:?}");
        }
    }

    #[test]
    fn what_is_named_is_looked_at_alone() {
        let key = || changed(VirtualKey::COLLECTION, Some(&["a1B2c3D4e5F6"]));
        let head = || changed(Head::COLLECTION, Some(&["stood for", "another"]));
        for changes in [[key(), head()], [head(), key()]] {
            let stale = noted(&changes).expect("both matter");
            assert!(!stale.all && !stale.standing);
            assert_eq!((stale.ids.len(), stale.places.len()), (1, 1), "nobody stands for the other secret");
        }
        assert!(noted(&[changed(Head::COLLECTION, Some(&["another"]))]).is_none());
    }

    #[test]
    fn while_somebody_looks_every_secret_matters() {
        let table = KeyTable::default();
        (lock(&table.kept).stale, lock(&table.kept).rows) = (Stale::nothing(), None);
        assert!(table.note(&[(Head::COLLECTION.to_owned(), b"another".to_vec())]));
        assert_eq!(lock(&table.kept).stale.places.len(), 1);
    }

    #[test]
    fn what_nobody_looks_at_does_not_grow() {
        let (table, key) = (KeyTable::default(), |n: u32| n.to_string().into_bytes());
        let changes = (0..10_000)
            .flat_map(|n| [(Head::COLLECTION.to_owned(), key(n)), (VirtualKey::COLLECTION.to_owned(), key(n))]);
        let changes: Vec<(String, Vec<u8>)> = changes.collect();
        assert!(table.note(&changes));
        let kept = lock(&table.kept);
        assert_eq!((kept.stale.ids.len(), kept.stale.places.len()), (0, 0), "all is to be looked at as it is");
        drop(kept);
        (lock(&table.kept).stale, lock(&table.kept).rows) = (Stale::nothing(), None);
        assert!(table.note(&changes));
        let kept = lock(&table.kept);
        assert!(kept.stale.all && kept.stale.standing);
        assert!(kept.stale.ids.len() <= MOST_NOTED + 1 && kept.stale.places.len() <= MOST_NOTED + 1);
    }
}
