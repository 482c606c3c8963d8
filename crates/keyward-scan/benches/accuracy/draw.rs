//! Chance with a seed, and values from the catalogue's templates: no text in the repository looks like a key.

use keyward_providers::Checksum;
use keyward_testing::template;

/// Numbers that look like chance and repeat with their seed (xorshift, Marsaglia, 2003).
#[derive(Clone)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit.max(1)
    }

    pub(crate) fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }

    /// Characters of a set: `alnum`, `hex`, …
    pub(crate) fn text(&mut self, set: &str, count: usize) -> String {
        template::text(set, count, &mut |limit| self.below(limit))
    }

    /// A value from a template of the catalogue.
    pub(crate) fn expand(&mut self, template: &str, checksum: Option<Checksum>) -> String {
        template::expand(template, checksum, &mut |limit| self.below(limit))
    }
}
