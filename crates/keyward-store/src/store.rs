//! The store: verified reads and grouped commits over one engine.

use std::path::Path;
use std::sync::Arc;

use crate::pages;
use crate::queue::CommitQueue;
use crate::{Batch, Committed, Engine, Head, KeyRange, LogHead, LogRow, Reader, Record, RecordMac, Result};

/// A store, shared by all threads of its process.
pub struct Store {
    engine: Box<dyn Engine>,
    mac: Arc<dyn RecordMac>,
    head: Arc<dyn LogHead>,
    queue: CommitQueue,
}

impl Store {
    /// Opens the store over an engine, once the keys behind `mac` and `head` are known.
    #[must_use]
    pub fn open(engine: Box<dyn Engine>, mac: Arc<dyn RecordMac>, head: Arc<dyn LogHead>) -> Self {
        Self { engine, mac, head, queue: CommitQueue::default() }
    }

    /// Makes `batch` durable and returns the index of its first log entry. Waits for the group of
    /// batches that it is committed with.
    ///
    /// # Errors
    /// [`Error::Conflict`](crate::Error::Conflict) when it expected something else; any other error
    /// says that the store could not write, and the caller must act as if nothing was done.
    pub fn commit(&self, batch: Batch) -> Result<Committed> {
        batch.check_sizes()?;
        self.queue.commit(batch, |group| self.engine.apply(group, self.mac.as_ref(), self.head.as_ref()))
    }

    /// Reads the live store.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader::live(self.engine.as_ref(), Arc::clone(&self.mac))
    }

    /// Reads the store as it is now, whatever is committed later.
    ///
    /// # Errors
    /// When the engine cannot read.
    pub fn snapshot(&self) -> Result<Reader<'_>> {
        Ok(Reader::snapshot(self.engine.snapshot()?, Arc::clone(&self.mac)))
    }

    /// The header ([`Reader::header`]).
    ///
    /// # Errors
    /// When the engine cannot read.
    pub fn header(&self) -> Result<Option<Vec<u8>>> {
        self.reader().header()
    }

    /// The record under `key` ([`Reader::get`]).
    ///
    /// # Errors
    /// [`Error::Tampered`](crate::Error::Tampered) when it does not verify.
    pub fn get(&self, collection: &str, key: &[u8]) -> Result<Option<Record>> {
        self.reader().get(collection, key)
    }

    /// Records that declare `value` under `index` ([`Reader::by_index`]).
    ///
    /// # Errors
    /// [`Error::Tampered`](crate::Error::Tampered) when one does not verify.
    pub fn by_index(&self, collection: &str, index: &str, value: &[u8]) -> Result<Vec<Record>> {
        self.reader().by_index(collection, index, value)
    }

    /// Records of a key range ([`Reader::scan`]).
    ///
    /// # Errors
    /// [`Error::Tampered`](crate::Error::Tampered) when one does not verify.
    pub fn scan(&self, collection: &str, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Vec<Record>> {
        self.reader().scan(collection, range, after, limit)
    }

    /// What `each` makes of every record of a key range as it is now, in the order of keys. Memory
    /// is taken for a page at a time, and long ranges are worked off on every core.
    ///
    /// # Errors
    /// [`Error::Tampered`](crate::Error::Tampered) when one does not verify; else what `each` answers.
    pub fn map<T: Send, E: From<crate::Error> + Send>(
        &self,
        collection: &str,
        range: &KeyRange,
        each: impl Fn(Record) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, E> {
        pages::map(self.engine.as_ref(), self.mac.as_ref(), collection, range, each)
    }

    /// Size of the log and the state of its head.
    ///
    /// # Errors
    /// When the engine cannot read.
    pub fn log_head(&self) -> Result<Head> {
        self.reader().log_head()
    }

    /// At most `limit` log entries from index `first` on.
    ///
    /// # Errors
    /// When the engine cannot read.
    pub fn log(&self, first: u64, limit: usize) -> Result<Vec<LogRow>> {
        self.reader().log(first, limit)
    }

    /// Writes a consistent, durable copy to `path`, which must not exist, also while in use.
    ///
    /// # Errors
    /// When the copy cannot be written.
    pub fn backup_to(&self, path: &Path) -> Result<()> {
        self.engine.backup_to(path)
    }

    /// The engine below, for facts about this copy ([`Engine::put_meta`]) and its own checks.
    #[must_use]
    pub fn engine(&self) -> &dyn Engine {
        self.engine.as_ref()
    }
}

/// The header of a store whose keys are not known yet: it says how to get them.
///
/// # Errors
/// When the engine cannot read.
pub fn peek_header(engine: &dyn Engine) -> Result<Option<Vec<u8>>> {
    engine.header()
}
