//! Classes of bytes.

/// A letter, digit or sign of either base64 alphabet.
pub(crate) const BASE64: u8 = 1;
/// A hexadecimal digit.
pub(crate) const HEX: u8 = 2;

/// The classes of each byte.
pub(crate) static CLASS: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut byte = 0;
    while byte < 256 {
        let one = byte as u8;
        if one.is_ascii_alphanumeric() || matches!(one, b'+' | b'/' | b'-' | b'_') {
            table[byte] |= BASE64;
        }
        if one.is_ascii_hexdigit() {
            table[byte] |= HEX;
        }
        byte += 1;
    }
    table
};

/// The six bits of each base64 character of either alphabet; 255: none.
pub(crate) static SIX_BITS: [u8; 256] = {
    let mut table = [255u8; 256];
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut index = 0;
    while index < 64 {
        table[letters[index] as usize] = index as u8;
        index += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
};

#[inline]
pub(crate) fn is_base64(byte: u8) -> bool {
    CLASS[usize::from(byte)] & BASE64 != 0
}

#[inline]
pub(crate) fn is_hex(byte: u8) -> bool {
    CLASS[usize::from(byte)] & HEX != 0
}

/// The value of a hexadecimal digit.
pub(crate) fn hex_value(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|value| value as u8)
}

/// Which of the eight words of a block consist of characters of base64 alone, a bit each.
///
/// Written so that the compiler makes vector instructions of it.
#[inline]
pub(crate) fn base64_words(block: &[u8; 64]) -> u8 {
    let mut is = [0u8; 64];
    for (is, byte) in is.iter_mut().zip(block) {
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        // `/` and the digits are neighbours.
        let digit = byte.wrapping_sub(b'/') < 11;
        let sign = (*byte == b'+') | (*byte == b'-') | (*byte == b'_');
        *is = if letter | digit | sign { 0xff } else { 0 };
    }
    let mut words = 0;
    for (index, word) in is.chunks_exact(8).enumerate() {
        let word = u64::from_le_bytes(word.try_into().expect("chunks of eight"));
        words |= u8::from(word == u64::MAX) << index;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_form_agrees_with_the_table() {
        for byte in 0..=255u8 {
            let mut block = [b'A'; 64];
            block[21] = byte;
            assert_eq!(base64_words(&block), if is_base64(byte) { 0xff } else { !4 }, "{byte}");
            assert_eq!(SIX_BITS[usize::from(byte)] != 255, is_base64(byte));
        }
    }
}
