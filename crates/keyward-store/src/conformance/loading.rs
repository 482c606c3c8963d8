//! A store that came from another engine.

use super::kit::{HashChain, KeyedMac, delete, listed, log, open, put, put_indexed};
use crate::memory::Memory;
use crate::{Engine, Error, Reads};

/// A store with something of everything.
fn source() -> Memory {
    let source = Memory::new(|| 0);
    let first = (0_u32..1_200).fold(log("many"), |batch, n| batch.put(put("bulk", &n.to_be_bytes(), &[7; 40])));
    let batches = [
        first.header(*b"the header"),
        log("two").put(put_indexed("secret", b"a", &[("name", "x")])).put(put("secret", b"b", b"")),
        log("three").put(put_indexed("secret", b"a", &[("name", "y")])).delete(delete("secret", b"b")),
    ];
    for answer in source.apply(&batches, &KeyedMac(7), &HashChain) {
        answer.expect("made");
    }
    for n in 0..1_100 {
        source.apply(&[log(&n.to_string())], &KeyedMac(7), &HashChain)[0].clone().expect("made");
    }
    source.put_meta("incarnation", Some(b"one")).expect("set");
    source
}

pub(super) fn a_store_is_loaded_whole(engine: Box<dyn Engine>) {
    let source = source();
    engine.load(&source).expect("an empty store is filled");
    assert_eq!(engine.header(), source.header());
    assert_eq!(engine.log_head(), source.log_head());
    assert_eq!(engine.log(0, usize::MAX), source.log(0, usize::MAX));
    assert_eq!(engine.rows(None, usize::MAX), source.rows(None, usize::MAX), "generations and MACs as they were");
    assert_eq!(engine.index_rows(None, usize::MAX), source.index_rows(None, usize::MAX));
    assert_eq!(engine.tombstones(None, usize::MAX), source.tombstones(None, usize::MAX));
    assert_eq!(engine.meta("incarnation"), Ok(None), "a fact about the other copy");
    let store = open(engine);
    assert_eq!(listed(&store, "secret", "name", "y"), [b"a"]);
    let next = store.log_head().expect("head").size;
    assert_eq!(store.commit(log("on").put(put("secret", b"b", b"again"))).expect("goes on").first_index, next);
    let again = store.get("secret", b"b").expect("verifies").expect("is there");
    assert_eq!(again.generation, 2, "a key that was deleted there continues here");
}

pub(super) fn only_an_empty_store_is_loaded(engine: Box<dyn Engine>) {
    let store = open(engine);
    store.commit(log("one").put(put("secret", b"mine", b""))).expect("commit");
    assert!(matches!(store.engine().load(&source()), Err(Error::Exists { .. })));
    assert_eq!(store.log_head().expect("head").size, 1);
    assert_eq!(store.reader().all_records().count(), 1);
    assert_eq!(store.header(), Ok(None));
}

pub(super) fn a_refused_source_leaves_nothing(engine: Box<dyn Engine>) {
    let damaged = Damaged(source());
    assert!(matches!(engine.load(&damaged), Err(Error::Damaged { .. })));
    assert_eq!(engine.header(), Ok(None));
    assert_eq!(engine.rows(None, 10), Ok(Vec::new()));
    assert_eq!(engine.log(0, 10), Ok(Vec::new()));
    engine.load(&damaged.0).expect("it is as empty as before");
}

/// A store whose log lost its last entry.
struct Damaged(Memory);

impl Reads for Damaged {
    fn header(&self) -> crate::Result<Option<Vec<u8>>> {
        self.0.header()
    }

    fn meta(&self, name: &str) -> crate::Result<Option<Vec<u8>>> {
        self.0.meta(name)
    }

    fn get(&self, collection: &str, key: &[u8]) -> crate::Result<Option<crate::StoredRecord>> {
        self.0.get(collection, key)
    }

    fn by_index(&self, collection: &str, index: &str, value: &[u8]) -> crate::Result<Vec<crate::IndexHit>> {
        self.0.by_index(collection, index, value)
    }

    fn scan(
        &self,
        collection: &str,
        range: &crate::KeyRange,
        after: Option<&[u8]>,
        limit: usize,
    ) -> crate::Result<Vec<crate::StoredRecord>> {
        self.0.scan(collection, range, after, limit)
    }

    fn rows(&self, after: Option<(&str, &[u8])>, limit: usize) -> crate::Result<Vec<(String, crate::StoredRecord)>> {
        self.0.rows(after, limit)
    }

    fn index_rows(&self, after: Option<&crate::IndexRow>, limit: usize) -> crate::Result<Vec<crate::IndexRow>> {
        self.0.index_rows(after, limit)
    }

    fn tombstones(&self, after: Option<(&str, &[u8])>, limit: usize) -> crate::Result<Vec<crate::Tombstone>> {
        self.0.tombstones(after, limit)
    }

    fn log_head(&self) -> crate::Result<crate::Head> {
        self.0.log_head()
    }

    fn log(&self, first: u64, limit: usize) -> crate::Result<Vec<crate::LogRow>> {
        let last = self.0.log_head()?.size - 1;
        Ok(self.0.log(first, limit)?.into_iter().filter(|row| row.index < last).collect())
    }
}
