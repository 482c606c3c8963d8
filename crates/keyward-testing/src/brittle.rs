//! An engine that stops committing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keyward_store::{
    Batch, Committed, Engine, Error, Head, IndexHit, IndexRow, KeyRange, LogHead, LogRow, Nodes, Reads, RecordMac,
    Result, StoredRecord, Tombstone,
};

/// An engine in front of another. While its switch is on, every commit is refused as by a full
/// disk, and reading works.
pub struct Brittle<E> {
    inner: E,
    switch: Switch,
}

/// Turns the fault on and off.
#[derive(Clone, Debug, Default)]
pub struct Switch(Arc<AtomicBool>);

impl<E: Engine> Brittle<E> {
    /// Puts `switch` in front of an engine.
    pub fn new(inner: E, switch: &Switch) -> Self {
        Self { inner, switch: switch.clone() }
    }
}

impl Switch {
    /// From now on every commit fails, or none does.
    pub fn fail(&self, on: bool) {
        self.0.store(on, Ordering::Relaxed);
    }

    fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(Error::Full) } else { Ok(()) }
    }
}

impl<E: Engine> Engine for Brittle<E> {
    fn apply(&self, batches: &[Batch], mac: &dyn RecordMac, head: &dyn LogHead) -> Vec<Result<Committed>> {
        match self.switch.check() {
            Ok(()) => self.inner.apply(batches, mac, head),
            Err(error) => batches.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    fn snapshot(&self) -> Result<Box<dyn Reads + '_>> {
        self.inner.snapshot()
    }

    fn put_meta(&self, name: &str, value: Option<&[u8]>) -> Result<()> {
        self.switch.check()?;
        self.inner.put_meta(name, value)
    }

    fn backup_to(&self, path: &Path) -> Result<()> {
        self.inner.backup_to(path)
    }

    fn load(&self, source: &dyn Reads) -> Result<()> {
        self.switch.check()?;
        self.inner.load(source)
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        self.inner.nodes()
    }

    fn check(&self) -> Result<Vec<String>> {
        self.inner.check()
    }
}

impl<E: Engine> Reads for Brittle<E> {
    fn header(&self) -> Result<Option<Vec<u8>>> {
        self.inner.header()
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.inner.meta(name)
    }

    fn get(&self, collection: &str, key: &[u8]) -> Result<Option<StoredRecord>> {
        self.inner.get(collection, key)
    }

    fn by_index(&self, collection: &str, index: &str, value: &[u8]) -> Result<Vec<IndexHit>> {
        self.inner.by_index(collection, index, value)
    }

    fn scan(
        &self,
        collection: &str,
        range: &KeyRange,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<StoredRecord>> {
        self.inner.scan(collection, range, after, limit)
    }

    fn rows(&self, after: Option<(&str, &[u8])>, limit: usize) -> Result<Vec<(String, StoredRecord)>> {
        self.inner.rows(after, limit)
    }

    fn index_rows(&self, after: Option<&IndexRow>, limit: usize) -> Result<Vec<IndexRow>> {
        self.inner.index_rows(after, limit)
    }

    fn tombstones(&self, after: Option<(&str, &[u8])>, limit: usize) -> Result<Vec<Tombstone>> {
        self.inner.tombstones(after, limit)
    }

    fn log_head(&self) -> Result<Head> {
        self.inner.log_head()
    }

    fn log(&self, first: u64, limit: usize) -> Result<Vec<LogRow>> {
        self.inner.log(first, limit)
    }
}
