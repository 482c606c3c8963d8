//! Checking proofs (RFC 9162, 2.1.3.2 and 2.1.4.2).

use super::{Hash, node_hash};
use crate::Error;

/// Checks that the leaf with this hash is number `index` of the tree with `size` leaves and this
/// root.
///
/// # Errors
/// [`Error::Proof`] when it does not follow from the proof.
pub fn verify_inclusion(proof: &[Hash], leaf: &Hash, index: u64, size: u64, root: &Hash) -> Result<(), Error> {
    if index >= size {
        return Err(Error::Proof);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(Error::Proof);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // A node without a right sibling is carried up until it is a right child.
            let up = if node & 1 == 1 { 0 } else { node.trailing_zeros() };
            (node, last) = (node >> up, last >> up);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(Error::Proof) }
}

/// Checks that the tree with `old` leaves and root `old_root` is a prefix of the tree with `new`
/// leaves and root `new_root`.
///
/// # Errors
/// [`Error::Proof`] when it does not follow from the proof.
pub fn verify_consistency(proof: &[Hash], old: u64, old_root: &Hash, new: u64, new_root: &Hash) -> Result<(), Error> {
    let holds = match old {
        _ if old > new => false,
        0 => proof.is_empty() && *old_root == Hash::EMPTY && (new > 0 || new_root == old_root),
        _ if old == new => proof.is_empty() && old_root == new_root,
        _ => recompute(proof, old, old_root, new) == Some((*old_root, *new_root)),
    };
    if holds { Ok(()) } else { Err(Error::Proof) }
}

/// Both roots as the proof gives them; `0 < old < new`.
fn recompute(proof: &[Hash], old: u64, old_root: &Hash, new: u64) -> Option<(Hash, Hash)> {
    // Where the old tree is one perfect subtree, its root stands for the proof's first hash.
    let (start, rest) = match old.is_power_of_two() {
        true => (*old_root, proof),
        false => (*proof.first()?, &proof[1..]),
    };
    let shift = (old - 1).trailing_ones();
    let (mut node, mut last) = ((old - 1) >> shift, (new - 1) >> shift);
    let (mut old_hash, mut new_hash) = (start, start);
    for sibling in rest {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            let up = if node & 1 == 1 { 0 } else { node.trailing_zeros() };
            (node, last) = (node >> up, last >> up);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    (last == 0).then_some((old_hash, new_hash))
}
