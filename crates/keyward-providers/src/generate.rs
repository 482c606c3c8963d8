use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use keyward_types::{RandomError, Secret};
use thiserror::Error;
use zeroize::Zeroizing;

/// A form in which a new secret is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Letters, digits, `-` and `_`, at least one of each, a letter or digit first: fit for URLs,
    /// `.env` files, shells, and for services that ask for four kinds of characters.
    Password,
    /// Lower-case hex.
    Hex,
    /// Standard base64 with padding.
    Base64,
    /// Letters and digits.
    Base62,
    /// Base64url without padding, of at least 256 bits: the least for HS256 (RFC 7518, 3.2).
    SigningKey,
    /// A random UUID (version 4): 122 bits, always.
    Uuid,
}

/// A fresh secret.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The value.
    pub value: Secret<String>,
    /// Its entropy in bits, computed from how it was drawn, at least what was asked for.
    pub bits: f64,
}

/// Why nothing was generated.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum GenerateError {
    /// The number of bits is not one that the profile can give.
    #[error("`{profile}` takes {min} to {max} bits, not {asked}")]
    Bits {
        /// The profile.
        profile: Profile,
        /// What was asked for.
        asked: u32,
        /// The fewest.
        min: u32,
        /// The most.
        max: u32,
    },
    /// There is no such profile.
    #[error("`{0}` is not a profile: use password, hex, base64, base62, signing-key or uuid")]
    Profile(String),
    /// There is no randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Where randomness comes from: fills the whole slice, or fails.
pub type Source<'a> = dyn FnMut(&mut [u8]) -> Result<(), RandomError> + 'a;

/// Draws a fresh secret with at least `bits` bits of entropy; `None` takes the profile's default,
/// 256 (122 for a UUID). Every value of the form is equally likely.
///
/// # Errors
/// When the profile cannot give so many or so few bits, or the source has no randomness.
pub fn generate(profile: Profile, bits: Option<u32>, random: &mut Source<'_>) -> Result<Generated, GenerateError> {
    let bits = profile.checked(bits)?;
    let (value, bits) = match profile {
        Profile::Password => password(bits, random)?,
        Profile::Base62 => base62(bits, random)?,
        Profile::Uuid => uuid(random)?,
        Profile::Hex => encoded(bits, random, |bytes| HEXLOWER.encode(bytes))?,
        Profile::Base64 => encoded(bits, random, |bytes| BASE64.encode(bytes))?,
        Profile::SigningKey => encoded(bits, random, |bytes| BASE64URL_NOPAD.encode(bytes))?,
    };
    Ok(Generated { value: Secret::new(profile.as_str(), value), bits })
}

impl Profile {
    /// Every profile, in the order in which help texts list them.
    pub const ALL: [Self; 6] = [Self::Password, Self::Hex, Self::Base64, Self::Base62, Self::SigningKey, Self::Uuid];

    /// The name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Base62 => "base62",
            Self::SigningKey => "signing-key",
            Self::Uuid => "uuid",
        }
    }

    fn checked(self, bits: Option<u32>) -> Result<u32, GenerateError> {
        let (default, min, max) = match self {
            Self::Uuid => (122, 1, 122),
            Self::SigningKey => (256, 256, MOST),
            _ => (256, 32, MOST),
        };
        let asked = bits.unwrap_or(default);
        if (min..=max).contains(&asked) {
            Ok(asked)
        } else {
            Err(GenerateError::Bits { profile: self, asked, min, max })
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Profile {
    type Err = GenerateError;
    fn from_str(text: &str) -> Result<Self, GenerateError> {
        let wrong = || GenerateError::Profile(text.chars().take(60).flat_map(char::escape_debug).collect());
        Self::ALL.into_iter().find(|profile| profile.as_str() == text).ok_or_else(wrong)
    }
}

/// 2 KiB of hex: more is no secret but a file.
const MOST: u32 = 8192;
const PASSWORD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const LETTERS_AND_DIGITS: usize = 62;

/// Draws whole passwords until one has all four kinds, so that each of those is equally likely.
fn password(bits: u32, random: &mut Source<'_>) -> Result<(String, f64), RandomError> {
    let asked = f64::from(bits);
    let mut len = 4;
    while password_bits(len) < asked {
        len += 1;
    }
    loop {
        let mut text = Zeroizing::new(String::with_capacity(len));
        letters(&mut text, 1, &PASSWORD[..LETTERS_AND_DIGITS], random)?;
        letters(&mut text, len - 1, PASSWORD, random)?;
        let kinds: [fn(&u8) -> bool; 4] =
            [u8::is_ascii_uppercase, u8::is_ascii_lowercase, u8::is_ascii_digit, |byte| matches!(byte, b'-' | b'_')];
        if kinds.iter().all(|kind| text.as_bytes().iter().any(kind)) {
            return Ok((std::mem::take(&mut *text), password_bits(len)));
        }
    }
}

/// log2 of the number of passwords of that length: the first of 62, the others of 64 characters,
/// less those that lack a kind (by inclusion and exclusion over 26 + 26 + 10 + 2).
fn password_bits(len: usize) -> f64 {
    let others = i32::try_from(len).unwrap_or(i32::MAX) - 1;
    let share: f64 = (0..16_u32)
        .map(|missing| {
            let gone = |kind: u32, size: f64| if missing & (1 << kind) == 0 { 0.0 } else { size };
            let alnum = gone(0, 26.0) + gone(1, 26.0) + gone(2, 10.0);
            let sign = if missing.count_ones() % 2 == 0 { 1.0 } else { -1.0 };
            sign * (1.0 - alnum / 62.0) * (1.0 - (alnum + gone(3, 2.0)) / 64.0).powi(others)
        })
        .sum();
    62_f64.log2() + 6.0 * f64::from(others) + share.log2()
}

fn base62(bits: u32, random: &mut Source<'_>) -> Result<(String, f64), RandomError> {
    let each = 62_f64.log2();
    let mut len = 1;
    while f64::from(len) * each < f64::from(bits) {
        len += 1;
    }
    let mut text = Zeroizing::new(String::with_capacity(len as usize));
    letters(&mut text, len as usize, &PASSWORD[..LETTERS_AND_DIGITS], random)?;
    Ok((std::mem::take(&mut *text), f64::from(len) * each))
}

fn encoded(bits: u32, random: &mut Source<'_>, write: fn(&[u8]) -> String) -> Result<(String, f64), RandomError> {
    let len = bits.div_ceil(8);
    let mut bytes = Zeroizing::new(vec![0; len as usize]);
    random(&mut bytes)?;
    Ok((write(&bytes), f64::from(len * 8)))
}

/// RFC 9562, section 5.4.
fn uuid(random: &mut Source<'_>) -> Result<(String, f64), RandomError> {
    let mut bytes = Zeroizing::new([0; 16]);
    random(&mut *bytes)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = Zeroizing::new(HEXLOWER.encode(&*bytes));
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok((parts.join("-"), 122.0))
}

/// Appends `count` characters of `alphabet` (at most 64). Bytes that would favour the first
/// characters are thrown away.
fn letters(text: &mut String, count: usize, alphabet: &[u8], random: &mut Source<'_>) -> Result<(), RandomError> {
    let fair = 256 - 256 % alphabet.len();
    let mut left = count;
    while left > 0 {
        let mut bytes = Zeroizing::new([0; 64]);
        random(&mut *bytes)?;
        for byte in bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair).take(left) {
            text.push(char::from(alphabet[byte % alphabet.len()]));
            left -= 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
