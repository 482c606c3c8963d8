//! The audit room over a whole store: what a commit leaves behind verifies, and what is done to
//! the records behind its back is named.

// The lint knows tests by their attribute, not their helpers.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use keyward_audit::checkpoint::origin;
use keyward_audit::note::{Ed25519Signer, Signer, VerifierKey};
use keyward_audit::private::commit;
use keyward_audit::{Action, Checkpoint, Entry, Fault, Integrator, Outcome, RecordChange, Verifier};
use keyward_store::memory::Memory;
use keyward_store::{Batch, Delete, LogEntry, Put, RecordMac, Store, mac_input};

struct TestMac;

impl RecordMac for TestMac {
    fn mac(&self, c: &str, key: &[u8], generation: u64, value: &[u8], indexes: &[(String, Vec<u8>)]) -> [u8; 32] {
        let mut input = Vec::new();
        mac_input(c, key, generation, value, indexes, |part| input.extend_from_slice(part));
        commit(&[7; 32], &input).0
    }
}

fn signer() -> Ed25519Signer {
    Ed25519Signer::new(&origin("v"), &[1; 32]).unwrap()
}

fn store() -> Store {
    let engine = Memory::new(|| 0);
    Store::open(Box::new(engine), Arc::new(TestMac), Arc::new(Integrator::new(signer())))
}

fn keys() -> [VerifierKey; 1] {
    [signer().verifier().clone()]
}

fn entry(records: Vec<RecordChange>) -> LogEntry {
    let time = "2026-11-23T21:43:00.123Z";
    let commit = commit(&[5; 32], b"");
    let mut entry = Entry::new(Action::SecretWrite, Outcome::Allowed, "owner", "v", time, commit);
    entry.records = records;
    LogEntry { public: entry.canonical().unwrap(), private: Vec::new() }
}

fn put(key: &str, value: &str) -> Put {
    let indexes = vec![("name".into(), value.as_bytes().to_vec())];
    Put { collection: "heads".into(), key: key.into(), value: value.into(), indexes }
}

fn write(store: &Store, put: Put) {
    store.commit(Batch::record(entry(vec![RecordChange::put(&put)])).put(put)).unwrap();
}

fn remove(store: &Store, key: &str) {
    let delete = Delete { collection: "heads".into(), key: key.into() };
    store.commit(Batch::record(entry(vec![RecordChange::delete(&delete)])).delete(delete)).unwrap();
}

fn filled() -> Store {
    let store = store();
    for n in 0..1100 {
        write(&store, put(&format!("k{}", n % 9), &n.to_string()));
    }
    remove(&store, "k3");
    store
}

#[test]
fn what_was_committed_verifies() {
    let store = filled();
    let keys = keys();
    let report = Verifier::new(&keys).store(&store.snapshot().unwrap()).unwrap();
    assert_eq!((report.size, report.records, &report.faults[..]), (1101, 8, &[][..]));
    let state = store.log_head().unwrap().state.unwrap();
    let (head, checkpoint) = keyward_audit::head::Head::open(&state, &keys).unwrap();
    assert_eq!(report.checkpoint, Some(checkpoint));
    assert_eq!(Checkpoint::open(&head.checkpoint, &keys).unwrap().size, 1101);
}

#[test]
fn a_change_that_its_entry_does_not_tell_is_named() {
    let store = filled();
    store.commit(Batch::record(entry(Vec::new())).put(put("k4", "a value that no entry tells of"))).unwrap();
    store.commit(Batch::record(entry(Vec::new())).put(put("k9", "a record that no entry tells of"))).unwrap();
    let undo = put("k5", "5");
    store.commit(Batch::record(entry(Vec::new())).put(undo)).unwrap();
    let keys = keys();
    let report = Verifier::new(&keys).store(&store.snapshot().unwrap()).unwrap();
    let heads = |key: &str| ("heads".to_owned(), key.as_bytes().to_vec());
    let ((collection, key), (c4, k4), (c5, k5)) = (heads("k9"), heads("k4"), heads("k5"));
    assert_eq!(
        report.faults,
        [
            Fault::RecordUnlogged { collection, key },
            Fault::RecordAltered { collection: c4, key: k4, last: 1093 },
            Fault::RecordRolledBack { collection: c5, key: k5, to: 5, last: 1094 },
        ]
    );
}

#[test]
fn a_group_that_the_integrator_refuses_is_not_written() {
    let store =
        Store::open(Box::new(Memory::new(|| 0)), Arc::new(TestMac), Arc::new(Integrator::new(Unwilling(signer()))));
    let refused = store.commit(Batch::record(entry(Vec::new())).put(put("k", "v"))).unwrap_err();
    assert!(refused.to_string().contains("the key is locked"), "{refused}");
    assert_eq!(store.log_head().unwrap().size, 0);
    assert_eq!(store.get("heads", b"k").unwrap(), None);
}

struct Unwilling(Ed25519Signer);

impl Signer for Unwilling {
    fn verifier(&self) -> &VerifierKey {
        self.0.verifier()
    }

    fn sign(&self, _: &[u8]) -> Result<[u8; 64], String> {
        Err("the key is locked".into())
    }
}
