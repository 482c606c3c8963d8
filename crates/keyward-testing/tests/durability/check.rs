//! What must hold of a database after anything.

use std::path::Path;
use std::sync::Arc;

use keyward_store::conformance::{HashChain, KeyedMac};
use keyward_store::{LogHead, MacState, Store};
use keyward_store_sqlite::Sqlite;

/// Opens the database and checks all that can be checked without knowing what was written: returns the
/// log's entries.
pub(crate) fn sound(database: &Path) -> Vec<String> {
    let engine = Sqlite::open(database, || 0).unwrap();
    let store = Store::open(Box::new(engine), Arc::new(KeyedMac(7)), Arc::new(HashChain));
    assert_eq!(store.engine().check(), Ok(Vec::new()), "the database is whole");
    assert_eq!(store.reader().index_defects(), Ok(Vec::new()), "indexes agree with records");
    for checked in store.reader().all_records() {
        let checked = checked.unwrap();
        assert_eq!(checked.mac, MacState::Valid, "{:?}", checked.record.key);
    }
    let entries = log(&store);
    for entry in &entries {
        assert!(store.get("name", entry.as_bytes()).unwrap().is_some(), "entry `{entry}` came with its record");
    }
    entries
}

/// The log's entries; it is dense, and its head is the hash of them all.
fn log(store: &Store) -> Vec<String> {
    let head = store.log_head().unwrap();
    let rows = store.log(0, usize::MAX).unwrap();
    assert!(rows.iter().map(|row| row.index).eq(0..head.size), "the log has no gap");
    let public: Vec<&[u8]> = rows.iter().map(|row| &row.public[..]).collect();
    let expected = (!public.is_empty()).then(|| HashChain.extend(None, 0, &public).unwrap());
    assert_eq!(head.state, expected, "the head is that of these entries");
    rows.into_iter().map(|row| String::from_utf8(row.public).unwrap()).collect()
}
