//! Base64 and hexadecimal digits: runs of their characters that begin with what decodes to text.

use std::ops::Range;

use zeroize::Zeroizing;

use super::class::{self, SIX_BITS, base64_words, hex_value, is_base64, is_hex};
use super::map::{Map, Steps};
use super::run::Run;
use super::text::{begins_as_text, inflate_into, is_compressed, is_mostly_text, utf16_kind, utf16_to_utf8};
use super::{Budget, Piece, Sink};

/// Shorter runs are words.
const SHORTEST: usize = 24;
/// Within one run, so many signs are taken for the end of a prefix (`key_`, a folder) at most.
const STARTS: usize = 4;
/// Characters that decide whether a run is decoded.
const PROBE: usize = 16;
/// Bytes before an encoded value that may name it.
const LEAD: usize = 64;

/// Finds encoded runs. Every byte is looked at once by vector instructions; a run of [`SHORTEST`] characters has
/// two full words of eight in a row, wherever it begins.
pub(crate) fn each(bytes: &[u8], budget: &mut Budget, found: &mut Sink<'_>) {
    let (mut at, mut last, mut done) = (0, 0u16, 0);
    while at < bytes.len() {
        let words = match bytes.get(at..at + 64) {
            Some(block) => base64_words(block.try_into().expect("64 bytes were taken")),
            None => {
                let mut block = [0; 64];
                block[..bytes.len() - at].copy_from_slice(&bytes[at..]);
                base64_words(&block)
            }
        };
        let joined = u16::from(words) << 1 | last;
        let mut pairs = joined & joined >> 1;
        last = u16::from(words >> 7);
        while pairs != 0 {
            // Bit 0 is the last word of the block before.
            let inside = at + pairs.trailing_zeros() as usize * 8;
            pairs &= pairs - 1;
            if inside >= done {
                done = run(bytes, inside, done, budget, found);
            }
        }
        at += 64;
        if done > at {
            (at, last) = (done, 0);
        }
    }
}

/// Decodes a short value that something else than its length shows to be base64, with the name from `lead_at` on.
pub(crate) fn short(bytes: &[u8], lead_at: usize, value: Range<usize>, budget: &mut Budget, found: &mut Sink<'_>) {
    let run = Run { lines: vec![(0, value.start)], chars: value.len(), end: value.end };
    let decoded = run.base64(bytes);
    if begins_as_text(&decoded) && is_mostly_text(&decoded) {
        found(run.with_lead(bytes, decoded, lead_at), budget);
    }
}

/// Looks at the run around `inside`; gives its end.
fn run(bytes: &[u8], inside: usize, done: usize, budget: &mut Budget, found: &mut Sink<'_>) -> usize {
    let (mut start, mut end) = (inside, inside);
    loop {
        start -= bytes[done..start].iter().rev().take_while(|byte| is_base64(**byte)).count();
        if start <= done + 1 || bytes[start - 1] != b'\\' || bytes[start] != b'/' {
            break;
        }
        start -= 1;
    }
    loop {
        end += bytes[end..].iter().take_while(|byte| is_base64(**byte)).count();
        if !bytes[end..].starts_with(b"\\/") {
            break;
        }
        end += 1;
    }
    // The letter of an escape (`\n`, PostgreSQL's `\x`) is no part of it.
    if start > 0 && start < end && bytes[start - 1] == b'\\' {
        start += 1;
    }
    for _ in 0..=STARTS {
        if end - start < SHORTEST {
            break;
        }
        if let Some(end) = decode(bytes, start..end, budget, found) {
            return end;
        }
        let last = end - SHORTEST;
        let sign = bytes[start..last].iter().position(|byte| matches!(byte, b'-' | b'_' | b'/' | b'+'));
        let Some(sign) = sign else { break };
        start += sign + 1;
    }
    end
}

/// Decodes a run if it is worth it; gives the end of what was decoded.
fn decode(bytes: &[u8], run: Range<usize>, budget: &mut Budget, found: &mut Sink<'_>) -> Option<usize> {
    let start = if bytes[run.clone()].starts_with(b"0x") { run.start + 2 } else { run.start };
    if run.end - start >= SHORTEST && bytes[start..start + SHORTEST].iter().all(|byte| is_hex(*byte)) {
        return hex(bytes, start, budget, found);
    }
    if !is_plausible(&bytes[run.clone()]) {
        return None;
    }
    let run = Run::collect(bytes, run.start, is_base64);
    if run.chars > budget.left() {
        budget.exceed();
        return Some(run.end);
    }
    let decoded = run.base64(bytes);
    if is_compressed(&decoded) {
        inflated(run.start()..run.padded_end(bytes), &decoded, budget, found);
    } else if let Some(kind) = utf16_kind(&decoded) {
        let (text, map) = utf16_to_utf8(&decoded, kind);
        let piece = run.piece(bytes, decoded);
        found(Piece { bytes: text, range: piece.range, map: Map::Then(Box::new(map), Box::new(piece.map)) }, budget);
    } else if is_mostly_text(&decoded) {
        let piece = match lead(bytes, run.start()).filter(|_| is_value(&decoded)) {
            Some(lead_at) => run.with_lead(bytes, decoded, lead_at),
            None => run.piece(bytes, decoded),
        };
        found(piece, budget);
    } else {
        return None;
    }
    Some(run.end)
}

fn inflated(range: Range<usize>, packed: &[u8], budget: &mut Budget, found: &mut Sink<'_>) {
    let mut text = Zeroizing::new(Vec::new());
    let whole = inflate_into(packed, budget.left(), &mut text);
    if matches!(whole, Ok(false)) {
        budget.exceed();
    } else if is_mostly_text(&text) {
        found(Piece { bytes: text, range: range.clone(), map: Map::Whole(range) }, budget);
    } else {
        // Work that came to nothing counts too, or many small streams could make much of it.
        budget.take(text.len());
    }
}

fn hex(bytes: &[u8], start: usize, budget: &mut Budget, found: &mut Sink<'_>) -> Option<usize> {
    let byte = |pair: &[u8]| Some(hex_value(pair[0])? << 4 | hex_value(pair[1])?);
    let probe: Vec<u8> = bytes[start..start + SHORTEST].chunks_exact(2).filter_map(byte).collect();
    if !begins_as_text(&probe) {
        return None;
    }
    let run = Run::collect(bytes, start, is_hex);
    let mut decoded = Zeroizing::new(Vec::with_capacity(run.chars / 2));
    let mut steps = Steps::default();
    let mut high = None;
    for (at, digit) in run.characters(bytes) {
        let value = hex_value(digit)?;
        match high.take() {
            None => high = Some((at, value)),
            Some((first, high)) => {
                // The two digits of a byte may stand in two lines.
                steps.add(decoded.len(), first, 1, u8::try_from(at + 1 - first).unwrap_or(u8::MAX));
                decoded.push(high << 4 | value);
            }
        }
    }
    if !is_mostly_text(&decoded) {
        return None;
    }
    found(Piece { bytes: decoded, range: start..run.end, map: Map::Steps(steps.0) }, budget);
    Some(run.end)
}

/// Whether a run, its slashes perhaps escaped, begins with what decodes to more than noise.
fn is_plausible(run: &[u8]) -> bool {
    if run[..PROBE].contains(&b'\\') {
        let plain: Vec<u8> = run.iter().copied().filter(|byte| *byte != b'\\').take(PROBE).collect();
        return plain.len() == PROBE && begins_well(&plain);
    }
    begins_well(&run[..PROBE])
}

/// Whether the first characters of a run decode to the beginning of a text or of something that holds one.
fn begins_well(probe: &[u8]) -> bool {
    let mut head = [0u8; PROBE / 4 * 3];
    for (index, quad) in probe.chunks_exact(4).enumerate() {
        let bits = quad.iter().fold(0, |bits, one| bits << 6 | u32::from(SIX_BITS[usize::from(*one)]));
        let filled = index * 3 + 3;
        head[index * 3..filled].copy_from_slice(&bits.to_be_bytes()[1..]);
        let head = &head[..filled];
        // Most of what goes on is plain.
        if head[index * 3..].iter().all(|byte| matches!(byte, b' '..=b'~')) {
            continue;
        }
        // Neither a character nor the magic of anything that is read begins so.
        if matches!(head[0], 1..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1e | 0x7f..=0xc1 | 0xf5..=0xfd) {
            return false;
        }
        if !begins_as_text(head) && !is_compressed(head) && !is_wide(head) {
            return false;
        }
    }
    true
}

/// Whether every other byte is NUL, behind a byte order mark or at once.
fn is_wide(head: &[u8]) -> bool {
    let body = head.strip_prefix(&[0xff, 0xfe]).or_else(|| head.strip_prefix(&[0xfe, 0xff])).unwrap_or(head);
    let (even, odd) = (body.iter().step_by(2), body.iter().skip(1).step_by(2));
    let nul = |byte: &u8| *byte == 0;
    (even.clone().all(nul) && !odd.clone().any(nul)) || (odd.clone().all(nul) && !even.clone().any(nul))
}

/// Whether a decoded text is a value, to be read together with its name, rather than a document of its own.
fn is_value(decoded: &[u8]) -> bool {
    decoded.len() <= 1024 && !decoded.trim_ascii_end().iter().any(|byte| matches!(byte, b'\n' | b'"' | b'\'' | b'{'))
}

/// Where the name begins to which an encoded value at `at` is assigned.
fn lead(bytes: &[u8], at: usize) -> Option<usize> {
    let low = at.saturating_sub(LEAD);
    let before = &bytes[low..at];
    let signs = before.iter().rev().take_while(|byte| matches!(byte, b' ' | b'"' | b'\'' | b'`' | b'=' | b':')).count();
    let sign = before.len() - signs;
    before[sign..].iter().find(|byte| matches!(byte, b'=' | b':'))?;
    let name = before[..sign].iter().rev();
    let name = name.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')).count();
    (name > 0).then(|| low + sign - name)
}

/// Whether short text between quotes can be base64 alone: whole quads, or such without their padding.
pub(crate) fn is_short_base64(value: &[u8]) -> Option<usize> {
    let chars = value.iter().take_while(|byte| class::is_base64(**byte)).count();
    let padding = &value[chars..];
    let fits = match padding {
        b"" => chars % 4 == 0,
        b"=" => chars % 4 == 3,
        b"==" => chars % 4 == 2,
        _ => false,
    };
    (fits && (2..SHORTEST).contains(&chars)).then_some(chars)
}
