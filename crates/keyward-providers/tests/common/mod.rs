//! Values from templates, so that no text in the repository looks like a key.

use keyward_providers::Checksum;

/// Writes a value from its template: `{alnum:20}` is twenty characters drawn with `seed`,
/// `{checksum}` the checksum of what stands before it.
pub(crate) fn expand(template: &str, checksum: Option<Checksum>, seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut out = String::new();
    let mut rest = template;
    while let Some((literal, tail)) = rest.split_once("{") {
        out.push_str(literal);
        let (field, tail) = tail.split_once('}').expect("a template's field ends");
        rest = tail;
        match field.split_once(':') {
            None => out.push_str(&crc32_base62(&out, checksum.expect("the detector has a checksum"))),
            Some((set, count)) => {
                let letters = alphabet(set);
                for _ in 0..count.parse().expect("a template's count is a number") {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    let index = usize::try_from(state >> 33).expect("31 bits fit") % letters.len();
                    out.push(char::from(letters[index]));
                }
            }
        }
    }
    out + rest
}

fn alphabet(set: &str) -> Vec<u8> {
    let keep: fn(&u8) -> bool = match set {
        "digits" => u8::is_ascii_digit,
        "hex" => |b| b"0123456789abcdef".contains(b),
        "lower-alnum" => |b| b.is_ascii_digit() || b.is_ascii_lowercase(),
        "upper-alnum" => |b| b.is_ascii_digit() || b.is_ascii_uppercase(),
        "base32" => |b| b.is_ascii_uppercase() || matches!(b, b'2'..=b'7'),
        "alnum" => u8::is_ascii_alphanumeric,
        "base64" => |b| b.is_ascii_alphanumeric() || b"+/".contains(b),
        "base64url" => |b| b.is_ascii_alphanumeric() || b"_-".contains(b),
        other => panic!("`{other}` is no set"),
    };
    (0..128).filter(keep).collect()
}

fn crc32_base62(before: &str, checksum: Checksum) -> String {
    let covered = match checksum {
        Checksum::Crc32Base62 => before.rsplit('_').next().unwrap_or(before),
        Checksum::Crc32Base62Whole => before,
    };
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let hash = crc32fast::hash(covered.as_bytes());
    (0..6_u32).rev().map(|place| char::from(digits[(hash / 62_u32.pow(place) % 62) as usize])).collect()
}
