//! Node.js' own reader, `util.parseEnv`, as Node 20 has it.
//!
//! It has its own idea of a line: every `\r` is dropped, a name is all text before the next `=`
//! (over lines too), only the space character is trimmed, and an empty name ends the
//! reading.

use crate::Parsed;
use crate::entries::Entries;
use crate::error::Rejection;
use crate::text::Lines;

pub(crate) fn parse(text: &str) -> Result<Parsed, Rejection> {
    let (text, lines) = Lines::without_carriage_returns(text);
    let text = text.trim_end_matches(' ');
    let mut entries = Entries::default();
    let mut at = text.len() - text.trim_start_matches(' ').len();
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(['\n', '#'])
            && let Some(end) = rest.find('\n')
        {
            at += end + 1;
            continue;
        }
        let Some(equals) = rest.find('=') else { break };
        if equals == 0 {
            break;
        }
        // Of a name that is all spaces, the library's trimming leaves the line break before it.
        let name = Some(rest[..equals].trim_matches(' ')).filter(|name| !name.is_empty()).unwrap_or("\n");
        let line = lines.at(at + rest.len() - rest.trim_start_matches([' ', '\n']).len());
        let after = rest[equals + 1..].trim_start_matches(' ');
        let (value, length) = value(after);
        // The result is a plain object, in which an assignment to `__proto__` makes no entry.
        let name = name.strip_prefix("export ").unwrap_or(name);
        if let Some(value) = value.filter(|_| name != "__proto__") {
            entries.set(name, Some(value), line);
        }
        at = text.len() - after.len() + length;
    }
    Ok(entries.finish())
}

/// The value at the beginning of `rest`, and how much of it is read. A quote that is never closed on
/// a last line without line break makes no value, and the line is read again as a name.
fn value(rest: &str) -> (Option<String>, usize) {
    let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
    let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"' | '`')) else {
        let value = line.split('#').next().unwrap_or_default();
        return (Some(value.trim_matches(' ').to_owned()), line.len());
    };
    let Some(length) = rest[1..].find(quote) else {
        let is_last = line.len() == rest.len();
        return if is_last { (None, 0) } else { (Some(line.to_owned()), line.len()) };
    };
    let value = &rest[1..=length];
    let value = if quote == '"' { value.replace("\\n", "\n") } else { value.to_owned() };
    let after = &rest[length + 2..];
    (Some(value), length + 2 + after.find('\n').unwrap_or(after.len()))
}
