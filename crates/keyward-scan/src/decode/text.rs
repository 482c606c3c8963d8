//! What looks like text, and the two encodings that hide a whole one: UTF-16 and deflate.

use std::io::Read;

use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use zeroize::Zeroizing;

use super::map::{Map, Steps};

/// Whether the first bytes of something decoded are those of a text. May end within a character.
pub(crate) fn begins_as_text(bytes: &[u8]) -> bool {
    // SASL PLAIN begins with a NUL.
    let bytes = bytes.strip_prefix(b"\0").unwrap_or(bytes);
    if bytes.iter().any(|byte| is_control(*byte)) {
        return false;
    }
    bytes.is_ascii() || std::str::from_utf8(bytes).err().is_none_or(|error| error.error_len().is_none())
}

/// Whether a whole decoded text is one for the most part.
pub(crate) fn is_mostly_text(bytes: &[u8]) -> bool {
    let sample = &bytes[..bytes.len().min(4096)];
    let odd = sample.iter().filter(|byte| is_control(**byte)).count();
    !bytes.is_empty() && odd * 16 <= sample.len()
}

/// Control characters that texts do not have.
pub(crate) fn is_control(byte: u8) -> bool {
    (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b | 0x0c)) || byte == 0x7f
}

/// A form of UTF-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Utf16 {
    pub(crate) big_endian: bool,
    /// Bytes of the byte order mark.
    pub(crate) mark: usize,
}

/// The form of UTF-16 that a text is in: by its mark, or because every other byte of its beginning is NUL.
pub(crate) fn utf16_kind(bytes: &[u8]) -> Option<Utf16> {
    match bytes {
        // That of UTF-32.
        [0xff, 0xfe, 0, 0, ..] => return None,
        [0xff, 0xfe, ..] => return Some(Utf16 { big_endian: false, mark: 2 }),
        [0xfe, 0xff, ..] => return Some(Utf16 { big_endian: true, mark: 2 }),
        _ => {}
    }
    let sample = &bytes[..bytes.len().min(512) & !1];
    let pairs = sample.len() / 2;
    if pairs < 4 {
        return None;
    }
    let even = sample.iter().step_by(2).filter(|byte| **byte == 0).count();
    let odd = sample.iter().skip(1).step_by(2).filter(|byte| **byte == 0).count();
    // Four of five characters are Latin, and a NUL character is none of them.
    let clear = |nuls: usize, others: usize| nuls * 5 >= pairs * 4 && others * 50 <= pairs;
    let big_endian = match (clear(odd, even), clear(even, odd)) {
        (true, false) => false,
        (false, true) => true,
        _ => return None,
    };
    let plain = sample.chunks_exact(2).filter(|pair| {
        let byte = if big_endian { pair[1] } else { pair[0] };
        !is_control(byte)
    });
    (plain.count() * 10 >= pairs * 9).then_some(Utf16 { big_endian, mark: 0 })
}

/// Transcodes, unpaired surrogates as U+FFFD.
pub(crate) fn utf16_to_utf8(bytes: &[u8], kind: Utf16) -> (Zeroizing<Vec<u8>>, Map) {
    let body = &bytes[kind.mark.min(bytes.len())..];
    let unit = |pair: &[u8]| {
        let pair = [pair[0], pair[1]];
        if kind.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
    };
    let mut output = Zeroizing::new(Vec::with_capacity(body.len() / 2 + body.len() / 16));
    let mut steps = Steps::default();
    let mut at = kind.mark;
    for decoded in char::decode_utf16(body.chunks_exact(2).map(unit)) {
        let character = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
        let units: u8 = if character as u32 > 0xffff { 4 } else { 2 };
        steps.add(output.len(), at, character.len_utf8() as u8, units);
        output.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        at += usize::from(units);
    }
    (output, Map::Steps(steps.0))
}

/// A text in UTF-32 as UTF-8: by its mark, or because three of four bytes of its beginning are NUL.
pub(crate) fn utf32_to_utf8(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (big_endian, mark) = match bytes {
        [0xff, 0xfe, 0, 0, ..] => (false, 4),
        [0, 0, 0xfe, 0xff, ..] => (true, 4),
        [0, 0, 0, first, ..] if *first != 0 => (true, 0),
        [first, 0, 0, 0, ..] if *first != 0 => (false, 0),
        _ => return None,
    };
    let unit = |four: &[u8]| {
        let four = [four[0], four[1], four[2], four[3]];
        char::from_u32(if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    };
    let units = || bytes[mark..].chunks_exact(4).map(unit);
    let is_text = |unit: Option<char>| unit.is_some_and(|c| c != '\0' && (!c.is_control() || c.is_whitespace()));
    // Numbers in a binary file begin so too; texts go on like that.
    let (count, text) =
        units().take(128).fold((0, 0), |(all, text), unit| (all + 1, text + usize::from(is_text(unit))));
    if count < 4 || text * 10 < count * 9 {
        return None;
    }
    let mut output = Zeroizing::new(Vec::with_capacity(bytes.len() / 4));
    for unit in units() {
        let character = unit.unwrap_or(char::REPLACEMENT_CHARACTER);
        output.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(output)
}

/// Whether bytes begin like a gzip stream or a zlib stream of the usual window.
pub(crate) fn is_compressed(bytes: &[u8]) -> bool {
    let zlib = matches!(bytes, [0x78, flags, ..] if (0x7800 + u16::from(*flags)) % 31 == 0 && flags & 0x20 == 0);
    zlib || bytes.starts_with(&[0x1f, 0x8b, 8])
}

/// Inflates gzip or zlib, up to `limit` bytes. `Err` holds what came out before a fault; `Ok(false)`: there is more.
pub(crate) fn inflate_into(bytes: &[u8], limit: usize, output: &mut Vec<u8>) -> std::io::Result<bool> {
    let limit = limit as u64;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut reader = MultiGzDecoder::new(bytes);
        reader.by_ref().take(limit).read_to_end(output)?;
        return Ok(reader.read(&mut [0])? == 0);
    }
    let mut reader = ZlibDecoder::new(bytes);
    reader.by_ref().take(limit).read_to_end(output)?;
    Ok(reader.read(&mut [0])? == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf32_is_known_with_and_without_its_mark() {
        let text = "[login]\nuser = müller €😀\npassword = something\n";
        for big in [false, true] {
            for mark in [true, false] {
                let characters = mark.then_some('\u{feff}').into_iter().chain(text.chars());
                let bytes: Vec<u8> = characters
                    .flat_map(|c| if big { u32::from(c).to_be_bytes() } else { u32::from(c).to_le_bytes() })
                    .collect();
                assert_eq!(utf16_kind(&bytes), None);
                assert_eq!(utf32_to_utf8(&bytes).as_deref().map(Vec::as_slice), Some(text.as_bytes()));
            }
        }
        assert!(utf32_to_utf8(b"plain text").is_none());
        let numbers: Vec<u8> = (1..200_u32).flat_map(u32::to_le_bytes).collect();
        assert!(utf32_to_utf8(&numbers).is_none());
    }

    #[test]
    fn utf16_is_known_with_and_without_its_mark() {
        let text = "[login]\nuser = müller €😀\npassword = something long enough to tell\n";
        for big in [false, true] {
            for mark in [true, false] {
                let units: Vec<u16> = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16()).collect();
                let bytes: Vec<u8> =
                    units.iter().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect();
                let kind = utf16_kind(&bytes).unwrap();
                assert_eq!(kind, Utf16 { big_endian: big, mark: usize::from(mark) * 2 });
                let (utf8, map) = utf16_to_utf8(&bytes, kind);
                assert_eq!(&**utf8, text.as_bytes());
                let at = text.find('€').unwrap();
                let outer = map.outer(&(at..at + 3));
                let sign = "€".encode_utf16().next().unwrap();
                assert_eq!(&bytes[outer], if big { sign.to_be_bytes() } else { sign.to_le_bytes() });
            }
        }
        assert_eq!(utf16_kind(b"plain text, nothing else"), None);
        assert_eq!(utf16_kind(&[0; 64]), None);
    }
}
