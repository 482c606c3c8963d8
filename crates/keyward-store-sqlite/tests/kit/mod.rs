//! A store over a database in a folder of its own, and its file laid open.
#![allow(dead_code, reason = "each test target takes what it needs")]

use std::path::PathBuf;
use std::sync::Arc;

use keyward_store::conformance::{HashChain, KeyedMac};
use keyward_store::{Batch, LogEntry, Put, Result, Store};
use keyward_store_sqlite::Sqlite;
use tempfile::TempDir;

pub(crate) struct Home {
    pub(crate) folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With a database of three records, each with an index value, made by three batches.
    pub(crate) fn with_records() -> Self {
        let home = Self::new();
        let store = home.create();
        for name in ["a", "b", "c"] {
            store.commit(put(name, b"the value")).unwrap();
        }
        home
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn create(&self) -> Store {
        store(Sqlite::create(&self.path(), || 0).unwrap())
    }

    pub(crate) fn open(&self) -> Store {
        store(Sqlite::open(&self.path(), || 0).unwrap())
    }

    /// Why the database does not open.
    pub(crate) fn refusal(&self) -> keyward_store::Error {
        match Sqlite::open(&self.path(), || 0) {
            Ok(_) => panic!("it opens"),
            Err(error) => error,
        }
    }

    /// Goes past the store, straight at its file.
    pub(crate) fn alter(&self, sql: &str) -> usize {
        let connection = rusqlite::Connection::open(self.path()).unwrap();
        connection.execute(sql, []).unwrap()
    }
}

pub(crate) fn store(engine: Sqlite) -> Store {
    Store::open(Box::new(engine), Arc::new(KeyedMac(7)), Arc::new(HashChain))
}

/// A batch that puts the record `name` into "secret", listed under its name and one tag.
pub(crate) fn put(name: &str, value: &[u8]) -> Batch {
    let indexes = vec![("name".into(), name.into()), ("tag".into(), b"x".to_vec())];
    let put = Put { collection: "secret".into(), key: name.into(), value: value.into(), indexes };
    Batch::record(LogEntry { public: name.into(), private: Vec::new() }).put(put)
}

/// Keys of all records, each of which verifies.
pub(crate) fn keys(store: &Store) -> Result<Vec<String>> {
    let records = store.scan("secret", &keyward_store::KeyRange::all(), None, usize::MAX)?;
    Ok(records.into_iter().map(|record| String::from_utf8(record.key).unwrap()).collect())
}
