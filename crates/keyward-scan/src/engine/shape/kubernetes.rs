//! Kubernetes: `stringData` of a `Secret`, keys of a kubeconfig. What `data` holds is decoded elsewhere.

use data_encoding::BASE64;
use keyward_types::Confidence;
use std::ops::Range;

use super::rule;
use crate::engine::filter::{Promise, Setting, Worth, judge};
use crate::engine::matcher::{RawCandidate, Text};
use crate::engine::yaml;

/// Every entry below `stringData:`; they are secrets whatever they are called.
pub(super) fn secret(text: &Text<'_>, at: usize, found: &mut Vec<RawCandidate>) {
    let bytes = text.bytes;
    let line_start = memchr::memrchr(b'\n', &bytes[at.saturating_sub(200)..at])
        .map_or(at.saturating_sub(200), |n| at.saturating_sub(200) + n + 1);
    let indent = at - line_start;
    let made_up = Setting::of(&text.hint).made_up;
    let mut start = at + "stringData:".len();
    for _ in 0..200 {
        let Some(length) = memchr::memchr(b'\n', &bytes[start.min(bytes.len())..]) else { break };
        start += length + 1;
        let end = start + memchr::memchr(b'\n', &bytes[start..]).unwrap_or(bytes.len() - start);
        let line = &bytes[start..end];
        let own = line.iter().take_while(|byte| **byte == b' ').count();
        if line.trim_ascii().is_empty() || line.trim_ascii().starts_with(b"#") {
            continue;
        }
        if own <= indent {
            break;
        }
        if let Some(range) = value(bytes, start..end) {
            entry(text, range, made_up, found);
        }
    }
}

fn entry(text: &Text<'_>, range: Range<usize>, made_up: bool, found: &mut Vec<RawCandidate>) {
    let Ok(content) = std::str::from_utf8(&text.bytes[range.clone()]) else { return };
    let (confidence, weak) = match judge(Promise::Password, content, made_up) {
        Worth::Nothing => return,
        Worth::Weak => (Confidence::Low, true),
        Worth::Sure(confidence) => (confidence, false),
    };
    found.push(RawCandidate { rule: rule::KUBERNETES, range, value: None, confidence, weak });
}

/// The value of `key: value` without quotes around it.
fn value(bytes: &[u8], line: Range<usize>) -> Option<Range<usize>> {
    let colon = line.start + memchr::memmem::find(&bytes[line.clone()], b": ")?;
    let key = line.start + bytes[line.clone()].iter().take_while(|byte| **byte == b' ').count();
    if matches!(bytes.get(colon + 2), Some(b'|' | b'>')) {
        return yaml::below(bytes, key, colon + 2).and_then(|all| all.into_iter().next());
    }
    let mut range = colon + 2..line.end;
    while range.start < range.end && matches!(bytes[range.start], b' ' | b'"' | b'\'') {
        range.start += 1;
    }
    while range.end > range.start && matches!(bytes[range.end - 1], b' ' | b'\r' | b'"' | b'\'') {
        range.end -= 1;
    }
    (range.len() >= 4).then_some(range)
}

/// `client-key-data:` of a kubeconfig: a private key in base64.
pub(super) fn client_key(text: &Text<'_>, at: usize, found: &mut Vec<RawCandidate>) {
    let line_end = text.bytes.len().min(at + 16 * 1024);
    let end = at + memchr::memchr(b'\n', &text.bytes[at..line_end]).unwrap_or(line_end - at);
    let Some(range) = value(text.bytes, at..end) else { return };
    let Ok(decoded) = BASE64.decode(&text.bytes[range.clone()]) else { return };
    if memchr::memmem::find(&decoded, b"PRIVATE KEY").is_some() && decoded.len() > 150 {
        found.push(RawCandidate {
            rule: rule::KUBERNETES,
            range,
            value: None,
            confidence: Confidence::High,
            weak: false,
        });
    }
}
