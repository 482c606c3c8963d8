//! The embedded engine: SQLite in WAL mode with `synchronous=FULL`, one file, one writer.
//!
//! It sees opaque bytes only. One transaction and one flush make a group of batches durable; the
//! head of the log is read inside that transaction, so that two writers of one process still leave
//! one dense log; another process waits until the file is closed. After a failed write or flush nothing
//! that the operating system keeps in its cache is trusted: the write connection is replaced, and what
//! was refused is made void before anything is accepted again (see `writer`).
//!
//! [`lock`] is the process lock: one process owns a local store, and says how to reach it.

#[macro_use]
mod reads;

mod checkpoint;
mod connection;
mod create;
mod engine;
mod error;
mod filesystem;
mod load;
pub mod lock;
mod readers;
mod rows;
mod schema;
mod transaction;
mod writer;

pub use create::{restore, set_aside};
pub use engine::Sqlite;
