//! Verifies an exported keyward audit log offline.
//!
//! What an auditor needs is this program, the log's verifier key (from the owner, not from the
//! export), and the export; optionally checkpoints that he kept from earlier. It checks
//! signatures, the tree, every tile and every entry, and says what does not fit. It shares no
//! code with the writer and knows only the published formats: C2SP signed-note, tlog-checkpoint,
//! tlog-tiles, tlog-proof, and RFC 8785 for the entries.

pub mod export;
pub mod json;
pub mod note;
pub mod proof;

mod fault;
mod folder;
mod tree;

pub use export::{Options, Report, verify_export};
pub use fault::Fault;
pub use folder::{Dir, Folder};
pub use note::{Checkpoint, Key};
pub use proof::{Proved, verify_proof};
pub use tree::Hash;
