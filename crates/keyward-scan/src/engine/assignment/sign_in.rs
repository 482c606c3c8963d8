//! Passwords that stand where a sign-in needs one, and keys where a signature does: by their place in a call, or in
//! the company of a user and a host.
//!
//! What else would have to look drawn by a machine to be reported may be as poor here as people's passwords are.

use std::ops::Range;

use super::{PASSWORD, SECRET};
use crate::engine::filter::{Promise, Setting, Worth, judge, judge_sign_in};
use crate::engine::matcher::{RawCandidate, Text};

/// The ends of names of calls, in lower case, and which of their arguments is the password or key (the first is 0).
pub(super) const CALLS: [(&str, usize); PASSWORDS + 5] = [
    ("mysql_connect", 2),
    ("mysql_pconnect", 2),
    ("mysqli_connect", 2),
    ("new mysqli", 2),
    ("new pdo", 2),
    ("dbi->connect", 2),
    ("dbi.connect", 2),
    ("drivermanager.getconnection", 2),
    ("oci_connect", 1),
    ("oci_pconnect", 1),
    ("ftp_login", 2),
    ("ssh2_auth_password", 2),
    ("networkcredential", 1),
    ("passwordauthentication", 1),
    ("httpbasicauth", 1),
    ("httpdigestauth", 1),
    ("jwt.sign", 1),
    ("jwt.verify", 1),
    ("jwt.encode", 1),
    ("jwt.decode", 1),
    ("createhmac", 1),
];

/// The first of [`CALLS`] take passwords, the others keys.
const PASSWORDS: usize = 16;

/// A password as an argument of one of [`CALLS`]; `at` is the beginning of its name.
pub(super) fn call(text: &Text<'_>, call: usize, at: usize, found: &mut Vec<RawCandidate>) {
    let (name, place) = CALLS[call];
    let bytes = text.bytes;
    // `[Net.NetworkCredential]::new(`
    let after = &bytes[at + name.len()..];
    let open = ["]::new(", "("].iter().find(|open| after.starts_with(open.as_bytes()));
    let Some(open) = open else { return };
    let Some(range) = argument(bytes, at + name.len() + open.len(), place) else { return };
    let Ok(value) = std::str::from_utf8(&bytes[range.clone()]) else { return };
    let setting = Setting::of(&text.hint);
    let key = call >= PASSWORDS;
    let worth = if key { judge(Promise::Drawn, value, setting.made_up) } else { judge_sign_in(value, setting.made_up) };
    let (confidence, weak) = match worth {
        Worth::Nothing => return,
        Worth::Weak => (keyward_types::Confidence::Low, true),
        Worth::Sure(confidence) => (confidence, false),
    };
    let rule = if key { SECRET } else { PASSWORD };
    found.push(RawCandidate { rule, range, value: None, confidence, weak });
}

/// The text of the argument at this place, if it is a string and nothing is joined to it.
fn argument(text: &[u8], mut at: usize, place: usize) -> Option<Range<usize>> {
    let end = text.len().min(at + 400);
    let (mut commas, mut depth) = (0, 0);
    while at < end {
        match text[at] {
            quote @ (b'"' | b'\'') => {
                let start = at + 1;
                let length = text[start..end].iter().position(|byte| *byte == quote || *byte == b'\n')?;
                at = start + length + 1;
                if commas == place && depth == 0 {
                    let next = text[at..end].iter().find(|byte| !byte.is_ascii_whitespace());
                    return matches!(next, Some(b',' | b')')).then_some(start..start + length);
                }
            }
            b'(' | b'{' | b'[' => (at, depth) = (at + 1, depth + 1),
            b')' | b'}' | b']' if depth > 0 => (at, depth) = (at + 1, depth - 1),
            b',' if depth == 0 => (at, commas) = (at + 1, commas + 1),
            b')' | b';' => return None,
            _ => at += 1,
        }
        if commas > place {
            return None;
        }
    }
    None
}

/// Whether a user and a host are given on the same line as a password: in a connection string, in the arguments of a
/// call, in a map.
pub(super) fn in_company(text: &[u8], name: &Range<usize>, value: &Range<usize>) -> bool {
    let before = &text[name.start.saturating_sub(200)..name.start];
    let before = &before[memchr::memrchr(b'\n', before).map_or(0, |at| at + 1)..];
    let after = &text[value.end..text.len().min(value.end + 200)];
    let after = &after[..memchr::memchr(b'\n', after).unwrap_or(after.len())];
    let given = |names: &[&str]| names.iter().any(|name| is_given(before, name) || is_given(after, name));
    given(&["user", "uid", "username", "user id", "userid", "login"])
        && given(&["host", "hostname", "server", "data source", "datasource", "dsn", "driver", "addr", "address"])
}

/// Whether a value is given to this name: `user=`, `'user': `, `User Id =`.
fn is_given(text: &[u8], name: &str) -> bool {
    let starts = |at: usize| at == 0 || !text[at - 1].is_ascii_alphanumeric();
    text.windows(name.len()).enumerate().any(|(at, window)| {
        window.eq_ignore_ascii_case(name.as_bytes()) && starts(at) && {
            let rest = text[at + name.len()..].iter();
            let mut rest = rest.skip_while(|byte| matches!(byte, b'"' | b'\'' | b' ' | b']'));
            matches!(rest.next(), Some(b'=' | b':'))
        }
    })
}
