//! An example of another scanner, and what can be made of it by its own pattern.

use std::fs::File;
use std::io::{BufReader, Error, ErrorKind};
use std::ops::Range;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
use regex::Regex;
use serde_json::Value;

use crate::draw::Draw;

/// What was taken from other scanners' packages.
pub(crate) struct Cases {
    pub(crate) positives: Vec<Example>,
    pub(crate) negatives: Vec<String>,
}

/// A text with a secret in it.
pub(crate) struct Example {
    /// The rule's name for people.
    pub(crate) rule: String,
    pub(crate) text: String,
    /// Finds the value, where the other scanner gives its pattern and ours can read it.
    pattern: Option<Regex>,
}

impl Cases {
    /// Reads `{"positives": [{"rule", "text", "pattern"?}], "negatives": [text]}`.
    pub(crate) fn read(file: &str) -> Result<Self, Error> {
        let cases: Value = serde_json::from_reader(BufReader::new(File::open(file)?))?;
        let list = |name: &str| cases[name].as_array().ok_or_else(|| Error::from(ErrorKind::InvalidData));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let example = |one: &Value| Example {
            rule: text(&one["rule"]),
            text: text(&one["text"]),
            pattern: one["pattern"].as_str().and_then(|pattern| Regex::new(pattern).ok()),
        };
        Ok(Self {
            positives: list("positives")?.iter().map(example).collect(),
            negatives: list("negatives")?.iter().map(text).collect(),
        })
    }
}

impl Example {
    /// Where the value stands: the pattern's longest group; all of the text where nothing says so.
    pub(crate) fn value(&self) -> Range<usize> {
        self.group(&self.text).unwrap_or(0..self.text.len())
    }

    /// Whether the rule is about something that its own name calls public, an id or a hash.
    pub(crate) fn is_public(&self) -> bool {
        let name = self.rule.to_ascii_lowercase();
        PUBLIC.iter().any(|word| name.contains(word))
    }

    /// The text with a value drawn anew: each letter and digit becomes another of those that stand in its run, where the
    /// pattern still finds the same place. A value of which the pattern does not know the inner structure (a key in PEM, a JSON Web Token, an object, encoded text) would be broken by that and stays. `None` where there is no pattern.
    pub(crate) fn redrawn(&self, draw: &mut Draw) -> Option<String> {
        let value = self.group(&self.text)?;
        let mut text = self.text.clone();
        let free = match password(&text, &value) {
            Some(password) => password,
            None if is_structured(&text[value.clone()]) => return Some(text),
            None => value.clone(),
        };
        for at in free.clone() {
            let Some(set) = class(self.text.as_bytes(), &free, at) else { continue };
            for _ in 0..TRIES {
                let mut other = text.clone();
                other.replace_range(at..=at, &draw.text(set, 1));
                if self.group(&other).as_ref() == Some(&value) {
                    text = other;
                    break;
                }
            }
        }
        Some(text)
    }

    /// The text with a stand-in where its value was, and where the stand-in is.
    pub(crate) fn masked(&self, draw: &mut Draw) -> Option<(String, Range<usize>)> {
        let value = self.group(&self.text)?;
        let stand_in = match draw.below(8) {
            0 => "${API_KEY}".to_owned(),
            1 => "<your-api-key>".to_owned(),
            2 => "your_api_key_here".to_owned(),
            3 => "process.env.API_KEY".to_owned(),
            4 => "REPLACE_ME".to_owned(),
            5 => "{{ secrets.api_key }}".to_owned(),
            6 => self.text[value.clone()].chars().take(6).collect::<String>() + "********",
            _ => self.crossed_out(&value),
        };
        let range = value.start..value.start + stand_in.len();
        let mut text = self.text.clone();
        text.replace_range(value, &stand_in);
        Some((text, range))
    }

    /// The value with an `x` for every letter and digit that the pattern leaves free: its prefix stays.
    fn crossed_out(&self, value: &Range<usize>) -> String {
        let mut text = self.text.clone();
        for at in value.clone().filter(|at| self.text.as_bytes()[*at].is_ascii_alphanumeric()) {
            let mut other = text.clone();
            other.replace_range(at..=at, "x");
            if self.group(&other).as_ref() == Some(value) {
                text = other;
            }
        }
        // What takes no letters keeps its digits: it is crossed out whole.
        let crossed = &text[value.clone()];
        if crossed == &self.text[value.clone()] { "x".repeat(value.len()) } else { crossed.to_owned() }
    }

    fn group(&self, text: &str) -> Option<Range<usize>> {
        let captures = self.pattern.as_ref()?.captures(text)?;
        let inner = captures.iter().skip(1).flatten().max_by_key(|group| group.len());
        let group = inner.or_else(|| captures.get(0))?;
        Some(group.range()).filter(|range| !range.is_empty())
    }
}

/// How often a letter is drawn that has to fit its pattern.
const TRIES: usize = 4;

/// Where the password stands in a URL: of such a value nothing else is drawn.
fn password(text: &str, value: &Range<usize>) -> Option<Range<usize>> {
    let whole = &text[value.clone()];
    let user = whole.find("://")? + 3;
    let end = user + whole[user..].rfind('@')?;
    let start = user + whole[user..end].find(':')? + 1;
    (start < end).then_some(value.start + start..value.start + end)
}

fn is_structured(value: &str) -> bool {
    let printable = |bytes: Vec<u8>| bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    let body = value.trim_end_matches('=');
    let encodes_text = body.len() >= 16
        && (BASE64_NOPAD.decode(body.as_bytes()).is_ok_and(printable)
            || BASE64URL_NOPAD.decode(body.as_bytes()).is_ok_and(printable));
    value.contains(['\n', '{', '"'])
        || value.contains("://")
        || value.contains("-----")
        || value.contains("eyJ")
        || encodes_text
}

/// What the character at `at` may become, by the letters and digits around it: hexadecimal digits stay such, and a run of
/// several classes is drawn from all of them.
fn class(text: &[u8], value: &Range<usize>, at: usize) -> Option<&'static str> {
    if !text[at].is_ascii_alphanumeric() {
        return None;
    }
    let is_part = |at: &usize| text[*at].is_ascii_alphanumeric();
    let start = at - (value.start..at).rev().take_while(is_part).count();
    let end = at + (at..value.end).take_while(is_part).count();
    let run = &text[start..end];
    let has = |test: fn(&u8) -> bool| run.iter().any(test);
    let (lower, upper, digit) = (has(u8::is_ascii_lowercase), has(u8::is_ascii_uppercase), has(u8::is_ascii_digit));
    let hex = run.len() >= 8 && run.iter().all(|byte| b"0123456789abcdef".contains(byte));
    Some(match (lower, upper, digit) {
        (_, false, true) if hex && lower => "hex",
        (false, false, _) => "digits",
        (true, false, false) => "lower",
        (false, true, false) => "upper",
        (true, false, true) => "lower-alnum",
        (false, true, true) => "upper-alnum",
        (true, true, _) => "alnum",
    })
}

/// Words by which rules name what is no secret, or none that is reported by itself.
const PUBLIC: [&str; 14] = [
    "public",
    "publishable",
    "publish key",
    "client id",
    "reporter id",
    "user api id",
    "access key id",
    "private key id",
    "password hash",
    "encrypted",
    "username",
    "search url",
    "simulated",
    "phone number",
];
