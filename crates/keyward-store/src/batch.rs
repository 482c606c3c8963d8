//! Batches: what is committed together. Always with at least one log entry.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::{Error, Result};

/// Changes, what they expect to find, and the log entries that tell of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    entries: NonEmpty,
    expect: Vec<Expect>,
    changes: Vec<Change>,
    /// By the place of their put among the changes, in the order of these.
    made: Vec<(usize, Made)>,
    header: Option<Vec<u8>>,
}

/// What readers make of a record, for whoever remembers it.
#[derive(Clone)]
struct Made(Arc<dyn Any + Send + Sync>);

impl Batch {
    /// A batch that appends `entries` to the log; the other parts are added to it.
    #[must_use]
    pub fn record(entries: impl Into<NonEmpty>) -> Self {
        Self { entries: entries.into(), expect: Vec::new(), changes: Vec::new(), made: Vec::new(), header: None }
    }

    /// Refuses this batch, and only this one, unless `expect` holds when it is its turn.
    #[must_use]
    pub fn expect(mut self, expect: Expect) -> Self {
        self.expect.push(expect);
        self
    }

    /// Adds or replaces a record. Changes are made in the order in which they were added.
    #[must_use]
    pub fn put(mut self, put: Put) -> Self {
        self.changes.push(Change::Put(put));
        self
    }

    /// The same, with what [`Reader::made`](crate::Reader::made) would make of the record: where the record
    /// is remembered, that is remembered in its place, and nobody makes it again.
    #[must_use]
    pub fn put_made(mut self, put: Put, made: Arc<dyn Any + Send + Sync>) -> Self {
        self.made.push((self.changes.len(), Made(made)));
        self.put(put)
    }

    /// Removes a record; removing one that is not there changes nothing.
    #[must_use]
    pub fn delete(mut self, delete: Delete) -> Self {
        self.changes.push(Change::Delete(delete));
        self
    }

    /// Replaces the store's header.
    #[must_use]
    pub fn header(mut self, header: impl Into<Vec<u8>>) -> Self {
        self.header = Some(header.into());
        self
    }

    /// What must hold for the batch to be made.
    #[must_use]
    pub fn expectations(&self) -> &[Expect] {
        &self.expect
    }

    /// Puts and deletes in their order.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What is made of the record that the change at this place puts, if that is known.
    pub(crate) fn made(&self, change: usize) -> Option<&Arc<dyn Any + Send + Sync>> {
        let at = self.made.binary_search_by_key(&change, |(at, _)| *at).ok()?;
        Some(&self.made[at].1.0)
    }

    /// The header that this batch sets, if it sets one.
    #[must_use]
    pub fn new_header(&self) -> Option<&[u8]> {
        self.header.as_deref()
    }

    /// Log entries in their order.
    #[must_use]
    pub fn entries(&self) -> &[LogEntry] {
        &self.entries.0
    }

    /// Refuses what no engine should be asked to hold, before it can spoil a group of batches.
    pub(crate) fn check_sizes(&self) -> Result<()> {
        let values = self.changes.iter().flat_map(Change::sizes);
        let entries = self.entries().iter().flat_map(|e| [e.public.len(), e.private.len()]);
        let header = self.header.iter().map(Vec::len);
        match values.chain(entries).chain(header).find(|&size| size > MAX_VALUE) {
            Some(size) => Err(Error::TooLarge { size, limit: MAX_VALUE }),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("made")
    }
}

/// It follows from the bytes, which are compared.
impl PartialEq for Made {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Made {}

/// One change of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Add or replace.
    Put(Put),
    /// Remove.
    Delete(Delete),
}

impl Change {
    fn sizes(&self) -> Vec<usize> {
        match self {
            Self::Delete(delete) => vec![delete.key.len()],
            Self::Put(put) => [put.key.len(), put.value.len()]
                .into_iter()
                .chain(put.indexes.iter().map(|(_, value)| value.len()))
                .collect(),
        }
    }
}

/// A record to add or replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The collection it goes to.
    pub collection: String,
    /// Its key there.
    pub key: Vec<u8>,
    /// Opaque bytes, at most 16 MiB.
    pub value: Vec<u8>,
    /// Declared secondary indexes: name and value. Several records may share a value.
    pub indexes: Vec<(String, Vec<u8>)>,
}

/// A record to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// The collection it lies in.
    pub collection: String,
    /// Its key there.
    pub key: Vec<u8>,
}

/// What a batch expects to find. Judged after the batches before it and before its own changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No record under this key.
    Absent {
        /// Collection.
        collection: String,
        /// Key.
        key: Vec<u8>,
    },
    /// A record under this key, at this generation.
    Generation {
        /// Collection.
        collection: String,
        /// Key.
        key: Vec<u8>,
        /// Its generation.
        generation: u64,
    },
    /// No record that declares this index value: uniqueness.
    AbsentIndex {
        /// Collection.
        collection: String,
        /// Name of the index.
        index: String,
        /// Value under it.
        value: Vec<u8>,
    },
    /// A header with this hash ([`header_hash`]; a store without one has the hash of no bytes).
    ///
    /// [`header_hash`]: crate::header_hash
    Header {
        /// SHA-256.
        hash: [u8; 32],
    },
    /// The job's newest claim is of this epoch ([`Lease::expect`]). It never holds where there are no
    /// leases: a store that one process owns.
    ///
    /// [`Lease::expect`]: crate::Lease::expect
    Lease {
        /// The job.
        job: String,
        /// Epoch of the claim.
        epoch: u64,
    },
}

/// One entry of the log, opaque here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Canonical public bytes: the leaf of the Merkle tree.
    pub public: Vec<u8>,
    /// The sealed private part.
    pub private: Vec<u8>,
}

/// Log entries, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonEmpty(Vec<LogEntry>);

impl NonEmpty {
    /// `None` when there is no entry.
    #[must_use]
    pub fn new(entries: Vec<LogEntry>) -> Option<Self> {
        if entries.is_empty() { None } else { Some(Self(entries)) }
    }
}

impl From<LogEntry> for NonEmpty {
    fn from(entry: LogEntry) -> Self {
        Self(vec![entry])
    }
}

impl TryFrom<Vec<LogEntry>> for NonEmpty {
    type Error = Error;

    fn try_from(entries: Vec<LogEntry>) -> Result<Self> {
        Self::new(entries).ok_or(Error::NoEntry)
    }
}

/// Largest value, key, log entry or header. Far above what the vault takes (64 KiB by default), far
/// below what would hold up everyone else's commit.
const MAX_VALUE: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_entry_no_batch() {
        assert_eq!(NonEmpty::new(Vec::new()), None);
        assert_eq!(NonEmpty::try_from(Vec::new()), Err(Error::NoEntry));
    }

    #[test]
    fn giant_values_are_refused_before_they_are_queued() {
        let entry = LogEntry { public: vec![1], private: Vec::new() };
        let batch = Batch::record(entry).header(vec![0; MAX_VALUE + 1]);
        assert!(matches!(batch.check_sizes(), Err(Error::TooLarge { .. })));
    }
}
