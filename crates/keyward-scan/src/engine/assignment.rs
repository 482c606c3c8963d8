//! Generic assignments: a value that is given to a name that promises a secret.
//!
//! No service tells what such a value looks like, so that three questions have to be answered, the cheapest
//! first: does the name promise a secret and not a setting about one ([`name`]); is a value given to it here
//! ([`operator`], [`literal`]), in any of the syntaxes of the common languages and file formats; and could the
//! value be one ([`super::filter::judge`]). Words like `token` stand everywhere in code: most places end
//! within the first question.

mod header;
mod literal;
mod name;
mod operator;
mod sign_in;

use std::ops::Range;

use keyward_types::Confidence;
use zeroize::Zeroizing;

use self::literal::Literal as Value;
use self::name::{Name, Word};
use self::operator::Way;
use super::filter::{self, Promise, Setting, Syntax, Worth};
use super::matcher::{Matcher, RawCandidate, RuleInfo, Text};
use super::prefilter::Literal;
use super::yaml;

/// Values given to names of secrets.
pub(crate) struct Assignments;

const PASSWORD: usize = 0;
const SECRET: usize = 1;
const BEARER: usize = 2;
const BASIC: usize = 3;
const ARGUMENT: usize = 4;

impl Matcher for Assignments {
    fn rules(&self) -> Vec<RuleInfo> {
        let rule = |id: &str, description: &str, rank: u8| RuleInfo {
            id: id.to_owned(),
            provider: None,
            description: description.to_owned(),
            advice: None,
            rank,
            misuse: false,
        };
        vec![
            rule("generic-password", "a password in an assignment", 10),
            rule("generic-secret", "a token, key or secret in an assignment", 10),
            rule("bearer-token", "a bearer token in a header", 11),
            rule("basic-credentials", "user and password of HTTP basic authentication", 20),
            rule("command-line-password", "a password on a command line", 12),
        ]
    }

    fn anchors(&self) -> Vec<Literal> {
        let words = name::WORDS
            .iter()
            .map(|word| if word.exact { Literal::exact(word.text) } else { Literal::word(word.text) });
        let headers = header::ANCHORS.iter().map(|anchor| Literal::word(anchor));
        words.chain(headers).chain(sign_in::CALLS.iter().map(|(name, _)| Literal::word(name))).collect()
    }

    fn confirm(&self, text: &Text<'_>, anchor: usize, at: usize, found: &mut Vec<RawCandidate>) {
        const HEADERS: usize = name::WORDS.len();
        const CALLS: usize = HEADERS + header::ANCHORS.len();
        match anchor {
            CALLS.. => sign_in::call(text, anchor - CALLS, at, found),
            HEADERS.. => header::confirm(text, anchor - HEADERS, at, found),
            _ => assigned(text, &name::WORDS[anchor], at, found),
        }
    }
}

fn assigned(text: &Text<'_>, word: &Word, at: usize, found: &mut Vec<RawCandidate>) {
    let bytes = text.bytes;
    // Most words end here: nothing is given to what they name.
    let Some(name) = name::around(bytes, word, at) else { return };
    let Some((start, way)) = operator::after(bytes, &name.range) else { return };
    let setting = Setting::of(&text.hint);
    if setting.data {
        return;
    }
    let read = |start: usize| literal::read(bytes, start, way, setting.syntax, name.range.start);
    let Some(list) = below(text, &name.range, start, way) else {
        let Some(value) = read(start) else { return };
        return given(text, &name, word, (value, way), found);
    };
    for range in list {
        let bare = !matches!(bytes[range.start], b'"' | b'\'');
        if let Some(value) = if bare { Some(Value { range, quoted: false }) } else { read(range.start) } {
            given(text, &name, word, (value, way), found);
        }
    }
}

/// Judges a value that is given to a name.
fn given(text: &Text<'_>, name: &Name, word: &Word, (value, way): (Value, Way), found: &mut Vec<RawCandidate>) {
    let (bytes, setting) = (text.bytes, Setting::of(&text.hint));
    let Some(promise) = name::promise(bytes, name, word) else { return };
    let Some(value) = without_scheme(bytes, &name.range, value) else { return };
    let Ok(content) = std::str::from_utf8(&bytes[value.range.clone()]) else { return };
    let content = if is_single_quoted(text, &value) { content.replace("''", "'") } else { unescaped(content) };
    let rule = if promise == Promise::Password { PASSWORD } else { SECRET };
    let promise = expected(promise, way, &value, &setting);
    let worth = match filter::judge(promise, &content, setting.made_up) {
        Worth::Sure(_) if is_continued(bytes, &value) && !keyward_providers::looks_random(&content) => Worth::Weak,
        Worth::Sure(_) if !value.quoted && setting.syntax == Syntax::Unknown && content.contains(['(', ')', ';']) => {
            Worth::Weak
        }
        Worth::Weak if promise == Promise::Password && sign_in::in_company(bytes, &name.range, &value.range) => {
            filter::judge_sign_in(&content, setting.made_up)
        }
        Worth::Weak if promise == Promise::Password && is_variable(text, &name.range) => {
            filter::judge_variable(&content, setting.made_up)
        }
        worth => worth,
    };
    let value_of = || (content.len() != value.range.len()).then(|| Zeroizing::new(content.clone().into_bytes()));
    let mut give = |confidence, weak| {
        found.push(RawCandidate { rule, range: value.range.clone(), value: value_of(), confidence, weak });
    };
    match worth {
        Worth::Nothing => {}
        Worth::Weak => give(Confidence::Low, true),
        Worth::Sure(confidence) => give(confidence, false),
    }
}

/// Values that YAML has on the line below their key, or in a list.
fn below(text: &Text<'_>, name: &Range<usize>, start: usize, way: Way) -> Option<Vec<Range<usize>>> {
    let may_be = matches!(text.bytes.get(start)?, b'|' | b'>' | b'\n' | b'\r' | b'[');
    (may_be && way == Way::Assigned && is_yaml(text)).then(|| yaml::below(text.bytes, name.start, start)).flatten()
}

fn is_yaml(text: &Text<'_>) -> bool {
    matches!(text.hint.extension().as_str(), "yml" | "yaml")
}

/// Whether a value of YAML stands between single quotes: there `''` is one, and a backslash is itself.
fn is_single_quoted(text: &Text<'_>, value: &Value) -> bool {
    value.quoted && text.bytes.get(value.range.start.wrapping_sub(1)) == Some(&b'\'') && is_yaml(text)
}

/// Whether a name in YAML is that of an environment variable: what is given to it is no example of a program, but what
/// a container runs with.
fn is_variable(text: &Text<'_>, name: &Range<usize>) -> bool {
    let upper = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    text.bytes[name.clone()].iter().all(upper) && is_yaml(text)
}

/// What to expect of a value, given how it stands: what is compared, stands bare in a sentence or may be a label has
/// to be surer.
fn expected(promise: Promise, way: Way, value: &Value, setting: &Setting) -> Promise {
    let in_prose = !value.quoted && setting.syntax == Syntax::Prose;
    let unsure = matches!(way, Way::Compared | Way::Passed) || in_prose || setting.labels;
    match promise {
        Promise::Password if unsure => Promise::Drawn,
        promise => promise,
    }
}

/// Without `Bearer `, `Basic ` and their like; in a header of authorization, without whatever word stands first.
fn without_scheme(text: &[u8], name: &Range<usize>, mut value: Value) -> Option<Value> {
    let bytes = &text[value.range.clone()];
    const SCHEMES: [&[u8]; 8] =
        [b"bearer ", b"token ", b"apikey ", b"api-key ", b"basic ", b"key=", b"token=", b"splunk "];
    let scheme =
        SCHEMES.iter().find(|scheme| bytes.len() > scheme.len() && bytes[..scheme.len()].eq_ignore_ascii_case(scheme));
    if let Some(scheme) = scheme {
        if scheme.eq_ignore_ascii_case(b"basic ") {
            return None; // Decoded and judged where `Basic` is the anchor.
        }
        value.range.start += scheme.len();
    } else if text[name.clone()].to_ascii_lowercase().ends_with(b"authorization") {
        value.range.start += own_scheme(bytes);
    }
    Some(value)
}

/// The length of `SSWS `, `sso-key ` and other schemes that services made for themselves.
fn own_scheme(value: &[u8]) -> usize {
    let word = value.iter().take(16).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
    let spaces = value.iter().filter(|byte| byte.is_ascii_whitespace()).count();
    if spaces == 1 && value.get(word) == Some(&b' ') { word + 1 } else { 0 }
}

/// Whether a string is only a part of the value: `"prefix" + x`.
fn is_continued(text: &[u8], value: &Value) -> bool {
    let after = text[value.range.end..].iter().skip(1).take(4).find(|byte| !matches!(byte, b' '));
    value.quoted && matches!(after, Some(b'+' | b'%'))
}

/// What a string with escapes says.
fn unescaped(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let next = if c == '\\' { rest.next() } else { None };
        match (c, next) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('t')) => out.push('\t'),
            ('\\', Some('r')) => out.push('\r'),
            ('\\', Some(next @ ('\\' | '"' | '\'' | '`' | '/' | '$'))) => out.push(next),
            ('\\', Some(next)) => out.extend(['\\', next]),
            (c, _) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
