//! Private keys in the forms that programs write: PEM (RFC 7468, and OpenSSL's older one), OpenSSH, PGP armor, PuTTY,
//! JSON Web Keys (RFC 7517), .NET's XML.

use std::ops::Range;

use data_encoding::{BASE64, BASE64_NOPAD};
use keyward_types::Confidence;

use super::rule;
use crate::engine::filter::{Setting, is_series};
use crate::engine::matcher::{RawCandidate, Text};

/// Longer keys than this are cut off; RSA of 16384 bits has 13,000 characters.
const LONGEST: usize = 24 * 1024;

/// `-----BEGIN … PRIVATE KEY-----` to its end, also in one line, with `\n` written out, in quotes, behind comment signs.
pub(super) fn pem(text: &Text<'_>, at: usize, found: &mut Vec<RawCandidate>) {
    let bytes = &text.bytes[at..text.bytes.len().min(at + LONGEST)];
    let dashes = bytes.iter().take_while(|byte| **byte == b'-').count();
    let Some(label) = memchr::memmem::find(&bytes[dashes..bytes.len().min(100)], &bytes[..dashes]) else { return };
    let label = &bytes[dashes..dashes + label];
    if !contains(label, b"PRIVATE KEY") {
        return;
    }
    let body = dashes * 2 + label.len();
    let Some(end) = memchr::memmem::find(&bytes[body..], &bytes[..dashes]) else { return };
    let tail = &bytes[body + end + dashes..];
    if !tail.trim_ascii_start().starts_with(b"END") {
        return;
    }
    let Some(close) = memchr::memmem::find(&tail[..tail.len().min(100)], &bytes[..dashes]) else { return };
    let range = at..at + body + end + dashes + close + dashes;
    if let Some(encrypted) = read_body(label, &bytes[body..body + end]) {
        give(text, range, encrypted, found);
    }
}

/// Whether the body of a key is encrypted; `None` where it is no key: cut, invented, or a placeholder.
fn read_body(label: &[u8], body: &[u8]) -> Option<bool> {
    let mut encrypted = contains(label, b"ENCRYPTED");
    let mut letters = Vec::with_capacity(body.len());
    let unwrapped = without_escapes(body);
    for line in unwrapped.split(|byte| *byte == b'\n') {
        let line = trimmed(line);
        if contains(line, b": ")
            || line.ends_with(b":")
            || line.starts_with(b"Proc-Type:")
            || line.starts_with(b"DEK-Info:")
        {
            encrypted |= contains(line, b"ENCRYPTED");
            continue; // A header.
        }
        if !line.iter().any(u8::is_ascii_alphanumeric) {
            continue; // What parts strings in a program.
        }
        if line.starts_with(b"=") && line.len() == 5 {
            continue; // PGP's checksum.
        }
        if contains(line, b"...") || contains(line, b"***") {
            return None;
        }
        letters.extend(line.iter().filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')));
    }
    let data = decode(&letters)?;
    let text = std::str::from_utf8(&letters).ok()?;
    if data.len() < 40 || is_series(text) || different(&data) < 20 {
        return None;
    }
    if data.starts_with(b"openssh-key-v1\0") {
        // The name of the cipher follows with its length.
        return Some(encrypted || !data[15..].starts_with(b"\0\0\0\x04none"));
    }
    let pgp = contains(label, b"PGP") && data[0] & 0x80 != 0;
    let ssh2 = contains(label, b"SSH2");
    let der = data[0] == 0x30 && is_whole(&data);
    (pgp || ssh2 || der || encrypted).then_some(encrypted)
}

/// Whether the outer length of a DER value is about that of the data: what is cut short is no key.
fn is_whole(data: &[u8]) -> bool {
    let (length, header) = match data.get(1) {
        Some(short @ 0..=0x7f) => (usize::from(*short), 2),
        Some(0x81) => (usize::from(*data.get(2).unwrap_or(&0)), 3),
        Some(0x82) => (usize::from(*data.get(2).unwrap_or(&0)) << 8 | usize::from(*data.get(3).unwrap_or(&0)), 4),
        _ => return false,
    };
    // Some programs add bytes; keys made for tests miss none.
    length > 0 && header + length <= data.len() + 3
}

/// With `\n` and `\r` that are written out as ends of lines.
fn without_escapes(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    while at < body.len() {
        let slashes = body[at..].iter().take_while(|byte| **byte == b'\\').count();
        match body.get(at + slashes) {
            Some(b'n' | b'r') if slashes > 0 => {
                out.push(b'\n');
                at += slashes + 1;
            }
            _ if slashes > 0 => at += slashes,
            Some(b'\r') => {
                out.push(b'\n');
                at += 1;
            }
            Some(byte) => {
                out.push(*byte);
                at += 1;
            }
            None => break,
        }
    }
    out
}

/// A line without quotes, signs of comments and of concatenation around it.
fn trimmed(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'"' | b'\'' | b'`' | b'#' | b'*' | b'>' | b'|' | b',' | b';' | b'.' | b'(', rest @ ..] =
        line
    {
        line = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'"' | b'\'' | b'`' | b'+' | b',' | b';' | b'\\' | b')' | b'.'] = line {
        // A `+` at the end belongs to base64 where a line is full of it.
        if line.last() == Some(&b'+') && !rest.ends_with(b" ") && !rest.ends_with(b"\"") && !rest.ends_with(b"'") {
            break;
        }
        line = rest;
    }
    line
}

fn decode(letters: &[u8]) -> Option<Vec<u8>> {
    let bare = letters.len() - letters.iter().rev().take_while(|byte| **byte == b'=').count();
    let padded = bare.div_ceil(4) * 4;
    let mut whole = letters[..bare].to_vec();
    whole.resize(padded, b'=');
    BASE64.decode(&whole).or_else(|_| BASE64_NOPAD.decode(&letters[..bare - bare % 4])).ok()
}

fn different(data: &[u8]) -> usize {
    let mut seen = [false; 256];
    data.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|one| **one).count()
}

/// PuTTY's `.ppk`.
pub(super) fn putty(text: &Text<'_>, at: usize, found: &mut Vec<RawCandidate>) {
    let bytes = &text.bytes[at..text.bytes.len().min(at + LONGEST)];
    let Some(private) = memchr::memmem::find(bytes, b"Private-Lines: ") else { return };
    let Some(mac) = memchr::memmem::find(&bytes[private..], b"Private-MAC:")
        .or_else(|| memchr::memmem::find(&bytes[private..], b"Private-Hash:"))
    else {
        return;
    };
    let body = bytes[private..private + mac].splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default();
    let letters: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let real = decode(&letters).is_some_and(|data| data.len() >= 16 && different(&data) >= 10);
    if real {
        let encrypted = !contains(&bytes[..private], b"Encryption: none");
        give(text, at..at + private + mac, encrypted, found);
    }
}

/// `<RSAKeyValue>` with the private exponent.
pub(super) fn xml(text: &Text<'_>, at: usize, found: &mut Vec<RawCandidate>) {
    let bytes = &text.bytes[at..text.bytes.len().min(at + LONGEST)];
    let Some(end) = memchr::memmem::find(bytes, b"</RSAKeyValue>") else { return };
    let Some(start) = memchr::memmem::find(&bytes[..end], b"<D>") else { return };
    let Some(length) = memchr::memmem::find(&bytes[start..end], b"</D>") else { return };
    let letters: Vec<u8> =
        bytes[start + 3..start + length].iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if decode(&letters).is_some_and(|data| data.len() >= 32 && different(&data) >= 20) {
        give(text, at + start + 3..at + start + length, false, found);
    }
}

/// A JSON Web Key with its private part: `d`, or `k` of a symmetric one.
pub(super) fn jwk(text: &Text<'_>, at: usize, found: &mut Vec<RawCandidate>) {
    let low = at.saturating_sub(LONGEST / 4);
    let high = text.bytes.len().min(at + LONGEST / 4);
    let start = low + memchr::memrchr(b'{', &text.bytes[low..at]).unwrap_or(0);
    let end = at + memchr::memchr(b'}', &text.bytes[at..high]).unwrap_or(high - at);
    let object = &text.bytes[start..end];
    let member = |name: &[u8]| -> Option<Range<usize>> {
        let found = memchr::memmem::find(object, name)?;
        let colon = object[found + name.len()..].iter().take(8).position(|byte| *byte == b':')?;
        let quote = found + name.len() + colon + 1;
        let open = quote + object[quote..].iter().take(8).position(|byte| *byte == b'"')? + 1;
        let length =
            object[open..].iter().position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')))?;
        (length >= 40 && object.get(open + length) == Some(&b'"')).then_some(start + open..start + open + length)
    };
    let symmetric = contains(object, b"\"oct\"");
    let private = member(b"\"d\"").or_else(|| if symmetric { member(b"\"k\"") } else { None });
    if let Some(range) = private
        && different(&text.bytes[range.clone()]) >= 12
    {
        give(text, range, false, found);
    }
}

fn give(text: &Text<'_>, range: Range<usize>, encrypted: bool, found: &mut Vec<RawCandidate>) {
    let made_up = Setting::of(&text.hint).made_up;
    let (rule, confidence) = match (encrypted, made_up) {
        (true, _) => (rule::ENCRYPTED_PRIVATE_KEY, Confidence::Low),
        (false, true) => (rule::PRIVATE_KEY, Confidence::Medium),
        (false, false) => (rule::PRIVATE_KEY, Confidence::High),
    };
    found.push(RawCandidate { rule, range, value: None, confidence, weak: false });
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find(text, word).is_some()
}
