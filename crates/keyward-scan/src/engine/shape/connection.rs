//! URLs with a password: `scheme://user:password@host`, of every scheme.

use std::borrow::Cow;
use std::ops::Range;

use data_encoding::HEXLOWER_PERMISSIVE;
use keyward_providers::looks_random;
use keyward_types::Confidence;
use zeroize::Zeroizing;

use super::rule;
use crate::engine::filter::{Promise, Setting, Worth, is_nothing, judge, judge_sign_in};
use crate::engine::matcher::{RawCandidate, Text};

const LONGEST: usize = 512;

/// Most URLs have no `@` in front of their path: this ends there.
pub(super) fn confirm(text: &Text<'_>, at: usize, found: &mut Vec<RawCandidate>) {
    let bytes = text.bytes;
    let start = at + 3;
    // Names in a directory have commas: `cn=admin,dc=corp`.
    let directory =
        matches!(&bytes[at.saturating_sub(5)..at], [.., b'l', b'd', b'a', b'p'] | [.., b'l', b'd', b'a', b'p', b's']);
    let Some(authority) = authority(bytes, start, directory) else { return };
    let Some(sign) = memchr::memrchr(b'@', &bytes[authority.clone()]) else { return };
    let user_info = authority.start..authority.start + sign;
    let host = user_info.end + 1..authority.end;
    let scheme_length = bytes[at.saturating_sub(24)..at]
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
        .count();
    let scheme = bytes[at - scheme_length..at].to_ascii_lowercase();
    if scheme.is_empty() || !is_host(&bytes[host.clone()]) {
        return;
    }
    let (user, password) = match memchr::memchr(b':', &bytes[user_info.clone()]) {
        Some(colon) => (user_info.start..user_info.start + colon, user_info.start + colon + 1..user_info.end),
        // A token as the user of an HTTP URL.
        None if scheme.starts_with(b"http") || scheme.starts_with(b"git") => {
            (user_info.start..user_info.start, user_info.clone())
        }
        None => return,
    };
    let alone = user.is_empty() && bytes.get(password.start.wrapping_sub(1)) != Some(&b':');
    let (Ok(user), Ok(value)) = (std::str::from_utf8(&bytes[user]), std::str::from_utf8(&bytes[password.clone()]))
    else {
        return;
    };
    let decoded = decode(value);
    if alone && !looks_random(&decoded) {
        return;
    }
    // `token:x-oauth-basic@`: the user is the secret; formats of the catalogue know most of these.
    if decoded.eq_ignore_ascii_case(user)
        || is_name_of_part(&decoded)
        || is_nothing(&decoded)
        || is_variable(bytes, &password)
    {
        return;
    }
    let host = std::str::from_utf8(&bytes[host]).unwrap_or_default();
    let setting = Setting::of(&text.hint);
    let (confidence, weak) = match judge(Promise::Password, &decoded, setting.made_up) {
        Worth::Nothing => return,
        Worth::Sure(_) if is_nowhere(host) && !looks_random(&decoded) => (Confidence::Low, true),
        Worth::Sure(confidence) => (
            if is_nowhere(host) || setting.made_up { Confidence::Low } else { confidence.max(Confidence::Medium) },
            false,
        ),
        // A password in a connection string to a real host is one, weak or not.
        Worth::Weak => (Confidence::Low, is_nowhere(host) || judge_sign_in(&decoded, setting.made_up) == Worth::Weak),
    };
    let value = matches!(decoded, Cow::Owned(_)).then(|| Zeroizing::new(decoded.into_owned().into_bytes()));
    found.push(RawCandidate { rule: rule::CONNECTION, range: password, value, confidence, weak });
}

/// What stands between `://` and the path. Drivers take a password with a bare `/` in it too where it cannot be a path.
fn authority(bytes: &[u8], start: usize, commas: bool) -> Option<Range<usize>> {
    let window = &bytes[start..bytes.len().min(start + LONGEST)];
    let (mut at_sign, mut colon) = (false, None);
    for (at, byte) in window.iter().enumerate() {
        match byte {
            b'@' => at_sign = true,
            b':' if colon.is_none() => colon = Some(at),
            b'/' | b'?' | b'#' if at_sign => return Some(start..start + at),
            b'/' if is_in_password(bytes, start, &window[..at], colon) => {}
            b'/' | b'?' => return None,
            b',' if commas => {}
            b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | b',' | b')' | b'|' | b'^'
            | b']' => {
                return at_sign.then_some(start..start + at);
            }
            byte if !byte.is_ascii() => return None,
            _ => {}
        }
    }
    (at_sign && start + window.len() == bytes.len()).then_some(start..bytes.len())
}

/// Whether a `/` stands in a password: behind `user:` and what is no port, in the URL of a database, whose path has no
/// `@`.
fn is_in_password(bytes: &[u8], start: usize, before: &[u8], colon: Option<usize>) -> bool {
    const SCHEMES: [&[u8]; 10] =
        [b"postgres", b"postgresql", b"mysql", b"mariadb", b"redis", b"rediss", b"mongodb", b"amqp", b"amqps", b"srv"];
    let Some(colon) = colon.filter(|colon| *colon > 0) else { return false };
    let part = &before[colon + 1..];
    let scheme = &bytes[start.saturating_sub(24)..start.saturating_sub(3)];
    let scheme = &scheme[scheme.iter().rposition(|byte| !byte.is_ascii_alphabetic()).map_or(0, |at| at + 1)..];
    !part.is_empty()
        && !part.iter().all(u8::is_ascii_digit)
        && SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

fn is_host(host: &[u8]) -> bool {
    let host = host.strip_suffix(b".").unwrap_or(host);
    !host.is_empty()
        && host.len() < 255
        && host.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]%{}$,*()".contains(byte))
}

/// Reserved for documentation (RFC 2606, RFC 5737), or nowhere at all.
fn is_nowhere(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or(host).to_ascii_lowercase();
    let name = name.as_str();
    [
        "example.com",
        "example.org",
        "example.net",
        ".example",
        ".test",
        ".invalid",
        "foo.com",
        "bar.com",
        "domain.com",
        "mydomain.com",
        "yourhost",
    ]
    .iter()
    .any(|end| name.ends_with(end))
        || [
            "host",
            "hostname",
            "server",
            "domain",
            "localhost",
            "127.0.0.1",
            "0.0.0.0",
            "[",
            "foo",
            "bar",
            "a",
            "h",
            "ip",
            "address",
            "myhost",
            "example",
        ]
        .contains(&name)
        || name.contains(['{', '$', '%', '*', '('])
}

/// `user:pass@`: names of the parts of a URL stand in for them.
fn is_name_of_part(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let lower = lower.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    [
        "pass",
        "password",
        "passwd",
        "pwd",
        "pw",
        "p",
        "secret",
        "mypass",
        "mypassword",
        "userpass",
        "user",
        "x-oauth-basic",
        "pass1",
        "token",
        "port",
    ]
    .contains(&lower)
        || lower.ends_with("password")
            && lower.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'-')
        || value.bytes().all(|byte| byte.is_ascii_digit()) && value.len() < 6
}

/// Parts that a program fills in: `${PASSWORD}`, `%s`, `{password}`, `" + password + "`.
fn is_variable(bytes: &[u8], password: &Range<usize>) -> bool {
    let value = &bytes[password.clone()];
    value.first() == Some(&b'$')
        || value.iter().any(|byte| matches!(byte, b'{' | b'}' | b'*'))
        || (value.contains(&b'%')
            && !value.windows(3).any(|w| w[0] == b'%' && w[1].is_ascii_hexdigit() && w[2].is_ascii_hexdigit()))
}

/// Undoes `%41`.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match escape.and_then(|escape| HEXLOWER_PERMISSIVE.decode(escape).ok()) {
            Some(byte) => {
                out.extend(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}
