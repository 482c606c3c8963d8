//! Which value an argument is: a bare variable, not a word in a text, a length or a comparison.

use std::ops::Range;

use super::is_word;
use super::names::{self, Sure};

/// An argument list is looked at up to this many bytes.
const REACH: usize = 400;

/// How a language puts a value into a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holes {
    /// `f"{x}"`, and only in texts with that prefix.
    PrefixedBraces,
    /// `"{x}"`: Rust's macros.
    Braces,
    /// `` `${x}` ``.
    Template,
    /// `"#{x}"`.
    Hash,
    /// `"$x"`, `"${x}"`, `"{$x}"`.
    Dollar,
    /// None.
    No,
}

/// A secret that is an argument by itself, of a call whose arguments begin at `start` and end with
/// the parenthesis that closes them, or with the line where there is none.
pub(super) fn bare_secret(
    text: &[u8],
    start: usize,
    holes: Holes,
    parenthesised: bool,
) -> Option<(Range<usize>, Sure)> {
    let high = text.len().min(start + REACH);
    let mut depth = 1usize;
    let mut at = start;
    let mut best: Option<(Range<usize>, Sure)> = None;
    while at < high {
        match text[at] {
            b'"' | b'\'' | b'`' => {
                let prefix = at.checked_sub(1).map_or(b' ', |before| text[before]);
                let end = end_of_string(text, at, high)?;
                if interpolates(holes, text[at], prefix) {
                    best = better(best, hole(text, at + 1..end, holes));
                }
                at = end + 1;
                continue;
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            b'\n' if !parenthesised => break,
            b';' if depth == 1 => break,
            byte if (is_word(byte) || byte == b'$') && (at == start || !is_word(text[at - 1])) => {
                let end = path_end(text, at, high);
                if depth == 1 {
                    best = better(best, alone(text, start, at..end));
                }
                at = end.max(at + 1);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    best
}

/// The last part of a path of names: `self.config.api_key`, `process.env.API_KEY`,
/// `os.environ["API_KEY"]`, `ENV.fetch('API_KEY')`.
pub(super) fn secret_path(path: &[u8]) -> Option<Sure> {
    const READS: [&str; 8] =
        ["os.environ[", "os.environ.get(", "os.getenv(", "process.env[", "ENV[", "ENV.fetch(", "getenv(", "os.Getenv("];
    let path = std::str::from_utf8(path).ok()?.trim_start_matches(['$', '&', '*']);
    if let Some(rest) = READS.iter().find_map(|read| path.strip_prefix(read)) {
        let name = rest.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        return names::secret(name.split(['"', '\'']).next()?);
    }
    if path.contains(['(', '[']) {
        return None;
    }
    let name = path.rsplit(['.', ':', '>']).next()?;
    // A constant of an enumeration of token kinds, a class.
    let before = path[..path.len() - name.len()].trim_end_matches(['.', ':', '>', '-']);
    let is_kind = before.ends_with("Token") || before.ends_with("TokenType") || before.ends_with("Kind");
    let is_type = name.starts_with(|c: char| c.is_ascii_uppercase()) && name.contains(|c: char| c.is_ascii_lowercase());
    // `cfg.APIKey` is a field of Go.
    if is_kind || is_type && (!path.contains('.') || path.contains("::")) {
        return None;
    }
    names::secret(name)
}

/// A secret that stands in a hole of a text.
fn hole(text: &[u8], inner: Range<usize>, holes: Holes) -> Option<(Range<usize>, Sure)> {
    let mut at = inner.start;
    let mut best = None;
    while at < inner.end {
        let rest = &text[at..inner.end];
        let open = match holes {
            Holes::PrefixedBraces | Holes::Braces if rest.starts_with(b"{{") => {
                at += 2;
                continue;
            }
            Holes::PrefixedBraces | Holes::Braces if rest[0] == b'{' => 1,
            Holes::Template | Holes::Dollar if rest.starts_with(b"${") => 2,
            Holes::Dollar if rest.starts_with(b"{$") => 1,
            Holes::Dollar if rest[0] == b'$' && rest.get(1).is_some_and(|next| is_word(*next)) => 0,
            Holes::Hash if rest.starts_with(b"#{") => 2,
            _ => {
                at += 1;
                continue;
            }
        };
        let start = at + open;
        let end = path_end(text, start, inner.end);
        let next = text.get(end).copied().unwrap_or(b' ');
        let closed = open == 0 || next == b'}' || matches!(&text[end..inner.end.min(end + 2)], b"!r" | b"!s" | b":?");
        if closed && let Some(sure) = secret_path(&text[start..end]) {
            best = better(best, Some((start..end, sure)));
        }
        at = end.max(at + 1);
    }
    best
}

/// A path that is an argument, or a part of a concatenation, by itself.
fn alone(text: &[u8], start: usize, path: Range<usize>) -> Option<(Range<usize>, Sure)> {
    let before = text[start..path.start].trim_ascii_end().last().copied();
    let after = text[path.end..text.len().min(path.end + 40)].trim_ascii_start();
    let begins = matches!(before, None | Some(b',' | b'+' | b'%' | b'&' | b'.' | b'<'));
    let ends = after.is_empty()
        || matches!(after[0], b')' | b',' | b'+' | b';' | b'<' | b'|')
        // PHP's concatenation, not a member.
        || after[0] == b'.' && after.get(1).is_none_or(|next| !is_word(*next))
        || !text[path.end..].starts_with(b" ") && matches!(text.get(path.end), Some(b'\n' | b'\r'));
    // `password=password` names an argument.
    let sure = (begins && ends && !after.starts_with(b"||")).then(|| secret_path(&text[path.clone()])).flatten()?;
    Some((path, sure))
}

fn better(a: Option<(Range<usize>, Sure)>, b: Option<(Range<usize>, Sure)>) -> Option<(Range<usize>, Sure)> {
    match (&a, &b) {
        (Some((_, one)), Some((_, other))) if other > one => b,
        (None, _) => b,
        _ => a,
    }
}

/// Where a path of names ends, a read of the environment in it included.
fn path_end(text: &[u8], start: usize, high: usize) -> usize {
    let mut at = start;
    while at < high {
        let rest = &text[at..high];
        if is_word(rest[0]) || rest[0] == b'$' && at == start {
            at += 1;
        } else if rest.starts_with(b"->") || rest.starts_with(b"::") || rest.starts_with(b"?.") {
            if !rest.get(2).is_some_and(|next| is_word(*next)) {
                break;
            }
            at += 2;
        } else if rest[0] == b'.' && rest.get(1).is_some_and(|next| is_word(*next)) {
            at += 1;
        } else if matches!(rest[0], b'[' | b'(') && matches!(rest.get(1), Some(b'"' | b'\'')) {
            let closing = if rest[0] == b'[' { b']' } else { b')' };
            let Some(end) = memchr::memchr2(closing, b'\n', rest).filter(|end| rest[*end] == closing) else { break };
            at += end + 1;
        } else {
            break;
        }
    }
    at
}

/// Where a text ends that begins at `at`: the place of its closing quote.
fn end_of_string(text: &[u8], at: usize, high: usize) -> Option<usize> {
    let quote = text[at];
    let triple = text.get(at..at + 3).is_some_and(|three| three.iter().all(|byte| *byte == quote));
    if triple && quote != b'`' {
        let end = memchr::memmem::find(&text[at + 3..high], &[quote; 3])?;
        return Some(at + 3 + end + 2);
    }
    let mut end = at + 1;
    while end < high {
        match text[end] {
            b'\\' => end += 1,
            b'\n' if quote != b'`' => return None,
            byte if byte == quote => return Some(end),
            _ => {}
        }
        end += 1;
    }
    None
}

fn interpolates(holes: Holes, quote: u8, prefix: u8) -> bool {
    match holes {
        Holes::PrefixedBraces => matches!(prefix, b'f' | b'F'),
        Holes::Template => quote == b'`',
        Holes::Braces | Holes::Hash | Holes::Dollar => quote == b'"',
        Holes::No => false,
    }
}
