//! Records that were read or written lately, verified already, for a process that answers many
//! requests: a record that is asked for again costs neither a search in the database nor a MAC. Whoever
//! makes something of a record's bytes may have that kept in their place, which is less and made once.
//!
//! It is for stores that one process owns, where nothing changes but by its own commits. Each commit
//! is taken over here before anybody is told that it is done. What an engine answered before a
//! commit is not kept after it: each part counts its changes, and keeps only what was asked for and
//! answered between two of them.

use std::any::Any;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::recent::Recent;
use crate::{Batch, Change, Expect, Put, Record};

/// Lately used records and index values of one store, at most so many bytes of them.
pub(crate) struct Cache {
    parts: Vec<Mutex<Part>>,
    hasher: RandomState,
}

/// What a part had seen of changes when an engine was asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u64);

/// What is known of a record by those who want what its readers make of it.
pub(crate) enum Known<T> {
    /// It is made, of a record of this generation.
    Made(Arc<T>, u64),
    /// It is to be made of these bytes.
    Record(Arc<Record>, Moment),
    /// The engine is to be asked.
    Nothing(Moment),
}

struct Part {
    changes: u64,
    records: Recent<Kept>,
    indexes: Recent<Arc<[Vec<u8>]>>,
}

/// What is kept of a record.
enum Kept {
    Record(Arc<Record>),
    /// With the record's generation.
    Made(Arc<dyn Any + Send + Sync>, u64),
}

/// Where something lies: a record by its key, or keys by the index value that they declare.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    collection: &'a str,
    /// Empty for a record; names of collections and indexes hold no zero.
    index: &'a str,
    key: &'a [u8],
    hash: u64,
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
            // A name that leads to a record takes about a quarter of what the record and its value do.
            let (records, indexes) = (bytes / PARTS * 3 / 4, bytes / PARTS / 4);
            Mutex::new(Part { changes: 0, records: Recent::new(records), indexes: Recent::new(indexes) })
        };
        Self { parts: (0..PARTS).map(|_| part()).collect(), hasher: RandomState::new() }
    }

    /// The record under a key, or the moment from which on an engine's answer counts.
    pub(crate) fn record(&self, collection: &str, key: &[u8]) -> Result<Arc<Record>, Moment> {
        let place = self.place(collection, "", key);
        let mut part = self.part(place);
        let Part { records, changes, .. } = &mut *part;
        match records.get(place) {
            Some(Kept::Record(record)) => Ok(Arc::clone(record)),
            Some(Kept::Made(..)) | None => Err(Moment(*changes)),
        }
    }

    /// Keeps a verified record that an engine was asked for at `moment`, where nothing is kept that
    /// was made of it.
    pub(crate) fn keep_record(&self, collection: &str, record: &Arc<Record>, moment: Moment) {
        let place = self.place(collection, "", &record.key);
        let mut part = self.part(place);
        if part.changes == moment.0 && !part.records.has(place) {
            part.records.put(place, Kept::Record(Arc::clone(record)), size_of(place, record));
        }
    }

    /// What was made of the record under a key, or what it can be made of.
    pub(crate) fn made<T: Send + Sync + 'static>(&self, collection: &str, key: &[u8]) -> Known<T> {
        let place = self.place(collection, "", key);
        let mut part = self.part(place);
        let Part { records, changes, .. } = &mut *part;
        let moment = Moment(*changes);
        match records.get(place) {
            Some(Kept::Record(record)) => Known::Record(Arc::clone(record), moment),
            Some(Kept::Made(made, generation)) => match Arc::clone(made).downcast() {
                Ok(made) => Known::Made(made, *generation),
                Err(_other) => Known::Nothing(moment),
            },
            None => Known::Nothing(moment),
        }
    }

    /// Keeps what was made of a verified record, in its place.
    pub(crate) fn keep_made<T>(&self, collection: &str, record: &Record, made: &Arc<T>, moment: Moment)
    where
        T: Send + Sync + 'static,
    {
        let place = self.place(collection, "", &record.key);
        let mut part = self.part(place);
        if part.changes == moment.0 {
            let size = size_of_made(place, &record.value);
            part.records.put(place, Kept::Made(Arc::clone(made) as _, record.generation), size);
        }
    }

    /// Keys of the records that declare a value, or the moment from which on an answer counts.
    pub(crate) fn keys(&self, collection: &str, index: &str, value: &[u8]) -> Result<Arc<[Vec<u8>]>, Moment> {
        let place = self.place(collection, index, value);
        let mut part = self.part(place);
        let Part { indexes, changes, .. } = &mut *part;
        indexes.get(place).map(Arc::clone).ok_or(Moment(*changes))
    }

    /// Keeps which records declare a value. That none does is not kept.
    pub(crate) fn keep_keys(&self, collection: &str, index: &str, value: &[u8], found: &[Record], moment: Moment) {
        if found.is_empty() || found.len() > LISTED {
            return;
        }
        let place = self.place(collection, index, value);
        let mut part = self.part(place);
        if part.changes == moment.0 {
            let size = place.len() + found.iter().map(|record| record.key.len() + 24).sum::<usize>() + OVERHEAD;
            part.indexes.put(place, found.iter().map(|record| record.key.clone()).collect(), size);
        }
    }

    /// Takes over what a batch did.
    pub(crate) fn committed(&self, batch: &Batch) {
        let mut generations = HashMap::new();
        for (at, change) in batch.changes().iter().enumerate() {
            match change {
                Change::Put(put) => self.take_put(put, batch.made(at), batch.expectations(), &mut generations),
                Change::Delete(delete) => {
                    generations.insert((delete.collection.as_str(), delete.key.as_slice()), None);
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

    /// `generations` are those that earlier changes of the batch left, where they are known. What a
    /// reader has put here meanwhile says nothing: he may have seen this very commit already.
    fn take_put<'a>(
        &self,
        put: &'a Put,
        made: Option<&Arc<dyn Any + Send + Sync>>,
        expected: &[Expect],
        generations: &mut Generations<'a>,
    ) {
        let at = (put.collection.as_str(), put.key.as_slice());
        let before = generations.get(&at).copied().unwrap_or_else(|| expected_generation(put, expected));
        // An engine counts a generation on with each put.
        let after = before.map(|before| before + 1);
        generations.insert(at, after);
        let place = self.place(&put.collection, "", &put.key);
        let mut part = self.part(place);
        part.changes += 1;
        match after {
            // What nobody has asked for yet is not asked for because it was written.
            Some(_) if !part.records.has(place) => {}
            Some(generation) => {
                let (kept, size) = match made {
                    Some(made) => (Kept::Made(Arc::clone(made), generation), size_of_made(place, &put.value)),
                    None => {
                        let (key, value, indexes) = (put.key.clone(), put.value.clone(), put.indexes.clone());
                        let record = Record { key, generation, value, indexes };
                        let size = size_of(place, &record);
                        (Kept::Record(Arc::new(record)), size)
                    }
                };
                part.records.put(place, kept, size);
            }
            None => part.records.remove(place),
        }
        drop(part);
        self.unlist(put);
    }

    /// An index value that gained a record is asked for anew. One that lost a record is found out
    /// by its reader: the record does not declare it any more.
    fn unlist(&self, put: &Put) {
        for (index, value) in &put.indexes {
            let place = self.place(&put.collection, index, value);
            let mut part = self.part(place);
            part.changes += 1;
            if part.indexes.get(place).is_some_and(|keys| !keys.contains(&put.key)) {
                part.indexes.remove(place);
            }
        }
    }

    fn forget(&self, collection: &str, key: &[u8]) {
        let place = self.place(collection, "", key);
        let mut part = self.part(place);
        part.changes += 1;
        part.records.remove(place);
    }

    fn place<'a>(&self, collection: &'a str, index: &'a str, key: &'a [u8]) -> Place<'a> {
        Place::new(&self.hasher, collection, index, key)
    }

    fn part(&self, place: Place<'_>) -> MutexGuard<'_, Part> {
        // The table of a part goes by other bits of it.
        let part = (place.hash >> 32) as usize % PARTS;
        // Nothing panics while it is held.
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Generations that a batch's changes left, by collection and key; `None` where they are not known.
type Generations<'a> = HashMap<(&'a str, &'a [u8]), Option<u64>>;

impl<'a> Place<'a> {
    pub(crate) fn new(hasher: &RandomState, collection: &'a str, index: &'a str, key: &'a [u8]) -> Self {
        let mut hasher = hasher.build_hasher();
        hasher.write(collection.as_bytes());
        hasher.write_u8(0);
        hasher.write(index.as_bytes());
        hasher.write_u8(0);
        hasher.write(key);
        Self { collection, index, key, hash: hasher.finish() }
    }

    /// By which it is found among others.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// What it is told apart by, to be kept.
    pub(crate) fn bytes(&self) -> Box<[u8]> {
        [self.collection.as_bytes(), &[0], self.index.as_bytes(), &[0], self.key].concat().into()
    }

    /// Whether these are its bytes.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        let rest = bytes.strip_prefix(self.collection.as_bytes()).and_then(|rest| rest.strip_prefix(&[0]));
        let rest = rest.and_then(|rest| rest.strip_prefix(self.index.as_bytes()));
        rest.and_then(|rest| rest.strip_prefix(&[0])) == Some(self.key)
    }

    fn len(&self) -> usize {
        self.collection.len() + self.index.len() + self.key.len() + 2
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

/// What is made of a record takes about as much as its bytes.
fn size_of_made(place: Place<'_>, value: &[u8]) -> usize {
    place.len() + value.len() + OVERHEAD
}

fn size_of(place: Place<'_>, record: &Record) -> usize {
    let indexes: usize = record.indexes.iter().map(|(index, value)| index.len() + value.len() + 48).sum();
    place.len() + record.key.len() + record.value.len() + indexes + OVERHEAD
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
        cache.keep_record("c", &Arc::new(record.clone()), moment);
    }

    fn held(cache: &Cache) -> Option<Record> {
        cache.record("c", b"k").ok().map(|record| Record::clone(&record))
    }

    #[test]
    fn a_put_takes_the_place_of_what_was_kept() {
        let cache = Cache::new(1 << 20);
        keep(&cache, &record("k", 3, "a"));
        cache.committed(&batch().expect(at(3)).put(put(&record("k", 4, "a"))));
        assert_eq!(held(&cache), Some(record("k", 4, "a")));
        cache.committed(&batch().expect(at(4)).put(put(&record("k", 5, "a"))).put(put(&record("k", 6, "a"))));
        assert_eq!(held(&cache), Some(record("k", 6, "a")), "twice in one batch");
        cache.committed(&batch().put(put(&record("k", 7, "a"))));
        assert!(cache.record("c", b"k").is_err(), "nobody knows of which generation it is now");
        keep(&cache, &record("k", 7, "a"));
        cache.committed(&batch().delete(Delete { collection: "c".into(), key: b"k".to_vec() }));
        assert!(cache.record("c", b"k").is_err());
    }

    fn made(cache: &Cache, key: &str) -> Option<u64> {
        match cache.made::<u64>("c", key.as_bytes()) {
            Known::Made(made, _) => Some(*made),
            Known::Record(..) | Known::Nothing(_) => None,
        }
    }

    #[test]
    fn what_a_batch_says_is_made_of_its_record_is_kept_of_that_generation() {
        let cache = Cache::new(1 << 20);
        let with = |value: u64| batch().expect(at(value)).put_made(put(&record("k", 0, "a")), Arc::new(value));
        let kept = || match cache.made::<u64>("c", b"k") {
            Known::Made(made, generation) => Some((*made, generation)),
            Known::Record(..) | Known::Nothing(_) => None,
        };
        cache.committed(&with(3));
        assert_eq!(kept(), None, "nobody had asked for it");
        keep(&cache, &record("k", 3, "a"));
        cache.committed(&with(3));
        assert_eq!(kept(), Some((3, 4)));
        cache.committed(&with(4));
        assert_eq!(kept(), Some((4, 5)));
        assert!(cache.record("c", b"k").is_err(), "whoever wants its bytes asks the engine");
        let twice = batch().expect(at(5)).put_made(put(&record("k", 0, "a")), Arc::new(8_u64));
        cache.committed(&twice.put(put(&record("k", 7, "a"))));
        assert_eq!((kept(), held(&cache)), (None, Some(record("k", 7, "a"))), "the last one counts");
    }

    #[test]
    fn what_was_made_of_a_record_takes_its_place_until_it_changes() {
        let cache = Cache::new(1 << 20);
        let first = record("k", 3, "a");
        keep(&cache, &first);
        let Known::Record(bytes, moment) = cache.made::<u64>("c", b"k") else { panic!("it is kept as it is") };
        cache.keep_made("c", &bytes, &Arc::new(bytes.generation), moment);
        assert_eq!(made(&cache, "k"), Some(3));
        let moment = cache.record("c", b"k").expect_err("its bytes are not there any more");
        cache.keep_record("c", &Arc::new(first), moment);
        assert_eq!(made(&cache, "k"), Some(3), "who asks for the bytes drives nothing out");
        assert!(matches!(cache.made::<String>("c", b"k"), Known::Nothing(_)), "something else was made of it");
        cache.committed(&batch().expect(at(3)).put(put(&record("k", 4, "a"))));
        assert_eq!(held(&cache), Some(record("k", 4, "a")));
        let Known::Record(bytes, moment) = cache.made::<u64>("c", b"k") else { panic!("it was put") };
        cache.committed(&batch().expect(at(4)).put(put(&record("k", 5, "a"))));
        cache.keep_made("c", &bytes, &Arc::new(bytes.generation), moment);
        assert_eq!(made(&cache, "k"), None, "of a record from before a change");
        assert_eq!(held(&cache), Some(record("k", 5, "a")));
    }

    #[test]
    fn a_put_of_what_nobody_asked_for_is_not_kept() {
        let cache = Cache::new(1 << 20);
        cache.committed(&batch().put(put(&record("k", 7, "a"))));
        assert!(cache.record("c", b"k").is_err(), "its generation is not known");
        cache.committed(&batch().expect(at(6)).put(put(&record("k", 7, "a"))));
        assert!(cache.record("c", b"k").is_err(), "it is, and somebody else's record has the room");
        let moment = cache.record("c", b"k").unwrap_err();
        cache.committed(&batch().expect(at(7)).put(put(&record("k", 8, "a"))));
        cache.keep_record("c", &Arc::new(record("k", 7, "a")), moment);
        assert!(cache.record("c", b"k").is_err(), "an answer from before it is not kept all the same");
        keep(&cache, &record("k", 8, "a"));
        cache.unknown(&batch().put(put(&record("k", 9, "a"))));
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
        assert_eq!(held(&cache), Some(record("k", 2, "a")));
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
        cache.keep_record("c", &Arc::new(record("k", 3, "a")), moment);
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
}
