//! Finds many literals in one pass over the bytes.
//!
//! For each literal a window of four bytes is chosen, the rarest that it has. Only every second
//! position of a text is looked at: three bytes there, in lower case, are hashed and looked up in a bitmap of
//! 16 KiB that stays in the first cache. A window of four covers both ways in which a literal can lie
//! to the even positions. What the bitmap lets through is asked of a second one, by four bytes, and then looked up exactly. This is the idea of
//! Wu and Manber ("A fast algorithm for multi-pattern searching", 1994) with a stride of two; hundreds of literals cost as
//! much as one, which is where vector searches such as Teddy give up.

/// A literal to find.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Literal {
    /// Its bytes, at least three.
    pub bytes: Vec<u8>,
    /// Whether upper and lower case of ASCII letters are the same.
    pub any_case: bool,
}

/// Many literals, ready to be found.
pub struct Prefilter {
    /// A bit a hash of three bytes: some literal has them in its window.
    bits: Box<[u64; BITS / 64]>,
    /// A bit a hash of four bytes: some literal has them as its window.
    fours: Box<[u64; FOURS / 64]>,
    /// Where the entries of a hash begin in `entries`.
    starts: Box<[u32]>,
    entries: Vec<Entry>,
    literals: Vec<Literal>,
}

/// A window of a literal, as it lies to the place that was looked at.
#[derive(Clone, Copy)]
struct Entry {
    /// What the four bytes of the window are, once `fold` is set in them and `mask` kept.
    window: u32,
    fold: u32,
    mask: u32,
    /// How far before the place the window begins: 0 or 1.
    before: u8,
    /// How far before the window the literal begins.
    offset: u8,
    literal: u16,
}

impl Literal {
    /// A literal in exactly this spelling.
    pub fn exact(text: &str) -> Self {
        Self { bytes: text.as_bytes().to_vec(), any_case: false }
    }

    /// A word in any case.
    pub fn word(text: &str) -> Self {
        Self { bytes: text.to_ascii_lowercase().into_bytes(), any_case: true }
    }

    fn is_at(&self, text: &[u8], at: usize) -> bool {
        text.get(at..at + self.bytes.len()).is_some_and(|found| {
            if self.any_case { found.eq_ignore_ascii_case(&self.bytes) } else { found == self.bytes }
        })
    }
}

impl Prefilter {
    /// The most literals that fit.
    pub const MOST: usize = u16::MAX as usize;

    /// Prepares literals. One of three bytes is found where a letter, a digit, `-` or `_` follows it; those of
    /// fewer, and those beyond [`Prefilter::MOST`], are not found at all.
    pub fn new(literals: Vec<Literal>) -> Self {
        let mut pairs: Vec<(u32, Entry)> = Vec::new();
        for (literal, index) in literals.iter().zip(0..=u16::MAX) {
            enter(&mut pairs, literal, index);
        }
        pairs.sort_by_key(|(hash, _)| *hash);
        let mut bits = Box::new([0u64; BITS / 64]);
        let mut starts = vec![0u32; BITS + 1];
        for (hash, _) in &pairs {
            bits[(*hash >> 6) as usize] |= 1 << (hash & 63);
            starts[*hash as usize + 1] += 1;
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let mut fours = Box::new([0u64; FOURS / 64]);
        let mut set = |bytes: u32| {
            let hash = hash_of_four(bytes);
            fours[(hash >> 6) as usize] |= 1 << (hash & 63);
        };
        for (_, entry) in &pairs {
            match entry.mask {
                u32::MAX => set(entry.window | FOLD),
                // Three bytes, and all that may follow.
                _ => word_bytes().for_each(|byte| set((entry.window | FOLD) & 0xff_ffff | u32::from(byte) << 24)),
            }
        }
        let entries = pairs.into_iter().map(|(_, entry)| entry).collect();
        Self { bits, fours, starts: starts.into_boxed_slice(), entries, literals }
    }

    /// Calls `hit` with the index of a literal and its place, for every literal at every place, in
    /// no strict order of places.
    pub fn find(&self, text: &[u8], mut hit: impl FnMut(usize, usize)) {
        let mut at = 0;
        // Eight bytes hold three even positions with three bytes each.
        while let Some(block) = text.get(at..at + 8) {
            let word = u64::from_le_bytes(block.try_into().expect("eight bytes were taken")) | 0x2020_2020_2020_2020;
            let (a, b, c) = (hash(word as u32), hash((word >> 16) as u32), hash((word >> 32) as u32));
            let (in_a, in_b, in_c) = (self.has(a), self.has(b), self.has(c));
            if in_a | in_b | in_c {
                // Four bytes from each place, and from one before; before the text there is nothing.
                let before = at.checked_sub(1).map_or(0, |before| u32::from(fold(text[before])));
                if in_a && (self.has_four(word as u32) | self.has_four((word as u32) << 8 | before)) {
                    self.look_up(text, at, a, &mut hit);
                }
                if in_b && (self.has_four((word >> 16) as u32) | self.has_four((word >> 8) as u32)) {
                    self.look_up(text, at + 2, b, &mut hit);
                }
                if in_c && (self.has_four((word >> 32) as u32) | self.has_four((word >> 24) as u32)) {
                    self.look_up(text, at + 4, c, &mut hit);
                }
            }
            at += 6;
        }
        while at < text.len() {
            let hash = hash(word_at(text, at) | FOLD);
            if self.has(hash) {
                self.look_up(text, at, hash, &mut hit);
            }
            at += 2;
        }
    }

    #[inline(always)]
    fn has(&self, hash: u32) -> bool {
        self.bits[(hash >> 6) as usize] >> (hash & 63) & 1 != 0
    }

    #[inline(always)]
    fn has_four(&self, folded: u32) -> bool {
        let hash = hash_of_four(folded);
        self.fours[(hash >> 6) as usize] >> (hash & 63) & 1 != 0
    }

    #[inline(never)]
    fn look_up(&self, text: &[u8], at: usize, hash: u32, hit: &mut impl FnMut(usize, usize)) {
        // The four bytes from here, and from one before; the byte before the text is none.
        let here = word_at(text, at);
        let before = here << 8 | at.checked_sub(1).map_or(0, |before| u32::from(text[before]));
        let range = self.starts[hash as usize] as usize..self.starts[hash as usize + 1] as usize;
        for entry in &self.entries[range] {
            let word = if entry.before == 0 { here } else { before };
            if (word | entry.fold) & entry.mask != entry.window {
                continue;
            }
            let start = at.checked_sub(usize::from(entry.before) + usize::from(entry.offset));
            let literal = usize::from(entry.literal);
            if let Some(start) = start
                && self.literals[literal].is_at(text, start)
            {
                hit(literal, start);
            }
        }
    }
}

/// 128 Ki bits are 16 KiB.
const BITS: usize = 1 << HASH_BITS;
const HASH_BITS: u32 = 17;

const FOURS: usize = 1 << FOUR_BITS;
const FOUR_BITS: u32 = 16;
const FOLD: u32 = 0x2020_2020;

/// Letters, digits, `-` and `_`, as folding leaves them.
fn word_bytes() -> impl Iterator<Item = u8> {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (0..128u8).filter(word).filter(|byte| !byte.is_ascii_uppercase()).map(fold)
}

/// Puts the window of a literal into the table, in both of its positions.
fn enter(pairs: &mut Vec<(u32, Entry)>, literal: &Literal, index: u16) {
    let folded: Vec<u8> = literal.bytes.iter().map(|byte| fold(*byte)).collect();
    let case = |byte: u8| if literal.any_case && byte.is_ascii_lowercase() { 0x20 } else { 0 };
    let entry = |at: usize, length: usize, before: u8| {
        let mut four = [[0u8; 4]; 3];
        for (i, byte) in literal.bytes[at..at + length].iter().enumerate() {
            four[0][i] = *byte;
            four[1][i] = case(*byte);
            four[2][i] = 0xff;
        }
        let [window, fold, mask] = four.map(u32::from_le_bytes);
        Entry { window, fold, mask, before, offset: u8::try_from(at).unwrap_or(0), literal: index }
    };
    let three = |a, b, c| hash(u32::from_le_bytes([a, b, c, 0]));
    if let [a, b, c] = folded[..] {
        pairs.push((three(a, b, c), entry(0, 3, 0)));
        for behind in word_bytes() {
            pairs.push((three(b, c, behind), entry(0, 3, 1)));
        }
    } else if let Some(at) = rarest_window(&folded) {
        pairs.push((three(folded[at], folded[at + 1], folded[at + 2]), entry(at, 4, 0)));
        pairs.push((three(folded[at + 1], folded[at + 2], folded[at + 3]), entry(at, 4, 1)));
    }
}

/// Four bytes from `at`; beyond the end there are zeros.
#[inline(always)]
fn word_at(text: &[u8], at: usize) -> u32 {
    match text.get(at..at + 4) {
        Some(four) => u32::from_le_bytes(four.try_into().expect("four bytes were taken")),
        None => {
            let mut last = [0u8; 4];
            let rest = &text[at..];
            last[..rest.len()].copy_from_slice(rest);
            u32::from_le_bytes(last)
        }
    }
}

/// Lower case for letters; some other bytes fall together too, which only lets more through.
const fn fold(byte: u8) -> u8 {
    byte | 0x20
}

/// A hash of three bytes; the fourth does not count.
#[inline(always)]
const fn hash(bytes: u32) -> u32 {
    (bytes << 8).wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)
}

#[inline(always)]
const fn hash_of_four(bytes: u32) -> u32 {
    bytes.wrapping_mul(0x85EB_CA6B) >> (32 - FOUR_BITS)
}

/// Where the window of four bytes begins that ordinary text has least often: its two threes count.
fn rarest_window(folded: &[u8]) -> Option<usize> {
    let rarity = |at: usize| {
        let three = |at: usize| pair_bits(folded[at], folded[at + 1]) + pair_bits(folded[at + 1], folded[at + 2]);
        f64::min(three(at), three(at + 1))
    };
    // An offset is kept in a byte.
    (0..folded.len().checked_sub(3)?.min(250)).max_by(|a, b| rarity(*a).total_cmp(&rarity(*b))).or(Some(0))
}

/// Bits that a byte costs after another in source code: letters by the frequency of their pairs, all else by
/// a rough measure.
fn pair_bits(before: u8, byte: u8) -> f64 {
    match (before.is_ascii_alphabetic(), byte.is_ascii_alphabetic()) {
        (true, true) => keyward_providers::bits_after(before, byte) + 1.0,
        (_, true) => 6.0,
        _ if byte == b' ' => 3.0,
        _ => 7.5,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(literals: &[&str], text: &[u8]) -> Vec<(usize, usize)> {
        let prefilter = Prefilter::new(literals.iter().map(|text| Literal::exact(text)).collect());
        let mut hits = Vec::new();
        prefilter.find(text, |literal, at| hits.push((literal, at)));
        hits.sort_unstable();
        hits
    }

    #[test]
    fn literals_are_found_at_odd_and_even_places_and_at_the_edges() {
        for before in 0..9 {
            for after in 0..9 {
                let text = format!("{}T3BlbkFJ{}SG.x", ".".repeat(before), "-".repeat(after));
                assert_eq!(found(&["T3BlbkFJ", "SG."], text.as_bytes()), [(0, before), (1, before + 8 + after)]);
            }
        }
    }

    #[test]
    fn case_counts_unless_it_is_said_not_to() {
        let prefilter = Prefilter::new(vec![Literal::exact("AKIA"), Literal::word("Cohere")]);
        let mut hits = Vec::new();
        prefilter.find(b"akia AKIA COHERE cohere Cohere", |literal, at| hits.push((literal, at)));
        assert_eq!(hits, [(0, 5), (1, 10), (1, 17), (1, 24)]);
    }

    proptest! {
        #[test]
        fn nothing_is_missed_and_nothing_is_invented(
            literals in proptest::collection::vec("[a-cA-C_]{4,7}", 1..20),
            text in "[a-cA-C_]{0,200}",
        ) {
            let names: Vec<&str> = literals.iter().map(String::as_str).collect();
            let mut expected = Vec::new();
            for (index, literal) in literals.iter().enumerate() {
                for at in 0..text.len() {
                    if text[at..].starts_with(literal) {
                        expected.push((index, at));
                    }
                }
            }
            expected.sort_unstable();
            prop_assert_eq!(found(&names, text.as_bytes()), expected);
        }
    }
}
