//! The one door to plaintext.

mod crypto;
mod error;
mod header;
mod ring;
mod slot;
#[cfg(test)]
mod testing;

pub use error::Error;
pub use header::Header;
pub use slot::{Cost, Credential, KeyFile, NewSlot, Protection, RecoveryCode, Slot};

/// Largest value, in bytes.
pub const MAX_VALUE: usize = 64 * 1024;
