//! Crockford's base32 for what people write down: no I, L, O, U, and reading forgives case, spaces
//! and the letters that look alike.

use zeroize::Zeroizing;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Five bits a digit; the length must be a multiple of five bytes.
pub(super) fn digits(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut digits = Zeroizing::new(Vec::with_capacity(bytes.len() / 5 * 8 + 8));
    for group in bytes.chunks_exact(5) {
        let word = group.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        digits.extend((0..8).rev().map(|i| (word >> (5 * i) & 31) as u8));
    }
    digits
}

/// The bytes of digits, eight for five bytes.
pub(super) fn bytes(digits: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len() / 8 * 5));
    for group in digits.chunks_exact(8) {
        let word = group.iter().fold(0u64, |word, digit| word << 5 | u64::from(*digit));
        bytes.extend_from_slice(&word.to_be_bytes()[3..]);
    }
    bytes
}

/// Digits in groups of four behind a prefix.
pub(super) fn write(prefix: &str, digits: &[u8]) -> String {
    let mut text = String::with_capacity(prefix.len() + digits.len() / 4 * 5);
    text.push_str(prefix);
    for group in digits.chunks(4) {
        text.push('-');
        text.extend(group.iter().map(|d| ALPHABET[usize::from(*d)] as char));
    }
    text
}

/// The digits of a text as somebody typed it, with or without the prefix; `None` for a character
/// that is never written.
pub(super) fn read(prefix: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text = Zeroizing::new(text.trim().to_ascii_uppercase());
    let body = text.strip_prefix(prefix).unwrap_or(&text);
    let mut digits = Zeroizing::new(Vec::with_capacity(body.len()));
    for c in body.bytes().filter(|c| !matches!(c, b'-' | b' ' | b'\t')) {
        let c = match c {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            other => other,
        };
        digits.push(ALPHABET.iter().position(|a| *a == c)? as u8);
    }
    Some(digits)
}
