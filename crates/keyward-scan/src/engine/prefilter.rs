//! Finds many literals in one pass over the bytes.
//!
//! For each literal a window of four bytes is chosen, the rarest that it has. Only every second
//! position of a text is looked at: three bytes there, in lower case, are hashed and looked up in a bitmap of
//! 16 KiB that stays in the first cache. A window of four covers both ways in which a literal can lie
//! to the even positions. What the bitmap lets through is asked of a second one, by four bytes, and then looked up exactly. This is the idea of
//! Wu and Manber ("A fast algorithm for multi-pattern searching", 1994) with a stride of two; hundreds of literals cost as
//! much as one, which is where vector searches such as Teddy give up.
//!
//! Which positions pass looks like chance to a processor that guesses at branches, so both bitmaps are
//! asked without one: a stretch of the text goes through the first, what passed through the second, and
//! only the few that are left are looked up.

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
    /// How many bits are set before each word of `bits`.
    ranks: Box<[u32; BITS / 64]>,
    /// A bit a hash of four bytes: some literal has them as its window.
    fours: Box<[u64; FOURS / 64]>,
    /// Where the entries of a hash begin in `entries`; the hashes that have none are left out.
    starts: Box<[u32]>,
    entries: Vec<Entry>,
    literals: Vec<Literal>,
}

/// A literal, as it lies to the place that was looked at.
#[derive(Clone, Copy)]
struct Entry {
    /// What its first eight bytes are, once `fold` is set in them and `mask` kept.
    first: u64,
    fold: u64,
    mask: u64,
    /// How far before the place it begins.
    before: u16,
    literal: u16,
    /// Whether it goes on after eight bytes.
    goes_on: bool,
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
        let mut windows: Vec<Window> = Vec::new();
        for (literal, index) in literals.iter().zip(0..=u16::MAX) {
            enter(&mut windows, literal, index);
        }
        windows.sort_by_key(|window| window.hash);
        let (mut bits, mut ranks) = (Box::new([0u64; BITS / 64]), Box::new([0u32; BITS / 64]));
        let mut fours = Box::new([0u64; FOURS / 64]);
        let mut starts = Vec::new();
        for (index, window) in (0..).zip(&windows) {
            let bit = &mut bits[(window.hash >> 6) as usize];
            if *bit >> (window.hash & 63) & 1 == 0 {
                *bit |= 1 << (window.hash & 63);
                starts.push(index);
            }
            for four in &window.fours {
                let hash = hash_of_four(*four);
                fours[(hash >> 6) as usize] |= 1 << (hash & 63);
            }
        }
        for index in 1..bits.len() {
            ranks[index] = ranks[index - 1] + bits[index - 1].count_ones();
        }
        let entries: Vec<Entry> = windows.into_iter().map(|window| window.entry).collect();
        starts.push(u32::try_from(entries.len()).unwrap_or(u32::MAX));
        Self { bits, ranks, fours, starts: starts.into_boxed_slice(), entries, literals }
    }

    /// Calls `hit` with the index of a literal and its place, for every literal at every place, in
    /// no strict order of places.
    pub fn find(&self, text: &[u8], mut hit: impl FnMut(usize, usize)) {
        let mut passed = [0u16; STRETCH];
        // Before the first place there is no byte, so it is not among the others.
        if !text.is_empty() && self.has(hash(word_at(text, 0) | FOLD)) {
            self.look_up(text, 0, &mut hit);
        }
        let mut at = 2;
        while at + 8 <= text.len() {
            let begin = at;
            let mut many = 0;
            // Eight bytes hold three even positions with three bytes each.
            while let Some(block) = text.get(at..at + 8).filter(|_| many <= STRETCH - 3 && at - begin < FURTHEST) {
                let word =
                    u64::from_le_bytes(block.try_into().expect("eight bytes were taken")) | 0x2020_2020_2020_2020;
                for half in 0..3 {
                    passed[many % STRETCH] = (at - begin + 2 * half) as u16;
                    many += usize::from(self.has(hash((word >> (16 * half)) as u32)));
                }
                at += 6;
            }
            let mut few = 0;
            for index in 0..many {
                let place = begin + usize::from(passed[index % STRETCH]);
                let four = word_at(text, place) | FOLD;
                let before = u32::from(fold(text[place - 1]));
                passed[few % STRETCH] = passed[index % STRETCH];
                few += usize::from(self.has_four(four) | self.has_four(four << 8 | before));
            }
            for place in &passed[..few] {
                self.look_up(text, begin + usize::from(*place), &mut hit);
            }
        }
        while at < text.len() {
            if self.has(hash(word_at(text, at) | FOLD)) {
                self.look_up(text, at, &mut hit);
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

    /// Only for places whose hash is in the bitmap.
    #[inline(never)]
    fn look_up(&self, text: &[u8], at: usize, hit: &mut impl FnMut(usize, usize)) {
        let hash = hash(word_at(text, at) | FOLD);
        let word = (hash >> 6) as usize;
        let lower = self.bits[word] & ((1 << (hash & 63)) - 1);
        let slot = (self.ranks[word] + lower.count_ones()) as usize;
        for entry in &self.entries[self.starts[slot] as usize..self.starts[slot + 1] as usize] {
            let Some(start) = at.checked_sub(usize::from(entry.before)) else { continue };
            if (eight_at(text, start) | entry.fold) & entry.mask != entry.first {
                continue;
            }
            let literal = usize::from(entry.literal);
            // Beyond the end of the text there are zeros, and a literal may have some.
            let whole = !entry.goes_on && start + 8 <= text.len();
            if whole || self.literals[literal].is_at(text, start) {
                hit(literal, start);
            }
        }
    }
}

/// Positions of a text that go through the bitmaps together.
const STRETCH: usize = 1 << 10;
/// How far they lie apart at the most.
const FURTHEST: usize = 1 << 15;

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

/// A window of a literal, to be entered into the tables.
struct Window {
    /// Of the three bytes at an even place.
    hash: u32,
    /// The four bytes of the window, folded; all that there may be where the literal has three.
    fours: Vec<u32>,
    entry: Entry,
}

/// Adds the window of a literal in both of its positions.
fn enter(windows: &mut Vec<Window>, literal: &Literal, index: u16) {
    let folded: Vec<u8> = literal.bytes.iter().map(|byte| fold(*byte)).collect();
    let three = |bytes: &[u8]| hash(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]));
    let four = |bytes: &[u8], last: u8| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], last]);
    if folded.len() == 3 {
        let fours: Vec<u32> = word_bytes().map(|behind| four(&folded, behind)).collect();
        windows.push(Window { hash: three(&folded), fours, entry: entry(literal, index, 0) });
        windows.extend(word_bytes().map(|behind| Window {
            hash: three(&[folded[1], folded[2], behind]),
            fours: Vec::new(),
            entry: entry(literal, index, 1),
        }));
    } else if let Some(at) = rarest_window(&folded) {
        let window = &folded[at..at + 4];
        let fours = vec![four(window, window[3])];
        windows.push(Window { hash: three(window), fours, entry: entry(literal, index, at) });
        windows.push(Window { hash: three(&window[1..]), fours: Vec::new(), entry: entry(literal, index, at + 1) });
    }
}

fn entry(literal: &Literal, index: u16, before: usize) -> Entry {
    let mut eight = [[0u8; 8]; 3];
    for (i, byte) in literal.bytes.iter().take(8).enumerate() {
        let any_case = literal.any_case && byte.is_ascii_alphabetic();
        eight[0][i] = if any_case { byte.to_ascii_lowercase() } else { *byte };
        eight[1][i] = if any_case { 0x20 } else { 0 };
        eight[2][i] = 0xff;
    }
    let [first, fold, mask] = eight.map(u64::from_le_bytes);
    // The rarest window is looked for near the beginning.
    let before = u16::try_from(before).unwrap_or(0);
    Entry { first, fold, mask, before, literal: index, goes_on: literal.bytes.len() > 8 }
}

/// Eight bytes from `at`; beyond the end there are zeros.
#[inline(always)]
fn eight_at(text: &[u8], at: usize) -> u64 {
    match text.get(at..at + 8) {
        Some(eight) => u64::from_le_bytes(eight.try_into().expect("eight bytes were taken")),
        None => {
            let mut last = [0u8; 8];
            let rest = &text[at..];
            last[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(last)
        }
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
    // Near the beginning, so that where the literal begins is seldom far from where it was found.
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
