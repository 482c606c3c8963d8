//! An engine in memory, for the unit tests of other rooms. It keeps the same rules as the durable
//! ones (it passes the same suite) and forgets everything when it is dropped.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    Batch, Change, Clock, Committed, Delete, Engine, Error, Expect, Head, IndexHit, IndexRow, KeyRange, LogHead,
    LogRow, Page, Put, Reads, Record, RecordMac, Result, StoredRecord, Tombstone, header_hash, transfer,
};

/// The in-memory engine.
pub struct Memory {
    tables: Mutex<Tables>,
    clock: Box<dyn Clock>,
}

impl Memory {
    /// An empty store.
    pub fn new(clock: impl Clock) -> Self {
        Self { tables: Mutex::default(), clock: Box::new(clock) }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // Tables are replaced whole at the end of a commit, so a panic leaves them as they were.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for Memory {
    fn apply(&self, batches: &[Batch], mac: &dyn RecordMac, head: &dyn LogHead) -> Vec<Result<Committed>> {
        let mut tables = self.tables();
        let mut next = tables.clone();
        let first = next.head.size;
        let at = self.clock.now_ms();
        let answers: Vec<_> = batches.iter().map(|batch| next.make(batch, mac, at)).collect();
        if let Err(reason) = next.extend_head(first, head) {
            return batches.iter().map(|_| Err(Error::LogHead(reason.clone()))).collect();
        }
        *tables = next;
        answers
    }

    fn snapshot(&self) -> Result<Box<dyn Reads + '_>> {
        Ok(Box::new(self.tables().clone()))
    }

    fn put_meta(&self, name: &str, value: Option<&[u8]>) -> Result<()> {
        let mut tables = self.tables();
        match value {
            Some(value) => tables.meta.insert(name.into(), value.into()),
            None => tables.meta.remove(name),
        };
        Ok(())
    }

    fn backup_to(&self, path: &Path) -> Result<()> {
        let action = format!("back up to `{}`", path.display());
        Err(Error::Io { action, detail: "an in-memory store has no file".into() })
    }

    fn load(&self, source: &dyn Reads) -> Result<()> {
        let mut tables = self.tables();
        if tables.head != Head::default() || !tables.records.is_empty() || tables.header.is_some() {
            return Err(Error::Exists { path: "the store".into() });
        }
        let mut next = tables.clone();
        transfer(source, |page| {
            next.take(page);
            Ok(())
        })?;
        *tables = next;
        Ok(())
    }

    fn check(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

impl Reads for Memory {
    fn header(&self) -> Result<Option<Vec<u8>>> {
        self.tables().header()
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.tables().meta(name)
    }

    fn get(&self, collection: &str, key: &[u8]) -> Result<Option<StoredRecord>> {
        self.tables().get(collection, key)
    }

    fn by_index(&self, collection: &str, index: &str, value: &[u8]) -> Result<Vec<IndexHit>> {
        self.tables().by_index(collection, index, value)
    }

    fn scan(
        &self,
        collection: &str,
        range: &KeyRange,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<StoredRecord>> {
        self.tables().scan(collection, range, after, limit)
    }

    fn rows(&self, after: Option<(&str, &[u8])>, limit: usize) -> Result<Vec<(String, StoredRecord)>> {
        self.tables().rows(after, limit)
    }

    fn index_rows(&self, after: Option<&IndexRow>, limit: usize) -> Result<Vec<IndexRow>> {
        self.tables().index_rows(after, limit)
    }

    fn tombstones(&self, after: Option<(&str, &[u8])>, limit: usize) -> Result<Vec<Tombstone>> {
        self.tables().tombstones(after, limit)
    }

    fn log_head(&self) -> Result<Head> {
        self.tables().log_head()
    }

    fn log(&self, first: u64, limit: usize) -> Result<Vec<LogRow>> {
        self.tables().log(first, limit)
    }
}

type Place = (String, Vec<u8>);

#[derive(Clone, Default)]
struct Tables {
    header: Option<Vec<u8>>,
    meta: BTreeMap<String, Vec<u8>>,
    records: BTreeMap<Place, StoredRecord>,
    /// Last generation of deleted keys.
    deleted: BTreeMap<Place, u64>,
    log: Vec<LogRow>,
    head: Head,
}

impl Tables {
    fn make(&mut self, batch: &Batch, mac: &dyn RecordMac, at: i64) -> Result<Committed> {
        if let Some(expect) = batch.expectations().iter().find(|expect| !self.holds(expect)) {
            return Err(Error::Conflict(Box::new(expect.clone())));
        }
        for change in batch.changes() {
            match change {
                Change::Put(put) => self.put(put, mac),
                Change::Delete(delete) => self.delete(delete),
            }
        }
        if let Some(header) = batch.new_header() {
            self.header = Some(header.into());
        }
        let first_index = self.head.size;
        for entry in batch.entries() {
            let (public, private) = (entry.public.clone(), entry.private.clone());
            self.log.push(LogRow { index: self.head.size, public, private });
            self.head.size += 1;
        }
        Ok(Committed::by_engine(first_index, at))
    }

    fn extend_head(&mut self, first: u64, head: &dyn LogHead) -> std::result::Result<(), String> {
        let added: Vec<&[u8]> =
            self.log.iter().skip_while(|row| row.index < first).map(|row| &row.public[..]).collect();
        if !added.is_empty() {
            self.head.state = Some(head.extend(self.head.state.as_deref(), first, &added)?);
        }
        Ok(())
    }

    fn holds(&self, expect: &Expect) -> bool {
        match expect {
            Expect::Absent { collection, key } => !self.records.contains_key(&(collection.clone(), key.clone())),
            Expect::Generation { collection, key, generation } => self
                .records
                .get(&(collection.clone(), key.clone()))
                .is_some_and(|stored| stored.record.generation == *generation),
            Expect::AbsentIndex { collection, index, value } => {
                !self.collection(collection).any(|stored| stored.record.has_index(index, value))
            }
            Expect::Lease { .. } => false,
            Expect::Header { hash } => header_hash(self.header.as_deref().unwrap_or_default()) == *hash,
        }
    }

    fn put(&mut self, put: &Put, mac: &dyn RecordMac) {
        let place = (put.collection.clone(), put.key.clone());
        let before = self.records.get(&place).map(|stored| stored.record.generation);
        let generation = before.or(self.deleted.remove(&place)).unwrap_or(0) + 1;
        let mac = mac.mac(&put.collection, &put.key, generation, &put.value, &put.indexes);
        let (key, value, indexes) = (put.key.clone(), put.value.clone(), put.indexes.clone());
        let record = Record { key, generation, value, indexes };
        self.records.insert(place, StoredRecord { record, mac: Some(mac) });
    }

    fn delete(&mut self, delete: &Delete) {
        let place = (delete.collection.clone(), delete.key.clone());
        if let Some(stored) = self.records.remove(&place) {
            self.deleted.insert(place, stored.record.generation);
        }
    }

    fn take(&mut self, page: Page) {
        match page {
            Page::Header(header) => self.header = Some(header),
            Page::Records(rows) => {
                let row =
                    |(collection, stored): (String, StoredRecord)| ((collection, stored.record.key.clone()), stored);
                self.records.extend(rows.into_iter().map(row));
            }
            Page::Tombstones(rows) => {
                self.deleted.extend(rows.into_iter().map(|row| ((row.collection, row.key), row.generation)));
            }
            Page::Log(rows) => self.log.extend(rows),
            Page::Head(head) => self.head = head,
        }
    }

    fn collection<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a StoredRecord> {
        let first = (name.to_owned(), Vec::new());
        self.records.range(first..).take_while(move |(place, _)| place.0 == name).map(|(_, stored)| stored)
    }
}

impl Reads for Tables {
    fn header(&self) -> Result<Option<Vec<u8>>> {
        Ok(self.header.clone())
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.meta.get(name).cloned())
    }

    fn get(&self, collection: &str, key: &[u8]) -> Result<Option<StoredRecord>> {
        Ok(self.records.get(&(collection.into(), key.into())).cloned())
    }

    fn by_index(&self, collection: &str, index: &str, value: &[u8]) -> Result<Vec<IndexHit>> {
        let hits = self.collection(collection).filter(|stored| stored.record.has_index(index, value));
        Ok(hits.map(|stored| IndexHit { key: stored.record.key.clone(), stored: Some(stored.clone()) }).collect())
    }

    fn scan(
        &self,
        collection: &str,
        range: &KeyRange,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<StoredRecord>> {
        let found = self.collection(collection).filter(|stored| {
            let key = &stored.record.key[..];
            key >= range.start() && range.end().is_none_or(|end| key < end) && after.is_none_or(|after| key > after)
        });
        Ok(found.take(limit).cloned().collect())
    }

    fn rows(&self, after: Option<(&str, &[u8])>, limit: usize) -> Result<Vec<(String, StoredRecord)>> {
        let found =
            self.records.iter().filter(|(place, _)| after.is_none_or(|after| (place.0.as_str(), &place.1[..]) > after));
        Ok(found.take(limit).map(|(place, stored)| (place.0.clone(), stored.clone())).collect())
    }

    fn index_rows(&self, after: Option<&IndexRow>, limit: usize) -> Result<Vec<IndexRow>> {
        let mut rows: Vec<IndexRow> = self
            .records
            .iter()
            .flat_map(|((collection, key), stored)| {
                stored.record.indexes.iter().map(|(index, value)| IndexRow {
                    collection: collection.clone(),
                    index: index.clone(),
                    value: value.clone(),
                    key: key.clone(),
                })
            })
            .filter(|row| after.is_none_or(|after| row > after))
            .collect();
        rows.sort_unstable();
        rows.dedup();
        rows.truncate(limit);
        Ok(rows)
    }

    fn tombstones(&self, after: Option<(&str, &[u8])>, limit: usize) -> Result<Vec<Tombstone>> {
        let found =
            self.deleted.iter().filter(|(place, _)| after.is_none_or(|after| (place.0.as_str(), &place.1[..]) > after));
        let tombstone = |((collection, key), generation): (&Place, &u64)| Tombstone {
            collection: collection.clone(),
            key: key.clone(),
            generation: *generation,
        };
        Ok(found.take(limit).map(tombstone).collect())
    }

    fn log_head(&self) -> Result<Head> {
        Ok(self.head.clone())
    }

    fn log(&self, first: u64, limit: usize) -> Result<Vec<LogRow>> {
        Ok(self.log.iter().filter(|row| row.index >= first).take(limit).cloned().collect())
    }
}
