//! Writing a `.env` text that all six libraries read back alike.
//!
//! No escape means the same to all, so a value is written without any: bare, in single quotes or in
//! double quotes, whichever all six parsers of this room read back. What none of the forms carries
//! is refused: a carriage return, a backslash together with a single quote, `${…}`, …

use std::collections::HashSet;

use crate::{Dialect, Environment, parse};

/// A pair that cannot be written, by the variable's name; the value is never shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` cannot be written as `.env`: {cause}")]
pub struct Unwritable {
    /// The name at fault, as it was given.
    pub name: String,
    /// What is wrong with the pair.
    pub cause: Cause,
}

/// Why a pair cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// Not `[A-Za-z_][A-Za-z0-9_]*`, or a name that one of the libraries cannot hold.
    #[error("the name is none that every library takes")]
    Name,
    /// The name comes twice.
    #[error("the name is given twice")]
    Repeated,
    /// No form of the value is read alike.
    #[error("no way of quoting its value is read alike by every library")]
    Value,
}

/// One line a pair, each ended by `\n`; a value may hold line breaks.
///
/// The text means the same in any environment, with one exception that no way of writing avoids:
/// dotenvx prefers the environment's value of a name to the file's.
///
/// # Errors
/// [`Unwritable`] for the first pair that the libraries would not read back as it is given.
pub fn write(pairs: &[(&str, &str)]) -> Result<String, Unwritable> {
    let unwritable = |name: &str, cause| Unwritable { name: name.to_owned(), cause };
    let mut names = HashSet::new();
    let mut text = String::new();
    for &(name, value) in pairs {
        if !is_variable(name) || !is_read_back(&format!("{name}=x\n"), &[(name, "x")]) {
            return Err(unwritable(name, Cause::Name));
        }
        if !names.insert(name) {
            return Err(unwritable(name, Cause::Repeated));
        }
        text.push_str(&line(name, value).ok_or_else(|| unwritable(name, Cause::Value))?);
    }
    // Each line was tried by itself. Should they ever not hold together, better none than a wrong one.
    match pairs.iter().find(|pair| !is_read_back(&text, std::slice::from_ref(pair))) {
        Some(&(name, _)) => Err(unwritable(name, Cause::Value)),
        None => Ok(text),
    }
}

/// The line in the first form that is read back by all, also between other lines.
fn line(name: &str, value: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+,".contains(&byte);
    let bare = format!("{name}={value}\n");
    let [single, double] = ['\'', '"'].map(|quote| format!("{name}={quote}{value}{quote}\n"));
    let forms =
        if !value.is_empty() && value.bytes().all(is_plain) { [bare, single, double] } else { [single, double, bare] };
    // dotenvx would decrypt it.
    if value.starts_with("encrypted:") {
        return None;
    }
    let (before, after) = (format!("{name}_"), format!("_{name}"));
    forms.into_iter().find(|form| {
        let among = format!("{before}='b'\n{form}{after}=\"a\"\n");
        is_read_back(form, &[(name, value)]) && is_read_back(&among, &[(&before, "b"), (name, value), (&after, "a")])
    })
}

/// Whether every dialect reads these pairs from the text, in an empty environment and in one that
/// has every other name.
fn is_read_back(text: &str, pairs: &[(&str, &str)]) -> bool {
    let full = |asked: &str| (!pairs.iter().any(|(name, _)| *name == asked)).then(|| "\u{1}other".to_owned());
    Dialect::ALL.into_iter().all(|dialect| {
        let environments: [Environment<'_>; 2] = [&|_| None, &full];
        environments.into_iter().all(|env| {
            let parsed = parse(text, dialect, env);
            parsed.is_ok_and(|parsed| pairs.iter().all(|(name, value)| parsed.value(name) == Some(value)))
        })
    })
}

fn is_variable(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(is_part) && !name.is_empty() && !name.as_bytes()[0].is_ascii_digit()
}
