//! python-dotenv: a reader of statements, then `${NAME}` and `${NAME:-default}` in every value.
//!
//! A statement that does not fit is skipped to the end of its line; nothing is rejected. Values in
//! single quotes are interpolated too. A name without `=` has no value at all.

mod interpolate;

use std::borrow::Cow;

use crate::budget::{Budget, Exhausted};
use crate::entries::Entries;
use crate::error::{Reason, Rejection};
use crate::text::Lines;
use crate::{Caution, Environment, Parsed};

pub(crate) fn parse(text: &str, env: Environment<'_>) -> Result<Parsed, Rejection> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = Lines::of(text);
    let mut reader = Reader { text, at: 0, unclosed: [false; 2] };
    let mut entries = Entries::default();
    let mut budget = Budget::of(text);
    while reader.at < text.len() {
        reader.skip(is_space);
        let line = lines.at(reader.at);
        match reader.statement() {
            Ok(Some((name, None))) => entries.set(name, None, line),
            Ok(Some((name, Some(value)))) => {
                let value = interpolate::interpolate(&value, &entries, env, &mut budget);
                entries.set(name, Some(value.map_err(|Exhausted| Reason::Endless.at(line))?), line);
            }
            Ok(None) => {}
            Err(Malformed) => {
                reader.skip_rest_of_line();
                entries.warn(line, None, Caution::Skipped);
            }
        }
    }
    Ok(entries.finish())
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// For `'` and `"`: a value was begun and the text ended before it was closed.
    unclosed: [bool; 2],
}

/// The statement does not fit; the reader stands at the part that does not.
struct Malformed;

/// A name and the value before interpolation, or no value.
type Statement<'t> = (&'t str, Option<Cow<'t, str>>);

impl<'t> Reader<'t> {
    /// One statement, comment or blank end of the text.
    fn statement(&mut self) -> Result<Option<Statement<'t>>, Malformed> {
        if self.rest().is_empty() {
            return Ok(None);
        }
        self.skip_export();
        let name = self.name()?;
        self.skip(is_blank);
        let value = if self.rest().starts_with('=') { Some(self.value()?) } else { None };
        self.end_of_line()?;
        Ok(name.map(|name| (name, value)))
    }

    fn skip_export(&mut self) {
        if let Some(rest) = self.rest().strip_prefix("export")
            && rest.starts_with(is_blank)
        {
            self.at += "export".len();
            self.skip(is_blank);
        }
    }

    /// The name, or `None` before a comment.
    fn name(&mut self) -> Result<Option<&'t str>, Malformed> {
        let rest = self.rest();
        if rest.starts_with('#') {
            return Ok(None);
        }
        let (name, length) = if let Some(quoted) = rest.strip_prefix('\'') {
            let name = &quoted[..quoted.find('\'').ok_or(Malformed)?];
            (name, name.len() + 2)
        } else {
            let end = rest.find(|c| c == '=' || c == '#' || is_space(c)).unwrap_or(rest.len());
            (&rest[..end], end)
        };
        if name.is_empty() {
            return Err(Malformed);
        }
        self.at += length;
        Ok(Some(name))
    }

    /// From the `=` to the end of the value.
    fn value(&mut self) -> Result<Cow<'t, str>, Malformed> {
        self.at += 1;
        let blanks = self.skip(is_blank);
        match self.rest().as_bytes().first() {
            Some(b'#') if blanks > 0 => Ok(Cow::Borrowed("")),
            Some(b'\'') => self.quoted(0, b'\'').map(|raw| unescape(raw, single_quote_escape)),
            Some(b'"') => self.quoted(1, b'"').map(|raw| unescape(raw, double_quote_escape)),
            _ => Ok(Cow::Borrowed(self.unquoted())),
        }
    }

    fn quoted(&mut self, kind: usize, quote: u8) -> Result<&'t str, Malformed> {
        let start = self.at + 1;
        let Some(end) = self.close(start, kind, quote) else {
            self.unclosed[kind] = true;
            return Err(Malformed);
        };
        self.at = end + 1;
        Ok(&self.text[start..end])
    }

    /// The first `quote` from `start` that is not escaped.
    ///
    /// Once the text has ended inside quotes, a later search sees the same characters in the same
    /// state as soon as one is no backslash, so only a run of backslashes right at its start can
    /// end otherwise. That keeps a text of many unclosed quotes linear.
    fn close(&self, start: usize, kind: usize, quote: u8) -> Option<usize> {
        let bytes = self.text.as_bytes();
        if self.unclosed[kind] {
            let run = bytes[start..].iter().take_while(|&&byte| byte == b'\\').count();
            return (run % 2 == 0 && bytes.get(start + run) == Some(&quote)).then_some(start + run);
        }
        let mut at = start;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' => at += 2,
                byte if byte == quote => return Some(at),
                _ => at += 1,
            }
        }
        None
    }

    /// To the end of the line, without a comment and the spaces before it.
    fn unquoted(&mut self) -> &'t str {
        let rest = self.rest();
        let line = &rest[..rest.find(['\r', '\n']).unwrap_or(rest.len())];
        self.at += line.len();
        let mut after_space = false;
        for (at, c) in line.char_indices() {
            if c == '#' && after_space {
                return line[..at].trim_end_matches(is_space);
            }
            after_space = is_space(c);
        }
        line.trim_end_matches(is_space)
    }

    /// An optional comment and the line break, or the end of the text.
    fn end_of_line(&mut self) -> Result<(), Malformed> {
        let rest = self.rest().trim_start_matches(is_blank);
        let rest = if rest.starts_with('#') { &rest[rest.find(['\r', '\n']).unwrap_or(rest.len())..] } else { rest };
        let line_break = ["\r\n", "\n", "\r"].into_iter().find(|line_break| rest.starts_with(line_break));
        if line_break.is_none() && !rest.is_empty() {
            return Err(Malformed);
        }
        self.at = self.text.len() - rest.len() + line_break.map_or(0, str::len);
        Ok(())
    }

    /// `\r` alone ends the skipped line, so the `\n` of `\r\n` stays: it is space before the next one.
    fn skip_rest_of_line(&mut self) {
        let rest = self.rest();
        self.at += rest.find(['\r', '\n']).map_or(rest.len(), |end| end + 1);
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Skips and counts bytes.
    fn skip(&mut self, class: fn(char) -> bool) -> usize {
        let rest = self.rest();
        let skipped = rest.len() - rest.trim_start_matches(class).len();
        self.at += skipped;
        skipped
    }
}

/// Python's `\s`, and what `str.rstrip` takes away.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

/// `\s` without line breaks.
fn is_blank(c: char) -> bool {
    is_space(c) && c != '\r' && c != '\n'
}

fn single_quote_escape(byte: u8) -> Option<char> {
    matches!(byte, b'\\' | b'\'').then_some(char::from(byte))
}

fn double_quote_escape(byte: u8) -> Option<char> {
    Some(match byte {
        b'\\' | b'\'' | b'"' => char::from(byte),
        b'a' => '\x07',
        b'b' => '\x08',
        b'f' => '\x0c',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'v' => '\x0b',
        _ => return None,
    })
}

fn unescape(raw: &str, escape: fn(u8) -> Option<char>) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        value.push_str(&rest[..at]);
        match rest.as_bytes().get(at + 1).and_then(|&byte| escape(byte)) {
            Some(c) => {
                value.push(c);
                rest = &rest[at + 2..];
            }
            None => {
                value.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    value.push_str(rest);
    Cow::Owned(value)
}
