use std::collections::BTreeSet;

use keyward_types::{Random, Secret};
use sha2::{Digest, Sha256};
use vsss_rs::Gf256;
use zeroize::Zeroizing;

use super::{Drawn, Private, Protection, base32};
use crate::Error;

/// One share of a slot's private half (Shamir, each byte over GF(256)): fewer shares than the
/// threshold say nothing about it. Text form: `KWS-` and sixteen groups of four of Crockford's
/// base32, which end with a checksum.
#[derive(Clone)]
pub struct Share {
    /// How many are needed.
    threshold: u8,
    /// Tells the shares of one slot from those of others.
    set: [u8; 4],
    /// Its place, 1–255, and the value there.
    point: Zeroizing<[u8; 33]>,
}

const PREFIX: &str = "KWS";
const BYTES: usize = 40;

impl Share {
    /// Shares of a fresh key.
    ///
    /// # Errors
    /// [`Error::Refused`] for numbers that make no sense; when there is no randomness.
    pub fn generate(random: &dyn Random, shares: u8, threshold: u8) -> Result<Vec<Self>, Error> {
        if threshold < 2 || shares < threshold {
            return Err(Error::Refused(format!(
                "{threshold} of {shares} shares: at least two are needed, and no more than there are"
            )));
        }
        let private = Private::random(random)?;
        let mut set = [0; 4];
        random.fill(&mut set)?;
        split(&private, shares, threshold, random)?
            .iter()
            .map(|point| {
                let point = point.as_slice().try_into().map_err(|_| Error::Damaged("a share has another length"))?;
                Ok(Self { threshold, set, point: Zeroizing::new(point) })
            })
            .collect()
    }

    /// Reads a share as somebody typed it.
    ///
    /// # Errors
    /// [`Error::Credential`] when it was mistyped.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why| Error::Credential { what: "share", why };
        let digits = base32::read(PREFIX, text).ok_or(wrong("it holds a character that shares never have"))?;
        if digits.len() != BYTES / 5 * 8 {
            return Err(wrong("it must have sixteen groups of four"));
        }
        let bytes = base32::bytes(&digits);
        let (body, sum) = bytes.split_at(BYTES - 2);
        if sum != checksum(body) {
            return Err(wrong("its last group does not fit the others, so it was mistyped"));
        }
        let mut share = Self { threshold: body[0], set: [0; 4], point: Zeroizing::new([0; 33]) };
        share.set.copy_from_slice(&body[1..5]);
        share.point.copy_from_slice(&body[5..]);
        Ok(share)
    }

    /// The text to be shown once.
    pub fn text(&self) -> Secret<String> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES));
        bytes.push(self.threshold);
        bytes.extend_from_slice(&self.set);
        bytes.extend_from_slice(&*self.point);
        let sum = checksum(&bytes);
        bytes.extend(sum);
        Secret::new("share", base32::write(PREFIX, &base32::digits(&bytes)))
    }

    /// How many shares are needed to open the slot.
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// Its number among the shares of its slot.
    pub fn number(&self) -> u8 {
        self.point[0]
    }

    /// Whether both are shares of one slot.
    pub fn belongs_with(&self, other: &Self) -> bool {
        (self.set, self.threshold) == (other.set, other.threshold)
    }

    /// Whether both are shares of one slot, and not the same one.
    pub fn complements(&self, other: &Self) -> bool {
        self.belongs_with(other) && self.number() != other.number()
    }
}

pub(super) fn protect(shares: &[Share]) -> Result<Protection, Error> {
    let refused = || Error::Credential { what: "share", why: "the shares do not belong together" };
    let first = shares.first().ok_or_else(refused)?;
    let count = u8::try_from(shares.len()).map_err(|_| refused())?;
    let recipient = combine(shares)?.ok_or_else(refused)?.recipient()?;
    Ok(Protection::Shamir { recipient, shares: count, threshold: first.threshold })
}

/// The private half; `None` when there are too few shares or they are not of one slot.
pub(super) fn combine(shares: &[Share]) -> Result<Option<Private>, Error> {
    let Some(first) = shares.first() else { return Ok(None) };
    let together = shares.iter().all(|share| (share.set, share.threshold) == (first.set, first.threshold));
    let numbers: BTreeSet<u8> = shares.iter().map(Share::number).collect();
    if !together || numbers.len() != shares.len() || shares.len() < usize::from(first.threshold) {
        return Ok(None);
    }
    let points: Vec<Vec<u8>> = shares.iter().map(|share| share.point.to_vec()).collect();
    let points = Zeroizing::new(points);
    let secret = Gf256::combine_bytes(&*points).map_err(|_| Error::Damaged("the shares cannot be combined"))?;
    Ok(Private::from_slice(&Zeroizing::new(secret)))
}

fn split(private: &Private, shares: u8, threshold: u8, random: &dyn Random) -> Result<Zeroizing<Vec<Vec<u8>>>, Error> {
    // One 32-bit draw a coefficient at most.
    let rng = Drawn::of(random, 32 * usize::from(threshold) * 4)?;
    let points = Gf256::split_bytes(usize::from(threshold), usize::from(shares), private.0.as_slice(), rng);
    points.map(Zeroizing::new).map_err(|_| Error::Damaged("the key cannot be split"))
}

fn checksum(body: &[u8]) -> [u8; 2] {
    let hash = Sha256::new().chain_update(b"keyward/share-checksum/1").chain_update(body).finalize();
    [hash[0], hash[1]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    #[test]
    fn any_three_of_five_combine_and_two_do_not() {
        let shares = Share::generate(&Seeded::new(3), 5, 3).unwrap();
        let whole = combine(&shares).unwrap().unwrap();
        for a in 0..5 {
            for b in 0..a {
                for c in 0..b {
                    let three = [shares[a].clone(), shares[b].clone(), shares[c].clone()];
                    assert_eq!(*combine(&three).unwrap().unwrap().0, *whole.0);
                }
                assert!(combine(&[shares[a].clone(), shares[b].clone()]).unwrap().is_none());
            }
        }
    }

    #[test]
    fn shares_of_two_slots_and_one_share_twice_are_refused() {
        let (ours, theirs) =
            (Share::generate(&Seeded::new(3), 3, 2).unwrap(), Share::generate(&Seeded::new(4), 3, 2).unwrap());
        assert!(combine(&[ours[0].clone(), theirs[1].clone()]).unwrap().is_none());
        assert!(combine(&[ours[0].clone(), ours[0].clone()]).unwrap().is_none());
        assert!(!ours[0].complements(&theirs[1]) && !ours[0].complements(&ours[0]));
        assert!(ours[0].complements(&ours[1]));
        for (shares, threshold) in [(1, 1), (3, 1), (2, 3), (0, 0)] {
            assert!(Share::generate(&Seeded::new(3), shares, threshold).is_err(), "{threshold} of {shares}");
        }
    }

    #[test]
    fn a_share_survives_being_written_down_and_a_mistyped_one_is_told() {
        let share = &Share::generate(&Seeded::new(9), 3, 2).unwrap()[2];
        let text = share.text();
        assert_eq!(text.expose().len(), 3 + 16 * 5);
        let read = Share::parse(&text.expose().to_lowercase().replace('-', " ").replace('0', "o")).unwrap();
        assert_eq!((read.threshold(), read.number(), *read.point), (2, 3, *share.point));
        let other = if text.expose().as_bytes()[20] == b'7' { "8" } else { "7" };
        let mut wrong = text.expose().clone();
        wrong.replace_range(20..21, other);
        assert!(Share::parse(&wrong).is_err());
    }

    /// The fault of a crate that shall not be used here: coefficients that are never zero make
    /// share bytes that never equal the secret's. Here every value comes as often as any other.
    #[test]
    fn the_bytes_of_shares_are_uniform_whatever_the_secret_is() {
        let (random, rounds) = (Seeded::new(11), 1000);
        let private = Private(Zeroizing::new([0x5a; 32]));
        for threshold in [2, 3] {
            let mut counts = [[0u32; 256]; 3];
            for _ in 0..rounds {
                for (point, counts) in split(&private, 3, threshold, &random).unwrap().iter().zip(&mut counts) {
                    point[1..].iter().for_each(|byte| counts[usize::from(*byte)] += 1);
                }
            }
            let expected = f64::from(rounds * 32) / 256.0;
            for counts in counts {
                let chi: f64 = counts.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
                // 255 degrees of freedom: mean 255, deviation 22.6; never-zero coefficients give 380.
                assert!((150.0..370.0).contains(&chi), "chi-squared {chi}");
                assert!(counts[0x5a] > 0, "a share's byte may equal the secret's");
            }
        }
    }
}
