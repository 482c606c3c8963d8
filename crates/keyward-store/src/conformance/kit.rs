//! What the cases share: a keyed MAC, a log head that hashes, short forms for batches.

use std::cell::Cell;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{Batch, Delete, Engine, Expect, LogEntry, LogHead, Put, RecordMac, Result, Store, mac_input};

/// Keyed hash, enough for a suite that attacks rows and not the MAC.
#[derive(Debug)]
pub struct KeyedMac(
    /// The key.
    pub u8,
);

impl RecordMac for KeyedMac {
    fn mac(
        &self,
        collection: &str,
        key: &[u8],
        generation: u64,
        value: &[u8],
        indexes: &[(String, Vec<u8>)],
    ) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update([self.0; 32]);
        mac_input(collection, key, generation, value, indexes, |part| hash.update(part));
        hash.finalize().into()
    }
}

/// Chains a hash over the entries; refuses at the entry `refuse`, panics at the entry `panic`.
#[derive(Debug)]
pub struct HashChain;

impl LogHead for HashChain {
    fn extend(&self, state: Option<&[u8]>, first_index: u64, public: &[&[u8]]) -> Result<Vec<u8>, String> {
        let mut state = state.map_or_else(|| vec![0; 32], <[u8]>::to_vec);
        for (index, entry) in (first_index..).zip(public) {
            match *entry {
                b"refuse" => return Err("told to".into()),
                b"panic" => panic!("told to"),
                entry => state = chain(&state, index, entry),
            }
        }
        Ok(state)
    }
}

pub(super) fn chain(state: &[u8], index: u64, entry: &[u8]) -> Vec<u8> {
    Sha256::new().chain_update(state).chain_update(index.to_be_bytes()).chain_update(entry).finalize().to_vec()
}

thread_local! {
    /// Whether stores that are opened on this thread remember what was read lately.
    static REMEMBERING: Cell<bool> = const { Cell::new(false) };
}

pub(super) fn remember(remembering: bool) {
    REMEMBERING.set(remembering);
}

pub(super) fn open(engine: Box<dyn Engine>) -> Store {
    let store = Store::open(engine, Arc::new(KeyedMac(7)), Arc::new(HashChain));
    // Little enough that some of it is forgotten.
    if REMEMBERING.get() {
        store.remember(64 << 10);
    }
    store
}

pub(super) fn log(text: &str) -> Batch {
    Batch::record(entry(text))
}

pub(super) fn entry(text: &str) -> LogEntry {
    LogEntry { public: text.into(), private: format!("private {text}").into() }
}

pub(super) fn put(collection: &str, key: &[u8], value: &[u8]) -> Put {
    Put { collection: collection.into(), key: key.into(), value: value.into(), indexes: Vec::new() }
}

pub(super) fn put_indexed(collection: &str, key: &[u8], indexes: &[(&str, &str)]) -> Put {
    let indexes = indexes.iter().map(|&(name, value)| (name.into(), value.into())).collect();
    Put { indexes, ..put(collection, key, b"indexed") }
}

pub(super) fn delete(collection: &str, key: &[u8]) -> Delete {
    Delete { collection: collection.into(), key: key.into() }
}

pub(super) fn absent(collection: &str, key: &[u8]) -> Expect {
    Expect::Absent { collection: collection.into(), key: key.into() }
}

pub(super) fn at_generation(collection: &str, key: &[u8], generation: u64) -> Expect {
    Expect::Generation { collection: collection.into(), key: key.into(), generation }
}

pub(super) fn absent_index(collection: &str, index: &str, value: &str) -> Expect {
    Expect::AbsentIndex { collection: collection.into(), index: index.into(), value: value.into() }
}

/// Keys of the records that the index lists.
pub(super) fn listed(store: &Store, collection: &str, index: &str, value: &str) -> Vec<Vec<u8>> {
    let found = store.by_index(collection, index, value.as_bytes()).expect("indexes can be read");
    found.into_iter().map(|record| record.key).collect()
}
