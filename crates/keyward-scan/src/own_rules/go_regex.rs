//! From the regular expressions of Go (RE2 syntax) to those of the regex crate.
//!
//! The two are siblings. What differs: Go takes a brace that opens no repetition as itself, and `[`,
//! `&&`, `--`, `~~` in a class too; it quotes with `\Q…\E`, and `\<` is a mere `<`.

/// The same expression in the syntax of the regex crate.
pub(crate) fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '\\' => escape(rest, &mut out),
            '[' => class(rest, &mut out),
            '{' => {
                let length = repetition(rest);
                out.push_str(if length == 0 { "\\{" } else { &rest[..length] });
                &rest[length.max(1)..]
            }
            _ => {
                out.push(c);
                &rest[c.len_utf8()..]
            }
        };
    }
    out
}

/// Length of `{n}`, `{n,}` or `{n,m}` at the beginning; 0 for anything else.
fn repetition(text: &str) -> usize {
    let Some(end) = text.find('}') else { return 0 };
    let inner = &text[1..end];
    let (low, high) = inner.split_once(',').unwrap_or((inner, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !low.is_empty() && digits(low) && digits(high) { end + 1 } else { 0 }
}

/// Copies what a backslash begins; gives the rest.
fn escape<'a>(text: &'a str, out: &mut String) -> &'a str {
    let Some(c) = text[1..].chars().next() else {
        out.push('\\');
        return "";
    };
    let rest = &text[1 + c.len_utf8()..];
    match c {
        'Q' => {
            let (quoted, rest) = rest.split_once("\\E").unwrap_or((rest, ""));
            out.push_str(&regex::escape(quoted));
            rest
        }
        'E' => rest,
        'C' => {
            out.push_str("(?s-u:.)");
            rest
        }
        '<' | '>' => {
            out.push(c);
            rest
        }
        'x' | 'p' | 'P' if rest.starts_with('{') => {
            let end = rest.find('}').map_or(rest.len(), |end| end + 1);
            out.push('\\');
            out.push(c);
            out.push_str(&rest[..end]);
            &rest[end..]
        }
        _ => {
            out.push('\\');
            out.push(c);
            rest
        }
    }
}

/// Copies a class in brackets; gives the rest.
fn class<'a>(text: &'a str, out: &mut String) -> &'a str {
    out.push('[');
    let mut rest = &text[1..];
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    if let Some(after) = rest.strip_prefix(']') {
        out.push_str("\\]");
        rest = after;
    }
    // Whether the last item was a class of its own, with which no range can begin.
    let mut after_class = false;
    let mut after_dash = false;
    while let Some(c) = rest.chars().next() {
        let (was_class, was_dash) = (after_class, after_dash);
        (after_class, after_dash) = (false, false);
        rest = match c {
            ']' => {
                out.push(']');
                return &rest[1..];
            }
            '\\' => {
                after_class =
                    matches!(rest.as_bytes().get(1), Some(b'd' | b'D' | b'w' | b'W' | b's' | b'S' | b'p' | b'P'));
                escape(rest, out)
            }
            '[' => match posix(rest) {
                Some(length) => {
                    after_class = true;
                    out.push_str(&rest[..length]);
                    &rest[length..]
                }
                None => {
                    out.push_str("\\[");
                    &rest[1..]
                }
            },
            '-' if was_dash || (was_class && !rest.starts_with("-]")) => {
                out.push_str("\\-");
                &rest[1..]
            }
            '&' | '~' => {
                out.push('\\');
                out.push(c);
                &rest[1..]
            }
            _ => {
                after_dash = c == '-';
                out.push(c);
                &rest[c.len_utf8()..]
            }
        };
    }
    rest
}

/// Length of `[:alpha:]` or `[:^alpha:]` at the beginning.
fn posix(text: &str) -> Option<usize> {
    let end = text.strip_prefix("[:")?.find(":]")? + 2;
    let name = text[2..end].trim_start_matches('^');
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase())).then_some(end + 2)
}
