//! Records that were read or written lately, verified already, for a process that answers many
//! requests: a record that is asked for again costs neither a search in the database nor a MAC.
//!
//! It is for stores that one process owns, where nothing changes but by its own commits. Each commit
//! is taken over here before anybody is told that it is done. What an engine answered before a
//! commit is not kept after it: each part counts its changes, and keeps only what was asked for and
//! answered between two of them.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Batch, Change, Expect, Put, Record};

/// Lately used records and index values of one store, at most so many bytes of them.
pub(crate) struct Cache {
    parts: Vec<Mutex<Part>>,
    hasher: RandomState,
}

/// What a part had seen of changes when an engine was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u64);

#[derive(Default)]
struct Part {
    changes: u64,
    records: Recent<Arc<Record>>,
    indexes: Recent<Arc<[Vec<u8>]>>,
}

/// So many parts, so that readers rarely wait for each other, and a commit disturbs few.
const PARTS: usize = 64;
/// More records under one index value are not remembered.
const LISTED: usize = 8;
/// What an entry takes besides its bytes, roughly.
const OVERHEAD: usize = 160;

impl Cache {
    /// A cache of at most about `bytes`.
    pub(crate) fn new(bytes: usize) -> Self {
        let part = || {
            // Records are what is large.
            let (records, indexes) = (bytes / PARTS * 7 / 8, bytes / PARTS / 8);
            Mutex::new(Part { changes: 0, records: Recent::new(records), indexes: Recent::new(indexes) })
        };
        Self { parts: (0..PARTS).map(|_| part()).collect(), hasher: RandomState::new() }
    }

    /// The record under a key, or the moment from which on an engine's answer counts.
    pub(crate) fn record(&self, collection: &str, key: &[u8]) -> Result<Record, Moment> {
        let place = record_place(collection, key);
        let mut part = self.part(&place);
        let Part { records, changes, .. } = &mut *part;
        records.get(&place).map(|record| Record::clone(record)).ok_or(Moment(*changes))
    }

    /// Keeps a verified record that an engine was asked for at `moment`.
    pub(crate) fn keep_record(&self, collection: &str, record: &Record, moment: Moment) {
        let place = record_place(collection, &record.key);
        let mut part = self.part(&place);
        if part.changes == moment.0 {
            let size = size_of(&place, record);
            part.records.put(place, Arc::new(record.clone()), size);
        }
    }

    /// Keys of the records that declare a value, or the moment from which on an answer counts.
    pub(crate) fn keys(&self, collection: &str, index: &str, value: &[u8]) -> Result<Arc<[Vec<u8>]>, Moment> {
        let place = index_place(collection, index, value);
        let mut part = self.part(&place);
        let Part { indexes, changes, .. } = &mut *part;
        indexes.get(&place).cloned().ok_or(Moment(*changes))
    }

    /// Keeps which records declare a value. That none does is not kept.
    pub(crate) fn keep_keys(&self, collection: &str, index: &str, value: &[u8], found: &[Record], moment: Moment) {
        if found.is_empty() || found.len() > LISTED {
            return;
        }
        let place = index_place(collection, index, value);
        let mut part = self.part(&place);
        if part.changes == moment.0 {
            let size = place.len() + found.iter().map(|record| record.key.len() + 24).sum::<usize>() + OVERHEAD;
            part.indexes.put(place, found.iter().map(|record| record.key.clone()).collect(), size);
        }
    }

    /// Takes over what a batch did.
    pub(crate) fn committed(&self, batch: &Batch) {
        let mut made = HashMap::new();
        for change in batch.changes() {
            match change {
                Change::Put(put) => self.take_put(put, batch.expectations(), &mut made),
                Change::Delete(delete) => {
                    made.insert(record_place(&delete.collection, &delete.key), None);
                    self.forget(&delete.collection, &delete.key);
                }
            }
        }
    }

    /// Forgets what a batch expected that was refused for it: whoever tries again asks the engine.
    pub(crate) fn refused(&self, batch: &Batch) {
        for expect in batch.expectations() {
            match expect {
                Expect::Absent { collection, key } | Expect::Generation { collection, key, .. } => {
                    self.forget(collection, key);
                }
                Expect::AbsentIndex { .. } | Expect::Header { .. } | Expect::Lease { .. } => {}
            }
        }
    }

    /// Forgets what a batch may have done: nobody knows.
    pub(crate) fn unknown(&self, batch: &Batch) {
        for change in batch.changes() {
            match change {
                Change::Put(put) => {
                    self.forget(&put.collection, &put.key);
                    self.unlist(put);
                }
                Change::Delete(delete) => self.forget(&delete.collection, &delete.key),
            }
        }
    }

    /// `made` are the generations that earlier changes of the batch left, where they are known. What a
    /// reader has put here meanwhile says nothing: he may have seen this very commit already.
    fn take_put(&self, put: &Put, expected: &[Expect], made: &mut HashMap<Vec<u8>, Option<u64>>) {
        let place = record_place(&put.collection, &put.key);
        let mut part = self.part(&place);
        part.changes += 1;
        let before = made.get(&place).copied().unwrap_or_else(|| expected_generation(put, expected));
        made.insert(place.clone(), before.map(|before| before + 1));
        match before {
            // An engine counts a generation on with each put.
            Some(before) => {
                let record = Record {
                    key: put.key.clone(),
                    generation: before + 1,
                    value: put.value.clone(),
                    indexes: put.indexes.clone(),
                };
                let size = size_of(&place, &record);
                part.records.put(place, Arc::new(record), size);
            }
            None => part.records.remove(&place),
        }
        drop(part);
        self.unlist(put);
    }

    /// An index value that gained a record is asked for anew. One that lost a record is found out
    /// by its reader: the record does not declare it any more.
    fn unlist(&self, put: &Put) {
        for (index, value) in &put.indexes {
            let place = index_place(&put.collection, index, value);
            let mut part = self.part(&place);
            part.changes += 1;
            if part.indexes.get(&place).is_some_and(|keys| !keys.contains(&put.key)) {
                part.indexes.remove(&place);
            }
        }
    }

    fn forget(&self, collection: &str, key: &[u8]) {
        let place = record_place(collection, key);
        let mut part = self.part(&place);
        part.changes += 1;
        part.records.remove(&place);
    }

    fn part(&self, place: &[u8]) -> MutexGuard<'_, Part> {
        let part = (self.hasher.hash_one(place) % PARTS as u64) as usize;
        // Nothing panics while it is held.
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn expected_generation(put: &Put, expected: &[Expect]) -> Option<u64> {
    expected.iter().find_map(|expect| match expect {
        Expect::Generation { collection, key, generation } if *collection == put.collection && *key == put.key => {
            Some(*generation)
        }
        _ => None,
    })
}

/// Names of collections and indexes hold no zero.
fn record_place(collection: &str, key: &[u8]) -> Vec<u8> {
    [collection.as_bytes(), &[0], key].concat()
}

fn index_place(collection: &str, index: &str, value: &[u8]) -> Vec<u8> {
    [collection.as_bytes(), &[0], index.as_bytes(), &[0], value].concat()
}

fn size_of(place: &[u8], record: &Record) -> usize {
    let indexes: usize = record.indexes.iter().map(|(index, value)| index.len() + value.len() + 48).sum();
    place.len() + record.key.len() + record.value.len() + indexes + OVERHEAD
}

/// What was used lately, in generations: when the newest is full, the oldest goes, and with it what was
/// not asked for since it grew old. So at least all but one of their shares are of use, whatever the order
/// in which records are asked for.
struct Recent<T> {
    /// The newest first.
    generations: VecDeque<HashMap<Vec<u8>, (T, usize)>>,
    /// In the newest.
    bytes: usize,
    /// What each generation may hold.
    share: usize,
}

const GENERATIONS: usize = 8;

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<T> Recent<T> {
    fn new(bytes: usize) -> Self {
        Self { generations: VecDeque::from([HashMap::new()]), bytes: 0, share: bytes / GENERATIONS }
    }

    fn get(&mut self, place: &[u8]) -> Option<&T> {
        if !self.generations[0].contains_key(place) {
            let older = self.generations.iter_mut().skip(1);
            let (place, (kept, size)) = older.into_iter().find_map(|generation| generation.remove_entry(place))?;
            self.insert(place, kept, size);
        }
        self.generations[0].get(place).map(|(kept, _)| kept)
    }

    fn put(&mut self, place: Vec<u8>, kept: T, size: usize) {
        self.remove(&place);
        if size <= self.share {
            self.insert(place, kept, size);
        }
    }

    fn insert(&mut self, place: Vec<u8>, kept: T, size: usize) {
        if self.bytes + size > self.share {
            // Its table serves again.
            let mut oldest = HashMap::new();
            if self.generations.len() == GENERATIONS {
                oldest = self.generations.pop_back().unwrap_or_default();
                oldest.clear();
            }
            self.generations.push_front(oldest);
            self.bytes = 0;
        }
        self.bytes += size;
        self.generations[0].insert(place, (kept, size));
    }

    fn remove(&mut self, place: &[u8]) {
        if let Some((_, size)) = self.generations[0].remove(place) {
            self.bytes -= size;
        }
        for generation in self.generations.iter_mut().skip(1) {
            generation.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Delete, LogEntry};

    fn record(key: &str, generation: u64, name: &str) -> Record {
        let indexes = vec![("name".to_owned(), name.as_bytes().to_vec())];
        Record { key: key.into(), generation, value: vec![generation as u8; 100], indexes }
    }

    fn put(record: &Record) -> Put {
        let Record { key, value, indexes, .. } = record.clone();
        Put { collection: "c".into(), key, value, indexes }
    }

    fn batch() -> Batch {
        Batch::record(LogEntry { public: vec![1], private: vec![] })
    }

    fn at(generation: u64) -> Expect {
        Expect::Generation { collection: "c".into(), key: b"k".to_vec(), generation }
    }

    fn keep(cache: &Cache, record: &Record) {
        let moment = cache.record("c", &record.key).expect_err("it is not there");
        cache.keep_record("c", record, moment);
    }

    #[test]
    fn a_put_takes_the_place_of_what_was_kept() {
        let cache = Cache::new(1 << 20);
        keep(&cache, &record("k", 3, "a"));
        cache.committed(&batch().expect(at(3)).put(put(&record("k", 4, "a"))));
        assert_eq!(cache.record("c", b"k").ok(), Some(record("k", 4, "a")));
        cache.committed(&batch().expect(at(4)).put(put(&record("k", 5, "a"))).put(put(&record("k", 6, "a"))));
        assert_eq!(cache.record("c", b"k").ok(), Some(record("k", 6, "a")), "twice in one batch");
        cache.committed(&batch().put(put(&record("k", 7, "a"))));
        assert!(cache.record("c", b"k").is_err(), "nobody knows of which generation it is now");
        keep(&cache, &record("k", 7, "a"));
        cache.committed(&batch().delete(Delete { collection: "c".into(), key: b"k".to_vec() }));
        assert!(cache.record("c", b"k").is_err());
    }

    #[test]
    fn a_put_of_an_unknown_record_is_kept_where_its_generation_was_expected() {
        let cache = Cache::new(1 << 20);
        cache.committed(&batch().put(put(&record("k", 7, "a"))));
        assert!(cache.record("c", b"k").is_err(), "its generation is not known");
        cache.committed(&batch().expect(at(6)).put(put(&record("k", 7, "a"))));
        assert_eq!(cache.record("c", b"k").ok(), Some(record("k", 7, "a")));
        cache.unknown(&batch().put(put(&record("k", 8, "a"))));
        assert!(cache.record("c", b"k").is_err(), "whether it was written is not known");
    }

    #[test]
    fn who_sees_a_commit_before_it_is_acknowledged_makes_it_no_later_one() {
        let cache = Cache::new(1 << 20);
        let absent = Expect::Absent { collection: "c".into(), key: b"k".to_vec() };
        // The engine has made it, and shows it, before the store says so.
        keep(&cache, &record("k", 1, "a"));
        cache.committed(&batch().expect(absent).put(put(&record("k", 1, "a"))));
        assert!(cache.record("c", b"k").is_err(), "a generation that was not told");
        keep(&cache, &record("k", 2, "a"));
        cache.committed(&batch().expect(at(1)).put(put(&record("k", 2, "a"))));
        assert_eq!(cache.record("c", b"k").ok(), Some(record("k", 2, "a")));
    }

    #[test]
    fn who_is_refused_asks_anew() {
        let cache = Cache::new(1 << 20);
        keep(&cache, &record("k", 3, "a"));
        cache.refused(&batch().expect(at(3)));
        assert!(cache.record("c", b"k").is_err());
    }

    #[test]
    fn an_answer_from_before_a_change_is_not_kept_after_it() {
        let cache = Cache::new(1 << 20);
        let moment = cache.record("c", b"k").unwrap_err();
        cache.committed(&batch().put(put(&record("k", 4, "a"))));
        cache.keep_record("c", &record("k", 3, "a"), moment);
        assert!(cache.record("c", b"k").is_err());
        let moment = cache.keys("c", "name", b"a").unwrap_err();
        cache.committed(&batch().put(put(&record("other", 1, "a"))));
        cache.keep_keys("c", "name", b"a", &[record("k", 4, "a")], moment);
        assert!(cache.keys("c", "name", b"a").is_err());
    }

    #[test]
    fn a_new_record_under_an_index_value_is_asked_for() {
        let cache = Cache::new(1 << 20);
        let moment = cache.keys("c", "name", b"a").unwrap_err();
        cache.keep_keys("c", "name", b"a", &[record("k", 4, "a")], moment);
        cache.committed(&batch().put(put(&record("k", 5, "a"))));
        assert!(cache.keys("c", "name", b"a").is_ok(), "it was listed already");
        cache.committed(&batch().put(put(&record("new", 1, "a"))));
        assert!(cache.keys("c", "name", b"a").is_err());
    }

    #[test]
    fn it_stays_within_its_bytes_and_keeps_what_is_used() {
        let mut recent = Recent::new(1000);
        let held = |recent: &Recent<u8>| -> usize {
            recent.generations.iter().flat_map(HashMap::values).map(|(_, size)| size).sum()
        };
        for n in 0..100_u8 {
            recent.put(vec![n], n, 25);
            assert_eq!(recent.get(&[0]), Some(&0), "after {n}");
            assert!(held(&recent) <= 1000, "{}", held(&recent));
        }
        assert!(held(&recent) >= 800, "nearly all of it is of use: {}", held(&recent));
        recent.put(vec![1], 1, 126);
        assert_eq!(recent.get(&[1]), None, "more than a share of it");
    }

    /// Whoever reads the same in a ring finds nothing where the ring is longer than what is kept; it is kept
    /// whole as long as it is a little shorter.
    #[test]
    fn a_ring_that_fits_is_kept_whole() {
        let mut recent = Recent::new(8000);
        let mut missed = 0;
        for turn in 0..10 {
            for n in 0..68_u8 {
                if recent.get(&[n]).is_none() {
                    missed += u32::from(turn > 0);
                    recent.put(vec![n], n, 100);
                }
            }
        }
        assert_eq!(missed, 0);
    }
}
