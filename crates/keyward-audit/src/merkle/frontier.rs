//! The right edge of a tree: enough to append and to know the root.

use super::{Hash, node_hash};
use crate::Error;

/// The roots of the perfect subtrees that make up a tree, largest first: one for each bit that is
/// set in the tree's size. Appending costs less than two hashes on average.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    nodes: Vec<Hash>,
}

/// Sizes beyond this are refused when read: they cannot come from a real log.
const MAX_SIZE: u64 = 1 << 56;

impl Frontier {
    /// The edge of the tree without leaves.
    pub const fn new() -> Frontier {
        Frontier { size: 0, nodes: Vec::new() }
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.nodes.pop().expect("one node for each bit set in the size");
            hash = node_hash(&left, &hash);
        }
        self.nodes.push(hash);
        self.size += 1;
    }

    /// Root of the tree, as RFC 6962 defines it for any size.
    pub fn root(&self) -> Hash {
        let mut nodes = self.nodes.iter().rev();
        let Some(last) = nodes.next() else {
            return Hash::EMPTY;
        };
        nodes.fold(*last, |right, left| node_hash(left, &right))
    }

    /// The subtree roots, largest first.
    pub fn nodes(&self) -> &[Hash] {
        &self.nodes
    }

    /// The edge made of these subtree roots, largest first.
    ///
    /// # Errors
    /// [`Error::Head`] when their number does not fit the size.
    pub fn from_nodes(size: u64, nodes: Vec<Hash>) -> Result<Frontier, Error> {
        if size > MAX_SIZE {
            return Err(Error::Head("its size is absurd"));
        }
        if nodes.len() != size.count_ones() as usize {
            return Err(Error::Head("the number of nodes does not fit the size"));
        }
        Ok(Frontier { size, nodes })
    }

    /// Writes size (8 bytes, big-endian) and nodes (32 bytes each).
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.size.to_be_bytes());
        for node in &self.nodes {
            out.extend_from_slice(&node.0);
        }
    }

    /// Reads what [`Frontier::encode`] wrote and returns it with the bytes that follow.
    ///
    /// # Errors
    /// [`Error::Head`] when bytes are missing or the size is absurd.
    pub fn decode(bytes: &[u8]) -> Result<(Frontier, &[u8]), Error> {
        const SHORT: Error = Error::Head("it is cut short");
        let (size, rest) = bytes.split_first_chunk::<8>().ok_or(SHORT)?;
        let size = u64::from_be_bytes(*size);
        let length = size.count_ones() as usize * 32;
        let (nodes, rest) = rest.split_at_checked(length).ok_or(SHORT)?;
        let nodes = nodes.chunks_exact(32).map(|node| Hash(node.try_into().expect("chunks of 32 bytes"))).collect();
        Ok((Frontier::from_nodes(size, nodes)?, rest))
    }
}
