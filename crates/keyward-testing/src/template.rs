//! Values from templates, so that no text in the repository looks like a key.

use keyward_providers::Checksum;

/// Writes a value from its template, as the catalogue's samples are: `{alnum:20}` is twenty characters of a
/// set, `{checksum}` the checksum of what stands before it. `below` chooses, a number below the one it gets.
///
/// # Panics
/// When the template is none, or has a checksum and its detector has not.
#[must_use]
pub fn expand(template: &str, checksum: Option<Checksum>, below: &mut dyn FnMut(usize) -> usize) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((literal, tail)) = rest.split_once('{') {
        out.push_str(literal);
        let (field, tail) = tail.split_once('}').expect("a template's field ends");
        rest = tail;
        match field.split_once(':') {
            Some((set, count)) => out += &text(set, count.parse().expect("a template's count is a number"), below),
            None => out += &crc32_base62(&out, checksum.expect("the detector has a checksum")),
        }
    }
    out + rest
}

/// Characters of a set: `alnum`, `hex`, …
///
/// # Panics
/// When there is no such set.
#[must_use]
pub fn text(set: &str, count: usize, below: &mut dyn FnMut(usize) -> usize) -> String {
    let letters = alphabet(set);
    (0..count).map(|_| char::from(letters[below(letters.len())])).collect()
}

fn alphabet(set: &str) -> Vec<u8> {
    let keep: fn(&u8) -> bool = match set {
        "digits" => u8::is_ascii_digit,
        "hex" => |b| b"0123456789abcdef".contains(b),
        "lower" => u8::is_ascii_lowercase,
        "upper" => u8::is_ascii_uppercase,
        "lower-alnum" => |b| b.is_ascii_digit() || b.is_ascii_lowercase(),
        "upper-alnum" => |b| b.is_ascii_digit() || b.is_ascii_uppercase(),
        "base32" => |b| b.is_ascii_uppercase() || matches!(b, b'2'..=b'7'),
        "alnum" => u8::is_ascii_alphanumeric,
        "base64" => |b| b.is_ascii_alphanumeric() || b"+/".contains(b),
        "base64url" => |b| b.is_ascii_alphanumeric() || b"_-".contains(b),
        "password" => |b| b.is_ascii_alphanumeric() || b"!#%^*-_=+?.".contains(b),
        other => panic!("`{other}` is no set"),
    };
    (0..128).filter(keep).collect()
}

/// The catalogue's own checksums, written once more: a mistake there must not be made here too.
fn crc32_base62(before: &str, checksum: Checksum) -> String {
    let covered = match checksum {
        Checksum::Crc32Base62 => before.rsplit('_').next().unwrap_or(before),
        Checksum::Crc32Base62Whole => before,
    };
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut hash = u32::MAX;
    for byte in covered.bytes() {
        hash ^= u32::from(byte);
        for _ in 0..8 {
            hash = hash >> 1 ^ (0xEDB8_8320 & (hash & 1).wrapping_neg());
        }
    }
    let hash = !hash;
    (0..6_u32).rev().map(|place| char::from(digits[(hash / 62_u32.pow(place) % 62) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_drawn_and_a_checksum_covers_what_is_before_it() {
        let mut number = 0;
        let mut below = |limit: usize| {
            number += 1;
            number % limit
        };
        assert_eq!(expand("a-{digits:3}-{hex:2}.b", None, &mut below), "a-123-45.b");
        // CRC-32 of the digits 1 to 9 is 0xCBF43926 in every description of it.
        assert_eq!(expand("x_123456789{checksum}", Some(Checksum::Crc32Base62), &mut below), "x_1234567893jZRME");
        assert_eq!(expand("123456789{checksum}", Some(Checksum::Crc32Base62Whole), &mut below), "1234567893jZRME");
    }
}
