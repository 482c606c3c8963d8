//! The short values of Kubernetes `Secret`s, whose names say what they are.
//!
//! Long ones are found as base64 wherever they stand; a password of eight letters is a word to every other reader.

use std::ops::Range;

use memchr::memmem;

use super::runs::{is_short_base64, short};
use super::{Budget, Sink};
use crate::engine::Hint;

/// Looks at every document of the kind `Secret`.
pub(crate) fn each(bytes: &[u8], hint: &Hint<'_>, budget: &mut Budget, found: &mut Sink<'_>) {
    if !matches!(hint.extension().as_str(), "yaml" | "yml" | "json" | "tpl" | "") {
        return;
    }
    let mut done = 0;
    for at in memmem::find_iter(bytes, b"Secret") {
        if at < done || !is_kind(bytes, at) {
            continue;
        }
        let start = memmem::rfind(&bytes[done..at], b"\n---").map_or(done, |found| done + found);
        let end = memmem::find(&bytes[at..], b"\n---").map_or(bytes.len(), |found| at + found);
        document(bytes, start..end, budget, found);
        done = end;
    }
}

/// Whether the word at `at` is the whole value of `kind`.
fn is_kind(bytes: &[u8], at: usize) -> bool {
    let before = bytes[at.saturating_sub(24)..at].trim_ascii_end();
    let before = before.strip_suffix(b"\"").or(before.strip_suffix(b"'")).unwrap_or(before).trim_ascii_end();
    let Some(before) = before.strip_suffix(b":") else { return false };
    let before = before.trim_ascii_end();
    let name = before.strip_suffix(b"\"").unwrap_or(before);
    name.ends_with(b"kind") && !bytes.get(at + 6).is_some_and(u8::is_ascii_alphanumeric)
}

/// Reads every `data` of a document; there is one, or in a list one for each item.
fn document(bytes: &[u8], range: Range<usize>, budget: &mut Budget, found: &mut Sink<'_>) {
    let bytes = &bytes[..range.end];
    let mut at = range.start;
    while let Some(next) = memmem::find(&bytes[at..], b"data") {
        let word = at + next;
        at = word + 4;
        let before = word.checked_sub(1).map(|before| bytes[before]);
        let quoted = usize::from(bytes.get(at) == Some(&b'"'));
        let colon = at + quoted + blanks(&bytes[at + quoted..range.end]);
        if before.is_some_and(|byte| byte.is_ascii_alphanumeric()) || bytes.get(colon) != Some(&b':') {
            continue;
        }
        let body = colon + 1 + blanks(&bytes[colon + 1..range.end]);
        at = match bytes.get(body) {
            Some(b'{') => flow(bytes, body + 1..range.end, budget, found),
            Some(b'\n' | b'\r') => block(bytes, word, body..range.end, budget, found),
            _ => body.min(range.end),
        };
    }
}

/// `"name": "value", …}`; gives the end.
fn flow(bytes: &[u8], range: Range<usize>, budget: &mut Budget, found: &mut Sink<'_>) -> usize {
    let mut strings: [Option<Range<usize>>; 2] = [None, None];
    let mut at = range.start;
    while let Some(mark) = memchr::memchr3(b'"', b'}', b',', &bytes[at..range.end]) {
        at += mark;
        match bytes[at] {
            b'}' => return at,
            b',' => {
                strings = [None, None];
                at += 1;
            }
            _ => {
                let Some(length) = memchr::memchr(b'"', &bytes[at + 1..range.end]) else { return range.end };
                let string = at + 1..at + 1 + length;
                at = string.end + 1;
                if let [Some(name), None] = &strings {
                    value(bytes, name.start - 1, string.clone(), budget, found);
                    strings[1] = Some(string);
                } else {
                    strings = [Some(string), None];
                }
            }
        }
    }
    range.end
}

/// Lines `name: value`, further in than `data`; gives the end.
fn block(bytes: &[u8], word: usize, range: Range<usize>, budget: &mut Budget, found: &mut Sink<'_>) -> usize {
    let line_start = memchr::memrchr(b'\n', &bytes[..word]).map_or(0, |at| at + 1);
    let outer = blanks(&bytes[line_start..word]);
    let mut at = range.start;
    while at < range.end {
        let end = memchr::memchr(b'\n', &bytes[at..range.end]).map_or(range.end, |found| at + found);
        let name = at + blanks(&bytes[at..end]);
        let line = bytes[name..end].trim_ascii_end();
        if !line.is_empty() && name - at <= outer {
            return at;
        }
        if let Some(colon) = memchr::memchr(b':', line) {
            let start = name + colon + 1 + blanks(&line[colon + 1..]);
            let marks = usize::from(bytes.get(start).is_some_and(|byte| matches!(byte, b'"' | b'\'')));
            let start = (start + marks).min(end);
            let length = bytes[start..end].iter().take_while(|byte| !b"\"' \r#".contains(byte)).count();
            value(bytes, name, start..start + length, budget, found);
        }
        at = end + 1;
    }
    range.end
}

fn value(bytes: &[u8], name: usize, value: Range<usize>, budget: &mut Budget, found: &mut Sink<'_>) {
    if let Some(chars) = is_short_base64(&bytes[value.clone()]) {
        short(bytes, name, value.start..value.start + chars, budget, found);
    }
}

fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}
