//! The Merkle tree of RFC 6962, section 2.1, with SHA-256.
//!
//! Leaves are hashed with the prefix 0, inner nodes with the prefix 1, so that neither can pass
//! for the other. The tree of a log is never held as a whole: to append, its right edge is enough
//! ([`Frontier`]); to prove, a [`HashSource`] or one pass over the leaves.

mod frontier;
mod prove;
mod verify;

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

pub use frontier::Frontier;
pub(crate) use prove::subtree_range;
pub use prove::{HashSource, RangeHasher, consistency, consistency_ranges, inclusion, inclusion_ranges, range_hash};
pub use verify::{verify_consistency, verify_inclusion};

use crate::{Error, base64};

/// A SHA-256 hash: of a leaf, a node, a root or a record. Shown in base64, as checkpoints do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Root of the tree without leaves: the hash of nothing.
    pub const EMPTY: Hash = Hash([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae,
        0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ]);

    /// SHA-256 of bytes as they are, with no prefix: for records and headers, not for leaves.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }

    /// Standard base64 with padding, 44 characters.
    pub fn to_base64(self) -> String {
        base64::encode(&self.0)
    }

    /// Reads the form that [`Hash::to_base64`] writes, and no other.
    pub fn from_base64(text: &str) -> Option<Hash> {
        base64::decode(text)?.try_into().ok().map(Hash)
    }

    /// Lower-case hex, 64 characters.
    pub fn to_hex(self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// Reads the form that [`Hash::to_hex`] writes, and no other.
    pub fn from_hex(text: &str) -> Option<Hash> {
        HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(Hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_base64())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// Hash of a leaf: SHA-256 of 0 and the entry's bytes.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0u8]);
    hasher.update(entry);
    Hash(hasher.finalize().into())
}

/// Hash of an inner node: SHA-256 of 1, the left and the right child.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1u8; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    Hash(Sha256::digest(bytes).into())
}

/// Root of the tree over these leaves, in one pass.
///
/// # Errors
/// Passes on the first error of the iterator.
pub fn root_of<E>(leaves: impl IntoIterator<Item = Result<Hash, E>>) -> Result<Hash, E> {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.push(leaf?);
    }
    Ok(frontier.root())
}

/// The largest power of two below `n`; `n` is at least 2.
fn split_point(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

fn outside(index: u64, size: u64) -> Error {
    Error::OutsideTree { index, size }
}

#[cfg(test)]
mod tests;
