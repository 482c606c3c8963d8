//! Looks for what rules of users describe.

use std::collections::BTreeMap;
use std::ops::Range;

use keyward_types::Confidence;
use regex::bytes::Regex;
use zeroize::Zeroizing;

use super::allow::{Allow, Subject};
use crate::engine::{Literal, Matcher, Prefilter, RawCandidate, RuleInfo, Text, shannon};

/// A rule of a user.
pub(crate) struct Rule {
    pub(crate) info: RuleInfo,
    pub(crate) confidence: Confidence,
    /// Without one, the path alone is the finding.
    pub(crate) regex: Option<Regex>,
    pub(crate) group: Group,
    /// Values must have more bits a byte than this.
    pub(crate) entropy: f64,
    pub(crate) path: PathTest,
    /// A match is looked for around these; without any, everywhere.
    pub(crate) keywords: Vec<Literal>,
    pub(crate) allow: Vec<Allow>,
}

/// Which part of a match is the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// The first group that is not empty, or the whole where there is none.
    First,
    Number(usize),
    Name(String),
}

/// In which files a rule looks.
pub(crate) enum PathTest {
    Any,
    Regex(Regex),
    Globs(ignore::gitignore::Gitignore),
}

impl PathTest {
    fn fits(&self, path: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Regex(regex) => regex.is_match(path.as_bytes()),
            Self::Globs(globs) => super::pattern::fits(globs, path),
        }
    }
}

/// All rules of a file.
pub(crate) struct Rules {
    rules: Vec<Rule>,
    keywords: Prefilter,
    /// For each literal of `keywords`, the rules that have it.
    owners: Vec<Vec<usize>>,
    /// Rules without keywords.
    everywhere: Vec<usize>,
}

/// A match begins at most so far from a keyword, and is at most so long beyond.
const REACH: usize = 16 << 10;
/// A text is searched in pieces of this size: an expression that looks far ahead at every place,
/// and finds little, cannot make the time quadratic.
const PIECE: usize = 256 << 10;
const LINE: usize = 4096;

impl Rules {
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        let mut by_literal: BTreeMap<(Vec<u8>, bool), Vec<usize>> = BTreeMap::new();
        let mut everywhere = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            if rule.keywords.is_empty() {
                everywhere.push(index);
            }
            for keyword in &rule.keywords {
                by_literal.entry((keyword.bytes.clone(), keyword.any_case)).or_default().push(index);
            }
        }
        let (literals, owners): (Vec<_>, Vec<_>) =
            by_literal.into_iter().map(|((bytes, any_case), owners)| (Literal { bytes, any_case }, owners)).unzip();
        Self { rules, keywords: Prefilter::new(literals), owners, everywhere }
    }

    /// The parts of a text in which each rule looks.
    fn windows(&self, text: &[u8]) -> BTreeMap<usize, Vec<Range<usize>>> {
        let mut windows: BTreeMap<usize, Vec<Range<usize>>> = BTreeMap::new();
        let mut near = |rule: usize, at: usize| {
            let (start, end) = (at.saturating_sub(REACH), text.len().min(at + REACH));
            let all = windows.entry(rule).or_default();
            match all.last_mut() {
                Some(last) if start <= last.end => last.end = last.end.max(end),
                _ => all.push(start..end),
            }
        };
        // Few literals, or none, are no reason to look at every byte of every text.
        if !self.owners.is_empty() {
            self.keywords.find(text, |literal, at| self.owners[literal].iter().for_each(|rule| near(*rule, at)));
        }
        for rule in &self.everywhere {
            windows.insert(*rule, std::iter::once(0..text.len()).collect());
        }
        windows
    }

    fn search(
        &self,
        index: usize,
        regex: &Regex,
        text: &Text<'_>,
        window: Range<usize>,
        found: &mut Vec<RawCandidate>,
    ) {
        let mut at = window.start;
        let mut start = window.start;
        while start < window.end {
            let end = window.end.min(start + PIECE);
            let limit = text.bytes.len().min(end + REACH);
            let seen = &text.bytes[..limit];
            while at < end {
                let Some(matched) = regex.find_at(seen, at).filter(|matched| matched.start() < end) else { break };
                at = matched.end().max(matched.start() + 1);
                // What reaches a cut may go on behind it.
                if matched.end() < limit || limit == text.bytes.len() {
                    found.extend(self.rules[index].candidate(index, regex, text, seen, matched.range()));
                }
            }
            at = at.max(end);
            start = end;
        }
    }
}

impl Matcher for Rules {
    fn rules(&self) -> Vec<RuleInfo> {
        self.rules.iter().map(|rule| rule.info.clone()).collect()
    }

    fn anchors(&self) -> Vec<Literal> {
        Vec::new()
    }

    fn confirm(&self, _text: &Text<'_>, _anchor: usize, _at: usize, _found: &mut Vec<RawCandidate>) {}

    fn looks_far(&self) -> bool {
        self.rules.iter().any(|rule| rule.regex.is_some())
    }

    fn whole(&self, text: &Text<'_>, found: &mut Vec<RawCandidate>) {
        for (index, windows) in self.windows(text.bytes) {
            let rule = &self.rules[index];
            if !rule.path.fits(text.hint.path) {
                continue;
            }
            match &rule.regex {
                Some(regex) => windows.into_iter().for_each(|window| self.search(index, regex, text, window, found)),
                None if text.hint.depth == 0 => found.extend(rule.path_alone(index, text)),
                None => {}
            }
        }
    }
}

impl Rule {
    fn candidate(
        &self,
        index: usize,
        regex: &Regex,
        text: &Text<'_>,
        seen: &[u8],
        matched: Range<usize>,
    ) -> Option<RawCandidate> {
        let range = self.value(regex, seen, matched.clone())?;
        let value = &text.bytes[range.clone()];
        if value.is_empty() || (self.entropy > 0.0 && shannon(value) <= self.entropy) {
            return None;
        }
        let line = &text.bytes[text.line_around(range.start, LINE)];
        let (path, matched) = (text.hint.path, &text.bytes[matched]);
        let subject = Subject { rule: &self.info.id, path, value, matched, line };
        if self.allow.iter().any(|allow| allow.fits(&subject)) {
            return None;
        }
        Some(RawCandidate { rule: index, range, value: None, confidence: self.confidence, weak: false })
    }

    /// Where the value is in a match.
    fn value(&self, regex: &Regex, seen: &[u8], matched: Range<usize>) -> Option<Range<usize>> {
        if regex.captures_len() == 1 {
            return Some(matched);
        }
        let groups = regex.captures_at(seen, matched.start)?;
        let group = match &self.group {
            Group::First => groups.iter().skip(1).flatten().find(|group| !group.is_empty()),
            Group::Number(number) => groups.get(*number),
            Group::Name(name) => groups.name(name),
        };
        match (group, &self.group) {
            (Some(group), _) => Some(group.range()),
            (None, Group::First) => Some(matched),
            (None, _) => None,
        }
    }

    fn path_alone(&self, index: usize, text: &Text<'_>) -> Option<RawCandidate> {
        let path = text.hint.path;
        let subject = Subject { rule: &self.info.id, path, value: b"", matched: b"", line: b"" };
        if path.is_empty() || self.allow.iter().any(|allow| allow.fits(&subject)) {
            return None;
        }
        let value = Some(Zeroizing::new(path.as_bytes().to_vec()));
        Some(RawCandidate { rule: index, range: 0..0, value, confidence: self.confidence, weak: false })
    }
}
