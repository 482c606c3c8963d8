//! Finds many literals in one pass over the bytes.
//!
//! For each literal a window of four bytes is chosen, the rarest that it has. Only every second
//! position of a text is looked at: three bytes there, in lower case, are hashed and looked up in a bitmap of
//! 8 KiB that stays in the first cache. A window of four covers both ways in which a literal can lie
//! to the even positions. What the bitmap lets through is looked up exactly. This is the idea of
//! Wu and Manber ("A fast algorithm for multi-pattern searching", 1994) with a stride of two; hundreds of literals cost as
//! much as one, which is where vector searches such as Teddy give up.

/// A literal to find.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Where the entries of a hash begin in `entries`.
    starts: Box<[u32]>,
    entries: Vec<Entry>,
    literals: Vec<Literal>,
}

/// Three bytes of a literal.
#[derive(Clone, Copy)]
struct Entry {
    literal: u32,
    /// How far they are from the beginning of the literal; −1: one byte before it.
    offset: i32,
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
    /// Prepares literals; those of fewer than three bytes are never found.
    pub fn new(literals: Vec<Literal>) -> Self {
        let mut pairs: Vec<(u16, Entry)> = Vec::new();
        for (index, literal) in literals.iter().enumerate() {
            let literal_index = u32::try_from(index).unwrap_or(u32::MAX);
            let folded: Vec<u8> = literal.bytes.iter().map(|byte| fold(*byte)).collect();
            let mut add = |bytes: [u8; 3], offset: usize, before: bool| {
                let offset = i32::try_from(offset).unwrap_or(i32::MAX) - i32::from(before);
                pairs.push((
                    hash(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0])),
                    Entry { literal: literal_index, offset },
                ));
            };
            if let [a, b, c] = folded[..] {
                add([a, b, c], 0, false);
                // Whatever stands before the literal, in every byte that folding leaves.
                for before in (0..=255u8).filter(|byte| fold(*byte) == *byte) {
                    add([before, a, b], 0, true);
                }
            } else if let Some(at) = rarest_window(&folded) {
                add([folded[at], folded[at + 1], folded[at + 2]], at, false);
                add([folded[at + 1], folded[at + 2], folded[at + 3]], at + 1, false);
            }
        }
        pairs.sort_by_key(|(hash, _)| *hash);
        let mut bits = Box::new([0u64; BITS / 64]);
        let mut starts = vec![0u32; BITS + 1];
        for (hash, _) in &pairs {
            bits[usize::from(*hash) >> 6] |= 1 << (hash & 63);
            starts[usize::from(*hash) + 1] += 1;
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let entries = pairs.into_iter().map(|(_, entry)| entry).collect();
        Self { bits, starts: starts.into_boxed_slice(), entries, literals }
    }

    /// Calls `hit` with the index of a literal and its place, for every literal at every place, in
    /// no strict order of places.
    pub fn find(&self, text: &[u8], mut hit: impl FnMut(usize, usize)) {
        let mut at = 0;
        // Eight bytes hold three even positions with three bytes each.
        while let Some(block) = text.get(at..at + 8) {
            let word = u64::from_le_bytes(block.try_into().expect("eight bytes were taken")) | 0x2020_2020_2020_2020;
            let (a, b, c) = (hash(word as u32), hash((word >> 16) as u32), hash((word >> 32) as u32));
            if self.has(a) | self.has(b) | self.has(c) {
                self.confirm(text, at, a, &mut hit);
                self.confirm(text, at + 2, b, &mut hit);
                self.confirm(text, at + 4, c, &mut hit);
            }
            at += 6;
        }
        while at < text.len() {
            let mut last = [0u8; 4];
            let rest = &text[at..text.len().min(at + 3)];
            last[..rest.len()].copy_from_slice(rest);
            let hash = hash(u32::from_le_bytes(last) | 0x2020_2020);
            if self.has(hash) {
                self.confirm(text, at, hash, &mut hit);
            }
            at += 2;
        }
    }

    #[inline(always)]
    fn has(&self, hash: u16) -> bool {
        self.bits[usize::from(hash) >> 6] >> (hash & 63) & 1 != 0
    }

    fn confirm(&self, text: &[u8], at: usize, hash: u16, hit: &mut impl FnMut(usize, usize)) {
        let range = self.starts[usize::from(hash)] as usize..self.starts[usize::from(hash) + 1] as usize;
        for entry in &self.entries[range] {
            let start = at as i64 - i64::from(entry.offset);
            let literal = entry.literal as usize;
            if let Ok(start) = usize::try_from(start)
                && self.literals[literal].is_at(text, start)
            {
                hit(literal, start);
            }
        }
    }
}

const BITS: usize = 1 << 16;

/// Lower case for letters; some other bytes fall together too, which only lets more through.
const fn fold(byte: u8) -> u8 {
    byte | 0x20
}

/// 16 bits of three bytes; the fourth does not count.
#[inline(always)]
const fn hash(bytes: u32) -> u16 {
    ((bytes << 8).wrapping_mul(0x9E37_79B1) >> 16) as u16
}

/// Where the window of four bytes begins that ordinary text has least often.
fn rarest_window(folded: &[u8]) -> Option<usize> {
    let cost = |window: &[u8]| window.iter().map(|byte| frequency(*byte)).sum::<u32>();
    (0..folded.len().checked_sub(3)?).min_by_key(|at| cost(&folded[*at..at + 4]))
}

/// How often a byte stands in source code, in steps of about a factor of two.
fn frequency(byte: u8) -> u32 {
    match byte {
        b' ' | b'e' | b't' => 9,
        b'a' | b'i' | b'n' | b'o' | b'r' | b's' => 8,
        b'l' | b'd' | b'c' | b'u' | b'm' | b'p' | b'f' => 7,
        b'h' | b'g' | b'b' | b'y' | b'w' | b'v' | b'.' | b'-' | 0x7f | b'/' | b',' | b'(' | b')' | b'"' => 6,
        b'k' | b'x' | b'=' | b';' | b':' | b'0'..=b'9' | b'\'' => 5,
        b'z' | b'q' | b'j' => 3,
        _ => 2,
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
                let text = format!("{}T3BlbkFJ{}SG.", ".".repeat(before), "-".repeat(after));
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
            literals in proptest::collection::vec("[a-cA-C_]{3,7}", 1..20),
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
