//! Whether a value holds a command that dotenvx would execute.

use crate::budget::{Budget, Exhausted};

/// Whether any `$(` in `value` is closed, by dotenvx's own count of quotes and parentheses.
pub(super) fn is_in(value: &str, budget: &mut Budget) -> Result<bool, Exhausted> {
    let mut from = 0;
    while let Some(at) = value[from..].find("$(").map(|at| from + at) {
        budget.spend(value.len() - at)?;
        if is_closed(&value.as_bytes()[at + 2..]) {
            return Ok(true);
        }
        from = at + 2;
    }
    Ok(false)
}

/// Whether the parenthesis before `bytes` is closed in them. Inside quotes only `"` and `` ` `` know
/// escapes and further commands.
fn is_closed(bytes: &[u8]) -> bool {
    // For each open parenthesis, the quote that is open in it.
    let mut open: Vec<Option<u8>> = vec![None];
    let mut at = 0;
    while let Some((&byte, quote)) = bytes.get(at).zip(open.last_mut()) {
        at += 1;
        match *quote {
            Some(b'\'') => {
                if byte == b'\'' {
                    *quote = None;
                }
            }
            Some(open_quote) => match byte {
                b'\\' => at += 1,
                _ if byte == open_quote => *quote = None,
                b'$' if bytes.get(at) == Some(&b'(') => {
                    at += 1;
                    open.push(None);
                }
                _ => {}
            },
            None => match byte {
                b'\\' => at += 1,
                b'\'' | b'"' | b'`' => *quote = Some(byte),
                b'(' => open.push(None),
                b')' => {
                    open.pop();
                    if open.is_empty() {
                        return true;
                    }
                }
                _ => {}
            },
        }
    }
    false
}
