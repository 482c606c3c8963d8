//! `$NAME`, `${NAME}` and `${NAME:-text}`, `-`, `:+`, `+`, replaced one at a time until none is left.
//!
//! The library looks for the first reference, replaces the *first place that reads like it*, and
//! begins again at the front, so that a value's own references are replaced too. It stops early when
//! the whole text equals the value put in, or when a value put in was in single quotes and holds
//! references. In a value that is put in, `$$`, `$&`, `` $` `` and `$'` mean what they mean in
//! JavaScript's `replace`.

use std::borrow::Cow;
use std::collections::HashMap;

use super::PROTOTYPE;
use crate::budget::{Budget, Exhausted};
use crate::entries::Entries;
use crate::{Environment, Reason};

/// What one replacement costs beside the bytes it reads and writes.
const STEP: usize = 256;

/// What a reference is looked up in: the environment first, then the values so far.
pub(super) struct Scope<'s> {
    pub(super) entries: &'s Entries,
    pub(super) literals: &'s HashMap<String, String>,
    pub(super) env: Environment<'s>,
}

/// What an object holds under a name.
enum Property {
    Missing,
    Value(String),
    /// Not set, but every object has it.
    Inherited,
}

impl Scope<'_> {
    pub(super) fn expand(&self, mut value: String, budget: &mut Budget) -> Result<String, Reason> {
        while let Some(reference) = Reference::first_in(&value) {
            let written = &value[reference.start..reference.end];
            let inner = &value[reference.inner.0..reference.inner.1];
            let (name, operator, alternative) = split(inner);
            let property = self.property(name);
            let replacement = property.resolve(name, operator, alternative)?;
            let replaced = replace_first(&value, written, &replacement);
            budget.spend(STEP + value.len() + replaced.len()).map_err(|Exhausted| Reason::Endless)?;
            let is_value = matches!(&property, Property::Value(known) if *known == replaced);
            let stops = is_value || self.literals.get(name).is_some_and(|literal| holds_reference(literal));
            value = replaced;
            if stops {
                break;
            }
        }
        Ok(value)
    }

    fn property(&self, name: &str) -> Property {
        let known = (self.env)(name).or_else(|| self.entries.value(name).map(str::to_owned));
        match known {
            Some(value) => Property::Value(value),
            None if PROTOTYPE.contains(&name) => Property::Inherited,
            None => Property::Missing,
        }
    }
}

impl Property {
    /// The text that takes the place of a reference, with JavaScript's idea of what counts as true.
    fn resolve<'a>(
        &'a self,
        name: &str,
        operator: Option<Operator>,
        alternative: &'a str,
    ) -> Result<Cow<'a, str>, Reason> {
        let (is_own, is_true) = match self {
            Self::Missing => (false, false),
            Self::Value(value) => (true, !value.is_empty()),
            Self::Inherited => (false, true),
        };
        let use_alternative = match operator {
            None => false,
            Some(Operator::DefaultIfEmpty) => !is_true,
            Some(Operator::Default) => !is_own,
            Some(Operator::AlternativeIfNotEmpty) if !is_true => return Ok(Cow::Borrowed("")),
            Some(Operator::Alternative) if !is_own => return Ok(Cow::Borrowed("")),
            Some(Operator::AlternativeIfNotEmpty | Operator::Alternative) => true,
        };
        match self {
            _ if use_alternative => Ok(Cow::Borrowed(alternative)),
            Self::Missing => Ok(Cow::Borrowed("")),
            Self::Value(value) => Ok(Cow::Borrowed(value)),
            Self::Inherited => inherited(name).map(Cow::Borrowed),
        }
    }
}

/// What comes of an inherited function that is called as a replacement.
fn inherited(name: &str) -> Result<&'static str, Reason> {
    match name {
        "__proto__" => Ok("[object Object]"),
        "toString" => Ok("[object Undefined]"),
        "isPrototypeOf" => Ok("false"),
        // Gives the reference back, for ever.
        "constructor" => Err(Reason::Endless),
        _ => Err(Reason::Prototype),
    }
}

/// Offsets of a reference and of the text in its braces.
struct Reference {
    start: usize,
    end: usize,
    inner: (usize, usize),
}

impl Reference {
    /// `${` with any text but braces up to `}`, or `$` and a name; not after a backslash.
    fn first_in(value: &str) -> Option<Self> {
        let bytes = value.as_bytes();
        let dollars = (0..bytes.len()).filter(|&at| bytes[at] == b'$' && (at == 0 || bytes[at - 1] != b'\\'));
        // Where the text in braces would end, remembered so that unclosed ones stay linear.
        let mut brace = 0;
        for start in dollars {
            let inner = start + 1;
            match bytes.get(inner) {
                Some(b'{') => {
                    let inner = inner + 1;
                    if brace < inner {
                        let found = bytes[inner..].iter().position(|byte| matches!(byte, b'{' | b'}'));
                        brace = found.map_or(bytes.len(), |found| inner + found);
                    }
                    if brace > inner && bytes.get(brace) == Some(&b'}') {
                        return Some(Self { start, end: brace + 1, inner: (inner, brace) });
                    }
                }
                Some(byte) if byte.is_ascii_alphabetic() || *byte == b'_' => {
                    let end = name_end(bytes, inner);
                    return Some(Self { start, end, inner: (inner, end) });
                }
                _ => {}
            }
        }
        None
    }
}

fn name_end(bytes: &[u8], from: usize) -> usize {
    let length = bytes[from..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    from + length
}

#[derive(Clone, Copy)]
enum Operator {
    DefaultIfEmpty,
    Default,
    AlternativeIfNotEmpty,
    Alternative,
}

/// Name, operator and the text after it. The library splits at the operator; without one it splits
/// at the word `null`.
fn split(inner: &str) -> (&str, Option<Operator>, &str) {
    let bytes = inner.as_bytes();
    let Some(at) = bytes.iter().position(|byte| matches!(byte, b'-' | b'+')) else {
        return (inner.split("null").next().unwrap_or_default(), None, "");
    };
    let with_colon = at > 0 && bytes[at - 1] == b':';
    let operator = match (bytes[at], with_colon) {
        (b'-', true) => Operator::DefaultIfEmpty,
        (b'-', false) => Operator::Default,
        (_, true) => Operator::AlternativeIfNotEmpty,
        (_, false) => Operator::Alternative,
    };
    (&inner[..at - usize::from(with_colon)], Some(operator), &inner[at + 1..])
}

/// JavaScript's `text.replace(written, replacement)`.
fn replace_first(text: &str, written: &str, replacement: &str) -> String {
    let at = text.find(written).expect("what was found in the text is in it");
    let (before, after) = (&text[..at], &text[at + written.len()..]);
    let mut out = String::with_capacity(before.len() + replacement.len() + after.len());
    out.push_str(before);
    let mut rest = replacement;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        let special = match rest.as_bytes().get(dollar + 1) {
            Some(b'$') => "$",
            Some(b'&') => written,
            Some(b'`') => before,
            Some(b'\'') => after,
            _ => {
                out.push('$');
                rest = &rest[dollar + 1..];
                continue;
            }
        };
        out.push_str(special);
        rest = &rest[dollar + 2..];
    }
    out.push_str(rest);
    out.push_str(after);
    out
}

/// Whether a single-quoted value holds what the library takes for a reference there.
fn holds_reference(literal: &str) -> bool {
    let bytes = literal.as_bytes();
    let last_brace = literal.rfind('}');
    (0..bytes.len()).filter(|&at| bytes[at] == b'$').any(|at| match bytes.get(at + 1) {
        // `[^}]+`: at least one character before the next closing brace.
        Some(b'{') => {
            bytes.get(at + 2).is_some_and(|byte| *byte != b'}') && last_brace.is_some_and(|last| last > at + 2)
        }
        Some(byte) => byte.is_ascii_alphabetic() || *byte == b'_',
        None => false,
    })
}
