//! Writing a `.env` text that all six libraries read back alike.
//!
//! No escape means the same to all, so a value is written without any: bare, in single quotes or in
//! double quotes, whichever all six parsers of this room read back. What none of the forms carries
//! is refused: a carriage return, a backslash together with a single quote, `${…}`, …

use std::collections::{HashMap, HashSet};

use crate::{Caution, Dialect, Environment, parse};

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
        if !is_variable(name) || misread(&format!("{name}=x\n"), &[(name, "x")]).is_some() {
            return Err(unwritable(name, Cause::Name));
        }
        if !names.insert(name) {
            return Err(unwritable(name, Cause::Repeated));
        }
        text.push_str(&line(name, value).ok_or_else(|| unwritable(name, Cause::Value))?);
    }
    // Each line was tried by itself. Should they ever not hold together, better none than a wrong one.
    match misread(&text, pairs) {
        Some(name) => Err(unwritable(name, Cause::Value)),
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
    let (before, after) = (format!("{name}_"), format!("_{name}"));
    forms.into_iter().find(|form| {
        let among = format!("{before}='b'\n{form}{after}=\"a\"\n");
        misread(form, &[(name, value)]).is_none()
            && misread(&among, &[(&before, "b"), (name, value), (&after, "a")]).is_none()
    })
}

/// The first name that some dialect does not read from the text as given, in an empty environment or
/// in one that has every other name. Read as given is a text in which all names have their values,
/// there is no other name, and nothing would be executed, decrypted or skipped.
fn misread<'n>(text: &str, pairs: &[(&'n str, &str)]) -> Option<&'n str> {
    let names: HashSet<&str> = pairs.iter().map(|&(name, _)| name).collect();
    let full = |asked: &str| (!names.contains(asked)).then(|| "\u{1}other".to_owned());
    let environments: [Environment<'_>; 2] = [&|_| None, &full];
    let mut readings = Dialect::ALL.into_iter().flat_map(|dialect| environments.map(|env| parse(text, dialect, env)));
    readings.find_map(|parsed| {
        let parsed = parsed.unwrap_or_default();
        let is_plain = parsed.warnings.iter().all(|warning| warning.caution == Caution::FromEnvironment);
        let entries = parsed.entries.iter().map(|entry| (entry.name.as_str(), entry.value.as_deref()));
        let entries: HashMap<&str, Option<&str>> = entries.collect();
        let is_exact = is_plain && entries.len() == pairs.len();
        let wrong = |&&(name, value): &&(&str, &str)| !is_exact || entries.get(name) != Some(&Some(value));
        pairs.iter().find(wrong).map(|&(name, _)| name)
    })
}

fn is_variable(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(is_part) && !name.is_empty() && !name.as_bytes()[0].is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plainest_form_that_all_read_is_taken() {
        let pairs = [
            ("PLAIN", "a-b_c/1.2:3@x"),
            ("EMPTY", ""),
            ("HASH", "a #b"),
            ("DOLLAR", "pa$word"),
            ("LAST", r"end\"),
            ("BACKSLASH", r"C:\dir"),
            ("APOSTROPHE", "it's # so"),
            ("BOTH", r#"it's "so""#),
            ("LINES", "-----BEGIN\nabc==\n-----END\n"),
        ];
        let text = write(&pairs).expect("all of these can be written");
        let expected = r#"PLAIN=a-b_c/1.2:3@x
EMPTY=''
HASH='a #b'
DOLLAR='pa$word'
LAST=end\
BACKSLASH='C:\dir'
APOSTROPHE="it's # so"
BOTH=it's "so"
LINES='-----BEGIN
abc==
-----END
'
"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn what_some_library_would_read_differently_is_refused_by_name() {
        let values = [
            "carriage\rreturn",
            r"end\of\",
            r"two\\slashes",
            "${A}",
            r"it's a \ b",
            "it's $A",
            "'\"# both",
            "encrypted:AAAA",
        ];
        for value in values {
            let error = write(&[("FINE", "x"), ("TOKEN", value)]).expect_err(value);
            assert_eq!((error.name.as_str(), error.cause), ("TOKEN", Cause::Value));
            assert!(!format!("{error} {error:?}").contains(value));
        }
    }

    #[test]
    fn names_are_variables_and_come_once() {
        for name in ["", "1A", "A-B", "A.B", "A B", "É", "__proto__", "constructor"] {
            assert_eq!(write(&[(name, "x")]).map_err(|error| error.cause), Err(Cause::Name), "{name}");
        }
        assert_eq!(write(&[("A", "1"), ("A", "2")]).map_err(|error| error.cause), Err(Cause::Repeated));
    }
}
