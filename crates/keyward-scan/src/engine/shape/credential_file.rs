//! Files in which programs keep credentials, known by their names: what stands in a certain place of them is one.

use std::ops::Range;

use data_encoding::BASE64;
use keyward_providers::recognise;
use keyward_types::{Access, Confidence};
use zeroize::Zeroizing;

use super::rule;
use crate::engine::filter::{Promise, Setting, Worth, judge};
use crate::engine::matcher::{RawCandidate, Text};

/// Files beyond this size are none that a person keeps.
const LARGEST: usize = 1 << 20;

type Reader = fn(&Text<'_>, &mut Vec<RawCandidate>);

/// Looks at a whole text whose name promises credentials.
pub(super) fn look(text: &Text<'_>, found: &mut Vec<RawCandidate>) {
    if text.bytes.len() > LARGEST || text.hint.depth > 0 {
        return;
    }
    if let Some(read) = reader(text.hint.file_name(), text.hint.path) {
        read(text, found);
    }
}

fn reader(name: &str, path: &str) -> Option<Reader> {
    Some(match name {
        ".netrc" | "_netrc" | ".authinfo" => netrc,
        ".pgpass" | "pgpass.conf" => pgpass,
        ".htpasswd" | "htpasswd" | "shadow" | ".htdigest" => hashes,
        "master.key" | "credentials.yml.key" => key_alone,
        ".dockercfg" | ".dockerconfigjson" => registry,
        "config.json" if path.ends_with("docker/config.json") => registry,
        _ if name.ends_with(".key") && path.contains("config/credentials/") => key_alone,
        _ if name == ".env" || name.starts_with(".env.") || name.ends_with(".env") => environment,
        _ => return None,
    })
}

/// `machine host login user password x`
fn netrc(text: &Text<'_>, found: &mut Vec<RawCandidate>) {
    let mut before = Vec::new();
    for word in words(text.bytes) {
        if before.ends_with(b"password") && before.len() == 8 {
            give(text, word.clone(), rule::CREDENTIAL_FILE, found);
        }
        before = text.bytes[word].to_vec();
    }
}

/// `host:port:database:user:password`, with `\:` for a colon.
fn pgpass(text: &Text<'_>, found: &mut Vec<RawCandidate>) {
    for line in lines(text.bytes) {
        let bytes = &text.bytes[line.clone()];
        let colons: Vec<usize> =
            (0..bytes.len()).filter(|at| bytes[*at] == b':' && (*at == 0 || bytes[at - 1] != b'\\')).collect();
        if !bytes.starts_with(b"#") && colons.len() >= 4 {
            give(text, line.start + colons[3] + 1..line.end, rule::CREDENTIAL_FILE, found);
        }
    }
}

/// `user:$2y$…`, `root:$6$…:…`
fn hashes(text: &Text<'_>, found: &mut Vec<RawCandidate>) {
    for line in lines(text.bytes) {
        let bytes = &text.bytes[line.clone()];
        let Some(colon) = memchr::memchr(b':', bytes) else { continue };
        let start = line.start + colon + 1;
        let end = start + text.bytes[start..line.end].iter().position(|byte| *byte == b':').unwrap_or(line.end - start);
        let hash = &text.bytes[start..end];
        let known = [&b"$apr1$"[..], b"$2", b"$5$", b"$6$", b"$y$", b"$1$", b"{SHA}"]
            .iter()
            .any(|start| hash.starts_with(start));
        if known && hash.len() >= 20 {
            found.push(RawCandidate {
                rule: rule::PASSWORD_HASH,
                range: start..end,
                value: None,
                confidence: Confidence::Low,
                weak: false,
            });
        }
    }
}

/// A file that holds one key and nothing else: Rails' `master.key`.
fn key_alone(text: &Text<'_>, found: &mut Vec<RawCandidate>) {
    let bytes = text.bytes.trim_ascii();
    let start = text.bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    if matches!(bytes.len(), 32..=128) && bytes.iter().all(u8::is_ascii_hexdigit) {
        give(text, start..start + bytes.len(), rule::CREDENTIAL_FILE, found);
    }
}

/// Docker's `"auth": "base64 of user:password"`.
fn registry(text: &Text<'_>, found: &mut Vec<RawCandidate>) {
    for at in memchr::memmem::find_iter(text.bytes, b"\"auth\"") {
        let after = at + 6;
        let Some(open) = text.bytes[after..].iter().take(16).position(|byte| *byte == b'"') else { continue };
        let start = after + open + 1;
        let Some(length) = memchr::memchr(b'"', &text.bytes[start..]) else { continue };
        let Ok(pair) = BASE64.decode(&text.bytes[start..start + length]) else { continue };
        let Some(colon) = memchr::memchr(b':', &pair) else { continue };
        let Ok(password) = std::str::from_utf8(&pair[colon + 1..]) else { continue };
        if let Some((confidence, weak)) = worth(text, password) {
            let value = Some(Zeroizing::new(password.as_bytes().to_vec()));
            found.push(RawCandidate { rule: rule::REGISTRY, range: start..start + length, value, confidence, weak });
        }
    }
}

/// Every variable whose value is a secret by its name, its format, or both.
fn environment(text: &Text<'_>, found: &mut Vec<RawCandidate>) {
    if sample(text.hint.file_name()) {
        return;
    }
    for line in lines(text.bytes) {
        let bytes = &text.bytes[line.clone()];
        let Some(equals) = memchr::memchr(b'=', bytes).filter(|_| !bytes.starts_with(b"#")) else { continue };
        let name = bytes[..equals].trim_ascii();
        let name = name.strip_prefix(b"export ").unwrap_or(name).trim_ascii();
        let range = unquoted(text.bytes, line.start + equals + 1..line.end);
        let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(&text.bytes[range.clone()])) else {
            continue;
        };
        let recognised = recognise(name, value);
        let url = value.contains("://"); // Connection strings are found as such.
        if value.len() < 4 || url || !recognised.kind.is_secret() || recognised.access == Some(Access::Public) {
            continue;
        }
        let named = recognise(name, "q7Gk2LmZp0").kind.is_secret()
            && !recognise(name, "0").kind.eq(&keyward_types::Kind::Config);
        if let Some((confidence, weak)) = worth(text, value)
            && (named || keyward_providers::looks_random(value))
        {
            found.push(RawCandidate { rule: rule::CREDENTIAL_FILE, range, value: None, confidence, weak });
        }
    }
}

/// `.env.example` and its like hold what people should replace.
fn sample(name: &str) -> bool {
    ["example", "sample", "template", "dist", "defaults", "schema"].iter().any(|word| name.contains(word))
}

fn give(text: &Text<'_>, range: Range<usize>, rule: usize, found: &mut Vec<RawCandidate>) {
    let Ok(value) = std::str::from_utf8(&text.bytes[range.clone()]) else { return };
    if let Some((confidence, weak)) = worth(text, value) {
        found.push(RawCandidate { rule, range, value: None, confidence: confidence.max(Confidence::Medium), weak });
    }
}

fn worth(text: &Text<'_>, value: &str) -> Option<(Confidence, bool)> {
    match judge(Promise::Password, value, Setting::of(&text.hint).made_up) {
        Worth::Nothing => None,
        Worth::Weak => Some((Confidence::Low, value.len() < 8 || value.bytes().all(|b| b.is_ascii_alphabetic()))),
        Worth::Sure(confidence) => Some((confidence, false)),
    }
}

fn unquoted(bytes: &[u8], mut range: Range<usize>) -> Range<usize> {
    let trim = |byte: u8| byte.is_ascii_whitespace();
    while range.start < range.end && trim(bytes[range.start]) {
        range.start += 1;
    }
    while range.end > range.start && trim(bytes[range.end - 1]) {
        range.end -= 1;
    }
    if let Some(quote @ (b'"' | b'\'')) = bytes[range.clone()].first().copied() {
        let length = memchr::memrchr(quote, &bytes[range.start + 1..range.end]);
        return length.map_or(range.clone(), |length| range.start + 1..range.start + 1 + length);
    }
    let comment = memchr::memmem::find(&bytes[range.clone()], b" #");
    comment.map_or(range.clone(), |at| range.start..range.start + at)
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start >= bytes.len() {
            return None;
        }
        let end = start + memchr::memchr(b'\n', &bytes[start..]).unwrap_or(bytes.len() - start);
        let line = start..if bytes[start..end].ends_with(b"\r") { end - 1 } else { end };
        start = end + 1;
        Some(line)
    })
}

fn words(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes[at..].iter().position(|byte| !byte.is_ascii_whitespace())?;
        let end = start + bytes[start..].iter().position(u8::is_ascii_whitespace).unwrap_or(bytes.len() - start);
        at = end;
        Some(start..end)
    })
}
