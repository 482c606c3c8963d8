//! What verification can find, each with the entry or record it found it at.

use std::fmt;

use data_encoding::HEXLOWER;
use keyward_store::IndexDefect;

use crate::Error;

/// One thing that is wrong.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The log could not be read to its end.
    #[error("the log cannot be read: {why}")]
    Unreadable {
        /// The store's reason.
        why: String,
    },
    /// The log has entries but no head.
    #[error("the head of the log is missing")]
    NoHead,
    /// The stored head is not one that the log's key has signed.
    #[error("the head of the log is not authentic: {0}")]
    Head(Error),
    /// Entries are missing.
    #[error("entries {expected} to {} are missing", found - 1)]
    Gap {
        /// First index that is missing.
        expected: u64,
        /// Next index that is there.
        found: u64,
    },
    /// An entry stands where another belongs.
    #[error("entry {found} stands in the place of entry {expected}")]
    Order {
        /// Index that belongs here.
        expected: u64,
        /// Index that stands here.
        found: u64,
    },
    /// The bytes of an entry are not an entry in its one spelling.
    #[error("entry {index} was altered: {why}")]
    Entry {
        /// Its index.
        index: u64,
        /// What is wrong with it.
        why: Error,
    },
    /// An entry is of another vault.
    #[error("entry {index} belongs to the vault `{found}`")]
    Vault {
        /// Its index.
        index: u64,
        /// The vault it names.
        found: String,
    },
    /// The private part beside an entry is not the one recorded.
    #[error("the private part of entry {index} was altered: {why}")]
    Private {
        /// Index of the entry.
        index: u64,
        /// What is wrong with it.
        why: Error,
    },
    /// The stored head is signed over other entries than those that are there.
    #[error("the head of the log signs another history of {signed} entries")]
    HeadForked {
        /// Number of entries in its checkpoint.
        signed: u64,
    },
    /// The log ends before its signed head.
    #[error("the log was cut off: {entries} entries, signed are {signed}")]
    Truncated {
        /// Number of entries.
        entries: u64,
        /// Number in the head's checkpoint.
        signed: u64,
    },
    /// The log goes on after its signed head.
    #[error("entries {signed} to {} were never signed", entries - 1)]
    Unsigned {
        /// Number of entries.
        entries: u64,
        /// Number in the head's checkpoint.
        signed: u64,
    },
    /// The store counts another number of entries than there are.
    #[error("the store counts {counted} entries and has {entries}")]
    Size {
        /// Number of entries.
        entries: u64,
        /// Number that the store keeps.
        counted: u64,
    },
    /// The tree over the entries is not the one that was signed.
    #[error("the entries {after} to {} are not those that were signed: at least one was altered", before - 1)]
    Altered {
        /// All entries before this one are as signed.
        after: u64,
        /// The altered entry lies before this one.
        before: u64,
    },
    /// A checkpoint that the log is compared with is not authentic, or of another history.
    #[error("{outside} does not fit: {why}")]
    Checkpoint {
        /// Where the checkpoint is from.
        outside: Outside,
        /// What is wrong.
        why: Error,
    },
    /// The log is shorter than a checkpoint kept outside the store.
    #[error("{outside} has {signed} entries, the log only {entries}: the store is older")]
    Older {
        /// Where the checkpoint is from.
        outside: Outside,
        /// Its size.
        signed: u64,
        /// Size of the log.
        entries: u64,
    },
    /// The entries before a checkpoint kept outside are others than it signed.
    #[error("{outside} signs another history of the first {signed} entries")]
    Forked {
        /// Where the checkpoint is from.
        outside: Outside,
        /// Its size.
        signed: u64,
    },
    /// The records could not be read to their end.
    #[error("the records cannot be read: {why}")]
    RecordsUnreadable {
        /// The store's reason.
        why: String,
    },
    /// A record does not carry the MAC of its place and content.
    #[error("record {} was altered or moved", place(collection, key))]
    RecordMac {
        /// Its collection.
        collection: String,
        /// Its key.
        key: Vec<u8>,
    },
    /// A record is not in the state in which its last change left it, nor in an earlier one.
    #[error("record {} is not as entry {last} left it", place(collection, key))]
    RecordAltered {
        /// Its collection.
        collection: String,
        /// Its key.
        key: Vec<u8>,
        /// The last entry that changed it.
        last: u64,
    },
    /// A record is in an earlier authentic state.
    #[error(
        "record {} was rolled back to its state of entry {to}; entry {last} was the last to change it",
        place(collection, key)
    )]
    RecordRolledBack {
        /// Its collection.
        collection: String,
        /// Its key.
        key: Vec<u8>,
        /// The entry whose state it is in.
        to: u64,
        /// The last entry that changed it.
        last: u64,
    },
    /// A record that was written and never deleted is not there.
    #[error("record {} is missing; entry {last} left it", place(collection, key))]
    RecordMissing {
        /// Its collection.
        collection: String,
        /// Its key.
        key: Vec<u8>,
        /// The last entry that changed it.
        last: u64,
    },
    /// A record that was deleted is there.
    #[error("record {} is there though entry {last} deleted it", place(collection, key))]
    RecordUndeleted {
        /// Its collection.
        collection: String,
        /// Its key.
        key: Vec<u8>,
        /// The entry that deleted it.
        last: u64,
    },
    /// No entry speaks of a record.
    #[error("record {} is in no entry of the log", place(collection, key))]
    RecordUnlogged {
        /// Its collection.
        collection: String,
        /// Its key.
        key: Vec<u8>,
    },
    /// The header is not the one that its last change left, nor an earlier one.
    #[error("the header is not as entry {last} left it")]
    HeaderAltered {
        /// The last entry that changed it.
        last: u64,
    },
    /// The header is an earlier authentic one.
    #[error("the header was rolled back to that of entry {to}; entry {last} was the last to change it")]
    HeaderRolledBack {
        /// The entry whose header it is.
        to: u64,
        /// The last entry that changed it.
        last: u64,
    },
    /// An index disagrees with the records.
    #[error("{}", index(.0))]
    Index(IndexDefect),
    /// A counter of disclosures disagrees with the entries.
    #[error(
        "`{principal}` read version {version} of `{secret}` {logged} times by the log, {counted} times by the counter"
    )]
    Reads {
        /// Id of who read.
        principal: String,
        /// Id of the secret.
        secret: String,
        /// Version of the secret.
        version: u64,
        /// Number by the entries.
        logged: u64,
        /// Number by the store's counter.
        counted: u64,
    },
}

/// Where a checkpoint is from that the log was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// The caller's list, by its place there.
    Given(usize),
    /// The entry of this index.
    Entry(u64),
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outside::Given(0) => f.write_str("the checkpoint from outside"),
            Outside::Given(place) => write!(f, "checkpoint {} from outside", place + 1),
            Outside::Entry(index) => write!(f, "the checkpoint in entry {index}"),
        }
    }
}

/// `collection/key`, the key as text where it is plain, else in hex.
fn place(collection: &str, key: &[u8]) -> String {
    match str::from_utf8(key) {
        Ok(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) => format!("`{collection}/{text}`"),
        _ => format!("`{collection}/{}` (hex)", HEXLOWER.encode(key)),
    }
}

fn index(defect: &IndexDefect) -> String {
    let (row, what) = match defect {
        IndexDefect::Missing(row) => (row, "does not list"),
        IndexDefect::Extra(row) => (row, "lists what nothing declares, or twice,"),
    };
    format!("the index `{}` {what} record {}", row.index, place(&row.collection, &row.key))
}
