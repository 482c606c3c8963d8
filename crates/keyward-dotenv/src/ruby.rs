//! The gem dotenv: one expression over the text, backslashes that vanish, `$NAME` and `${NAME}`.
//!
//! The gem would also execute `$(command)`. Here a command stays as it is written, and the rest of
//! its value is read as the gem reads it.

use std::collections::HashMap;

use crate::budget::{Budget, Exhausted};
use crate::entries::Entries;
use crate::error::{Reason, Rejection};
use crate::statement::{Grammar, Statement, statements};
use crate::text::{Lines, unify_line_breaks};
use crate::{Caution, Environment, Parsed};

static GRAMMAR: Grammar = Grammar {
    is_space: |c| matches!(c, '\t'..='\r' | ' '),
    is_line_end: |c| c == '\n',
    is_name: |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'),
    quotes: b"'\"",
    name_alone: true,
};

/// Under this name, `legacy` makes `\n` in double quotes a line break.
const LINE_BREAK_MODE: &str = "DOTENV_LINEBREAK_MODE";

pub(crate) fn parse(text: &str, env: Environment<'_>) -> Result<Parsed, Rejection> {
    let text = unify_line_breaks(text);
    let lines = Lines::of(&text);
    let mut entries = Entries::default();
    let mut budget = Budget::of(&text);
    for Statement { exported, name, at, value } in statements(&text, &GRAMMAR) {
        let line = lines.at(at);
        match value {
            None if exported && entries.get(name).is_none() => return Err(Reason::ExportOfUnset.at(line)),
            None if exported => {}
            value => {
                let mut reading = Reading { entries: &entries, env, budget: &mut budget, command: false };
                let value = reading.value(value.unwrap_or_default());
                let command = reading.command;
                entries.set(name, Some(value.map_err(|Exhausted| Reason::Endless.at(line))?), line);
                if command {
                    entries.warn(line, Some(name), Caution::Command);
                }
            }
        }
    }
    Ok(entries.finish())
}

/// What a value is read against.
struct Reading<'r> {
    entries: &'r Entries,
    env: Environment<'r>,
    budget: &'r mut Budget,
    /// Whether the gem would have executed something.
    command: bool,
}

impl Reading<'_> {
    fn value(&mut self, written: &str) -> Result<String, Exhausted> {
        let written = written.trim_matches(|c| c == '\0' || (GRAMMAR.is_space)(c));
        match unquote(written) {
            Some(('\'', inner)) => Ok(inner.to_owned()),
            Some((_, inner)) => self.substitute(&drop_backslashes(&self.expand_line_breaks(inner))),
            None => self.substitute(&drop_backslashes(written)),
        }
    }

    fn expand_line_breaks(&self, inner: &str) -> String {
        let mode = self.entries.value(LINE_BREAK_MODE).map(str::to_owned).or_else(|| (self.env)(LINE_BREAK_MODE));
        if mode.as_deref() == Some("legacy") {
            inner.replace("\\n", "\n").replace("\\r", "\r")
        } else {
            // Doubled, so that one backslash is left when backslashes are dropped.
            inner.replace("\\n", "\\\\n").replace("\\r", "\\\\r")
        }
    }

    /// Commands first (kept), then variables in what is no command.
    fn substitute(&mut self, value: &str) -> Result<String, Exhausted> {
        let commands = commands(value);
        let mut out = String::with_capacity(value.len());
        let mut plain = String::new();
        let mut at = 0;
        for (start, end) in commands {
            plain.push_str(&value[at..start]);
            at = end;
            if plain.ends_with('\\') {
                // Escaped: the backslash goes, and the text is no command.
                plain.pop();
                plain.push_str(&value[start..end]);
                continue;
            }
            self.command = true;
            self.variables(&plain, &mut out)?;
            plain.clear();
            out.push_str(&value[start..end]);
        }
        plain.push_str(&value[at..]);
        self.variables(&plain, &mut out)?;
        Ok(out)
    }

    /// `$NAME`, `${NAME}`, and with any one brace missing; `\$` is a dollar sign.
    fn variables(&mut self, value: &str, out: &mut String) -> Result<(), Exhausted> {
        let mut rest = value;
        while let Some(at) = rest.find('$') {
            let after = &rest[at + 1..];
            if after.starts_with('(') {
                out.push_str(&rest[..=at]);
                rest = after;
                continue;
            }
            let inner = after.strip_prefix('{').unwrap_or(after);
            let name = &inner[..inner.find(|c| !is_variable(c)).unwrap_or(inner.len())];
            let left = inner[name.len()..].strip_prefix('}').unwrap_or(&inner[name.len()..]);
            let matched = &rest[at..rest.len() - left.len()];
            if at > 0 && rest.as_bytes()[at - 1] == b'\\' {
                out.push_str(&rest[..at - 1]);
                out.push_str(matched);
            } else {
                out.push_str(&rest[..at]);
                out.push_str(&if name.is_empty() { matched.to_owned() } else { self.variable(name)? });
            }
            rest = left;
        }
        out.push_str(rest);
        Ok(())
    }

    fn variable(&mut self, name: &str) -> Result<String, Exhausted> {
        let value = self.entries.value(name).map(str::to_owned).or_else(|| (self.env)(name)).unwrap_or_default();
        self.budget.spend(value.len())?;
        Ok(value)
    }
}

/// The quote around a value and what is inside.
fn unquote(written: &str) -> Option<(char, &str)> {
    let quote = written.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    written[1..].strip_suffix(quote).map(|inner| (quote, inner))
}

/// A backslash and a character other than `$` become the character.
fn drop_backslashes(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value.chars().peekable();
    while let Some(c) = rest.next() {
        match rest.peek() {
            Some(&next) if c == '\\' && next != '$' => {
                out.push(next);
                rest.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// `[A-Z0-9_]` under the flag `i`, which in Unicode takes in the long s and the kelvin sign.
fn is_variable(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '\u{17f}' | '\u{212a}')
}

/// Where `$(…)` stands: balanced parentheses, of which no pair is empty.
fn commands(value: &str) -> Vec<(usize, usize)> {
    if !value.contains("$(") {
        return Vec::new();
    }
    let closes = closing_parentheses(value);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = value[at..].find("$(").map(|start| at + start) {
        match closes.get(&(start + 1)) {
            Some(&close) => {
                found.push((start, close + 1));
                at = close + 1;
            }
            None => at = start + 2,
        }
    }
    found
}

/// For each opening parenthesis its closing one, unless there is none or a pair in it is empty.
fn closing_parentheses(value: &str) -> HashMap<usize, usize> {
    let mut closes = HashMap::new();
    let mut open: Vec<(usize, bool)> = Vec::new();
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b'(' => open.push((at, true)),
            b')' => {
                let Some((start, mut fits)) = open.pop() else { continue };
                fits &= at > start + 1;
                if fits {
                    closes.insert(start, at);
                } else if let Some((_, around)) = open.last_mut() {
                    *around = false;
                }
            }
            _ => {}
        }
    }
    closes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Parsed {
        parse(text, &|_| None).expect("a text that the gem reads")
    }

    #[test]
    fn commands_stay_as_written() {
        let parsed = read("B=b\nA=$(echo $B (x))-$B\nC=\\$(echo $B)\nD=$(()$B\nE='$(x)'");
        assert_eq!(parsed.value("A"), Some("$(echo $B (x))-b"));
        assert_eq!(parsed.value("C"), Some("$(echo b)"));
        assert_eq!(parsed.value("D"), Some("$(()b"));
        assert_eq!(parsed.value("E"), Some("$(x)"));
        let warned: Vec<_> = parsed.warnings.iter().map(|warning| (warning.line, warning.caution)).collect();
        assert_eq!(warned, [(2, Caution::Command)]);
    }
}
