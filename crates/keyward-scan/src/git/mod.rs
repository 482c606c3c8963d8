//! What git keeps: what a commit would add, what a range of commits added, everything there ever was.
//!
//! [`history`] reads each file's content once, in the order of the packs: first the commits
//! (which content came in where, and when), then the packs family by family (`families`: each base
//! is inflated once), and of content that was made from other content only what is new in it
//! (`windows`). [`staged`] and [`diff`] look at whole files too, and report what stands on added lines.
//!
//! Nothing that a repository configures is run: its objects, refs, logs and index are read, no more.

mod blobs;
mod changes;
mod commits;
mod delta;
mod error;
mod families;
mod history;
mod messages;
mod objects;
mod places;
mod range;
mod repository;
mod revision;
mod staged;
mod trees;
mod windows;

pub use changes::{ChangeOptions, PushedRef};
pub use error::Error;
pub use history::{HistoryOptions, history};
pub use range::diff;
pub use repository::{Environment, Repository, Tracked};
pub use staged::staged;
