//! What JavaScript's regular expressions and `trim` mean by space and line.

/// `\s`, and what `trim` takes away.
pub(crate) fn is_space(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}

/// Before such a character `$` holds, and after it `^`, under the flag `m`.
pub(crate) fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Takes away pairs of quotes as `replace(/^(['"`])([\s\S]*)\1$/mg, '$2')` does: from a quote at
/// the beginning of a line to the last one of its kind at the end of a line.
pub(crate) fn strip_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut missing = Vec::new();
    let mut at = 0;
    while at < text.len() {
        if let Some(end) = quoted_end(text, at, &mut missing) {
            out.push_str(&text[at + 1..end]);
            at = end + 1;
        }
        let next = next_line(text, at);
        out.push_str(&text[at..next]);
        at = next;
    }
    out
}

/// For a line that begins at `at` with a quote: the last quote of its kind that ends a line. Kinds
/// of which there is none are remembered, as there is none further on either.
fn quoted_end(text: &str, at: usize, missing: &mut Vec<char>) -> Option<usize> {
    let quote = text[at..].chars().next().filter(|c| matches!(c, '\'' | '"' | '`') && !missing.contains(c))?;
    let ends_line = |end: usize| text[end + 1..].chars().next().is_none_or(is_line_end);
    let found = text[at + 1..].rmatch_indices(quote).map(|(end, _)| at + 1 + end).find(|&end| ends_line(end));
    if found.is_none() {
        missing.push(quote);
    }
    found
}

/// Where the line after the one at `at` begins.
fn next_line(text: &str, at: usize) -> usize {
    text[at..].char_indices().find(|&(_, c)| is_line_end(c)).map_or(text.len(), |(end, c)| at + end + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_go_by_line() {
        assert_eq!(strip_quotes("'a'"), "a");
        assert_eq!(strip_quotes("'a'b'"), "a'b");
        assert_eq!(strip_quotes("'"), "'");
        assert_eq!(strip_quotes("''"), "");
        assert_eq!(strip_quotes("x\u{2028}'a'\u{2028}\"b\""), "x\u{2028}a\u{2028}b");
        assert_eq!(strip_quotes("'a\n'b'\nc"), "a\n'b\nc");
    }
}
