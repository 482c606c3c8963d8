//! compose-go: a reader of statements that is strict about names, quotes and references.
//!
//! Names may be followed by `=` or `:`; one that stands alone takes the environment's value. After a
//! closing quote the next statement may begin on the same line. Single-quoted values are literal.

mod escape;
mod template;

use std::sync::LazyLock;

use regex::Regex;

use crate::budget::Budget;
use crate::entries::Entries;
use crate::error::{Reason, Rejection};
use crate::text::Lines;
use crate::{Environment, Parsed};

pub(crate) fn parse(text: &str, env: Environment<'_>) -> Result<Parsed, Rejection> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = Lines::of(text);
    let mut reader = Reader { rest: text, env, entries: Entries::default(), budget: Budget::of(text) };
    while reader.skip_to_statement() {
        let line = lines.at(text.len() - reader.rest.len());
        reader.statement(line).map_err(|reason| reason.at(line))?;
    }
    Ok(reader.entries.finish())
}

struct Reader<'t> {
    rest: &'t str,
    env: Environment<'t>,
    entries: Entries,
    budget: Budget,
}

impl<'t> Reader<'t> {
    /// Skips space and comments; says whether anything is left.
    fn skip_to_statement(&mut self) -> bool {
        loop {
            self.rest = self.rest.trim_start_matches(char::is_whitespace);
            if !self.rest.starts_with('#') {
                return !self.rest.is_empty();
            }
            self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
        }
    }

    fn statement(&mut self, line: usize) -> Result<(), Reason> {
        self.skip_export();
        let (name, inherited) = self.name()?;
        if inherited {
            if let Some(value) = (self.env)(name) {
                self.entries.set(name, Some(value), line);
            }
            return Ok(());
        }
        let value = self.value()?;
        self.entries.set(name, Some(value), line);
        Ok(())
    }

    /// `export` counts before any space, a line break too, but only space within the line is skipped.
    fn skip_export(&mut self) {
        if let Some(after) = self.rest.strip_prefix("export")
            && after.starts_with(['\t', '\n', '\x0c', '\r', ' '])
        {
            self.rest = after.trim_start_matches(is_blank);
        }
    }

    /// The name and whether it stands alone on its line. A last line without separator has the empty
    /// name, and is itself the value.
    fn name(&mut self) -> Result<(&'t str, bool), Reason> {
        if self.rest.is_empty() {
            return Err(Reason::NoName);
        }
        for (at, c) in self.rest.char_indices() {
            if matches!(c, '=' | ':' | '\n') {
                let name = self.rest[..at].trim_end_matches(char::is_whitespace);
                if name.contains(' ') {
                    return Err(Reason::Name);
                }
                self.rest = self.rest[at + 1..].trim_start_matches(is_blank);
                return Ok((name, c == '\n'));
            }
            if !is_blank(c) && !is_name(c) {
                return Err(Reason::Name);
            }
        }
        self.rest = self.rest.trim_start_matches(is_blank);
        Ok(("", false))
    }

    fn value(&mut self) -> Result<String, Reason> {
        match self.rest.as_bytes().first() {
            Some(b'\'') => self.quoted('\''),
            Some(b'"') => {
                let value = escape::expand(&self.quoted('"')?);
                self.substitute(&value)
            }
            _ => {
                let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
                self.rest = rest;
                let value = line.split(" #").next().unwrap_or_default();
                self.substitute(value.trim_end_matches(char::is_whitespace))
            }
        }
    }

    /// To the closing quote. An escaped quote loses its backslash, other backslashes stay.
    fn quoted(&mut self, quote: char) -> Result<String, Reason> {
        let mut value = String::new();
        let mut chars = self.rest[1..].char_indices();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.rest = &self.rest[1 + at + 1..];
                return Ok(value);
            }
            if c != '\\' {
                value.push(c);
                continue;
            }
            match chars.next() {
                Some((_, escaped)) if escaped == quote => value.push(quote),
                Some((_, escaped)) => value.extend(['\\', escaped]),
                None => break,
            }
        }
        Err(Reason::Unclosed)
    }

    fn substitute(&mut self, value: &str) -> Result<String, Reason> {
        let Self { env, entries, budget, .. } = self;
        let lookup = |name: &str| env(name).or_else(|| entries.value(name).map(str::to_owned));
        template::substitute(value, &lookup, budget)
    }
}

/// Space that breaks no line.
fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\x0b' | '\x0c' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

/// Letters and numbers of any script, and a few signs.
fn is_name(c: char) -> bool {
    static LETTER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\p{L}").expect("a fixed expression"));
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']');
    }
    c.is_numeric() || LETTER.is_match(c.encode_utf8(&mut [0; 4]))
}
