//! Paths below `/api/v1`.

use std::fmt::Write as _;

use keyward_types::SecretName;

use crate::{Code, Failure, Result, Where};

/// `/projects/P/environments/E/REST`.
pub(super) fn at(at: &Where, rest: &str) -> String {
    format!("/projects/{}/environments/{}/{rest}", at.project, at.environment)
}

/// `/projects/P/environments/E/SORT/NAME`.
pub(super) fn named(place: &Where, sort: &str, name: &SecretName) -> String {
    at(place, &format!("{sort}/{name}"))
}

/// One part that somebody typed: an id. What cannot be one is not there.
pub(super) fn part(what: &str, text: &str) -> Result<String> {
    if text.is_empty() || text == "." || text == ".." || text.contains(['/', '\\', '\0']) {
        let shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
        return Err(Failure::new(Code::NotFound, format!("there is no {what} `{shown}`")));
    }
    Ok(encoded(text))
}

/// Text as it stands in a path or a query.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@:,".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_one_part() {
        assert_eq!(part("token", "a b?c#d%").unwrap(), "a%20b%3Fc%23d%25");
        for text in ["", ".", "..", "a/b", "a\\b", "a\0"] {
            assert_eq!(part("token", text).unwrap_err().code, Code::NotFound, "{text}");
        }
    }
}
