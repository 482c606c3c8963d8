//! Records and log: named collections of opaque records and one dense log, committed together.
//!
//! This room knows no domain noun. A record is a key, a value and declared index values, all bytes;
//! its caller gives a [`RecordMac`], and every record carries a MAC over (collection, key,
//! generation, value, indexes), so that no room can forget it and no edited, relabelled or swapped
//! row is ever returned. A [`Batch`] always carries at least one log entry: a change without a
//! record of it cannot be constructed.
//!
//! What holds after [`Store::commit`] returned `Ok`: the batch's changes and log entries are durable
//! together, its entries have consecutive indexes, and the log has no gaps. When it returns an error,
//! the caller must act as if nothing was done.
//!
//! Commits are grouped: callers queue, one of them writes for all in one transaction with one
//! flush, and every caller gets its own answer. What stores the bytes is an [`Engine`], one crate
//! each, all held to one suite (feature `conformance`).

mod batch;
mod cache;
mod checked;
mod clock;
mod encoding;
mod engine;
mod error;
mod mac;
mod nodes;
mod pages;
mod queue;
mod recent;
mod record;
mod store;
mod transfer;
mod verify;

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "conformance")]
pub mod memory;

pub use batch::{Batch, Change, Delete, Expect, LogEntry, NonEmpty, Put};
pub use checked::{AllRecords, CheckedRecord, IndexDefect, Made, Reader};
pub use clock::Clock;
pub use encoding::{decode_indexes, encode_indexes, header_hash, mac_input, record_hash};
pub use engine::{Committed, Engine, Head, IndexHit, IndexRow, LogRow, Reads};
pub use error::{Error, Result};
pub use mac::{LogHead, RecordMac};
pub use nodes::{Changed, Changes, Lease, Nodes, Watch};
pub use record::{Collection, KeyRange, Record, StoredRecord};
pub use store::{Store, peek_header};
pub use transfer::{Page, Tombstone, transfer};
pub use verify::MacState;
