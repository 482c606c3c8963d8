//! What tells a value from what only looks like one.

use std::collections::HashMap;
use std::ops::Range;

use keyward_providers::{Charset, Detector, is_placeholder, is_reference};

use super::matcher::Text;

/// Whether a value of a format is as dense as its alphabet leads one to expect.
pub(crate) fn is_dense(detector: &Detector, value: &str) -> bool {
    let prefix = detector.prefixes.iter().filter(|prefix| value.starts_with(**prefix)).map(|prefix| prefix.len()).max();
    let body = &value[prefix.unwrap_or(0)..];
    let floor = detector.entropy.map_or_else(|| expected(detector.charset, body.len()), f64::from);
    shannon(body.as_bytes()) >= floor
}

/// Whether a value only keeps the place of a real one, or points to where it is.
pub(crate) fn is_stand_in(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|text| is_placeholder(text) || is_reference(text))
}

/// Whether a value near a context word is what the word is about: an assignment or a string stands between.
pub(crate) fn is_assigned(text: &Text<'_>, word: Range<usize>, value: &Range<usize>) -> bool {
    let between = &text.bytes[word.end.min(value.start)..value.start];
    between.iter().any(|byte| matches!(byte, b'=' | b':' | b'"' | b'\'' | b'`' | b'>' | b'(' | b','))
}

/// Bits of entropy a byte, by the frequencies of the bytes (Shannon, 1948).
pub(crate) fn shannon(bytes: &[u8]) -> f64 {
    let mut counts: HashMap<u8, u32> = HashMap::new();
    bytes.iter().for_each(|byte| *counts.entry(*byte).or_default() += 1);
    let total = bytes.len() as f64;
    counts.values().map(|count| f64::from(*count) / total).map(|p| -p * p.log2()).sum()
}

/// What all but one of thousands of random texts of that length have.
fn expected(charset: Charset, length: usize) -> f64 {
    let alphabet = match charset {
        Charset::Digits => 10.0,
        Charset::Hex => 16.0,
        Charset::LowerAlnum | Charset::UpperAlnum => 36.0,
        Charset::Alnum => 62.0,
        Charset::Base64 | Charset::Base64url => 64.0,
        Charset::Graphic => 40.0,
    };
    // A short text cannot show more different characters than it has.
    let reachable = f64::min(alphabet, length as f64 * 0.75);
    f64::max(reachable.log2() * 0.72, 0.0)
}
