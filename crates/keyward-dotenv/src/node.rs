//! npm dotenv: one expression over the text, no references, no environment.

use crate::Parsed;
use crate::entries::Entries;
use crate::error::Rejection;
use crate::javascript;
use crate::statement::{Grammar, statements};
use crate::text::{Lines, unify_line_breaks};

/// dotenv's and dotenvx's expression.
pub(crate) static GRAMMAR: Grammar = Grammar {
    is_space: javascript::is_space,
    is_line_end: javascript::is_line_end,
    is_name: |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'),
    quotes: b"'\"`",
    name_alone: false,
};

pub(crate) fn parse(text: &str) -> Result<Parsed, Rejection> {
    let text = unify_line_breaks(text);
    let lines = Lines::of(&text);
    let mut entries = Entries::default();
    for statement in statements(&text, &GRAMMAR) {
        // The result is a plain object, in which an assignment to `__proto__` makes no entry.
        if statement.name != "__proto__" {
            let value = value(javascript::trim(statement.value.unwrap_or_default()));
            entries.set(statement.name, Some(value), lines.at(statement.at));
        }
    }
    Ok(entries.finish())
}

fn value(written: &str) -> String {
    let value = javascript::strip_quotes(written);
    if written.starts_with('"') { value.replace("\\n", "\n").replace("\\r", "\r") } else { value }
}
