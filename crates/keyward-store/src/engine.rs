//! What an engine does: it keeps bytes, and makes batches durable.

use std::cmp::Ordering;
use std::path::Path;

use crate::{Batch, KeyRange, LogHead, Nodes, RecordMac, Result, StoredRecord, Tombstone};

/// Reading, from the live store or from a snapshot of it. Nothing read here is verified yet.
pub trait Reads: Send {
    /// The header, readable before any key is known.
    fn header(&self) -> Result<Option<Vec<u8>>>;

    /// A fact about this copy of the store ([`Engine::put_meta`]).
    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// The record under `key`.
    fn get(&self, collection: &str, key: &[u8]) -> Result<Option<StoredRecord>>;

    /// Records that the index lists under `value`, in the order of their keys.
    fn by_index(&self, collection: &str, index: &str, value: &[u8]) -> Result<Vec<IndexHit>>;

    /// At most `limit` records of `range` with keys after `after`, in the order of their keys.
    fn scan(&self, collection: &str, range: &KeyRange, after: Option<&[u8]>, limit: usize)
    -> Result<Vec<StoredRecord>>;

    /// At most `limit` records of all collections after (collection, key), in that order.
    fn rows(&self, after: Option<(&str, &[u8])>, limit: usize) -> Result<Vec<(String, StoredRecord)>>;

    /// At most `limit` rows of all indexes after `after`, in the order of [`IndexRow`].
    fn index_rows(&self, after: Option<&IndexRow>, limit: usize) -> Result<Vec<IndexRow>>;

    /// At most `limit` tombstones of all collections after (collection, key), in that order.
    fn tombstones(&self, after: Option<(&str, &[u8])>, limit: usize) -> Result<Vec<Tombstone>>;

    /// Size of the log and the state that the caller's [`LogHead`] left.
    fn log_head(&self) -> Result<Head>;

    /// At most `limit` entries from index `first` on.
    fn log(&self, first: u64, limit: usize) -> Result<Vec<LogRow>>;
}

/// An engine: reads, group commits, copies of itself.
pub trait Engine: Reads + Sync + 'static {
    /// Makes all batches durable in *one* transaction; one answer a batch, in their order.
    ///
    /// A batch whose expectation fails is refused alone, with [`Error::Conflict`]; the others are
    /// made. A failed write or flush refuses all of them, leaves nothing behind, and the engine works
    /// again once the disk does.
    ///
    /// [`Error::Conflict`]: crate::Error::Conflict
    fn apply(&self, batches: &[Batch], mac: &dyn RecordMac, head: &dyn LogHead) -> Vec<Result<Committed>>;

    /// A view of the store that later commits do not change.
    fn snapshot(&self) -> Result<Box<dyn Reads + '_>>;

    /// Sets or removes a fact about this *copy* of the store, such as its incarnation. Neither logged
    /// nor MACed: who needs that protects the value himself.
    fn put_meta(&self, name: &str, value: Option<&[u8]>) -> Result<()>;

    /// Writes a consistent, durable copy to `path`, which must not exist, while the store is in use.
    fn backup_to(&self, path: &Path) -> Result<()>;

    /// Fills this empty store with all that `source` holds, in one transaction ([`transfer`]). Records
    /// keep their generations and MACs; index rows are made from what the records declare.
    ///
    /// # Errors
    /// [`Error::Exists`] when this store is not empty; what [`transfer`] refuses. Then nothing is left.
    ///
    /// [`transfer`]: crate::transfer
    /// [`Error::Exists`]: crate::Error::Exists
    fn load(&self, source: &dyn Reads) -> Result<()>;

    /// Leases and changes, where several processes share the store; none where one process owns it.
    fn nodes(&self) -> Option<&dyn Nodes> {
        None
    }

    /// Whoever closes the store comes back to it soon, or is waited for: what closing does for the
    /// comfort of others can wait until another closes it, or until there is much of it. Nothing
    /// durable depends on it.
    fn closes_briefly(&self) {}

    /// Checks the engine's own structure; one sentence a problem, none when it is sound.
    fn check(&self) -> Result<Vec<String>>;
}

/// Proof that a batch is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// Index of the batch's first log entry; its further entries follow.
    pub first_index: u64,
    /// When it was committed: milliseconds since the Unix epoch, by the engine's clock.
    pub at: i64,
}

impl Committed {
    /// For engines alone, after the transaction that holds the batch was flushed.
    #[must_use]
    pub fn by_engine(first_index: u64, at: i64) -> Self {
        Self { first_index, at }
    }
}

/// Head of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Number of entries, which is the index of the next one.
    pub size: u64,
    /// What the caller's [`LogHead`] returned last.
    pub state: Option<Vec<u8>>,
}

impl Head {
    /// Refuses a head that must not be continued after `acknowledged`, the one after the last group that
    /// this process acknowledged: it lies before that, or is another of the same size, so somebody put
    /// the log back or exchanged it. For the engines, inside the transaction.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    ///
    /// [`Error::Damaged`]: crate::Error::Damaged
    pub fn must_follow(&self, acknowledged: &Self) -> Result<()> {
        let detail = match self.size.cmp(&acknowledged.size) {
            Ordering::Greater => return Ok(()),
            Ordering::Equal if self.state == acknowledged.state => return Ok(()),
            Ordering::Equal => "the head of its log is not the one that was written last".into(),
            Ordering::Less => format!("its log has {} entries, {} were written", self.size, acknowledged.size),
        };
        Err(crate::Error::Damaged { detail })
    }
}

/// One entry of the log, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// From 0, without gaps.
    pub index: u64,
    /// Canonical public bytes.
    pub public: Vec<u8>,
    /// The sealed private part.
    pub private: Vec<u8>,
}

/// One row of a secondary index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexRow {
    /// Collection.
    pub collection: String,
    /// Name of the index.
    pub index: String,
    /// Value under it.
    pub value: Vec<u8>,
    /// Key of the record that declares it.
    pub key: Vec<u8>,
}

/// What an index lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexHit {
    /// Key that the index names.
    pub key: Vec<u8>,
    /// The record there, if there is one.
    pub stored: Option<StoredRecord>,
}
