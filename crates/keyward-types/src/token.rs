//! Tokens: `kw<kind>_<id: 12><secret: 30 base62, 178 bits><6 base62 CRC32>`.
//!
//! A token is two types: [`PlainToken`], shown once to whoever it is for, and the hash of it that
//! the store keeps. The checksum lets a scanner tell a token from a look-alike without asking
//! anybody.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::{Error, Random, RandomError};

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A person's token: ends with the person.
    Personal,
    /// A service account's token: outlives its maker.
    Service,
    /// A virtual key, which the gateway exchanges for the real one.
    Virtual,
    /// Somebody who is signed in: what a browser or a command line keeps.
    Session,
    /// A one-time link or a device's code: it is exchanged for something else, once.
    OneTime,
}

/// A token as its holder has it. Prints without its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct PlainToken {
    text: Zeroizing<String>,
    kind: TokenKind,
}

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID: usize = 12;
const SECRET: usize = 30;
const CHECKSUM: usize = 6;
const PREFIX: usize = 4;

impl TokenKind {
    /// The letter in the prefix.
    pub const fn letter(self) -> char {
        match self {
            Self::Personal => 'p',
            Self::Service => 's',
            Self::Virtual => 'v',
            Self::Session => 'u',
            Self::OneTime => 'o',
        }
    }
}

impl PlainToken {
    /// A fresh token.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(kind: TokenKind, random: &dyn Random) -> Result<Self, RandomError> {
        Self::made(kind, "", random)
    }

    /// One of the same kind and id with another secret.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn renewed(kind: TokenKind, id: &str, random: &dyn Random) -> Result<Self, RandomError> {
        let fits = id.len() == ID && id.bytes().all(|b| b.is_ascii_alphanumeric());
        Self::made(kind, if fits { id } else { "" }, random)
    }

    fn made(kind: TokenKind, id: &str, random: &dyn Random) -> Result<Self, RandomError> {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX + ID + SECRET + CHECKSUM));
        text.push_str(&format!("kw{}_{id}", kind.letter()));
        base62(&mut text, ID - id.len() + SECRET, random)?;
        let sum = checksum(text.as_bytes());
        text.push_str(&sum);
        Ok(Self { text, kind })
    }

    /// What it stands for.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// The public id, by which the store finds the record.
    pub fn id(&self) -> &str {
        &self.text[PREFIX..PREFIX + ID]
    }

    /// The part that is hashed and stored: prefix, id and secret, without the checksum.
    pub fn root(&self) -> &str {
        &self.text[..PREFIX + ID + SECRET]
    }

    /// The whole text, to be shown once.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl FromStr for PlainToken {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let fail = |why| Err(Error::Token(why));
        if !text.is_ascii() || text.len() != PREFIX + ID + SECRET + CHECKSUM {
            return fail("its length does not fit");
        }
        let kind = match &text[..PREFIX] {
            "kwp_" => TokenKind::Personal,
            "kws_" => TokenKind::Service,
            "kwv_" => TokenKind::Virtual,
            "kwu_" => TokenKind::Session,
            "kwo_" => TokenKind::OneTime,
            _ => return fail("it does not begin with kwp_, kws_, kwv_, kwu_ or kwo_"),
        };
        let Some(root) = without_checksum(text) else {
            return fail("its checksum does not fit, so it was mistyped or cut");
        };
        if !root[PREFIX..].bytes().all(|b| b.is_ascii_alphanumeric()) {
            return fail("it holds characters that tokens never have");
        }
        Ok(Self { text: Zeroizing::new(text.to_owned()), kind })
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlainToken(kw{}_{}…)", self.kind.letter(), self.id())
    }
}

/// A text of ASCII without its checksum, if that fits.
pub fn without_checksum(text: &str) -> Option<&str> {
    let (body, sum) = text.split_at_checked(text.len().checked_sub(CHECKSUM)?)?;
    (checksum(body.as_bytes()) == sum).then_some(body)
}

/// Appends `count` unbiased base62 characters.
fn base62(text: &mut String, count: usize, random: &dyn Random) -> Result<(), RandomError> {
    let mut left = count;
    while left > 0 {
        let mut bytes = Zeroizing::new([0u8; 64]);
        random.fill(&mut *bytes)?;
        // 248 = 4 × 62: a larger byte would favour the first letters.
        for byte in bytes.iter().filter(|b| **b < 248).take(left) {
            text.push(ALPHABET[usize::from(byte % 62)] as char);
            left -= 1;
        }
    }
    Ok(())
}

/// What stands behind a token's text: its CRC32 in six digits of base62, the highest first.
pub fn checksum(bytes: &[u8]) -> String {
    let mut value = crc32fast::hash(bytes);
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(value % 62) as usize];
        value /= 62;
    }
    digits.iter().map(|d| *d as char).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;
    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            for (i, byte) in bytes.iter_mut().enumerate() {
                *byte = (i * 37) as u8;
            }
            Ok(())
        }
    }

    #[test]
    fn a_token_is_read_back_and_hides_its_secret() {
        let token = PlainToken::generate(TokenKind::Service, &Counting).unwrap();
        assert_eq!(token.expose().len(), 52);
        let again: PlainToken = token.expose().parse().unwrap();
        assert_eq!(again, token);
        let shown = format!("{token:?}");
        assert!(shown.contains(token.id()) && !shown.contains(&token.expose()[16..46]));
    }

    #[test]
    fn a_renewed_token_keeps_its_id_alone() {
        let random = crate::token::tests::Counting;
        let token = PlainToken::generate(TokenKind::Virtual, &random).unwrap();
        let again = PlainToken::renewed(TokenKind::Virtual, token.id(), &random).unwrap();
        assert_eq!(again.id(), token.id());
        assert_ne!(again.expose(), token.expose());
        assert_eq!(again.expose().parse::<PlainToken>().unwrap(), again);
    }

    #[test]
    fn one_wrong_character_is_seen() {
        let token = PlainToken::generate(TokenKind::Virtual, &Counting).unwrap();
        for i in 0..token.expose().len() {
            let mut bytes = token.expose().as_bytes().to_vec();
            bytes[i] = if bytes[i] == b'x' { b'y' } else { b'x' };
            assert!(String::from_utf8(bytes).unwrap().parse::<PlainToken>().is_err());
        }
    }

    #[test]
    fn nothing_stands_between_a_token_and_its_checksum() {
        let token = PlainToken::generate(TokenKind::Personal, &Counting).unwrap();
        let body = format!("{}.abc.def", token.root());
        assert!(format!("{body}{}", checksum(body.as_bytes())).parse::<PlainToken>().is_err());
    }
}
