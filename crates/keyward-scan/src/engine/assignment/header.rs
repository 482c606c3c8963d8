//! Credentials in headers and on command lines.

use std::ops::Range;

use data_encoding::{BASE64, BASE64_NOPAD};
use keyward_providers::looks_random;
use keyward_types::Confidence;
use zeroize::Zeroizing;

use super::{ARGUMENT, BASIC, BEARER};
use crate::engine::filter::{self, Promise, Setting, Worth};
use crate::engine::matcher::{RawCandidate, Text};

/// Where to look.
pub(super) const ANCHORS: [&str; 10] = [
    "bearer ",
    "basic ",
    "sshpass",
    "curl ",
    "identified by",
    "mysql",
    "convertto-securestring",
    "schtasks",
    "net use ",
    "snmp-server community ",
];

pub(super) fn confirm(text: &Text<'_>, anchor: usize, at: usize, found: &mut Vec<RawCandidate>) {
    let end = at + ANCHORS[anchor].len();
    match ANCHORS[anchor] {
        "bearer " => bearer(text, end, found),
        "basic " => basic(text, end, found),
        "sshpass" => option(text, end, b"-p", found),
        "mysql" if matches!(text.bytes.get(end), Some(b' ' | b'd' | b'a')) => option(text, end, b"-p", found),
        "curl " => user(text, end, found),
        "schtasks" => following(text, end, |word| word.eq_ignore_ascii_case(b"/rp"), found),
        "net use " => following(text, end, |word| word.len() > 6 && word[..6].eq_ignore_ascii_case(b"/user:"), found),
        "snmp-server community " => following(text, at, |word| word == b"community", found),
        "identified by" | "convertto-securestring" => quoted(text, end, found),
        _ => {}
    }
}

fn bearer(text: &Text<'_>, at: usize, found: &mut Vec<RawCandidate>) {
    let range = at..at + run(text.bytes, at, |byte| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(&byte));
    let Some(value) = content(text, &range).filter(|value| value.len() >= 16) else { return };
    give(text, Promise::Drawn, BEARER, range, value, found);
}

/// `Basic dXNlcjpwYXNz`: the password is the value.
fn basic(text: &Text<'_>, at: usize, found: &mut Vec<RawCandidate>) {
    let range = at..at + run(text.bytes, at, |byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    if range.len() < 12 || range.len() > 1024 {
        return;
    }
    let encoded = &text.bytes[range.clone()];
    let Some(decoded) = BASE64.decode(encoded).or_else(|_| BASE64_NOPAD.decode(encoded)).ok() else { return };
    let Ok(pair) = String::from_utf8(decoded) else { return };
    let Some((user, password)) = pair.split_once(':') else { return };
    if !pair.bytes().all(|byte| byte.is_ascii_graphic()) || user.len() > 128 {
        return;
    }
    let secret = if password.is_empty() || password.eq_ignore_ascii_case("x") { user } else { password };
    found.extend(judged(text, Promise::Password, BASIC, range, secret, true));
}

/// The value of an option that may be glued to it: `-psecret`, `-p secret`.
fn option(text: &Text<'_>, at: usize, option: &[u8], found: &mut Vec<RawCandidate>) {
    let line = line_from(text.bytes, at);
    let mut words = Words { text: &text.bytes[..line.end], at: line.start };
    while let Some(word) = words.next() {
        let bytes = &text.bytes[word.clone()];
        if bytes == option {
            if let Some(next) = words.next()
                && option == b"-p"
                && text.bytes[at - 1].eq_ignore_ascii_case(&b's')
            {
                argument(text, next, found);
            }
            return;
        }
        if bytes.starts_with(option) && bytes.len() > option.len() + 3 && !bytes.starts_with(b"-port") {
            argument(text, word.start + option.len()..word.end, found);
            return;
        }
    }
}

/// The word after one that announces it: `/rp secret`, `/user:name secret`, `community secret`. A sign-in needs it, so
/// that it may be poor.
fn following(text: &Text<'_>, at: usize, announces: fn(&[u8]) -> bool, found: &mut Vec<RawCandidate>) {
    let line = line_from(text.bytes, at);
    let mut words = Words { text: &text.bytes[..line.end], at: line.start };
    while let Some(word) = words.next() {
        if !announces(&text.bytes[word]) {
            continue;
        }
        let given = words.next().filter(|given| !text.bytes[given.clone()].starts_with(b"/"));
        let Some(range) = given else { return };
        let Some(value) = content(text, &range) else { return };
        found.extend(worthy(text, filter::judge_sign_in, ARGUMENT, range, value));
        return;
    }
}

/// `curl -u user:password`, `curl --user user:password`.
fn user(text: &Text<'_>, at: usize, found: &mut Vec<RawCandidate>) {
    let line = line_from(text.bytes, at);
    let mut words = Words { text: &text.bytes[..line.end], at: line.start };
    while let Some(word) = words.next() {
        let bytes = &text.bytes[word.clone()];
        let given = match bytes {
            b"-u" | b"--user" | b"-U" | b"--proxy-user" => words.next(),
            _ if bytes.starts_with(b"--user=") => Some(word.start + 7..word.end),
            _ => None,
        };
        let Some(given) = given else { continue };
        let Some(colon) = memchr::memchr(b':', &text.bytes[given.clone()]) else { continue };
        let password = given.start + colon + 1..given.end;
        if password.is_empty() {
            let user = given.start..given.start + colon;
            if content(text, &user).is_some_and(looks_random) {
                argument(text, user, found);
            }
        } else {
            argument(text, password, found);
        }
    }
}

/// `CREATE USER … IDENTIFIED BY 'x'`, `ConvertTo-SecureString "x" -AsPlainText`
fn quoted(text: &Text<'_>, at: usize, found: &mut Vec<RawCandidate>) {
    let mut start = at + run(text.bytes, at, |byte| byte == b' ');
    for word in [&b"PASSWORD "[..], b"-String "] {
        if text.bytes[start..].starts_with(word) {
            start += word.len();
        }
    }
    let Some(quote @ (b'\'' | b'"')) = text.bytes.get(start).copied() else { return };
    let range = start + 1..start + 1 + run(text.bytes, start + 1, |byte| byte != quote && byte != b'\n');
    argument(text, range, found);
}

fn argument(text: &Text<'_>, range: Range<usize>, found: &mut Vec<RawCandidate>) {
    if let Some(value) = content(text, &range) {
        give(text, Promise::Password, ARGUMENT, range, value, found);
    }
}

fn give(
    text: &Text<'_>,
    promise: Promise,
    rule: usize,
    range: Range<usize>,
    value: &str,
    found: &mut Vec<RawCandidate>,
) {
    found.extend(judged(text, promise, rule, range, value, false));
}

fn judged(
    text: &Text<'_>,
    promise: Promise,
    rule: usize,
    range: Range<usize>,
    value: &str,
    decoded: bool,
) -> Option<RawCandidate> {
    let judge = |value: &str, made_up| filter::judge(promise, value, made_up);
    let candidate = worthy(text, judge, rule, range, value)?;
    let value = decoded.then(|| Zeroizing::new(value.as_bytes().to_vec()));
    Some(RawCandidate { value, ..candidate })
}

fn worthy(
    text: &Text<'_>,
    judge: impl Fn(&str, bool) -> Worth,
    rule: usize,
    range: Range<usize>,
    value: &str,
) -> Option<RawCandidate> {
    let setting = Setting::of(&text.hint);
    let (confidence, weak) = match judge(value, setting.made_up) {
        Worth::Nothing => return None,
        Worth::Weak => (Confidence::Low, true),
        Worth::Sure(confidence) => (confidence, false),
    };
    (!setting.data).then_some(RawCandidate { rule, range, value: None, confidence, weak })
}

fn content<'a>(text: &Text<'a>, range: &Range<usize>) -> Option<&'a str> {
    std::str::from_utf8(&text.bytes[range.clone()]).ok()
}

fn run(text: &[u8], at: usize, fits: impl Fn(u8) -> bool) -> usize {
    text.get(at..).unwrap_or_default().iter().take(4096).take_while(|byte| fits(**byte)).count()
}

/// The rest of the line, the lines that a backslash adds too, within bounds.
fn line_from(text: &[u8], at: usize) -> Range<usize> {
    let high = text.len().min(at + 600);
    let mut end = at;
    while end < high && (text[end] != b'\n' || text[end - 1] == b'\\') {
        end += 1;
    }
    at..end
}

/// Words of a command line, their quotes left out.
struct Words<'a> {
    text: &'a [u8],
    at: usize,
}

impl Words<'_> {
    fn next(&mut self) -> Option<Range<usize>> {
        while self
            .text
            .get(self.at)
            .is_some_and(|byte| byte.is_ascii_whitespace() || matches!(byte, b'\\' | b',' | b'[' | b']'))
        {
            self.at += 1;
        }
        let first = *self.text.get(self.at)?;
        if matches!(first, b';' | b'|' | b'&') {
            return None;
        }
        let quote = matches!(first, b'"' | b'\'').then_some(first);
        let start = self.at + usize::from(quote.is_some());
        let ends = |byte: &u8| match quote {
            Some(quote) => *byte == quote,
            None => byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b';' | b'|' | b')'),
        };
        let end = start + self.text[start..].iter().position(ends).unwrap_or(self.text.len() - start);
        self.at = end + usize::from(end < self.text.len());
        if self.at == start {
            self.at += 1;
        }
        Some(start..end)
    }
}
