//! Match records: what lets a scanner recognise a stored value in a text without being able to
//! read it.
//!
//! For each encoded form of a strong value: its length, a keyed rolling hash of its first window,
//! and an HMAC of the whole. The scanner slides the hash over every byte and confirms a hit by the
//! HMAC. The window's hash is cut to 32 bits: enough to make false hits rare, too little to guess
//! the window from. Weak values have none: whoever holds the bundle could try them all.

use data_encoding::HEXLOWER;
use keyward_types::forms::forms;
use keyward_types::{Head, Place, Record, Version};
use serde::{Deserialize, Serialize};

use crate::crypto::{Key, context};

/// The match records of one version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchRow {
    /// Which secret.
    pub place: Place,
    /// Which version.
    pub version: Version,
    /// One record a form, raw first.
    pub forms: Vec<MatchRecord>,
}

/// How one form of a value is recognised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchRecord {
    /// Length of the form in bytes.
    pub length: u32,
    /// Keyed rolling hash of its first [`WINDOW`] bytes.
    pub window: u32,
    /// First 16 bytes of the HMAC of the whole form, in hex.
    pub mac: String,
}

/// The key of the rolling hash: a secret point at which windows are evaluated as polynomials
/// modulo 2^61 − 1.
#[derive(Clone, Copy)]
pub struct RollingKey(u64);

/// Bytes of a form that the rolling hash covers. Shorter forms have no record.
pub const WINDOW: usize = 16;
/// Values below either bound have no match records.
const STRONG_BYTES: usize = 16;
const STRONG_BITS: u16 = 64;
/// Windows that slide at once.
const LANES: usize = 4;
const MODULUS: u64 = (1 << 61) - 1;

impl MatchRow {
    /// The records of a value; `None` for one that is weak or no secret.
    pub(crate) fn of(head: &Head, version: Version, value: &[u8], bits: u16, key: &Key) -> Option<Self> {
        if !head.kind.is_secret() || value.len() < STRONG_BYTES || bits < STRONG_BITS {
            return None;
        }
        let rolling = RollingKey::from(key);
        let forms = forms(value)
            .iter()
            .filter(|form| form.bytes.len() >= WINDOW)
            .map(|form| MatchRecord {
                length: u32::try_from(form.bytes.len()).unwrap_or(u32::MAX),
                window: rolling.hash(&form.bytes[..WINDOW]),
                mac: HEXLOWER.encode(&confirm(key, &form.bytes)),
            })
            .collect();
        Some(Self { place: head.place, version, forms })
    }
}

impl Record for MatchRow {
    const COLLECTION: &'static str = "match";
    fn key(&self) -> Vec<u8> {
        self.place.version_key(self.version)
    }
}

impl RollingKey {
    /// The hash of one window.
    pub fn hash(self, window: &[u8]) -> u32 {
        (self.full(window) >> 29) as u32
    }

    /// Calls `visit` with the place and the hash of every window of `text`, in no order.
    ///
    /// Four windows slide at once, each over a quarter of the text: a step of one waits for its own
    /// multiplication only, and the processor has room for four.
    pub fn slide(self, text: &[u8], mut visit: impl FnMut(usize, u32)) {
        let Some(windows) = (text.len() + 1).checked_sub(WINDOW) else { return };
        let leaving = self.leaving();
        let quarter = windows / LANES;
        let mut hashes = [0u64; LANES];
        if quarter > 0 {
            for (lane, hash) in hashes.iter_mut().enumerate() {
                let start = lane * quarter;
                *hash = self.full(&text[start..start + WINDOW]);
                visit(start, (*hash >> 29) as u32);
            }
            let lanes: [&[u8]; LANES] =
                std::array::from_fn(|lane| &text[lane * quarter..lane * quarter + quarter + WINDOW - 1]);
            for step in 0..quarter - 1 {
                for lane in 0..LANES {
                    let (out, new) = (lanes[lane][step], lanes[lane][step + WINDOW]);
                    hashes[lane] = self.step(hashes[lane], leaving[usize::from(out)], new);
                    visit(lane * quarter + step + 1, (hashes[lane] >> 29) as u32);
                }
            }
        }
        for start in quarter * LANES..windows {
            visit(start, self.hash(&text[start..start + WINDOW]));
        }
    }

    fn full(self, window: &[u8]) -> u64 {
        window.iter().fold(0u64, |hash, byte| modulo(multiply(hash, self.0) + u64::from(*byte) + 1))
    }

    /// One byte further: `leaving` takes out the byte that the window leaves.
    #[inline(always)]
    fn step(self, hash: u64, leaving: u64, new: u8) -> u64 {
        let product = u128::from(hash) * u128::from(self.0);
        // Each part is below 2^61, so that the sum is below 2^63 and one folding leaves at most one
        // modulus too much.
        let sum = (product as u64 & MODULUS) + (product >> 61) as u64 + leaving + u64::from(new) + 1;
        modulo(sum)
    }

    /// For each byte, what is added to a hash so that the byte is no longer in it, one step later.
    fn leaving(self) -> [u64; 256] {
        let power = (0..WINDOW).fold(1u64, |power, _| multiply(power, self.0));
        std::array::from_fn(|byte| {
            let gone = multiply(power, byte as u64 + 1);
            if gone == 0 { 0 } else { MODULUS - gone }
        })
    }
}

impl From<&Key> for RollingKey {
    fn from(key: &Key) -> Self {
        let bytes = key.mac_of(b"keyward/rolling/1");
        let point = u64::from_be_bytes(bytes[..8].try_into().expect("a MAC has 32 bytes"));
        // Small points would make hashes of short texts predictable.
        Self(modulo(point) | 1 << 60)
    }
}

/// The HMAC that confirms a hit of the window.
pub(crate) fn confirm(key: &Key, form: &[u8]) -> [u8; 16] {
    let mac = key.mac_of(&context("keyward/match-form/1", &[form]));
    mac[..16].try_into().expect("a MAC has 32 bytes")
}

fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    modulo((product & u128::from(MODULUS)) as u64 + (product >> 61) as u64)
}

fn modulo(n: u64) -> u64 {
    let folded = (n & MODULUS) + (n >> 61);
    if folded >= MODULUS { folded - MODULUS } else { folded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    #[test]
    fn sliding_gives_the_hash_of_every_window() {
        let key = RollingKey::from(&Key::random(&Seeded::new(3)).unwrap());
        for length in [0usize, 1, 15, 16, 17, 18, 19, 20, 31, 64, 257, 1000] {
            let text: Vec<u8> = (0..length).map(|n| (n * 151 + n * n) as u8).collect();
            let mut seen = Vec::new();
            key.slide(&text, |at, hash| seen.push((at, hash)));
            seen.sort_unstable();
            let expected: Vec<(usize, u32)> = text.windows(WINDOW).map(|window| key.hash(window)).enumerate().collect();
            assert_eq!(seen, expected, "{length}");
        }
    }
}
