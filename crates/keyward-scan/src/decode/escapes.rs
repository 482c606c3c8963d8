//! Escapes: `%41`, `\u0041`, `\x41`, `\101`, `&#x41;`, and what programs write between them.
//!
//! Where several stand near each other, the text around them is decoded as a whole, so that a rule sees the name
//! before a value too. One escape alone is left: rules know the common ones.

use std::ops::Range;

use zeroize::Zeroizing;

use super::class::hex_value;
use super::map::{Map, Steps};
use super::{Budget, Piece, Sink};
use crate::engine::Hint;

/// Escapes so far from each other belong together.
const GAP: usize = 64;
/// Text on either side that is decoded with them, at most.
const AROUND: usize = 256;
/// Escapes weigh four, quotes three: three of the first or four of the second are enough.
const ENOUGH: u32 = 12;

/// Finds regions full of escapes.
pub(crate) fn each(bytes: &[u8], hint: &Hint<'_>, budget: &mut Budget, found: &mut Sink<'_>) {
    let mut cluster = Cluster::default();
    let mut done = 0;
    // Programs are full of `&` that begin nothing.
    let third = if is_markup(hint) { b'&' } else { b'%' };
    for at in memchr::memchr3_iter(b'%', b'\\', third, bytes) {
        let weight = weight(bytes, at);
        if weight == 0 || at < cluster.end {
            continue;
        }
        if at > cluster.end + GAP {
            done = cluster.decode(bytes, done..at, budget, found);
            cluster = Cluster { start: at, end: at, weight: 0 };
        }
        cluster.end = at + 2;
        cluster.weight = cluster.weight.saturating_add(weight);
    }
    cluster.decode(bytes, done..bytes.len(), budget, found);
}

/// Whether a text may hold entities: it is none in a language in which `&` is an operator.
fn is_markup(hint: &Hint<'_>) -> bool {
    const PROGRAMS: [&str; 15] =
        ["rs", "c", "h", "cc", "cpp", "cxx", "hpp", "go", "sh", "bash", "js", "ts", "java", "swift", "zig"];
    !PROGRAMS.contains(&hint.extension().as_str())
}

/// How much what begins at `at` looks like an escape that somebody had to undo.
#[inline]
fn weight(bytes: &[u8], at: usize) -> u32 {
    let Some(next) = bytes.get(at + 1) else { return 0 };
    let numbered = match (bytes[at], next) {
        (b'\\', b'"') => return 3,
        (b'&', b'q') if bytes[at..].starts_with(b"&quot;") => return 3,
        (b'\\', b'u' | b'U' | b'x' | b'0'..=b'3') | (b'&', b'#') => true,
        (b'%', next) => next.is_ascii_hexdigit(),
        _ => false,
    };
    if numbered && escape(&bytes[at..]).is_some() { 4 } else { 0 }
}

#[derive(Default)]
struct Cluster {
    start: usize,
    end: usize,
    weight: u32,
}

impl Cluster {
    /// Decodes the lines around the cluster that lie in what is `free`; gives where it stopped.
    fn decode(&self, bytes: &[u8], free: Range<usize>, budget: &mut Budget, found: &mut Sink<'_>) -> usize {
        if self.weight < ENOUGH {
            return free.start;
        }
        let low = self.start.saturating_sub(AROUND).max(free.start);
        let start = memchr::memrchr(b'\n', &bytes[low..self.start]).map_or(low, |at| low + at + 1);
        let high = free.end.min(self.end + AROUND);
        let end = memchr::memchr(b'\n', &bytes[self.end.min(high)..high]).map_or(high, |at| self.end + at);
        if end - start > budget.left() {
            budget.exceed();
            return end;
        }
        let (text, steps) = undo(&bytes[start..end], start);
        found(Piece { bytes: text, range: start..end, map: Map::Steps(steps.0) }, budget);
        end
    }
}

/// Undoes every escape in `text`, which stands at `base`.
fn undo(text: &[u8], base: usize) -> (Zeroizing<Vec<u8>>, Steps) {
    let mut output = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut steps = Steps::default();
    let mut at = 0;
    while at < text.len() {
        let literal = memchr::memchr3(b'%', b'\\', b'&', &text[at..]).unwrap_or(text.len() - at);
        if literal > 0 {
            steps.add(output.len(), base + at, 1, 1);
            output.extend_from_slice(&text[at..at + literal]);
            at += literal;
            continue;
        }
        match escape(&text[at..]).or_else(|| simple(&text[at..])) {
            Some((meant, length)) => {
                let mut buffer = [0; 4];
                let meant = meant.bytes(&mut buffer);
                steps.add(output.len(), base + at, meant.len() as u8, length as u8);
                output.extend_from_slice(meant);
                at += length;
            }
            None => {
                steps.add(output.len(), base + at, 1, 1);
                output.push(text[at]);
                at += 1;
            }
        }
    }
    (output, steps)
}

/// What an escape stands for.
#[derive(Clone, Copy)]
enum Meant {
    Byte(u8),
    Char(char),
}

impl Meant {
    fn bytes(self, buffer: &mut [u8; 4]) -> &[u8] {
        match self {
            Self::Byte(byte) => {
                buffer[0] = byte;
                &buffer[..1]
            }
            Self::Char(character) => character.encode_utf8(buffer).as_bytes(),
        }
    }
}

/// The escape by number that begins `text`, and its length.
fn escape(text: &[u8]) -> Option<(Meant, usize)> {
    match text {
        [b'%', rest @ ..] => Some((Meant::Byte(number(rest.get(..2)?, 16)? as u8), 3)),
        [b'\\', b'x', rest @ ..] => Some((Meant::Byte(number(rest.get(..2)?, 16)? as u8), 4)),
        [b'\\', b'u', b'{', rest @ ..] => {
            let digits = rest.iter().take(7).position(|byte| *byte == b'}')?;
            Some((Meant::Char(char::from_u32(number(&rest[..digits], 16)?)?), digits + 4))
        }
        [b'\\', b'u', rest @ ..] => unit(rest.get(..4)?, rest.get(4..)),
        [b'\\', b'U', rest @ ..] => Some((Meant::Char(char::from_u32(number(rest.get(..8)?, 16)?)?), 10)),
        [b'\\', b'0'..=b'3', ..] => Some((Meant::Byte(number(text.get(1..4)?, 8)? as u8), 4)),
        [b'&', b'#', rest @ ..] => {
            let end = rest.iter().take(9).position(|byte| *byte == b';')?;
            let value = match rest[..end] {
                [b'x' | b'X', ref digits @ ..] => number(digits, 16)?,
                ref digits => number(digits, 10)?,
            };
            Some((Meant::Char(char::from_u32(value)?), end + 3))
        }
        _ => None,
    }
}

/// A UTF-16 unit as `\uXXXX`, with its second half where it has one.
fn unit(digits: &[u8], rest: Option<&[u8]>) -> Option<(Meant, usize)> {
    let first = number(digits, 16)?;
    if let Some(character) = char::from_u32(first) {
        return Some((Meant::Char(character), 6));
    }
    let second = rest.and_then(|rest| rest.strip_prefix(b"\\u")).and_then(|rest| number(rest.get(..4)?, 16));
    let units = [first as u16, second.unwrap_or(0) as u16];
    match char::decode_utf16(units).next()? {
        Ok(character) => Some((Meant::Char(character), 12)),
        Err(_) => Some((Meant::Char(char::REPLACEMENT_CHARACTER), 6)),
    }
}

/// The escape by letter or name that begins `text`.
fn simple(text: &[u8]) -> Option<(Meant, usize)> {
    let named: [(&[u8], u8); 5] =
        [(b"&quot;", b'"'), (b"&amp;", b'&'), (b"&lt;", b'<'), (b"&gt;", b'>'), (b"&apos;", b'\'')];
    if text[0] == b'&' {
        let (name, meant) = named.iter().find(|(name, _)| text.starts_with(name))?;
        return Some((Meant::Byte(*meant), name.len()));
    }
    let meant = match text.get(..2)? {
        b"\\n" => b'\n',
        b"\\r" => b'\r',
        b"\\t" => b'\t',
        [b'\\', mark @ (b'"' | b'\'' | b'\\' | b'/' | b'`')] => *mark,
        _ => return None,
    };
    Some((Meant::Byte(meant), 2))
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |value, digit| {
        let digit = u32::from(hex_value(*digit)?);
        (digit < radix).then_some(value.checked_mul(radix)?.checked_add(digit)?)
    })
}
