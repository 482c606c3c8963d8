//! What tells a value from what only looks like one.
//!
//! For keys of services the format has spoken already: here it is asked whether a value is as dense as its
//! alphabet ([`is_dense`]) and, where only a word near it says whose it is, whether the value is what the word is
//! about ([`is_assigned`]). For values of which only the name is known, [`judge`] decides.

mod form;
mod setting;
mod value;

use std::ops::Range;

use keyward_providers::{Charset, Detector, is_placeholder, is_reference, looks_random};

use super::matcher::Text;

pub(crate) use form::is_nothing;
pub(crate) use setting::{Setting, Syntax, has};
pub(crate) use value::{Promise, Worth, is_series, judge, judge_sign_in, judge_variable};

/// Whether a value of a format is as dense as its alphabet leads one to expect.
pub(crate) fn is_dense(detector: &Detector, value: &str) -> bool {
    let prefix = detector.prefixes.iter().filter(|prefix| value.starts_with(**prefix)).map(|prefix| prefix.len()).max();
    let body = &value[prefix.unwrap_or(0)..];
    // A format of a wide alphabet may have parts in digits alone: their values are as dense as those can be.
    let narrow = detector.pattern.is_some_and(|pattern| pattern.contains("a-f") || pattern.contains("[0-9]{"))
        && body.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'x'));
    let charset = if narrow && detector.charset != Charset::Digits { Charset::Hex } else { detector.charset };
    let floor = detector.entropy.map_or_else(|| expected(charset, body.len()), f64::from);
    shannon(body.as_bytes()) >= floor && !(body.len() >= 12 && is_series(body)) && !is_digest(detector, value)
}

/// Whether a value of a wide alphabet uses hexadecimal digits alone and has the length of a hash: drawn from that
/// alphabet it would be a wonder.
fn is_digest(detector: &Detector, value: &str) -> bool {
    let wide = detector.prefixes.is_empty() && !matches!(detector.charset, Charset::Hex | Charset::Digits);
    wide && matches!(value.len(), 32 | 40 | 64)
        && detector.matches(value)
        && !detector.pattern.is_some_and(|pattern| pattern.contains("a-f") || pattern.contains("A-F"))
        && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a long value is made of words: `DescribeClientVpnAuthorizationRulesError` has the length and the alphabet of
/// a key of the service whose name stands near it.
pub(crate) fn is_worded(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    value.len() >= 16 && digits <= 2 && !looks_random(value)
}

/// Whether a value only keeps the place of a real one, or points to where it is.
pub(crate) fn is_stand_in(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|text| is_placeholder(text) || is_reference(text))
}

/// Whether a value near a context word is what the word is about: it is given to a name, a header or a call, and
/// that name neither says that it is something else (a hash, an id, a version) nor leaves open that it is a secret.
pub(crate) fn is_assigned(text: &Text<'_>, rule: &str, word: Range<usize>, value: &Range<usize>) -> bool {
    let bytes = text.bytes;
    let line_start = memchr::memrchr(b'\n', &bytes[..value.start]).map_or(0, |at| at + 1);
    let before = &bytes[line_start.max(value.start.saturating_sub(160))..value.start];
    let Some((name, sign)) = name_before(before) else { return false };
    let anchor = bytes[word.clone()].to_ascii_lowercase();
    // `api_hash` is what some services call their key.
    let other =
        |part: &str| has(SOMETHING_ELSE, part) && !rule.split('-').any(|own| own == part) && !contains(&anchor, part);
    // `IMGIX_SECURE_URL_TOKEN` is no URL.
    let is_token = words(name).last().is_some_and(|last| matches!(last.as_str(), "token" | "secret"));
    if words(name).any(|part| other(&part) && !(is_token && part == "url")) || Setting::of(&text.hint).data {
        return false;
    }
    let name = name.to_ascii_lowercase();
    let promises = SECRET_PARTS.split(' ').any(|part| contains(&name, part));
    // `Datadog("…")`, `datadog: …`: the word itself is what the value is given to.
    let own = contains(&name, &String::from_utf8_lossy(&anchor));
    promises || (own && sign)
}

/// The words of a name in lower case: `apiKeyId`, `API_KEY_ID` and `api-key-id` alike.
fn words(name: &[u8]) -> impl Iterator<Item = String> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += name[at..].iter().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        let start = at;
        while at < name.len() && name[at].is_ascii_alphanumeric() {
            if at > start && name[at].is_ascii_uppercase() && name[at - 1].is_ascii_lowercase() {
                break;
            }
            at += 1;
        }
        (at > start).then(|| String::from_utf8_lossy(&name[start..at]).to_ascii_lowercase())
    })
}

/// The name that a value is given to, right before it, and whether a sign stands between.
fn name_before(before: &[u8]) -> Option<(&[u8], bool)> {
    let joins = |byte: &u8| b" \t\"'`=:>(,[{@&*?!|".contains(byte);
    let gap = before.iter().rev().take_while(|byte| joins(byte)).count();
    let (mut rest, gap) = before.split_at(before.len() - gap);
    // `Authorization: Bearer …`, `value="…"`, `Unseal Key 2: …`: the name stands one further.
    for _ in 0..2 {
        let name = rest.len() - rest.iter().rev().take_while(|byte| is_part(**byte)).count();
        let word = &rest[name..];
        let passes =
            [&b"bearer"[..], b"basic", b"token", b"value", b"default", b"string", b"str", b"apikey", b"std", b"const"];
        let number = word.len() <= 2 && word.iter().all(u8::is_ascii_digit);
        if word.is_empty() || name == 0 || !number && !passes.iter().any(|pass| word.eq_ignore_ascii_case(pass)) {
            break;
        }
        let outer = &rest[..name];
        let skipped = outer.iter().rev().take_while(|byte| joins(byte) || **byte == b';').count();
        if outer.len() == skipped {
            break;
        }
        rest = &outer[..outer.len() - skipped];
    }
    let name = rest.len() - rest.iter().rev().take(80).take_while(|byte| is_part(**byte)).count();
    let sign = gap.iter().any(|byte| matches!(byte, b'=' | b':' | b'"' | b'\'' | b'`' | b'>' | b'(' | b','));
    (name < rest.len()).then(|| (&rest[name..], sign))
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$')
}

fn contains(text: &[u8], word: &str) -> bool {
    memchr::memmem::find(text, word.as_bytes()).is_some()
}

/// Bits of entropy a byte, by the frequencies of the bytes (Shannon, 1948).
pub(crate) fn shannon(bytes: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let total = bytes.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / total).map(|p| -p * p.log2()).sum()
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

/// Parts of names whose values look like keys and are none.
const SOMETHING_ELSE: &str = "sha sha1 sha256 sha512 commit checksum digest hash etag revision integrity md5 uuid guid fingerprint thumbprint version public \
    trace span request correlation image layer build url uri path file dashboard monitor ref nonce";
/// Parts of names of secrets.
const SECRET_PARTS: &str =
    "key token secret pass auth cred pwd dsn sid bearer api webhook cookie session license salt signature unseal";

#[cfg(test)]
mod tests;
