//! JSON Web Tokens (RFC 7519): read, never verified.

use data_encoding::{BASE64URL_NOPAD, Specification};
use keyward_types::{Confidence, Timestamp};
use serde_json::{Map, Value};

use super::rule;
use crate::engine::filter::Setting;
use crate::engine::matcher::{RawCandidate, Text};

const LONGEST: usize = 16 * 1024;

/// A token that has ended by `now` is worth little. Nobody's clock is asked here: two scans that are told the same
/// time say the same.
pub(super) fn confirm(text: &Text<'_>, at: usize, now: Option<Timestamp>, found: &mut Vec<RawCandidate>) {
    let bytes = text.bytes;
    if at > 0 && is_part(bytes[at - 1]) {
        return;
    }
    let window = &bytes[at..bytes.len().min(at + LONGEST)];
    let run = window.iter().take_while(|byte| is_part(**byte) || **byte == b'.').count();
    let token = &window[..run];
    let token =
        token.strip_suffix(b".").filter(|rest| rest.iter().filter(|b| **b == b'.').count() == 2).unwrap_or(token);
    let mut parts = token.split(|byte| *byte == b'.');
    let (Some(head), Some(body)) = (parts.next(), parts.next()) else { return };
    let rest: Vec<&[u8]> = parts.collect();
    if head.len() < 16 || rest.is_empty() || rest.len() > 3 {
        return;
    }
    let Some(header) = object(head).filter(|header| header.contains_key("alg")) else { return };
    let none = header["alg"].as_str().is_some_and(|algorithm| algorithm.eq_ignore_ascii_case("none"));
    let encrypted = rest.len() == 3;
    let claims = object(body);
    if rest.len() == 2 || (claims.is_none() && !encrypted && !header.contains_key("enc")) {
        return;
    }
    if !none && rest[0].len() < 20 {
        return;
    }
    let claims = claims.unwrap_or_default();
    if is_public(&claims) || is_documentation(&claims) {
        return;
    }
    let signature = rest.last().copied().unwrap_or_default();
    if different(signature) < 8 && !none {
        return;
    }
    let low = none || encrypted || now.is_some_and(|now| has_ended(&claims, now)) || Setting::of(&text.hint).made_up;
    let confidence = if low { Confidence::Low } else { Confidence::High };
    found.push(RawCandidate { rule: rule::JWT, range: at..at + token.len(), value: None, confidence, weak: none });
}

/// Meant for browsers: Supabase's `anon` role.
fn is_public(claims: &Map<String, Value>) -> bool {
    claims.get("role").and_then(Value::as_str) == Some("anon")
}

/// The subject that the introduction on jwt.io made known, and its like.
fn is_documentation(claims: &Map<String, Value>) -> bool {
    let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    let name = claims.get("name").and_then(Value::as_str).unwrap_or_default();
    subject == "1234567890" || name == "John Doe" || claims.get("iss").and_then(Value::as_str) == Some("joe")
}

/// `exp` is in seconds, and may have a fraction (RFC 7519, section 2).
fn has_ended(claims: &Map<String, Value>, now: Timestamp) -> bool {
    claims.get("exp").and_then(Value::as_f64).is_some_and(|end| end * 1000.0 <= now.0 as f64)
}

fn object(part: &[u8]) -> Option<Map<String, Value>> {
    let mut lenient: Specification = BASE64URL_NOPAD.specification();
    lenient.check_trailing_bits = false;
    let part = part.strip_suffix(b"==").or_else(|| part.strip_suffix(b"=")).unwrap_or(part);
    let bytes = lenient.encoding().ok()?.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn different(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|one| **one).count()
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=')
}
