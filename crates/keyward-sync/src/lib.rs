//! Where new values are deployed to.
//!
//! A [`Target`] is one place for one value. It can be asked whether it could be written, given a
//! value, and asked what it has. What holds here:
//!
//! - **Giving the same value twice is harmless**, so that a step that may have been done is done again.
//! - **Nothing is deleted**, and nothing changes but the one value.
//! - **No value stands in an error**, in a program's arguments, or in what a program writes.

mod settings;
mod target;
mod targets;

pub use settings::{Settings, Unfit};
pub use target::{Fault, Target};
