//! Windows: the sixteen bytes of a form by which a text is searched for it.
//!
//! A window is hashed as two words that are multiplied, each after a secret word was mixed into it: no
//! window waits for the one before it. Most stored values hold sixteen bytes without a blank and few
//! places of a text do, so that a form's window is one without blanks wherever it has such, and a search
//! for those passes over most of it.

use std::cmp::Ordering;

use crate::crypto::Key;

/// Bytes of a form that its window covers. Shorter forms have no record.
pub const WINDOW: usize = 16;

/// The key under which windows are hashed: two secret words.
#[derive(Clone, Copy)]
pub(crate) struct WindowKey(u64, u64);

/// Which bytes of a form are its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Where it begins.
    pub(crate) at: usize,
    /// Whether a blank is in it.
    pub(crate) blanks: bool,
}

impl WindowKey {
    /// The hash of one window.
    #[inline(always)]
    pub(crate) fn hash(self, window: &[u8; WINDOW]) -> u32 {
        let (low, high) = words(window);
        let product = u128::from(low ^ self.0) * u128::from(high ^ self.1);
        ((product as u64 ^ (product >> 64) as u64) >> 32) as u32
    }

    /// Calls `visit` with the place and the hash of every window of `text` that has no blank, in order.
    ///
    /// A bit says of each byte of a block whether it is none. Shifted over itself four times, a window's
    /// length in all, what is left is where windows begin: no step waits for what the one before it found.
    #[inline(always)]
    pub(crate) fn without_blanks(self, text: &[u8], mut visit: impl FnMut(usize, u32)) {
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        let mut last = [b' '; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        let block = |number: usize| match number.cmp(&blocks.len()) {
            Ordering::Less => filled(&blocks[number]),
            Ordering::Equal => filled(&last),
            Ordering::Greater => 0,
        };
        let mut current = block(0);
        for number in 0..=blocks.len() {
            let next = block(number + 1);
            let mut runs = u128::from(current) | u128::from(next) << BLOCK;
            for doubled in [1, 2, 4, 8] {
                runs &= runs >> doubled;
            }
            let mut starts = runs as u64;
            while starts != 0 {
                let at = number * BLOCK + starts.trailing_zeros() as usize;
                starts &= starts - 1;
                let window = text[at..].first_chunk().expect("after the text there are blanks");
                visit(at, self.hash(window));
            }
            current = next;
        }
    }

    /// Calls `visit` with the place and the hash of every window of `text`, in order.
    #[inline(always)]
    pub(crate) fn all(self, text: &[u8], mut visit: impl FnMut(usize, u32)) {
        for (at, window) in text.windows(WINDOW).enumerate() {
            visit(at, self.hash(window.try_into().expect("windows have this length")));
        }
    }
}

impl From<&Key> for WindowKey {
    fn from(key: &Key) -> Self {
        let bytes = key.mac_of(b"keyward/window/1");
        let (low, high) = words(bytes.first_chunk().expect("a MAC has 32 bytes"));
        Self(low, high)
    }
}

impl Chosen {
    /// Of a form's windows without blanks the one of the most different bytes, the last of several: what
    /// values of one kind share (`-----BEGIN`, a service's prefix, the name of a field) stands in front and
    /// repeats itself. `None` for what is shorter than a window.
    pub(crate) fn of(form: &[u8]) -> Option<Self> {
        let mut seen = [0u8; 256];
        let (mut blanks, mut different) = (0usize, 0usize);
        let mut best: Option<((bool, usize), usize)> = None;
        for (end, &byte) in form.iter().enumerate() {
            if let Some(start) = end.checked_sub(WINDOW) {
                let gone = &mut seen[usize::from(form[start])];
                *gone -= 1;
                different -= usize::from(*gone == 0);
                blanks -= usize::from(is_blank(form[start]));
            }
            let new = &mut seen[usize::from(byte)];
            different += usize::from(*new == 0);
            *new += 1;
            blanks += usize::from(is_blank(byte));
            let worth = (blanks == 0, different);
            if end + 1 >= WINDOW && best.is_none_or(|(known, _)| worth >= known) {
                best = Some((worth, end + 1 - WINDOW));
            }
        }
        best.map(|((without, _), at)| Self { at, blanks: !without })
    }
}

/// Bytes that are looked at together for blanks.
const BLOCK: usize = 64;

/// Space, line ends and all other control characters of ASCII but the last.
fn is_blank(byte: u8) -> bool {
    byte <= b' '
}

#[inline(always)]
fn words(window: &[u8; WINDOW]) -> (u64, u64) {
    let number = u128::from_le_bytes(*window);
    (number as u64, (number >> 64) as u64)
}

/// A bit for each byte of a block, the first byte's lowest: whether it is no blank.
#[inline(always)]
fn filled(block: &[u8; BLOCK]) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    // Times this, the lowest bits of eight bytes are the highest eight bits, in order.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    block.as_chunks().0.iter().enumerate().fold(0, |bits, (index, bytes)| {
        let word = u64::from_le_bytes(*bytes);
        // The top bit of each byte becomes 1 if the byte is over `b' '`; no sum of seven bits carries into the next.
        let over = ((word & (ONES * 0x7f)) + ONES * (0x7f - 0x20)) | word;
        bits | ((over >> 7 & ONES).wrapping_mul(GATHER) >> 56) << (8 * index)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::Seeded;

    fn key() -> WindowKey {
        WindowKey::from(&Key::random(&Seeded::new(3)).unwrap())
    }

    fn expected(text: &[u8]) -> Vec<(usize, u32)> {
        text.windows(WINDOW).map(|window| key().hash(window.try_into().unwrap())).enumerate().collect()
    }

    proptest! {
        #[test]
        fn every_window_is_visited_or_has_a_blank(
            text in prop::collection::vec(prop_oneof![12 => 0x21u8.., 1 => 0u8..0x21], 0..300),
        ) {
            let (mut all, mut without) = (Vec::new(), Vec::new());
            key().all(&text, |at, hash| all.push((at, hash)));
            key().without_blanks(&text, |at, hash| without.push((at, hash)));
            let mut wanted = expected(&text);
            prop_assert_eq!(&all, &wanted);
            wanted.retain(|(at, _)| !text[*at..*at + WINDOW].iter().any(|byte| *byte <= b' '));
            prop_assert_eq!(&without, &wanted);
        }

        #[test]
        fn the_window_of_a_form_has_no_blank_if_any_has_none(
            form in prop::collection::vec(prop_oneof![20 => 0x21u8..0x7f, 1 => Just(b' ')], 0..100),
        ) {
            let blank = |window: &[u8]| window.contains(&b' ');
            match Chosen::of(&form) {
                None => prop_assert!(form.len() < WINDOW),
                Some(chosen) => {
                    prop_assert_eq!(blank(&form[chosen.at..chosen.at + WINDOW]), chosen.blanks);
                    prop_assert_eq!(form.windows(WINDOW).all(blank), chosen.blanks);
                }
            }
        }
    }

    #[test]
    fn every_byte_is_a_blank_or_none_wherever_it_stands() {
        for byte in 0..=255u8 {
            for place in 0..BLOCK {
                for around in [0, b' ', 0x21, 0x80, 0xff] {
                    let mut block = [around; BLOCK];
                    block[place] = byte;
                    let expected = (0..BLOCK).filter(|at| !is_blank(block[*at])).fold(0, |bits, at| bits | 1u64 << at);
                    assert_eq!(filled(&block), expected, "{byte} {place} {around}");
                }
            }
        }
    }

    #[test]
    fn what_keys_of_one_kind_share_is_not_chosen() {
        let body = "Zm9vYmFyYmF6cXV4MDEyMzQ1Njc4OUFCQ0RFRkdISUpLTE1OT1A";
        let text = format!("-----BEGIN SOME KEY-----\n{body}\n-----END SOME KEY-----\n");
        let chosen = Chosen::of(text.as_bytes()).unwrap();
        assert!(body.contains(&text[chosen.at..chosen.at + WINDOW]));
        assert!(Chosen::of(b"one two three four five").unwrap().blanks);
    }
}
