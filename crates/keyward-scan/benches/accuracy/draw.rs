//! Chance with a seed, and values from the catalogue's templates: no text in the repository looks like a key.

use keyward_providers::Checksum;

/// Numbers that look like chance and repeat with their seed (xorshift, Marsaglia, 2003).
#[derive(Clone)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit.max(1)
    }

    pub(crate) fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }

    /// Characters of a set: `alnum`, `hex`, …
    pub(crate) fn text(&mut self, set: &str, count: usize) -> String {
        let letters = alphabet(set);
        (0..count).map(|_| char::from(letters[self.below(letters.len())])).collect()
    }

    /// A value from a template of the catalogue.
    pub(crate) fn expand(&mut self, template: &str, checksum: Option<Checksum>) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some((literal, tail)) = rest.split_once('{') {
            out.push_str(literal);
            let Some((field, tail)) = tail.split_once('}') else { break };
            rest = tail;
            match (field.split_once(':'), checksum) {
                (Some((set, count)), _) => out += &self.text(set, count.parse().expect("a count is a number")),
                (None, Some(checksum)) => out += &crc32_base62(&out, checksum),
                (None, None) => panic!("`{template}` has a field that no checksum fills"),
            }
        }
        out + rest
    }
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

fn crc32_base62(before: &str, checksum: Checksum) -> String {
    let covered = match checksum {
        Checksum::Crc32Base62Whole => before,
        _ => before.rsplit('_').next().unwrap_or(before),
    };
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut hash = 0xFFFF_FFFF_u32;
    for byte in covered.bytes() {
        hash ^= u32::from(byte);
        for _ in 0..8 {
            hash = hash >> 1 ^ (0xEDB8_8320 & (hash & 1).wrapping_neg());
        }
    }
    let hash = !hash;
    (0..6_u32).rev().map(|place| char::from(digits[(hash / 62_u32.pow(place) % 62) as usize])).collect()
}
