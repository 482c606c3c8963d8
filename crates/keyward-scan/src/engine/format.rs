//! Rules of the catalogue: keys of services by their format.

use std::ops::Range;
use std::sync::OnceLock;

use keyward_providers::{Charset, Detector, detectors};
use keyward_types::{Access, Confidence};
use regex_lite::Regex;

use super::filter;
use super::matcher::{Matcher, RawCandidate, RuleInfo, Text};
use super::prefilter::Literal;

/// Every format of the catalogue.
pub(crate) struct Formats {
    rules: Vec<Format>,
    /// For each anchor, its rule and what the anchor is to it.
    anchors: Vec<(usize, Anchor)>,
    literals: Vec<Literal>,
}

/// What a literal is to a rule.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Anchor {
    /// A value begins with it.
    Start,
    /// It stands inside a value.
    Inside,
    /// It stands near a value.
    Context,
}

struct Format {
    detector: &'static Detector,
    /// Made at the first hit: most scans need a few of some hundreds.
    regex: OnceLock<Option<Regex>>,
}

/// How far from a context word a value may begin.
const REACH: usize = 120;

impl Formats {
    pub(crate) fn new() -> Self {
        let mut all = Self { rules: Vec::new(), anchors: Vec::new(), literals: Vec::new() };
        // What is public by design is no finding.
        for detector in detectors().filter(|detector| detector.access != Some(Access::Public)) {
            let rule = all.rules.len();
            all.rules.push(Format { detector, regex: OnceLock::new() });
            let mut add = |words: &[&str], anchor: Anchor, literal: fn(&str) -> Literal| {
                for word in words {
                    all.anchors.push((rule, anchor));
                    all.literals.push(literal(word));
                }
            };
            if !detector.anchors.is_empty() {
                add(detector.anchors, Anchor::Inside, Literal::exact);
            } else if detector.context.is_empty()
                || detector.prefixes.iter().all(|prefix| is_telling(prefix)) && !detector.prefixes.is_empty()
            {
                add(detector.prefixes, Anchor::Start, Literal::exact);
            } else {
                add(detector.context, Anchor::Context, Literal::word);
                // `dd_api_key` is written `ddApiKey` and `dd-api-key` too.
                for word in detector.context.iter().filter(|word| word.contains(['_', '-'])) {
                    let joined = word.replace(['_', '-'], "");
                    let other = if word.contains('_') { word.replace('_', "-") } else { word.replace('-', "_") };
                    add(&[joined.as_str(), other.as_str()], Anchor::Context, Literal::word);
                }
            }
        }
        all
    }
}

impl Matcher for Formats {
    fn rules(&self) -> Vec<RuleInfo> {
        let info = |format: &Format| RuleInfo {
            id: format.detector.id.to_owned(),
            provider: Some(format.detector.provider.to_owned()),
            description: format.detector.description.to_owned(),
            advice: format.detector.advice.map(str::to_owned),
            rank: if format.detector.prefixes.is_empty() && format.detector.anchors.is_empty() { 25 } else { 30 },
            misuse: false,
        };
        self.rules.iter().map(info).collect()
    }

    fn anchors(&self) -> Vec<Literal> {
        self.literals.clone()
    }

    fn confirm(&self, text: &Text<'_>, anchor: usize, at: usize, found: &mut Vec<RawCandidate>) {
        let (rule, kind) = self.anchors[anchor];
        let format = &self.rules[rule];
        let range = match kind {
            Anchor::Start => format.at(text.bytes, at),
            Anchor::Inside => format.around(text.bytes, at),
            Anchor::Context => format.near(text, at, at + self.literals[anchor].bytes.len()),
        };
        let Some(range) = range else { return };
        let value = &text.bytes[range.clone()];
        let Ok(value) = std::str::from_utf8(value) else { return };
        let detector = format.detector;
        if !detector.context.is_empty() && kind != Anchor::Context && !has_context(text, &range, detector.context) {
            return;
        }
        if !filter::is_dense(detector, value) || kind == Anchor::Context && filter::is_worded(value) {
            return;
        }
        let confidence = match detector.checksum_fits(value) {
            Some(true) => Confidence::High,
            Some(false) => Confidence::Low,
            None => detector.confidence,
        };
        found.push(RawCandidate { rule, range, value: None, confidence, weak: false });
    }
}

impl Format {
    /// The value that begins at `at`.
    fn at(&self, text: &[u8], at: usize) -> Option<Range<usize>> {
        if !begins_word(text, at) {
            return None;
        }
        let end = self.end_of(text, at)?;
        ends_word(text, end).then_some(at..end)
    }

    /// The value in which the literal at `at` stands: the pattern decides where it begins, among
    /// the few places before it that a value can begin at.
    fn around(&self, text: &[u8], at: usize) -> Option<Range<usize>> {
        let low = at.saturating_sub(self.detector.max_len as usize);
        let mut start = at;
        // All that can belong to the value, backwards.
        while start > low && self.may_stand_in(text[start - 1]) {
            start -= 1;
        }
        (start..=at).filter(|begin| begins_word(text, *begin)).find_map(|begin| {
            let prefixed = self.detector.prefixes.is_empty()
                || self.detector.prefixes.iter().any(|prefix| text[begin..].starts_with(prefix.as_bytes()));
            let end = prefixed.then(|| self.end_of(text, begin)).flatten()?;
            (end > at && ends_word(text, end)).then_some(begin..end)
        })
    }

    /// The value near a context word: the first of the right form behind it, else the last before it on its line.
    fn near(&self, text: &Text<'_>, start: usize, end: usize) -> Option<Range<usize>> {
        let bytes = text.bytes;
        let high = bytes.len().min(end + REACH + self.detector.max_len as usize);
        let mut at = end;
        let mut lines = 0;
        while at < high && at <= end + REACH {
            if bytes[at] == b'\n' {
                lines += 1;
                if lines > 2 {
                    break;
                }
            }
            if self.may_stand_near(bytes[at]) && begins_word(bytes, at) {
                let run = at + bytes[at..high].iter().take_while(|byte| self.may_stand_near(**byte)).count();
                if let Some(range) = self.run(bytes, at..run).or_else(|| self.run_in(bytes, at..run)) {
                    return filter::is_assigned(text, self.detector.id, start..end, &range).then_some(range);
                }
                at = run;
            } else {
                at += 1;
            }
        }
        None
    }

    /// A value at the end of a run that has its name in front: where any visible character may stand in a value, `NAME=`
    /// belongs to the run too.
    fn run_in(&self, text: &[u8], run: Range<usize>) -> Option<Range<usize>> {
        let graphic = self.detector.charset == Charset::Graphic;
        let signs = (run.start..run.end.min(run.start + 80)).filter(|at| graphic && matches!(text[*at], b'=' | b':'));
        signs.take(4).find_map(|sign| self.run(text, sign + 1..run.end))
    }

    /// Whether a whole run of the alphabet is a value.
    fn run(&self, text: &[u8], run: Range<usize>) -> Option<Range<usize>> {
        let value = std::str::from_utf8(&text[run.clone()]).ok()?;
        (self.detector.matches(value) && ends_word(text, run.end)).then_some(run)
    }

    /// Where the value ends that begins at `at`.
    fn end_of(&self, text: &[u8], at: usize) -> Option<usize> {
        let detector = self.detector;
        let high = text.len().min(at + detector.max_len as usize);
        let prefix = detector
            .prefixes
            .iter()
            .filter(|prefix| text[at..].starts_with(prefix.as_bytes()))
            .map(|prefix| prefix.len())
            .max()
            .unwrap_or(0);
        let body = text.get(at + prefix..high)?;
        let run = body.iter().take_while(|byte| detector.charset.contains(**byte)).count();
        let mut end = at + prefix + run;
        // What is too short needs no pattern to say so.
        if prefix + run < detector.min_len as usize {
            return None;
        }
        if detector.pattern.is_some() {
            let value = std::str::from_utf8(&text[at..end]).ok()?;
            // All of it rather than the first alternative of the pattern that fits its beginning.
            if !detector.matches(value) {
                end = at + self.regex()?.find(value)?.end();
            }
        }
        let length = (end - at) as u64;
        (u64::from(detector.min_len) <= length && length <= u64::from(detector.max_len)).then_some(end)
    }

    /// Whether a byte can belong to a value, its prefix included.
    fn may_stand_in(&self, byte: u8) -> bool {
        self.detector.charset.contains(byte)
            || self.detector.prefixes.iter().any(|prefix| prefix.as_bytes().contains(&byte))
    }

    /// The same for a value that only a word near it points to: what quotes it is no part of it.
    fn may_stand_near(&self, byte: u8) -> bool {
        let quotes = matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b',' | b';');
        self.may_stand_in(byte) && !(quotes && self.detector.charset == Charset::Graphic)
    }

    fn regex(&self) -> Option<&Regex> {
        let make = || Regex::new(&format!("^(?:{})", self.detector.pattern?)).ok();
        self.regex.get_or_init(make).as_ref()
    }
}

/// Whether a prefix is worth searching for where there is a context word to search for instead:
/// `key`, `pub` and `test_` stand everywhere.
fn is_telling(prefix: &str) -> bool {
    prefix.len() >= 5 || (prefix.len() == 4 && prefix.bytes().any(|byte| !byte.is_ascii_lowercase() && byte != b'_'))
}

/// Whether a value can begin here: not within a word, unless the letter before belongs to an escape (`\n`, `%3D`).
fn begins_word(text: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| text[before]) else { return true };
    if !before.is_ascii_alphanumeric() {
        return true;
    }
    let two = at.checked_sub(2).map(|two| text[two]);
    let three = at.checked_sub(3).map(|three| text[three]);
    let escape = matches!(before, b'n' | b'r' | b't') && two == Some(b'\\');
    let percent = before.is_ascii_hexdigit() && two.is_some_and(|byte| byte.is_ascii_hexdigit()) && three == Some(b'%');
    escape || percent
}

/// Whether a value can end here: no word goes on.
fn ends_word(text: &[u8], end: usize) -> bool {
    text.get(end).is_none_or(|next| !next.is_ascii_alphanumeric())
}

/// Whether a context word stands on the value's line or the two before it.
fn has_context(text: &Text<'_>, range: &Range<usize>, words: &[&str]) -> bool {
    let low = range.start.saturating_sub(2 * REACH);
    let high = text.bytes.len().min(range.end + REACH);
    let near = text.bytes[low..high].to_ascii_lowercase();
    let stands = |word: &str| memchr::memmem::find(&near, word.as_bytes()).is_some();
    let joined = |word: &str| word.contains(['_', '-']) && stands(&word.replace(['_', '-'], ""));
    words.iter().any(|word| stands(word) || joined(word))
}
