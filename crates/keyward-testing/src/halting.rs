//! An engine that stops at a commit, for whoever kills the process there.

use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use keyward_store::{
    Batch, Committed, Engine, Head, IndexHit, IndexRow, KeyRange, LogHead, LogRow, Nodes, Reads, RecordMac, Result,
    StoredRecord, Tombstone,
};

/// An engine in front of another, which says [`HERE`] at the commit with this number and goes on no
/// more: the process is to be killed then.
pub struct Halting<E> {
    inner: E,
    left: AtomicI64,
    edge: Edge,
}

/// On which side of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// It was not made: what was done before it is on no record.
    Before,
    /// It was made: what it says is being done was not begun.
    After,
}

/// What is said on standard output there.
pub const HERE: &str = "here";

impl<E: Engine> Halting<E> {
    /// Stops at the `n`th commit from now on; 0: never.
    pub fn at(inner: E, n: i64, edge: Edge) -> Self {
        Self { inner, left: AtomicI64::new(n), edge }
    }

    fn halt() -> ! {
        let mut out = std::io::stdout().lock();
        // Whoever does not read it any more kills it all the same.
        let _ = writeln!(out, "{HERE}").and_then(|()| out.flush());
        loop {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }
}

impl<E: Engine> Engine for Halting<E> {
    fn apply(&self, batches: &[Batch], mac: &dyn RecordMac, head: &dyn LogHead) -> Vec<Result<Committed>> {
        let here = self.left.fetch_sub(1, Ordering::Relaxed) == 1;
        if here && self.edge == Edge::Before {
            Self::halt();
        }
        let applied = self.inner.apply(batches, mac, head);
        if here {
            Self::halt();
        }
        applied
    }

    fn snapshot(&self) -> Result<Box<dyn Reads + '_>> {
        self.inner.snapshot()
    }

    fn put_meta(&self, name: &str, value: Option<&[u8]>) -> Result<()> {
        self.inner.put_meta(name, value)
    }

    fn backup_to(&self, path: &Path) -> Result<()> {
        self.inner.backup_to(path)
    }

    fn load(&self, source: &dyn Reads) -> Result<()> {
        self.inner.load(source)
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        self.inner.nodes()
    }

    fn check(&self) -> Result<Vec<String>> {
        self.inner.check()
    }
}

impl<E: Engine> Reads for Halting<E> {
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
