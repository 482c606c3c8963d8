//! Windows: the sixteen bytes of a form by which a text is searched for it.
//!
//! A window is hashed as two words that are multiplied, each after a secret word was mixed into it: no
//! window waits for the one before it. Most stored values hold sixteen bytes without a blank and few
//! places of a text do, so that a form's window is one without blanks wherever it has such, and a search
//! for those jumps from blank to blank.

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
    pub(crate) fn hash(self, window: &[u8; WINDOW]) -> u32 {
        let (low, high) = words(window);
        self.mix(low, high)
    }

    /// Calls `visit` with the place and the hash of every window of `text` that has no blank, in order.
    #[inline(always)]
    pub(crate) fn without_blanks(self, text: &[u8], mut visit: impl FnMut(usize, u32)) {
        let mut at = 0;
        while let Some(window) = text[at..].first_chunk() {
            let (low, high) = words(window);
            if let Some(last) = last_blank(high) {
                at += 8 + last + 1;
            } else if let Some(last) = last_blank(low) {
                at += last + 1;
            } else {
                visit(at, self.mix(low, high));
                at += 1;
            }
        }
    }

    /// Calls `visit` with the place and the hash of every window of `text`, in order.
    #[inline(always)]
    pub(crate) fn all(self, text: &[u8], mut visit: impl FnMut(usize, u32)) {
        for (at, window) in text.windows(WINDOW).enumerate() {
            let (low, high) = words(window.try_into().expect("windows have this length"));
            visit(at, self.mix(low, high));
        }
    }

    #[inline(always)]
    fn mix(self, low: u64, high: u64) -> u32 {
        let product = u128::from(low ^ self.0) * u128::from(high ^ self.1);
        ((product as u64 ^ (product >> 64) as u64) >> 32) as u32
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

/// Space, line ends and all other control characters of ASCII but the last.
fn is_blank(byte: u8) -> bool {
    byte <= b' '
}

#[inline(always)]
fn words(window: &[u8; WINDOW]) -> (u64, u64) {
    let number = u128::from_le_bytes(*window);
    (number as u64, (number >> 64) as u64)
}

/// Which of eight bytes is the last blank, counted from the first.
#[inline(always)]
fn last_blank(word: u64) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    // The top bit of each byte becomes 1 if the byte is over `b' '`; no sum of seven bits carries into the next.
    let over = ((word & (ONES * 0x7f)) + ONES * (0x7f - 0x20)) | word;
    let blanks = !over & (ONES * 0x80);
    (blanks != 0).then(|| 7 - blanks.leading_zeros() as usize / 8)
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
    fn the_last_blank_of_a_word_is_found_for_every_byte() {
        for byte in 0..=255u8 {
            for place in 0..8 {
                for around in [0x21, b'x', 0x80, 0xff] {
                    let mut word = [around; 8];
                    word[place] = byte;
                    let expected = (byte <= b' ').then_some(place);
                    assert_eq!(last_blank(u64::from_le_bytes(word)), expected, "{byte} {place} {around}");
                }
            }
        }
        assert_eq!(last_blank(0), Some(7));
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
