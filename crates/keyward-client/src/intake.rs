//! A value on its way in: what it is, how strong it is, and what its owner should know.

use keyward_providers::{Note, Recognition, recognise, strength};
use keyward_types::{Kind, SecretName};

use crate::{Bytes, EditInfo, NewSecret};

/// A value that was looked at.
#[derive(Debug)]
pub struct Examined {
    /// What is to be stored.
    pub secret: NewSecret,
    /// What was recognised.
    pub recognition: Recognition,
    /// What its owner should know, each in one sentence; no value is in it.
    pub advice: Vec<String>,
}

/// Looks at a value. What the caller chose in `edit` counts more than what is recognised.
pub fn examine(name: SecretName, value: Bytes, mut edit: EditInfo) -> Examined {
    let recognition = recognise(name.as_str(), value.expose());
    edit.looks_like = Some(recognition.kind);
    let kind = edit.kind.unwrap_or(recognition.kind);
    if kind.is_secret() {
        if edit.provider.is_none() {
            edit.provider = recognition.provider.map(|id| Some(id.to_owned()));
        }
        if edit.access.is_none() {
            edit.access = recognition.access.map(Some);
        }
        if edit.expires_at.is_none() {
            edit.expires_at = recognition.expires_at.map(Some);
        }
    }
    let bits = bits(value.expose());
    let mut advice: Vec<String> = Vec::new();
    if kind.is_secret() {
        advice.extend(recognition.notes.iter().filter(|note| **note != Note::AsFile).map(ToString::to_string));
        let weak = f64::from(bits) < strength::floor(kind);
        if weak && !recognition.notes.iter().any(|note| matches!(note, Note::Empty | Note::Placeholder)) {
            advice.push(format!("it is weak: about {bits} bits; {kind}s should have {}", strength::floor(kind)));
        }
    }
    Examined { secret: NewSecret { name, value, bits, edit }, recognition, advice }
}

/// Whether a value is a setting by its form: a number, a switch, an address without a password.
pub fn is_plainly_none(value: &[u8]) -> bool {
    const SWITCHES: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "null", "none"];
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let address = text.split_once("://").is_some_and(|(_, rest)| !rest.contains(['@', '?']));
    text.is_empty()
        || address
        || text.parse::<f64>().is_ok() && text.len() < 8
        || SWITCHES.iter().any(|one| text.eq_ignore_ascii_case(one))
}

/// Estimated entropy of a value in bits. Bytes that are no text count as random.
pub fn bits(value: &[u8]) -> u16 {
    let bits = match std::str::from_utf8(value) {
        Ok(text) => strength::bits(text),
        Err(_) => value.len() as f64 * 8.0,
    };
    bits.clamp(0.0, f64::from(u16::MAX)) as u16
}

/// Whether `run` can hide a value in output: shorter or weaker ones would hide innocent text.
pub fn can_be_masked(kind: Kind, bits: u16, length: usize) -> bool {
    kind.is_secret() && length >= 8 && bits >= 24
}
