//! Where new values are deployed to, and stores that values are brought from.
//!
//! A [`Target`] is one place for one value. It can be asked whether it could be written, given a
//! value, and asked what it has. What holds here:
//!
//! - **Giving the same value twice is harmless**, so that a step that may have been done is done again.
//! - **Nothing is deleted**, nothing changes but the one value, and what somebody else put there is
//!   not written over, unless the target was added to take it over.
//! - **No value stands in an error**, in a program's arguments, or in what a program writes.
//! - **A credential is a secret of the vault**: settings name none.

mod judge;
mod names;
mod settings;
mod source;
mod stores;
mod target;
mod targets;

pub use judge::Unfit;
pub use settings::Settings;
pub use source::{Asking, Found, NoSource, Source, SourceKind};
pub use stores::Workload;
pub use target::{Fault, Means, Proof, Target};
pub use targets::Restart;
