//! Chance that can be repeated.

use sha2::{Digest, Sha256};

/// Random choices from a seed (SplitMix64). Good enough to choose with, never for keys.
#[derive(Clone, Debug)]
pub struct Seed {
    first: u64,
    state: u64,
}

impl Seed {
    /// The seed of `KEYWARD_SEED`, or a fresh one, which is printed as a fact of the campaign.
    ///
    /// # Panics
    /// When `KEYWARD_SEED` is no number.
    #[must_use]
    pub fn of_campaign() -> Self {
        let first = match variable("KEYWARD_SEED") {
            Some(text) => text.parse().expect("KEYWARD_SEED is a number of 64 bits"),
            None => {
                let mut bytes = [0; 8];
                getrandom::fill(&mut bytes).expect("the operating system gives randomness");
                let fresh = u64::from_le_bytes(bytes);
                proof("seed", fresh);
                fresh
            }
        };
        Self::new(first)
    }

    /// Choices from this seed.
    #[must_use]
    pub fn new(first: u64) -> Self {
        Self { first, state: first }
    }

    /// Choices of one part of a test, the same whatever its other parts chose.
    #[must_use]
    pub fn part(&self, name: &str, number: u64) -> Self {
        let hash = Sha256::new()
            .chain_update(self.first.to_be_bytes())
            .chain_update(name)
            .chain_update(number.to_be_bytes())
            .finalize();
        Self::new(u64::from_be_bytes(hash[..8].try_into().expect("a hash has 32 bytes")))
    }

    /// The number behind it.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.first
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    ///
    /// # Panics
    /// When `limit` is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        assert!(limit > 0, "there is nothing to choose from");
        usize::try_from(self.bits() % limit as u64).expect("it is below a usize")
    }

    /// One of these.
    ///
    /// # Panics
    /// When there are none.
    pub fn choose<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Yes once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// The size of a campaign: what the variable says, else `small`.
///
/// # Panics
/// When the variable is no number.
#[must_use]
pub fn size(name: &str, small: u64) -> u64 {
    variable(name).map_or(small, |text| text.parse().expect("the size of a campaign is a number"))
}

/// States a fact of a campaign, as `cargo xtask prove` writes it down.
#[expect(clippy::print_stdout, reason = "this line is what the campaign is run for")]
pub fn proof(key: &str, value: impl std::fmt::Display) {
    println!("proof: {key}={value}");
}

#[expect(clippy::disallowed_methods, reason = "seeds and sizes of tests come in by the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_choices_and_parts_are_independent() {
        let (mut a, mut b) = (Seed::new(7), Seed::new(7));
        assert_eq!(a.bits(), b.bits());
        let before = a.part("x", 1).bits();
        a.bits();
        assert_eq!(a.part("x", 1).bits(), before);
        assert_ne!(a.part("x", 2).bits(), before);
        assert!((0..100).all(|_| a.below(3) < 3));
    }
}
