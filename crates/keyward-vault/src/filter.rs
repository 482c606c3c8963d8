//! A set of hashes that is small enough for a cache and seldom says yes to others.
//!
//! A Bloom filter of which all bits of one hash lie in one word (Putze, Sanders and Singler 2007):
//! one access to memory a question.

/// Says of a hash whether it may be in the set.
pub(crate) struct Filter {
    words: Box<[u64]>,
    /// How far a hash is shifted to be an index into `words`.
    shift: u32,
}

/// Words for each hash, as a power of two, within bounds: more than fits a second-level cache costs more
/// than false answers do.
const MIN_BITS: u32 = 6;
const MAX_BITS: u32 = 16;

impl Filter {
    pub(crate) fn of(hashes: impl Iterator<Item = u32> + Clone) -> Self {
        let count = hashes.clone().count();
        let size = (usize::BITS - count.leading_zeros()).clamp(MIN_BITS, MAX_BITS);
        let shift = 32 - size;
        let mut words = vec![0u64; 1 << size].into_boxed_slice();
        for hash in hashes {
            words[(hash >> shift) as usize] |= 1 << (hash & 63) | 1 << (hash >> 6 & 63);
        }
        Self { words, shift }
    }

    #[inline(always)]
    pub(crate) fn may_have(&self, hash: u32) -> bool {
        let word = self.words[(hash >> self.shift) as usize];
        word >> (hash & 63) & 1 != 0 && word >> (hash >> 6 & 63) & 1 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(from: u32, count: u32) -> impl Iterator<Item = u32> + Clone {
        (from..from + count).map(|n| (n.wrapping_mul(0x9e37_79b9) ^ n << 7).wrapping_mul(0x85eb_ca6b))
    }

    #[test]
    fn what_is_in_it_is_never_denied_and_little_else_is_affirmed() {
        for count in [1u32, 60, 1000, 100_000] {
            let filter = Filter::of(hashes(0, count));
            assert!(hashes(0, count).all(|hash| filter.may_have(hash)));
            let wrong = hashes(1 << 24, 100_000).filter(|hash| filter.may_have(*hash)).count();
            assert!(wrong < 2_000, "{count}: {wrong} of 100,000");
        }
        assert!(!hashes(0, 1000).any(|hash| Filter::of(std::iter::empty()).may_have(hash)));
    }
}
