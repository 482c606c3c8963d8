//! A source line as it may be shown.
//!
//! A line can hold more than the value that it is shown for: those of other findings, one that is
//! silenced, one that no rule knows. The first are replaced by what may be shown of them; whatever
//! else looks like a key gives way to `…`.

use keyward_providers::strength;
use zeroize::Zeroizing;

use crate::redact;
use crate::scanner::{Found, NEIGHBOURS, SHORTEST};

/// A line in three parts, redacted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Excerpt {
    /// What stands before the value.
    pub(crate) before: String,
    /// What may be shown of the value; the code itself where a finding is about code.
    pub(crate) value: String,
    /// What stands behind it.
    pub(crate) after: String,
}

/// A value cut off at the edge of the part that is shown is recognised by this many bytes.
const EDGE: usize = SHORTEST;
/// A run of characters that keys are made of is hidden from this length and estimated entropy on.
const LONG_RUN: usize = 20;
const RUN_BITS: f64 = 72.0;

impl Excerpt {
    /// The line of one of the findings, which are sorted by places. Empty where a finding is about no
    /// place in a file, but about the file.
    pub(crate) fn of(found: &[Found], index: usize) -> Self {
        let own = &found[index];
        if own.misuse && own.mark.is_empty() {
            return Self::default();
        }
        let needles = needles(found, index);
        let (before, _, after) = parts(own);
        Self {
            before: hide_runs(&replace(before, &needles)),
            value: if own.misuse { own.finding.redacted.clone() } else { redact_of(own) },
            after: hide_runs(&replace(after, &needles)),
        }
    }

    /// The three parts for a reader; as they are where values are shown.
    pub(crate) fn shown<'a>(&'a self, found: &'a Found, reveal: bool) -> (&'a str, &'a str, &'a str) {
        if reveal { parts(found) } else { (&self.before, &self.value, &self.after) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.before.is_empty() && self.value.is_empty() && self.after.is_empty()
    }
}

/// Findings about code carry that code as what may be shown: values in it are hidden.
pub(crate) fn scrub_misuse(found: &mut [Found]) {
    for index in (0..found.len()).filter(|index| found[*index].misuse).collect::<Vec<_>>() {
        let needles = needles(found, index);
        let redacted = hide_runs(&replace(&found[index].finding.redacted, &needles));
        found[index].finding.redacted = redacted;
    }
}

/// The parts of a line; whatever is wrong with the mark, none of them holds the value by mistake.
fn parts(found: &Found) -> (&str, &str, &str) {
    let mark = &found.mark;
    match (found.line.get(..mark.start), found.line.get(mark.clone()), found.line.get(mark.end..)) {
        (Some(before), Some(value), Some(after)) => (before, value, after),
        _ => ("", "", ""),
    }
}

fn redact_of(found: &Found) -> String {
    if found.finding.redacted.is_empty() { redact(&found.value) } else { found.finding.redacted.clone() }
}

/// Values on the line of a finding, its own too (it may stand there twice), with their replacements; the longest first.
fn needles(found: &[Found], index: usize) -> Vec<(Zeroizing<String>, String)> {
    let own = &found[index].finding;
    let same = |other: &&Found| {
        let other = &other.finding;
        other.path == own.path && other.line <= own.line && own.line <= other.end_line
    };
    let before = found[..index].iter().rev().take(NEIGHBOURS).filter(same);
    let after = found[index..].iter().take(NEIGHBOURS).take_while(same);
    let mut all: Vec<(Zeroizing<String>, String)> = Vec::new();
    for other in before.chain(after).filter(|other| !other.misuse) {
        let value = String::from_utf8_lossy(&other.value).into_owned();
        for text in [parts(other).1.to_owned(), value] {
            // A short word that nobody reports would tear holes into names around it.
            if text.len() >= if other.weak { 2 * EDGE } else { EDGE } {
                all.push((Zeroizing::new(text), redact_of(other)));
            }
        }
    }
    all.extend(found[index].beside.iter().map(|value| (value.clone(), redact(value.as_bytes()))));
    all.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
    all.dedup_by(|a, b| a.0 == b.0);
    all
}

fn replace(text: &str, needles: &[(Zeroizing<String>, String)]) -> String {
    let mut out = text.to_owned();
    for (needle, redacted) in needles {
        if out.contains(needle.as_str()) {
            out = out.replace(needle.as_str(), redacted);
        }
        let longest = needle.len().min(out.len());
        let head = (EDGE..=longest).rev().find(|end| needle.get(..*end).is_some_and(|head| out.ends_with(head)));
        if let Some(head) = head {
            out.truncate(out.len() - head);
            out.push('…');
        }
        let longest = needle.len().min(out.len());
        let tail = (EDGE..=longest)
            .rev()
            .find(|length| needle.get(needle.len() - length..).is_some_and(|tail| out.starts_with(tail)));
        if let Some(length) = tail {
            out.replace_range(..length, "…");
        }
    }
    out
}

fn hide_runs(text: &str) -> String {
    let text = hide_words(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(start) = rest.find(may_be_in_key) {
        let run = &rest[start..];
        let run = &run[..run.find(|c| !may_be_in_key(c)).unwrap_or(run.len())];
        out.push_str(&rest[..start]);
        out.push_str(if looks_like_key(run) { "…" } else { run });
        rest = &rest[start + run.len()..];
    }
    out.push_str(rest);
    out
}

/// A word in quotes from this length on, with letters and digits, may be a password.
const WORD: usize = 8;

/// Hides words in quotes that no rule took for a value, for want of a name beside them: `login("bob", "…")`.
fn hide_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find(['"', '\'', '`']) {
        let inner = &rest[open + 1..];
        out.push_str(&rest[..=open]);
        let end = inner.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`')).unwrap_or(inner.len());
        let closed = inner[end..].starts_with(&rest[open..=open]);
        out.push_str(if closed && may_be_password(&inner[..end]) { "…" } else { &inner[..end] });
        // The quote that ends a word opens none.
        out.push_str(if closed { &inner[end..=end] } else { "" });
        rest = &inner[end + usize::from(closed)..];
    }
    out.push_str(rest);
    out
}

fn may_be_password(word: &str) -> bool {
    let is_url = word.contains("://") && !word.contains('@');
    word.len() >= WORD
        && !is_url
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn may_be_in_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '_' | '-' | '=')
}

fn looks_like_key(run: &str) -> bool {
    run.len() >= LONG_RUN
        && run.bytes().any(|byte| byte.is_ascii_digit())
        && run.bytes().any(|byte| byte.is_ascii_alphabetic())
        && strength::bits(run) >= RUN_BITS
}
