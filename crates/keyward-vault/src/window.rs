//! Windows: the bytes of a form by which a text is searched for it.
//!
//! A window is hashed sixteen bytes at a time: two words that are multiplied, each after a secret word
//! was mixed into it, so that no window waits for the one before it. The hash spreads well and is not
//! one-way; what that means for whoever holds hashes and key stands at the head of [`crate::matching`].
//!
//! Each form has its [`Shape`]: how long its window is and which bytes may be in it. Few places of a text
//! begin twenty characters of base64 or thirty-two digits, so that a search passes over most of it, and is
//! made for shapes alone that a stored value has.

mod blocks;
mod choice;

use serde::{Deserialize, Serialize};

use crate::crypto::Key;
use blocks::{BLOCK, Blocks};
pub(crate) use choice::Chosen;

/// The fewest bytes of a form that its window covers. Shorter forms have no record.
pub const WINDOW: usize = 16;
/// The most: two blocks of a text hold the longest window that begins in the first.
const LONGEST: usize = BLOCK;

/// The key under which windows are hashed: two secret words for each sixteen bytes.
#[derive(Clone, Copy)]
pub(crate) struct WindowKey([(u64, u64); LONGEST / WINDOW]);

/// The windows among which a form is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape {
    pub(crate) among: Among,
    /// Bytes of a window.
    pub(crate) length: usize,
}

/// Which bytes stand in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Among {
    /// No blank.
    Plain,
    /// Letters, digits, `+`, `/`, `-` and `_`.
    Base64,
    /// Hexadecimal digits.
    Hex,
    /// A `%` or `\`, and then anything.
    Escaped,
    /// Anything.
    Any,
}

impl Shape {
    /// Whether windows can have this shape.
    pub(crate) fn is_sound(self) -> bool {
        (WINDOW..=LONGEST).contains(&self.length)
    }

    /// As a number in a bundle.
    pub(crate) fn number(self) -> u32 {
        (self.among as u32) << 8 | self.length as u32
    }

    /// The opposite of [`Shape::number`].
    pub(crate) fn numbered(number: u32) -> Option<Self> {
        let among = *Among::ALL.get((number >> 8) as usize)?;
        Some(Self { among, length: (number & 0xff) as usize })
    }
}

impl Among {
    const ALL: [Self; 5] = [Self::Plain, Self::Base64, Self::Hex, Self::Escaped, Self::Any];
}

impl WindowKey {
    /// The hash of one window of at least [`WINDOW`] bytes.
    #[inline(always)]
    pub(crate) fn hash(self, window: &[u8]) -> u32 {
        let mut sum = 0u128;
        for (number, key) in self.0.iter().enumerate() {
            // The last sixteen bytes may have some of those before them.
            let from = (number * WINDOW).min(window.len() - WINDOW);
            let (low, high) = words(window[from..].first_chunk().expect("a window is long enough"));
            sum = sum.wrapping_add(u128::from(low ^ key.0) * u128::from(high ^ key.1));
            if from + WINDOW == window.len() {
                break;
            }
        }
        ((sum as u64 ^ (sum >> 64) as u64) >> 32) as u32
    }

    /// Calls `visit` with the number of the shape, the place and the hash of every window of `text` that has
    /// one of these shapes, which are sorted.
    #[inline(always)]
    pub(crate) fn visit(self, text: &[u8], shapes: &[Shape], mut visit: impl FnMut(usize, usize, u32)) {
        let shapes = Sorted::of(shapes);
        let blocks = Blocks::of(text);
        if !(shapes.plain.is_empty() && shapes.base64.is_empty() && shapes.hex.is_empty()) {
            self.visit_runs(text, &blocks, &shapes, &mut visit);
        }
        if !shapes.escaped.is_empty() {
            self.visit_escaped(text, &blocks, &shapes, &mut visit);
        }
        for (number, length) in shapes.any {
            for at in 0..(text.len() + 1).saturating_sub(length) {
                visit(number, at, self.hash_at(text, at, length));
            }
        }
    }

    /// Windows without blanks. A block of which no such begins is left at once, and what its bytes are is
    /// asked only where a run of them is long enough.
    #[inline(always)]
    fn visit_runs(self, text: &[u8], blocks: &Blocks<'_>, shapes: &Sorted, visit: &mut impl FnMut(usize, usize, u32)) {
        let shortest = |of: &[(usize, usize)]| of.first().map_or(NEVER, |(_, length)| *length);
        let (base64, hex) = (shortest(&shapes.base64), shortest(&shapes.hex));
        let coded = base64.min(hex);
        let (mut letters, mut current) = (blocks.base64(), blocks.filled(0));
        for block in 0..blocks.count() {
            let next = blocks.filled(block + 1);
            let filled = u128::from(current) | u128::from(next) << BLOCK;
            current = next;
            let runs = longer(filled, 1, WINDOW);
            if runs as u64 == 0 {
                continue;
            }
            self.visit_starts(text, block, runs, WINDOW, &shapes.plain, visit);
            if longer(runs, WINDOW, coded) as u64 == 0 {
                continue;
            }
            let letters = letters.from(block);
            let runs = longer(letters, 1, coded);
            if runs as u64 == 0 {
                continue;
            }
            self.visit_starts(text, block, runs, coded, &shapes.base64, visit);
            if longer(runs, coded, hex) as u64 != 0 {
                let runs = longer(blocks.hex().from(block), 1, hex);
                self.visit_starts(text, block, runs, hex, &shapes.hex, visit);
            }
        }
    }

    /// Windows that begin with an escape: few do, so that many lengths cost little.
    #[inline(always)]
    fn visit_escaped(
        self,
        text: &[u8],
        blocks: &Blocks<'_>,
        shapes: &Sorted,
        visit: &mut impl FnMut(usize, usize, u32),
    ) {
        for block in 0..blocks.count() {
            let mut starts = blocks.escapes(block);
            while starts != 0 {
                let at = block * BLOCK + starts.trailing_zeros() as usize;
                starts &= starts - 1;
                for (number, length) in &shapes.escaped {
                    if at + length <= text.len() {
                        visit(*number, at, self.hash_at(text, at, *length));
                    }
                }
            }
        }
    }

    /// Windows of these lengths that begin in a block, where `runs` says at which of its places so many bytes as
    /// `known` are of the kind.
    #[inline(always)]
    fn visit_starts(
        self,
        text: &[u8],
        block: usize,
        runs: u128,
        known: usize,
        lengths: &[(usize, usize)],
        visit: &mut impl FnMut(usize, usize, u32),
    ) {
        for (number, length) in lengths {
            let mut starts = longer(runs, known, *length) as u64;
            while starts != 0 {
                let at = block * BLOCK + starts.trailing_zeros() as usize;
                starts &= starts - 1;
                visit(*number, at, self.hash_at(text, at, *length));
            }
        }
    }

    /// The same as [`WindowKey::hash`], with lengths that the compiler knows where they are common.
    #[inline(always)]
    fn hash_at(self, text: &[u8], at: usize, length: usize) -> u32 {
        let rest = &text[at..];
        match length {
            16 => self.hash(&rest[..16]),
            20 => self.hash(&rest[..20]),
            32 => self.hash(&rest[..32]),
            _ => self.hash(&rest[..length]),
        }
    }
}

/// Numbers and lengths of shapes, the shortest of each kind first.
struct Sorted {
    plain: Vec<(usize, usize)>,
    base64: Vec<(usize, usize)>,
    hex: Vec<(usize, usize)>,
    escaped: Vec<(usize, usize)>,
    any: Vec<(usize, usize)>,
}

impl Sorted {
    fn of(shapes: &[Shape]) -> Self {
        let of = |among| {
            let numbered = shapes.iter().enumerate().filter(|(_, shape)| shape.among == among);
            numbered.map(|(number, shape)| (number, shape.length)).collect()
        };
        Self {
            plain: of(Among::Plain),
            base64: of(Among::Base64),
            hex: of(Among::Hex),
            escaped: of(Among::Escaped),
            any: of(Among::Any),
        }
    }
}

/// Longer than every window.
const NEVER: usize = 2 * BLOCK;

impl From<&Key> for WindowKey {
    fn from(key: &Key) -> Self {
        Self(std::array::from_fn(|number| {
            let bytes = key.mac_of(format!("keyward/window/2/{number}").as_bytes());
            words(bytes.first_chunk().expect("a MAC has 32 bytes"))
        }))
    }
}

/// Where `to` bits stand beside each other, of bits that say where `from` do. No step waits for what the
/// one before it found.
#[inline(always)]
fn longer(mut runs: u128, mut from: usize, to: usize) -> u128 {
    while from < to {
        let step = from.min(to - from);
        runs &= runs >> step;
        from += step;
    }
    runs
}

#[inline(always)]
fn words(window: &[u8; WINDOW]) -> (u64, u64) {
    let number = u128::from_le_bytes(*window);
    (number as u64, (number >> 64) as u64)
}

#[cfg(test)]
mod tests;
