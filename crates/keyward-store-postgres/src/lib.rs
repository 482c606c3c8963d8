//! The engine for several nodes: PostgreSQL 13 or newer, or a service that speaks its protocol.
//!
//! It sees opaque bytes only. Every node (a process with a [`Postgres`] of its own) commits a group of
//! batches in one transaction and one flush, in two round trips:
//!
//! 1. lock the head of the log, then read what the group's batches expect and replace;
//! 2. records, index rows, log entries, the new head, `COMMIT`.
//!
//! **The head first, not last.** The row lock on the head serialises the nodes, so that index order is
//! commit order, and it is held until the flush is over wherever in the transaction it is taken: the
//! flush is most of a commit. Taking it first adds one read of the touched rows to that time, and
//! buys that expectations are judged on what no other node can change any more (no retries, no
//! deadlocks, two nodes never both win), that the Merkle tree and the signed checkpoint are always
//! those of the data beside them instead of one second behind, and that an interrupted commit can be
//! looked up: whoever holds the head knows that no earlier transaction is still under way. Throughput
//! comes from groups.
//!
//! Measured by `benches/nodes.rs` (server, nodes and callers on the same two busy cores, a debug build
//! of ours, PostgreSQL 15, a flush of 5 ms): one node makes 265 commits/s for one caller, 6,400 for 64
//! and 10,300 for 256; three nodes 11,700 for 256. Tree and signature take 30 µs of the 3.6 ms of a
//! lone commit and 0.3 ms of a group of 219; without them the rates are the same within the noise, but for
//! three nodes with 256 callers, where they were 26 % higher (a debug build on a busy machine).
//!
//! **A cut connection is not an answer.** When it breaks while a commit is under way, the engine
//! connects again, takes the head and looks for the mark of its group in the log: then the commit is
//! acknowledged, or made again. Only when the database stays away is the outcome unknown, and said to
//! be ([`Error::Interrupted`](keyward_store::Error::Interrupted)).
//!
//! What several nodes need beside records: leases (one leader a job, fenced by an epoch that its
//! transactions check) and a watch for changes ([`keyward_store::Nodes`]). The mark of each group names the
//! records that it changed, so that a node need look at no others.

#[macro_use]
mod reads;

mod address;
mod check;
mod engine;
mod error;
mod group;
mod load;
mod mark;
mod needs;
mod nodes;
mod pool;
mod questions;
mod rows;
mod schema;
mod session;
mod tls;
mod transaction;
mod watch;
mod writer;
mod writes;

pub use address::Address;
pub use engine::Postgres;
