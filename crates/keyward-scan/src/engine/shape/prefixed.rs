//! Tokens of services that no rule knows, by what many services put before secret keys: `sk-…`, `shop_live_…`, `pat_…`.

use keyward_types::Confidence;

use super::rule;
use crate::engine::filter::{Promise, Setting, Worth, judge};
use crate::engine::matcher::{RawCandidate, Text};

/// How long the prefix may be, and how long what follows has to be.
const PREFIX: usize = 20;
const SHORTEST: usize = 24;
const LONGEST: usize = 400;

/// `sk-` and `sk_` begin a token.
pub(super) fn secret_key(text: &Text<'_>, at: usize, found: &mut Vec<RawCandidate>) {
    if at == 0 || !is_part(text.bytes[at - 1]) {
        token(text, at, at + 3, found);
    }
}

/// `live_` and `pat_`, which a service's own short name may precede.
pub(super) fn kind(text: &Text<'_>, at: usize, found: &mut Vec<RawCandidate>) {
    let bytes = text.bytes;
    let before = bytes[..at].iter().rev().take(PREFIX).take_while(|byte| is_part(**byte)).count();
    let parted = before == 0 || matches!(bytes[at - 1], b'_' | b'-');
    if before < PREFIX && parted {
        let word = bytes[at..].iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        token(text, at - before, at + word + 1, found);
    }
}

fn token(text: &Text<'_>, start: usize, body: usize, found: &mut Vec<RawCandidate>) {
    let run = text.bytes[body..].iter().take(LONGEST).take_while(|byte| is_part(**byte)).count();
    let Ok(value) = std::str::from_utf8(&text.bytes[body..body + run]) else { return };
    let longest = value.split(['-', '_']).map(str::len).max().unwrap_or(0);
    if run < SHORTEST || longest < SHORTEST / 2 || run == LONGEST {
        return;
    }
    let setting = Setting::of(&text.hint);
    let Worth::Sure(_) = judge(Promise::Vague, value, setting.made_up) else { return };
    if setting.data || !value.bytes().any(|byte| byte.is_ascii_digit()) {
        return;
    }
    let confidence = if setting.made_up { Confidence::Low } else { Confidence::Medium };
    found.push(RawCandidate { rule: rule::PREFIXED, range: start..body + run, value: None, confidence, weak: false });
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}
