//! From where a value begins to the value: quotes, prefixes of strings, wrappers, bare words.

use std::ops::Range;

use super::operator::{Way, is_in_string};
use crate::engine::filter::{Promise, Syntax, Worth, judge};

/// A value as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) range: Range<usize>,
    pub(super) quoted: bool,
}

const LONGEST: usize = 4096;

/// The value that begins at `at`; `None` where there is an expression.
pub(super) fn read(text: &[u8], at: usize, way: Way, syntax: Syntax, name_start: usize) -> Option<Literal> {
    if let Some(literal) = if syntax == Syntax::Config { doubled(text, at) } else { None } {
        return Some(literal);
    }
    if let Some(literal) = quoted(text, at).or_else(|| in_parentheses(text, at, way)) {
        return Some(literal);
    }
    if matches!(way, Way::Passed) {
        return None;
    }
    if let Some(literal) = wrapped(text, at, way) {
        return Some(literal);
    }
    match way {
        Way::Element => bare(text, at, |byte| matches!(byte, b'<' | b'\n')),
        Way::Tight if syntax == Syntax::Code || is_embedded(text, name_start) => {
            embedded(text, at, name_start).or_else(|| shell_line(text, at, name_start))
        }
        Way::Compared => None,
        Way::Default => bare(text, at, |byte| matches!(byte, b'}' | b'\n')),
        _ => plain(text, at, way, syntax, name_start),
    }
}

/// A string in quotes, with what languages write before it: `b"…"`, `@"…"`, `r#"…"#`, `"""…"""`, `[[…]]`.
fn quoted(text: &[u8], at: usize) -> Option<Literal> {
    let window = text.get(at..text.len().min(at + 8))?;
    let prefix = window.iter().take(4).position(|byte| matches!(byte, b'"' | b'\'' | b'`' | b'['))?;
    let fits = |byte: &u8| {
        matches!(
            byte,
            b'b' | b'B'
                | b'r'
                | b'R'
                | b'u'
                | b'U'
                | b'f'
                | b'F'
                | b'L'
                | b'@'
                | b'$'
                | b'#'
                | b'c'
                | b'\\'
                | b'('
                | b'q'
                | b'['
                | b'{'
        )
    };
    if !window[..prefix].iter().all(fits) {
        return None;
    }
    let quote = window[prefix];
    let mut start = at + prefix + 1;
    if quote == b'[' {
        return match text.get(start)? {
            b'[' => until(text, start + 1, |rest| rest.starts_with(b"]]")),
            b'"' | b'\'' => quoted(text, start),
            _ => None,
        };
    }
    let triple = text.get(start..start + 2) == Some(&[quote, quote]);
    if triple {
        start += 2;
    } else if text.get(start) == Some(&quote) {
        return None; // Empty.
    }
    let escaped = prefix > 0 && text[at + prefix - 1] == b'\\';
    let end = text[start..].iter().take(LONGEST).position(|byte| *byte == quote || matches!(byte, b'\n' | b'\r'))?;
    let mut end = start + end;
    if escaped {
        // A string within a string ends at `\"`.
        end = end.checked_sub(1).filter(|end| text[*end] == b'\\')?;
    } else {
        while text[end] == quote
            && text[end - 1] == b'\\'
            && end > start
            && text.get(end.wrapping_sub(2)) != Some(&b'\\')
        {
            let more = text[end + 1..].iter().take(LONGEST).position(|byte| *byte == quote || *byte == b'\n')?;
            end += 1 + more;
        }
        if text[end] != quote {
            return None;
        }
    }
    // A string that is put into another program as a string: `"\"value\""`.
    let inner = end - start > 4 && text[start] == b'\\' && matches!(text[start + 1], b'"' | b'\'');
    if inner && text[end - 2..end] == text[start..start + 2] {
        (start, end) = (start + 2, end - 2);
    }
    (end > start).then_some(Literal { range: start..end, quoted: true })
}

/// `'it''s'`: where single quotes are doubled within a string, as in YAML.
fn doubled(text: &[u8], at: usize) -> Option<Literal> {
    let start = (text.get(at) == Some(&b'\'')).then_some(at + 1)?;
    let (mut end, mut pairs) = (start, 0);
    loop {
        end += text.get(end..)?.iter().take(LONGEST).position(|byte| matches!(byte, b'\'' | b'\n' | b'\r'))?;
        match (text[end], text.get(end + 1)) {
            (b'\'', Some(b'\'')) if end > start && end - start < LONGEST => (end, pairs) = (end + 2, pairs + 1),
            (b'\'', _) => return (pairs > 0).then_some(Literal { range: start..end, quoted: true }),
            _ => return None,
        }
    }
}

/// `x = (` and the string on the next line: Python, as its formatters break lines.
fn in_parentheses(text: &[u8], at: usize, way: Way) -> Option<Literal> {
    let open = text.get(at) == Some(&b'(') && matches!(way, Way::Assigned | Way::Tight);
    let gap = text.get(at + 1..).filter(|_| open)?.iter().take(LEADING).take_while(|byte| byte.is_ascii_whitespace());
    let literal = quoted(text, at + 1 + gap.count())?;
    // Of strings that are joined there, one alone is no value.
    let next = text[literal.range.end + 1..].iter().take(LEADING).find(|byte| !byte.is_ascii_whitespace());
    (next == Some(&b')')).then_some(literal)
}

/// How far in a line may begin.
const LEADING: usize = 80;

fn until(text: &[u8], start: usize, ends: impl Fn(&[u8]) -> bool) -> Option<Literal> {
    let high = text.len().min(start + LONGEST);
    let end = (start..high).find(|at| ends(&text[*at..]) || text[*at] == b'\n')?;
    (end > start && ends(&text[end..])).then_some(Literal { range: start..end, quoted: true })
}

/// `String::from("…")`, `process.env.X || "…"`, `os.getenv("X", "…")`, `${X:-…}`, `const char* x = …`.
fn wrapped(text: &[u8], at: usize, way: Way) -> Option<Literal> {
    let line = &text[at..text.len().min(at + 240)];
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
    if line.starts_with(b"${") {
        return shell_default(text, at, line);
    }
    if !line.first().is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'&' | b'_' | b'(' | b'!' | b'*'))
    {
        return None;
    }
    if way == Way::Assigned
        && let Some(start) = annotated(line)
    {
        return quoted(text, at + start).or_else(|| wrapped(text, at + start, Way::Compared));
    }
    let first = line.iter().take(80).position(|byte| matches!(byte, b'"' | b'\'' | b'`'))?;
    let before = &line[..first];
    if !before.ends_with(b"(")
        && !before.ends_with(b"[")
        && !before.ends_with(b" ")
        && !before.ends_with(b"&")
        && !before.ends_with(b"b")
    {
        return None;
    }
    if WRAPPERS.iter().any(|wrapper| before.ends_with(wrapper.as_bytes())) {
        return quoted(text, at + first);
    }
    let hinted = before.windows(3).any(|three| matches!(three, b"env" | b"Env" | b"ENV" | b"nfi" | b"Pro"));
    if hinted && ENVIRONMENT.iter().any(|word| memchr::memmem::find(before, word.as_bytes()).is_some()) {
        return fallback(text, at, line);
    }
    None
}

/// Where the value begins behind a type: `: String = "…"`.
fn annotated(line: &[u8]) -> Option<usize> {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"_<>[]?&'., |*:".contains(byte);
    let kind = line.iter().take(60).take_while(|byte| fits(byte)).count();
    let given = line.get(kind) == Some(&b'=') && !matches!(line.get(kind + 1), Some(b'=' | b'>'));
    let start = kind + 1 + line.get(kind + 1..)?.iter().take_while(|byte| **byte == b' ').count();
    (given && kind > 0).then_some(start)
}

/// The value that stands in where the environment has none.
fn fallback(text: &[u8], at: usize, line: &[u8]) -> Option<Literal> {
    for mark in ["default=", "default: ", "|| ", "?? ", " or ", ", ", "?: ", "||", "??", ","] {
        let Some(found) = memchr::memmem::rfind(line, mark.as_bytes()) else { continue };
        if let Some(literal) = quoted(text, at + found + mark.len()) {
            return Some(literal);
        }
    }
    None
}

/// `${X:-value}`
fn shell_default(text: &[u8], at: usize, line: &[u8]) -> Option<Literal> {
    let mark = line.windows(2).position(|pair| matches!(pair, b":-" | b":="))?;
    let start = at + mark + 2;
    let end = text[start..at + line.len()].iter().position(|byte| *byte == b'}')?;
    (end > 0).then_some(Literal { range: start..start + end, quoted: false })
}

/// `Server=…;Password=…`, `?token=…&`, `host=… password=…`: in a string, or after a sign that parts such pairs.
fn embedded(text: &[u8], at: usize, name_start: usize) -> Option<Literal> {
    let before = &text[name_start.saturating_sub(400)..name_start];
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let in_string = line.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'`' | b'>'));
    if !in_string && !is_embedded(text, name_start) {
        return None;
    }
    let fields = line.contains(&b';');
    let query = line.contains(&b'?') && !fields;
    let literal = bare(text, at, |byte| match byte {
        b';' | b'"' | b'\'' | b'`' | b'<' | b'\\' | b' ' | b'\t' | b'\r' | b'\n' => true,
        b'&' | b'#' => query,
        b',' | b')' => !fields,
        _ => false,
    })?;
    // The quote that ends it is the one that opened the string.
    let quote = line.iter().rev().find(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let closed = match text.get(literal.range.end) {
        Some(end @ (b'"' | b'\'' | b'`')) => quote.is_none_or(|quote| quote == end),
        _ => true,
    };
    (closed && is_no_code(&text[literal.range.clone()])).then_some(literal)
}

/// `export API_TOKEN=value` on a line of its own: a shell's script in a string of a program, over several lines. Programs
/// have such lines too, of names and calls: the value has to look drawn.
fn shell_line(text: &[u8], at: usize, name_start: usize) -> Option<Literal> {
    let name = &text[name_start..at - 1];
    let before = &text[name_start.saturating_sub(200)..name_start];
    let first = memchr::memrchr(b'\n', before).map_or(before, |newline| &before[newline + 1..]).trim_ascii();
    let alone = matches!(first, b"" | b"export" | b"ENV" | b"set" | b"env");
    if !alone || !name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_') {
        return None;
    }
    let literal = bare(text, at, |byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b';'))?;
    // The quote that ends it may be that of the string.
    let behind = text[literal.range.end..].iter().find(|byte| !matches!(byte, b'"' | b'\'' | b'`' | b' ' | b'\r'));
    let value = std::str::from_utf8(&text[literal.range.clone()]).ok()?;
    let drawn = || matches!(judge(Promise::Drawn, value, false), Worth::Sure(_));
    (matches!(behind, None | Some(b'\n')) && is_no_code(value.as_bytes()) && drawn()).then_some(literal)
}

/// Whether text without quotes can be a value in a program that has no spaces to spare.
fn is_no_code(value: &[u8]) -> bool {
    let equals = value.iter().rev().skip_while(|byte| **byte == b'=').any(|byte| *byte == b'=');
    value.len() <= 512
        && !equals
        && !value.iter().any(|byte| matches!(byte, b'(' | b'{' | b'[' | b'}' | b']' | b'|' | b'?' | b','))
}

/// Whether the name stands behind a sign that parts pairs in a string.
fn is_embedded(text: &[u8], name_start: usize) -> bool {
    name_start > 0 && matches!(text[name_start - 1], b';' | b'?' | b'&')
}

/// A value without quotes.
fn plain(text: &[u8], at: usize, way: Way, syntax: Syntax, name_start: usize) -> Option<Literal> {
    let option = way == Way::Spaced || text.get(name_start) == Some(&b'-');
    if !matches!(syntax, Syntax::Code | Syntax::Markup)
        && let Some(literal) = in_open_quote(text, at, way, name_start)
    {
        return Some(literal);
    }
    match syntax {
        Syntax::Code if way == Way::Spaced && option => word(text, at),
        Syntax::Code => in_string(text, at, name_start),
        Syntax::Markup => None,
        Syntax::Shell | Syntax::Prose => word(text, at),
        Syntax::Unknown if option || way == Way::Tight => word(text, at),
        Syntax::Config | Syntax::Unknown => {
            if option {
                return word(text, at);
            }
            let line = bare(text, at, |byte| matches!(byte, b'\n' | b'\r'))?;
            let value = &text[line.range.clone()];
            let comment =
                value.windows(2).position(|pair| matches!(pair, b" #" | b"\t#" | b" ;")).unwrap_or(value.len());
            let value = value[..comment].trim_ascii_end();
            let value = value.strip_suffix(b",").or_else(|| value.strip_suffix(b";")).unwrap_or(value);
            let value = value.strip_suffix(b"\"").or_else(|| value.strip_suffix(b"'")).unwrap_or(value);
            (!value.is_empty()).then(|| Literal { range: at..at + value.len(), quoted: false })
        }
    }
}

/// `curl -H "X-Api-Key: value" https://…` where the quote that opens before the name closes behind the value: in
/// scripts, and in the settings of those who run them. More than one word is a sentence, but for a scheme before it.
fn in_open_quote(text: &[u8], at: usize, way: Way, name_start: usize) -> Option<Literal> {
    if !matches!(way, Way::Assigned | Way::Tight) {
        return None;
    }
    let quote = [b'"', b'\''].into_iter().find(|quote| is_in_string(text, name_start, *quote))?;
    let literal = bare(text, at, |byte| byte == quote || matches!(byte, b'\n' | b'\r'))?;
    let value = &text[literal.range.clone()];
    if text.get(literal.range.end) != Some(&quote) || value.contains(&b'\\') {
        return None;
    }
    let words = value.split(|byte| *byte == b' ').count();
    let scheme = words == 2 && text[name_start..at].to_ascii_lowercase().trim_ascii_end().ends_with(b"authorization:");
    (words == 1 || scheme).then_some(literal)
}

/// `"Authorization: Bearer …"`, `'password: x'` in a string of a program.
fn in_string(text: &[u8], at: usize, name_start: usize) -> Option<Literal> {
    let before = &text[name_start.saturating_sub(200)..name_start];
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let quote = *line.iter().rev().find(|byte| matches!(byte, b'"' | b'\'' | b'`'))?;
    let literal = bare(text, at, |byte| byte == quote || matches!(byte, b'\n' | b'\\'))?;
    let whole = text.get(literal.range.end) == Some(&quote) && is_no_code(&text[literal.range.clone()]);
    whole.then_some(literal)
}

/// A word of a command line or a sentence.
fn word(text: &[u8], at: usize) -> Option<Literal> {
    let mut literal = bare(text, at, |byte| {
        matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'|' | b'"' | b'\'' | b'`' | b'<' | b'>')
    })?;
    while literal.range.end > literal.range.start && matches!(text[literal.range.end - 1], b',' | b'.' | b')' | b':') {
        literal.range.end -= 1;
    }
    let call = memchr::memchr(b'(', &text[literal.range.clone()]).is_some();
    (!literal.range.is_empty() && !call).then_some(literal)
}

fn bare(text: &[u8], at: usize, ends: impl Fn(u8) -> bool) -> Option<Literal> {
    let high = text.len().min(at + LONGEST);
    let length = text.get(at..high)?.iter().position(|byte| ends(*byte)).unwrap_or(high - at);
    (length > 0 && length < LONGEST).then_some(Literal { range: at..at + length, quoted: false })
}

const WRAPPERS: [&str; 22] = [
    "String::from(",
    "Some(",
    "new String(",
    "SecretString::new(",
    "Secret::new(",
    "SecureString(",
    "b64decode(",
    "Buffer.from(",
    "str(",
    "bytes(",
    "byte(",
    "String(",
    "quote(",
    "SecretStr(",
    "base64.b64decode(b",
    "Secret(",
    "&",
    "to_string(",
    "SecureString ",
    "-String ",
    "String.valueOf(",
    "char *",
];
const ENVIRONMENT: [&str; 16] = [
    "getenv",
    "Getenv",
    "environ",
    "process.env",
    "ENV[",
    "ENV.fetch",
    "env(",
    "config(",
    "System.getProperty",
    "os.env",
    "env.get",
    "get_env",
    "GetEnvironmentVariable",
    "env::var",
    "Environment.get",
    "import.meta.env",
];
