//! Whether a value has a format of the catalogue.
//!
//! The cheap questions come first (literal beginning, length, alphabet), so that a pattern is
//! compiled only for a value that all but has it.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex_lite::Regex;

use crate::name::Name;
use crate::provider::{Checksum, Detector, detectors};

/// A value that has a format of the catalogue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    /// The format.
    pub(crate) detector: &'static Detector,
    /// Whether the checksum fits, where the format has one.
    pub(crate) checksum: Option<bool>,
}

/// The surest format that a whole value has, given the variable it stands in.
pub(crate) fn find(name: &Name, value: &str) -> Option<Hit> {
    let hits = candidates(value)
        .filter(|detector| detector.has_shape(value) && detector.has_context(name) && detector.has_pattern(value));
    hits.map(|detector| Hit { detector, checksum: detector.checksum_fits(value) }).max_by_key(|hit| {
        (
            hit.detector.confidence,
            hit.checksum != Some(false),
            hit.detector.longest_prefix(value),
            // Of two that share their form, the one that the name speaks of.
            !hit.detector.context.is_empty(),
            hit.detector.confirmed,
        )
    })
}

/// The formats that a value may have by its first byte: those with a prefix that begins so, and those
/// without prefixes.
fn candidates(value: &str) -> impl Iterator<Item = &'static Detector> {
    prefixed(value).chain(WITHOUT_PREFIX.iter().copied())
}

fn prefixed(value: &str) -> impl Iterator<Item = &'static Detector> {
    let first = value.bytes().next().and_then(|first| BY_FIRST.get(usize::from(first)));
    first.into_iter().flatten().copied()
}

static WITHOUT_PREFIX: LazyLock<Box<[&'static Detector]>> =
    LazyLock::new(|| detectors().filter(|detector| detector.prefixes.is_empty()).collect());

/// Those with prefixes, by the first bytes of these, which are ASCII.
static BY_FIRST: LazyLock<[Box<[&'static Detector]>; 128]> = LazyLock::new(|| {
    let begins = |prefix: &&str, first: usize| prefix.bytes().next().map(usize::from) == Some(first);
    std::array::from_fn(|first| {
        detectors().filter(|detector| detector.prefixes.iter().any(|prefix| begins(prefix, first))).collect()
    })
});

/// The literal beginning that a value shares with a format of the catalogue, the longest.
pub fn public_part(value: &str) -> &'static str {
    let prefixes = prefixed(value).flat_map(|detector| detector.prefixes).copied();
    prefixes.filter(|prefix| value.starts_with(prefix)).max_by_key(|prefix| prefix.len()).unwrap_or("")
}

impl Detector {
    /// Whether the whole `value` has this format. The checksum is not looked at, and neither is
    /// the context.
    pub fn matches(&self, value: &str) -> bool {
        self.has_shape(value) && self.has_pattern(value)
    }

    /// Length, beginning and alphabet: what is cheap to ask.
    fn has_shape(&self, value: &str) -> bool {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        if length < self.min_len || length > self.max_len {
            return false;
        }
        let prefix = self.longest_prefix(value);
        if prefix == 0 && !self.prefixes.is_empty() {
            return false;
        }
        value.as_bytes()[prefix..].iter().all(|byte| self.charset.contains(*byte))
    }

    fn has_pattern(&self, value: &str) -> bool {
        self.anchored().is_none_or(|regex| regex.is_match(value))
    }

    /// Whether the checksum at the end of `value` fits; `None` where the format has none.
    pub fn checksum_fits(&self, value: &str) -> Option<bool> {
        let checksum = self.checksum?;
        let (body, sum) = value.split_at_checked(value.len().checked_sub(CHECKSUM_LEN)?)?;
        let covered = match checksum {
            Checksum::Crc32Base62 => body.rsplit('_').next().unwrap_or(body),
            Checksum::Crc32Base62Whole => body,
        };
        Some(crc32_base62(covered.as_bytes()) == sum.as_bytes())
    }

    /// The format as a regular expression without anchors: [`Detector::pattern`], or made from
    /// prefixes, alphabet and length.
    pub fn regex(&self) -> Cow<'static, str> {
        if let Some(pattern) = self.pattern {
            return Cow::Borrowed(pattern);
        }
        let alternatives: Vec<String> = match self.prefixes {
            [] => vec![self.tail("")],
            prefixes => prefixes.iter().map(|prefix| self.tail(prefix)).collect(),
        };
        Cow::Owned(alternatives.join("|"))
    }

    /// Whether one of the format's context words is part of the name; true where it has none.
    pub(crate) fn has_context(&self, name: &Name) -> bool {
        self.context.is_empty() || self.context.iter().any(|word| name.contains(word))
    }

    fn tail(&self, prefix: &str) -> String {
        let length = u32::try_from(prefix.len()).unwrap_or(u32::MAX);
        let (min, max) = (self.min_len.saturating_sub(length), self.max_len.saturating_sub(length));
        format!("{}{}{{{min},{max}}}", regex_lite::escape(prefix), self.charset.class())
    }

    fn longest_prefix(&self, value: &str) -> usize {
        self.prefixes.iter().filter(|prefix| value.starts_with(**prefix)).map(|prefix| prefix.len()).max().unwrap_or(0)
    }

    fn anchored(&self) -> Option<&Regex> {
        let pattern = self.pattern?;
        self.compiled.get_or_init(|| Regex::new(&format!("^(?:{pattern})$")).ok()).as_ref()
    }
}

const CHECKSUM_LEN: usize = 6;

/// CRC-32 in base62, padded with `0` to six digits.
fn crc32_base62(bytes: &[u8]) -> [u8; CHECKSUM_LEN] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut value = crc32fast::hash(bytes);
    let mut text = [b'0'; CHECKSUM_LEN];
    for digit in text.iter_mut().rev() {
        *digit = DIGITS[(value % 62) as usize];
        value /= 62;
    }
    text
}

#[cfg(test)]
mod tests {
    use keyward_types::token::{PlainToken, TokenKind};
    use keyward_types::{Random, RandomError};

    use super::*;

    struct Steps;
    impl Random for Steps {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            bytes.iter_mut().enumerate().for_each(|(i, byte)| *byte = (i * 41 + 7) as u8);
            Ok(())
        }
    }

    #[test]
    fn our_own_tokens_are_known_by_their_checksum() {
        let token = PlainToken::generate(TokenKind::Virtual, &Steps).unwrap();
        let hit = find(&Name::parse("ANYTHING"), token.expose()).unwrap();
        assert_eq!((hit.detector.provider, hit.checksum), ("keyward", Some(true)));
        let mistyped = token.expose().replace(&token.expose()[20..21], "~").replace('~', "Q");
        let hit = find(&Name::parse("ANYTHING"), &mistyped);
        assert!(hit.is_none_or(|hit| hit.checksum == Some(false)));
    }

    #[test]
    fn whoever_may_have_a_format_by_its_first_byte_is_asked() {
        for detector in detectors() {
            assert!(detector.prefixes.iter().all(|prefix| prefix.bytes().next().is_some_and(|byte| byte.is_ascii())));
            let prefixed = detector.prefixes.iter().map(|prefix| prefix.to_string());
            let any =
                detector.prefixes.is_empty().then(|| ["a", "Z", "9", "é"].map(str::to_owned)).into_iter().flatten();
            for value in prefixed.chain(any) {
                let id = detector.id;
                assert!(candidates(&value).any(|one| std::ptr::eq(one, detector)), "{id} is not asked about `{value}`");
            }
        }
        assert!(candidates("sk-").count() < detectors().count());
    }

    #[test]
    fn every_pattern_compiles_in_both_engines() {
        for detector in detectors() {
            assert!(detector.pattern.is_none() || detector.anchored().is_some(), "{}", detector.id);
            regex::Regex::new(&detector.regex()).unwrap_or_else(|error| panic!("{}: {error}", detector.id));
        }
    }
}
