//! Making proofs: which ranges of leaves a proof is made of, and their hashes.
//!
//! A proof is a list of hashes, each the root of the subtree over a range of leaves
//! (RFC 6962, 2.1.1 and 2.1.2). The ranges follow from the numbers alone, so that a caller may
//! take their hashes from tiles ([`HashSource`]) or from one pass over the log ([`RangeHasher`]).

use std::ops::Range;

use super::{Frontier, Hash, node_hash, outside, split_point};
use crate::Error;

/// Where the hashes of perfect subtrees come from.
pub trait HashSource {
    /// What reading may fail with.
    type Error: From<Error>;

    /// Root of the perfect subtree over the leaves `index << level .. (index + 1) << level`.
    ///
    /// # Errors
    /// When the source does not hold these leaves.
    fn subtree(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// Leaf hashes in memory.
impl HashSource for [Hash] {
    type Error = Error;

    fn subtree(&self, level: u32, index: u64) -> Result<Hash, Error> {
        let len = self.len() as u64;
        let range = subtree_range(level, index).filter(|range| range.end <= len);
        let range = range.ok_or(outside(index, len))?;
        let mut frontier = Frontier::new();
        for leaf in &self[range.start as usize..range.end as usize] {
            frontier.push(*leaf);
        }
        Ok(frontier.root())
    }
}

/// The leaves of a perfect subtree; none where no tree has it.
pub(crate) fn subtree_range(level: u32, index: u64) -> Option<Range<u64>> {
    let width = 1u64.checked_shl(level)?;
    let start = index.checked_mul(width)?;
    Some(start..start.checked_add(width)?)
}

/// The ranges whose hashes prove that leaf `index` is in the tree of `size` leaves, in the order
/// of the proof: from the leaf's sibling to the root's child.
///
/// # Errors
/// [`Error::OutsideTree`] when there is no such leaf.
pub fn inclusion_ranges(index: u64, size: u64) -> Result<Vec<Range<u64>>, Error> {
    if index >= size {
        return Err(outside(index, size));
    }
    let mut ranges = Vec::new();
    let (mut first, mut end) = (0, size);
    while end - first > 1 {
        let middle = first + split_point(end - first);
        if index < middle {
            ranges.push(middle..end);
            end = middle;
        } else {
            ranges.push(first..middle);
            first = middle;
        }
    }
    ranges.reverse();
    Ok(ranges)
}

/// The ranges whose hashes prove that the tree of `old` leaves is a prefix of the tree of `new`
/// leaves, in the order of the proof. None are needed when `old` is 0 or equals `new`.
///
/// # Errors
/// [`Error::OutsideTree`] when `old` is larger than `new`.
pub fn consistency_ranges(old: u64, new: u64) -> Result<Vec<Range<u64>>, Error> {
    if old > new {
        return Err(outside(old, new));
    }
    let mut ranges = Vec::new();
    if old == 0 || old == new {
        return Ok(ranges);
    }
    let (mut first, mut end) = (0, new);
    while end != old {
        let middle = first + split_point(end - first);
        if old <= middle {
            ranges.push(middle..end);
            end = middle;
        } else {
            ranges.push(first..middle);
            first = middle;
        }
    }
    // The verifier knows the old root; it needs this node only where the old tree is not a
    // perfect subtree of the new one.
    if first > 0 {
        ranges.push(first..end);
    }
    ranges.reverse();
    Ok(ranges)
}

/// The inclusion proof of leaf `index` in the tree of `size` leaves.
///
/// # Errors
/// Those of the source, and [`Error::OutsideTree`].
pub fn inclusion<S>(source: &S, index: u64, size: u64) -> Result<Vec<Hash>, S::Error>
where
    S: HashSource + ?Sized,
{
    inclusion_ranges(index, size)?.into_iter().map(|range| range_hash(source, range)).collect()
}

/// The proof that the tree of `old` leaves is a prefix of that of `new` leaves.
///
/// # Errors
/// Those of the source, and [`Error::OutsideTree`].
pub fn consistency<S>(source: &S, old: u64, new: u64) -> Result<Vec<Hash>, S::Error>
where
    S: HashSource + ?Sized,
{
    consistency_ranges(old, new)?.into_iter().map(|range| range_hash(source, range)).collect()
}

/// Root of the subtree over a range of leaves. The range must be one that occurs in a tree: its
/// start is a multiple of the smallest power of two that is not below its length.
///
/// # Errors
/// Those of the source.
pub fn range_hash<S>(source: &S, range: Range<u64>) -> Result<Hash, S::Error>
where
    S: HashSource + ?Sized,
{
    let mut parts = Vec::new();
    let mut first = range.start;
    while first < range.end {
        let level = (range.end - first).ilog2();
        parts.push(source.subtree(level, first >> level)?);
        first += 1 << level;
    }
    let last = parts.pop().unwrap_or(Hash::EMPTY);
    Ok(parts.iter().rev().fold(last, |right, left| node_hash(left, &right)))
}

/// Computes the hashes of many disjoint ranges in one pass over the leaves, so that a proof can
/// be made from a log of which only the entries are kept.
#[derive(Debug)]
pub struct RangeHasher {
    /// Sorted by start; the place in the caller's list, the range, its edge so far.
    ranges: Vec<(usize, Range<u64>, Frontier)>,
    current: usize,
    next: u64,
}

impl RangeHasher {
    /// A pass that starts at leaf 0.
    pub fn new(ranges: Vec<Range<u64>>) -> RangeHasher {
        let numbered = ranges.into_iter().enumerate();
        let mut ranges: Vec<_> = numbered.map(|(n, range)| (n, range, Frontier::new())).collect();
        ranges.sort_by_key(|(_, range, _)| range.start);
        RangeHasher { ranges, current: 0, next: 0 }
    }

    /// Takes the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let index = self.next;
        self.next += 1;
        while let Some((_, range, frontier)) = self.ranges.get_mut(self.current) {
            if index >= range.end {
                self.current += 1;
                continue;
            }
            if index >= range.start {
                frontier.push(leaf);
            }
            return;
        }
    }

    /// The hashes, in the order in which the ranges were given.
    ///
    /// # Errors
    /// [`Error::OutsideTree`] when the leaves ended before a range did.
    pub fn finish(mut self) -> Result<Vec<Hash>, Error> {
        if let Some((_, range, _)) = self.ranges.iter().find(|(_, r, _)| r.end > self.next) {
            return Err(outside(range.end - 1, self.next));
        }
        self.ranges.sort_by_key(|(place, ..)| *place);
        Ok(self.ranges.iter().map(|(_, _, frontier)| frontier.root()).collect())
    }
}
