//! dotenvx: npm dotenv's expression, then commands and references in what is not in single quotes.
//!
//! Three things it would do are left undone and warned of: it would execute `$(command)`, decrypt
//! `encrypted:…` with a private key from the environment, and fetch nothing else. A value with a
//! command keeps all its text, since dotenvx leaves the rest of such a value as it is.

mod command;
mod expand;

use std::collections::HashMap;

use crate::budget::{Budget, Exhausted};
use crate::entries::Entries;
use crate::error::{Reason, Rejection};
use crate::javascript;
use crate::node::GRAMMAR;
use crate::statement::statements;
use crate::text::{Lines, unify_line_breaks};
use crate::{Caution, Environment, Parsed};

/// What every JavaScript object has. The library gathers values in a plain object and fails when a
/// variable has such a name.
const PROTOTYPE: [&str; 12] = [
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
];

pub(crate) fn parse(text: &str, env: Environment<'_>) -> Result<Parsed, Rejection> {
    let text = unify_line_breaks(text);
    let lines = Lines::of(&text);
    // All names are gathered before any value is read.
    if let Some(statement) = statements(&text, &GRAMMAR).find(|statement| PROTOTYPE.contains(&statement.name)) {
        return Err(Reason::Prototype.at(lines.at(statement.at)));
    }
    let mut reading = Reading { entries: Entries::default(), literals: HashMap::new(), env, budget: Budget::of(&text) };
    for statement in statements(&text, &GRAMMAR) {
        let line = lines.at(statement.at);
        let written = Written::of(statement.value.unwrap_or_default());
        reading.variable(statement.name, written, line).map_err(|reason| reason.at(line))?;
    }
    Ok(reading.entries.finish())
}

/// A value before references: without quotes, with the escapes of its quote.
struct Written {
    value: String,
    /// In single quotes, or at least beginning with one.
    literal: bool,
}

impl Written {
    fn of(written: &str) -> Self {
        let written = javascript::trim(written);
        let value = javascript::strip_quotes(written);
        match written.chars().next() {
            Some('\'') => Self { value: value.replace("\\'", "'"), literal: true },
            Some('"') => {
                let value = value.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t");
                Self { value, literal: false }
            }
            _ => Self { value, literal: false },
        }
    }
}

struct Reading<'r> {
    entries: Entries,
    /// The values that were in single quotes, of each name the last.
    literals: HashMap<String, String>,
    env: Environment<'r>,
    budget: Budget,
}

impl Reading<'_> {
    fn variable(&mut self, name: &str, written: Written, line: usize) -> Result<(), Reason> {
        let from_environment = (self.env)(name);
        let mut value = match &from_environment {
            Some(value) => {
                self.entries.warn(line, Some(name), Caution::FromEnvironment);
                value.clone()
            }
            None => written.value,
        };
        if value.starts_with("encrypted:") {
            self.entries.warn(line, Some(name), Caution::Encrypted);
        } else if !written.literal {
            if command::is_in(&value, &mut self.budget).map_err(|Exhausted| Reason::Endless)? {
                self.entries.warn(line, Some(name), Caution::Command);
            } else if from_environment.is_none() {
                let scope = expand::Scope { entries: &self.entries, literals: &self.literals, env: self.env };
                value = scope.expand(value, &mut self.budget)?.replace("\\$", "$");
            }
        }
        if written.literal {
            self.literals.insert(name.to_owned(), value.clone());
        }
        self.entries.set(name, Some(value), line);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, env: &[(&str, &str)]) -> Result<Parsed, Rejection> {
        parse(text, &|name| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn commands_and_ciphertexts_are_kept_and_named() {
        let parsed = read("A=$(id)-${B}\nC=\"encrypted:AAAA${B}\"\nD='$(id)'\nE=e", &[("E", "outside")]);
        let parsed = parsed.expect("a text that dotenvx reads");
        assert_eq!(parsed.value("A"), Some("$(id)-${B}"));
        assert_eq!(parsed.value("C"), Some("encrypted:AAAA${B}"));
        assert_eq!(parsed.value("D"), Some("$(id)"));
        assert_eq!(parsed.value("E"), Some("outside"));
        let warned: Vec<_> = parsed.warnings.iter().map(|warning| (warning.line, warning.caution)).collect();
        assert_eq!(warned, [(1, Caution::Command), (2, Caution::Encrypted), (4, Caution::FromEnvironment)]);
    }

    #[test]
    fn what_never_ends_in_the_library_ends_here() {
        for text in ["A=\\${A}\nB=z${A}", "A=${constructor}", "A=\\$A\nB=$A$A$A"] {
            let reason = read(text, &[]).map(|_| ()).map_err(|rejection| rejection.reason);
            assert_eq!(reason, Err(Reason::Endless), "{text}");
        }
    }
}
