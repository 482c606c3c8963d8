//! A file with findings: where each value stands, and what it is to be called.

use std::io;
use std::ops::Range;

use zeroize::Zeroizing;

use super::escape::decoded;
use super::lexer::{self, Literal, Token};
use super::naming::{self, Names};
use super::{FilePlan, Refusal, Refused, lines};
use crate::Found;
use crate::engine::{Hint, Text};
use crate::misuse::{Language, is_browser_code};

/// A value that stands in a file.
pub(super) struct Spot {
    pub(super) range: Range<usize>,
    pub(super) value: Zeroizing<Vec<u8>>,
    pub(super) name: String,
    pub(super) line: u32,
    pub(super) rule: String,
}

pub(super) struct File<'a> {
    pub(super) path: &'a str,
    pub(super) language: Language,
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) found: Vec<&'a Found>,
    pub(super) spots: Vec<Spot>,
    pub(super) tokens: Vec<Token>,
    /// Where each line begins.
    lines: Vec<usize>,
    pub(super) plan: FilePlan,
}

impl<'a> File<'a> {
    pub(super) fn open(path: &'a str, mut found: Vec<&'a Found>, read: &dyn Fn(&str) -> io::Result<Vec<u8>>) -> Self {
        let language = Language::of(&Hint { path, depth: 0 });
        let mut plan = FilePlan {
            path: path.to_owned(),
            before: Zeroizing::default(),
            edits: Vec::new(),
            stores: Vec::new(),
            refused: Vec::new(),
            hidden: found.iter().map(|one| one.value.clone()).collect(),
        };
        let mut bytes = Zeroizing::default();
        match content(path, &found, read) {
            Ok(content) => bytes = content,
            Err(refusal) => {
                plan.refused = found.iter().map(|one| refused(one.finding.line, &one.finding.rule, &refusal)).collect();
                found.clear();
            }
        }
        plan.before = bytes.clone();
        let tokens = match std::str::from_utf8(&bytes) {
            Ok(text) if has_literals(language) => lexer::tokens(text, language),
            _ => Vec::new(),
        };
        let breaks = memchr::memchr_iter(b'\n', &bytes).map(|at| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        Self { path, language, bytes, found, spots: Vec::new(), tokens, lines, plan }
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }

    /// Finds the place of each finding and gives its value a name.
    pub(super) fn name(&mut self, names: &mut Names<'_>) {
        for one in std::mem::take(&mut self.found) {
            let finding = &one.finding;
            match self.spot(one, names) {
                Ok(spot) => self.spots.push(spot),
                Err(refusal) => self.plan.refused.push(refused(finding.line, &finding.rule, &refusal)),
            }
        }
    }

    fn spot(&self, one: &Found, names: &mut Names<'_>) -> Result<Spot, Refusal> {
        let (finding, text) = (&one.finding, self.text());
        let moved = || Refusal::new("the file is not as it was scanned", "scan again");
        let start = self.offset(finding.line, finding.column).ok_or_else(moved)?;
        let end = self.offset(finding.end_line, finding.end_column).filter(|end| *end > start).ok_or_else(moved)?;
        let spot = |range, value, name| Spot { range, value, name, line: finding.line, rule: finding.rule.clone() };
        if self.language == Language::DotEnv {
            let assignment = lines::assignment(text, start)?;
            if !names.claim(&assignment.name, &assignment.value) {
                return Err(Refusal::new(
                    "its name stands for another value",
                    "move this file into an environment of its own with `keyward import`",
                ));
            }
            return Ok(spot(start..end, assignment.value, assignment.name));
        }
        self.accepts(start)?;
        let raw = &text[start..end];
        let value = if raw.as_bytes() == one.value.as_slice() && !raw.contains('\\') {
            one.value.clone()
        } else {
            self.literal(start)
                .ok()
                .and_then(|literal| decoded(self.language, &literal, raw))
                .ok_or(Refusal::new("the value is written in an encoded form", "replace it by hand"))?
        };
        // A scanner that looked into an encoded text reports the place of its encoded form.
        if raw.as_bytes() != one.value.as_slice() && *value != *one.value {
            return Err(Refusal::new("the value is written in an encoded form", "replace it by hand"));
        }
        let assigned = naming::assigned(&text[..self.literal(start).map_or(start, |literal| literal.outer.start)]);
        let name = names.of(&value, finding, assigned.as_deref());
        Ok(spot(start..end, value, name))
    }

    /// The byte offset of a line and a column, both from 1, columns in characters.
    fn offset(&self, line: u32, column: u32) -> Option<usize> {
        let start = *self.lines.get(usize::try_from(line).ok()?.checked_sub(1)?)?;
        let line = &self.text()[start..];
        let column = usize::try_from(column).ok()?.checked_sub(1)?;
        line.char_indices().map(|(at, _)| at).chain([line.len()]).nth(column).map(|at| start + at)
    }

    /// The line of a byte offset, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at)
    }

    /// Whether values of such a file can be replaced at all.
    fn accepts(&self, at: usize) -> Result<(), Refusal> {
        let hint = Hint { path: self.path, depth: 0 };
        if is_browser_code(&Text { bytes: &self.bytes, hint }, at) || self.language == Language::Component {
            return Err(Refusal::new(
                "the code runs in browsers, where no secret belongs",
                "call the service from a server",
            ));
        }
        match (self.language, hint.extension().as_str()) {
            (Language::Docker, _) => Err(Refusal::new(
                "what a build sets stays in the image",
                "give it with `RUN --mount=type=secret`, or at run time",
            )),
            (Language::Yaml | Language::Shell, _) => Ok(()),
            (language, _) if has_literals(language) => Ok(()),
            (_, "json" | "jsonc" | "ipynb") => {
                Err(Refusal::new("JSON has no variables", "read the value from the environment where the file is read"))
            }
            (_, "toml" | "ini" | "cfg" | "conf" | "properties" | "xml") => Err(Refusal::new(
                "this format has no variables",
                "read the value from the environment where the file is read",
            )),
            _ => Err(Refusal::new("this kind of file is not known to `--fix`", "take the value out by hand")),
        }
    }

    /// The literal in which a place is.
    pub(super) fn literal(&self, at: usize) -> Result<Literal, Refusal> {
        let index = self.tokens.partition_point(|token| token.range().end <= at);
        match self.tokens.get(index).filter(|token| token.range().start <= at) {
            Some(Token::Literal(literal)) => Ok(literal.clone()),
            Some(Token::Comment(_)) => Err(Refusal::new("the value is in a comment", "delete the comment")),
            Some(Token::Other(_)) => {
                Err(Refusal::new("the value is in a text of several lines or a pattern", "replace it by hand"))
            }
            None => Err(Refusal::new("the value is not inside a literal", "replace it by hand")),
        }
    }
}

/// The content of a file that can be mended.
fn content(
    path: &str,
    found: &[&Found],
    read: &dyn Fn(&str) -> io::Result<Vec<u8>>,
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    if found.iter().any(|one| one.finding.commit.is_some()) {
        return Err(Refusal::new("the value is in the history", "revoke it: what was committed stays readable"));
    }
    if path.contains('!') || path.is_empty() {
        return Err(Refusal::new("the value is inside an archive or a stream", "mend what it was made from"));
    }
    let bytes = read(path)
        .map(Zeroizing::new)
        .map_err(|_| Refusal::new("the file cannot be read", "look at its permissions"))?;
    if crate::tree::is_binary(&bytes) || std::str::from_utf8(&bytes).is_err() {
        return Err(Refusal::new("the file is binary", "mend what it was made from"));
    }
    Ok(bytes)
}

fn has_literals(language: Language) -> bool {
    use Language::{Go, Java, JavaScript, Php, Python, Ruby, Rust, TypeScript};
    matches!(language, Python | JavaScript | TypeScript | Go | Rust | Java | Ruby | Php)
}

pub(super) fn refused(line: u32, rule: &str, refusal: &Refusal) -> Refused {
    Refused { line, rule: rule.to_owned(), reason: refusal.reason.to_owned(), hint: refusal.hint.to_owned() }
}
