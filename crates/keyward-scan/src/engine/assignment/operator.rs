//! From a name to where its value begins, in the syntaxes of languages and file formats.

use std::ops::Range;

/// How a value is given to its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// `name = value`, `name: value`, `name => value`.
    Assigned,
    /// `name=value` without spaces: in connection strings, queries and options too.
    Tight,
    /// `name == value`.
    Compared,
    /// `<name>value</name>`, `key="name">value<`.
    Element,
    /// `"name", "value"`, `name("value")`: only a quoted value counts.
    Passed,
    /// `${name:-value}`
    Default,
    /// `--name value`, `PASSWORD 'value'`, `ENV NAME value`.
    Spaced,
}

/// Where the value of the name in `name` begins, and how it is given. Gives up within a few bytes where
/// nothing is given.
pub(super) fn after(text: &[u8], name: &Range<usize>) -> Option<(usize, Way)> {
    let (mut at, named_in_quotes) = closers(text, name.end);
    let closed = at;
    at = spaces(text, at);
    let next = *text.get(at)?;
    let following = text.get(at + 1).copied().unwrap_or(b'\n');
    match next {
        b'=' => equals(text, at, at == closed),
        b':' if following == b':' => defined(text, at),
        b':' if matches!(following, b'-' | b'=') && name.start > 0 && text[name.start - 1] == b'{' => {
            Some((at + 2, Way::Default))
        }
        b':' if following == b'=' => Some((spaces(text, at + 2), Way::Assigned)),
        b':' => Some((spaces(text, at + 1), Way::Assigned)),
        b'?' if matches!(following, b'=' | b':') => Some((spaces(text, at + 2), Way::Assigned)),
        b'|' if text[at..].starts_with(b"||=") => Some((spaces(text, at + 3), Way::Assigned)),
        b'-' if following == b'>' => quoted_at(text, at + 2, Way::Passed),
        b'|' | b'?' if following == next => quoted_at(text, at + 2, Way::Passed),
        b'<' if following == b'/' => property(text, at),
        b'<' if following == b'-' => Some((spaces(text, at + 2), Way::Assigned)),
        b'>' => element(text, name, at, named_in_quotes),
        b',' => pair(text, name, at, named_in_quotes),
        b'(' if at == closed => quoted_at(text, at + 1, Way::Passed),
        b'\n' | b'\r' => value_below(text, name, at),
        b'{' if named_in_quotes => declared_default(text, name, at),
        _ if at == closed => None,
        _ if name.start > 0 && text[name.start - 1] == b'<' => tag(text, at),
        _ if named_in_quotes => attribute(text, at),
        _ => spaced(text, name, at),
    }
}

/// Past quotes and brackets that end a name: `"`, `']`, `[64]`, `\"`.
fn closers(text: &[u8], mut at: usize) -> (usize, bool) {
    let mut quotes = false;
    for _ in 0..4 {
        match text.get(at) {
            Some(b'"' | b'\'' | b'`') => quotes = true,
            Some(b']' | b'}') => {}
            Some(b'\\') if matches!(text.get(at + 1), Some(b'"' | b'\'')) => {}
            Some(b'[') => {
                // `char password[64] =`
                let digits = text[at + 1..].iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
                if text.get(at + 1 + digits) != Some(&b']') {
                    break;
                }
                at += digits + 1;
            }
            _ => break,
        }
        at += 1;
    }
    (at, quotes)
}

fn equals(text: &[u8], at: usize, tight: bool) -> Option<(usize, Way)> {
    match text.get(at + 1)? {
        b'=' => {
            let after = at + 2 + usize::from(text.get(at + 2) == Some(&b'='));
            Some((spaces(text, after), Way::Compared))
        }
        b'>' => Some((spaces(text, at + 2), Way::Assigned)),
        b'~' => None,
        b' ' | b'\t' => Some((spaces(text, at + 1), Way::Assigned)),
        _ if tight => Some((at + 1, Way::Tight)),
        _ => Some((at + 1, Way::Assigned)),
    }
}

/// `NAME ::= "x"`, `NAME :: "x"`; paths of modules have no quote behind their colons.
fn defined(text: &[u8], at: usize) -> Option<(usize, Way)> {
    let colons = text[at..].iter().take(4).take_while(|byte| **byte == b':').count();
    let equals = usize::from(text.get(at + colons) == Some(&b'='));
    quoted_at(text, at + colons + equals, Way::Assigned)
}

/// `<password>value`, `<entry key="password">value`.
fn element(text: &[u8], name: &Range<usize>, at: usize, named_in_quotes: bool) -> Option<(usize, Way)> {
    let tag = name.start > 0 && matches!(text[name.start - 1], b'<' | b':');
    if !tag && !named_in_quotes {
        return None;
    }
    let start = blank(text, at + 1);
    // `<Password><Value>x</Value>` of Windows' answer files.
    let inner = if text[start..].starts_with(b"<Value>") { start + 7 } else { start };
    Some((inner, Way::Element))
}

/// `<password encrypted="false">value`: what the attributes say is none of it.
fn tag(text: &[u8], at: usize) -> Option<(usize, Way)> {
    let line = &text[at..text.len().min(at + ATTRIBUTES)];
    let close = line.iter().position(|byte| matches!(byte, b'>' | b'\n' | b'<'))?;
    let open = line[close] == b'>' && close > 0 && line[close - 1] != b'/' && line[..close].contains(&b'=');
    open.then(|| (blank(text, at + close + 1), Way::Element))
}

/// How far the attributes of an element reach.
const ATTRIBUTES: usize = 160;

/// `<key>Password</key>`, and behind it `<string>value`: property lists.
fn property(text: &[u8], at: usize) -> Option<(usize, Way)> {
    let value = blank(text, at + text[at..].starts_with(b"</key>").then_some(b"</key>".len())?);
    text[value..].starts_with(b"<string>").then(|| (value + b"<string>".len(), Way::Element))
}

/// `"password", "value"`, `{password, "value"}`, `"name": "DB_PASSWORD", "value": "x"`.
fn pair(text: &[u8], name: &Range<usize>, at: usize, named_in_quotes: bool) -> Option<(usize, Way)> {
    let tuple = name.start > 0 && text[name.start - 1] == b'{';
    if !named_in_quotes && !tuple {
        return None;
    }
    let start = blank(text, at + 1);
    value_word(text, start).map(|start| (start, Way::Assigned)).or_else(|| quoted_at(text, start, Way::Passed))
}

/// `- name: DB_PASSWORD`, and below it `value: x`.
fn value_below(text: &[u8], name: &Range<usize>, at: usize) -> Option<(usize, Way)> {
    let before = text[name.start.saturating_sub(12)..name.start].trim_ascii_end();
    let before = before.strip_suffix(b"\"").or_else(|| before.strip_suffix(b"'")).unwrap_or(before).trim_ascii_end();
    if !(before.ends_with(b"name:") || before.ends_with(b"key:") || before.ends_with(b"Name:")) {
        return None;
    }
    value_word(text, blank(text, at)).map(|start| (start, Way::Assigned))
}

/// `variable "db_password" {`, and within it `default = "x"`: Terraform.
fn declared_default(text: &[u8], name: &Range<usize>, at: usize) -> Option<(usize, Way)> {
    let before = text[name.start.saturating_sub(24)..name.start].strip_suffix(b"\"")?.trim_ascii_end();
    if !before.ends_with(b"variable") {
        return None;
    }
    let block = &text[at..text.len().min(at + BLOCK)];
    let block = &block[..memchr::memchr(b'}', block).unwrap_or(block.len())];
    let word = memchr::memmem::find_iter(block, b"default").find(|word| {
        let line = block[..*word].rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        line.trim_ascii().is_empty()
    })?;
    let equals = spaces(text, at + word + b"default".len());
    (text.get(equals) == Some(&b'=')).then(|| quoted_at(text, equals + 1, Way::Assigned)).flatten()
}

/// How far into a block its default is looked for.
const BLOCK: usize = 400;

/// `key="Password" value="x"`
fn attribute(text: &[u8], at: usize) -> Option<(usize, Way)> {
    value_word(text, at).map(|start| (start, Way::Assigned)).or_else(|| quoted_at(text, at, Way::Spaced))
}

/// Where the value begins behind the word `value` and `=` or `:`.
fn value_word(text: &[u8], at: usize) -> Option<usize> {
    let quoted = matches!(text.get(at)?, b'"' | b'\'');
    let start = at + usize::from(quoted);
    let found = text.get(start..start + 5)?.eq_ignore_ascii_case(b"value");
    let mut end = start + 5 + usize::from(quoted);
    end = spaces(text, end);
    (found && matches!(text.get(end)?, b'=' | b':')).then(|| spaces(text, end + 1))
}

/// What stands behind a name and a space is its value where a quote opens, or where options, commands and
/// declarations are written so.
fn spaced(text: &[u8], name: &Range<usize>, at: usize) -> Option<(usize, Way)> {
    if matches!(text[at], b'"' | b'\'') {
        // `"Unknown token " + x`: the quote may close a string.
        return (!is_in_string(text, name.start, text[at])).then_some((at, Way::Spaced));
    }
    let option = name.start > 0 && text[name.start] == b'-' || text[name.start..].starts_with(b"-");
    if option {
        return Some((at, Way::Spaced));
    }
    declared(text, name, at).map(|start| (start, Way::Assigned)).or_else(|| {
        let line = text[name.start.saturating_sub(60)..name.start].rsplit(|byte| *byte == b'\n').next()?.trim_ascii();
        let word = line.split(|byte| *byte == b' ').next()?;
        let command =
            [&b"ENV"[..], b"ARG", b"set", b"env", b"machine", b"default", b"login", b"setenv", b"export", b"enable"];
        let alone = line.is_empty();
        (command.contains(&word) || alone).then_some((at, Way::Spaced))
    })
}

/// Whether an odd number of quotes stands before `at` on its line.
pub(super) fn is_in_string(text: &[u8], at: usize, quote: u8) -> bool {
    let before = &text[at.saturating_sub(300)..at];
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    line.iter().filter(|byte| **byte == quote).count() % 2 == 1
}

/// `password string = "x"` of Go, `password VARCHAR = 'x'`: where a type stands between.
fn declared(text: &[u8], name: &Range<usize>, at: usize) -> Option<usize> {
    let _ = name;
    let kind = text[at..].iter().take(24).take_while(|b| b.is_ascii_alphanumeric() || b"_*[].".contains(b)).count();
    let equals = spaces(text, at + kind);
    let start = spaces(text, equals + 1);
    let given = kind > 0 && text.get(equals) == Some(&b'=') && text.get(equals + 1) != Some(&b'=');
    (given && matches!(text.get(start)?, b'"' | b'\'' | b'`')).then_some(start)
}

fn quoted_at(text: &[u8], at: usize, way: Way) -> Option<(usize, Way)> {
    let start = spaces(text, at);
    matches!(text.get(start)?, b'"' | b'\'' | b'`').then_some((start, way))
}

/// Past spaces of a line.
fn spaces(text: &[u8], at: usize) -> usize {
    at + text.get(at..).unwrap_or_default().iter().take(80).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// Past spaces and ends of lines.
fn blank(text: &[u8], at: usize) -> usize {
    at + text.get(at..).unwrap_or_default().iter().take(120).take_while(|byte| byte.is_ascii_whitespace()).count()
}
