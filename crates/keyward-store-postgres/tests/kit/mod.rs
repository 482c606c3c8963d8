//! Stores in fresh schemas of a server, and what must hold of their logs.
#![allow(dead_code, reason = "each test target takes what it needs")]

use std::collections::HashMap;
use std::sync::Arc;

use keyward_store::conformance::{HashChain, KeyedMac};
use keyward_store::{Batch, LogEntry, LogHead, Put, Result, Store};
use keyward_store_postgres::Postgres;
use keyward_testing::postgres::Postgres as Server;

/// A schema with an empty store.
pub(crate) struct Home<'a> {
    server: &'a Server,
    address: String,
}

impl<'a> Home<'a> {
    pub(crate) fn new(server: &'a Server) -> Self {
        let address = server.fresh();
        Postgres::create(&address.parse().unwrap(), || 0).unwrap();
        Self { server, address }
    }

    /// With three records, each with an index value, made by three batches.
    pub(crate) fn with_records(server: &'a Server) -> Self {
        let home = Self::new(server);
        let store = home.open();
        for name in ["a", "b", "c"] {
            store.commit(put(name, b"the value")).unwrap();
        }
        home
    }

    pub(crate) fn engine(&self) -> Postgres {
        Postgres::open(&self.address.parse().unwrap(), || 0).unwrap()
    }

    pub(crate) fn open(&self) -> Store {
        store(self.engine())
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Goes past the store.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let schema = self.address.rsplit_once('=').unwrap().1;
        self.server.sql(schema, sql)
    }
}

pub(crate) fn store(engine: Postgres) -> Store {
    Store::open(Box::new(engine), Arc::new(KeyedMac(7)), Arc::new(HashChain))
}

/// A batch that puts the record `name` into "secret", listed under its name.
pub(crate) fn put(name: &str, value: &[u8]) -> Batch {
    let indexes = vec![("name".into(), name.into())];
    let put = Put { collection: "secret".into(), key: name.into(), value: value.into(), indexes };
    entry(name).put(put)
}

/// A batch of one log entry.
pub(crate) fn entry(text: &str) -> Batch {
    Batch::record(LogEntry { public: text.into(), private: Vec::new() })
}

/// Keys of all records, each of which verifies.
pub(crate) fn keys(store: &Store) -> Result<Vec<String>> {
    let records = store.scan("secret", &keyward_store::KeyRange::all(), None, usize::MAX)?;
    Ok(records.into_iter().map(|record| String::from_utf8(record.key).unwrap()).collect())
}

/// The log is dense, its head is that of its entries, and each text stands in it once. Gives where.
pub(crate) fn places(store: &Store) -> HashMap<String, u64> {
    let (head, rows) = (store.log_head().unwrap(), store.log(0, usize::MAX).unwrap());
    assert!(rows.iter().map(|row| row.index).eq(0..head.size), "the log is dense");
    let public: Vec<&[u8]> = rows.iter().map(|row| &row.public[..]).collect();
    if head.size > 0 {
        assert_eq!(head.state.unwrap(), HashChain.extend(None, 0, &public).unwrap(), "and so is its head");
    }
    assert_eq!(store.engine().check(), Ok(Vec::new()));
    let texts = rows.iter().map(|row| (String::from_utf8(row.public.clone()).unwrap(), row.index));
    let places: HashMap<String, u64> = texts.collect();
    assert_eq!(places.len(), rows.len(), "nothing was made twice");
    places
}
