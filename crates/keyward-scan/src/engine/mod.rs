//! From a text to candidates: anchors, confirmation, filters.

mod assignment;
mod filter;
mod format;
mod matcher;
mod prefilter;
mod shape;
mod yaml;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use keyward_types::{Confidence, Timestamp};

use zeroize::Zeroizing;

use crate::misuse::Misuse;
pub(crate) use filter::shannon;
use filter::{Setting, Syntax};

pub use matcher::{Hint, Matcher, RawCandidate, RuleInfo, Text};
pub use prefilter::{Literal, Prefilter};

/// Rules, ready to be run. Made once, used by every thread.
pub struct Engine {
    matchers: Vec<Loaded>,
    /// For each literal of the prefilter, who asked for it: matchers, and its index there.
    owners: Vec<Vec<(u32, u32)>>,
    prefilter: Prefilter,
    rules: Vec<RuleInfo>,
}

/// Whether a path is by its name that of a program, a configuration or a document.
pub(crate) fn is_source(path: &str) -> bool {
    Setting::of(&Hint { path, depth: 0 }).syntax != Syntax::Unknown
}

struct Loaded {
    matcher: Box<dyn Matcher>,
    /// Index of its first rule among all.
    first_rule: usize,
}

/// Something that a rule found in a text.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its rule, to be asked of [`Engine::rule`].
    pub rule: usize,
    /// Where the value stands in the text.
    pub range: Range<usize>,
    /// The value.
    pub value: Zeroizing<Vec<u8>>,
    /// How sure the rule is.
    pub confidence: Confidence,
    /// Too weak to be reported unless the vault knows it.
    pub weak: bool,
}

impl Loaded {
    /// What a matcher found, unless it only keeps the place of a value.
    fn candidate(&self, rules: &[RuleInfo], text: &Text<'_>, raw: RawCandidate) -> Option<Candidate> {
        let value = raw.value.unwrap_or_else(|| Zeroizing::new(text.bytes[raw.range.clone()].to_vec()));
        let RawCandidate { rule, range, confidence, weak, .. } = raw;
        let rule = self.first_rule + rule;
        // `$API_KEY` stands in for a value; printing it is a misuse.
        (rules[rule].misuse || !filter::is_stand_in(&value)).then_some(Candidate {
            rule,
            range,
            value,
            confidence,
            weak,
        })
    }
}

impl Engine {
    /// The built-in rules and `extra` ones, for whom no token has expired.
    pub fn new(extra: Vec<Box<dyn Matcher>>) -> Self {
        Self::built_in(None, extra)
    }

    /// The built-in rules and `extra` ones, for whom a token that has expired by `now` is worth little.
    pub fn at(now: Timestamp, extra: Vec<Box<dyn Matcher>>) -> Self {
        Self::built_in(Some(now), extra)
    }

    fn built_in(now: Option<Timestamp>, extra: Vec<Box<dyn Matcher>>) -> Self {
        let mut all: Vec<Box<dyn Matcher>> = vec![
            Box::new(format::Formats::new()),
            Box::new(shape::Shapes { now }),
            Box::new(assignment::Assignments),
            Box::new(Misuse::new()),
        ];
        all.extend(extra);
        Self::of(all)
    }

    /// Just these rules.
    pub fn of(all: Vec<Box<dyn Matcher>>) -> Self {
        let (mut matchers, mut rules) = (Vec::new(), Vec::new());
        let mut owners: Vec<Vec<(u32, u32)>> = Vec::new();
        let mut literals: Vec<Literal> = Vec::new();
        let mut seen: HashMap<Literal, usize> = HashMap::new();
        for matcher in all {
            let owner = u32::try_from(matchers.len()).unwrap_or(u32::MAX);
            for (index, literal) in matcher.anchors().into_iter().enumerate() {
                let place = *seen.entry(literal).or_insert_with_key(|literal| {
                    literals.push(literal.clone());
                    owners.push(Vec::new());
                    literals.len() - 1
                });
                owners[place].push((owner, u32::try_from(index).unwrap_or(u32::MAX)));
            }
            let first_rule = rules.len();
            rules.extend(matcher.rules());
            matchers.push(Loaded { matcher, first_rule });
        }
        Self { matchers, owners, prefilter: Prefilter::new(literals), rules }
    }

    /// Whether a rule looks further than around its anchors.
    pub(crate) fn looks_far(&self) -> bool {
        self.matchers.iter().any(|loaded| loaded.matcher.looks_far())
    }

    /// Every rule.
    pub fn rules(&self) -> &[RuleInfo] {
        &self.rules
    }

    /// One rule.
    pub fn rule(&self, index: usize) -> &RuleInfo {
        &self.rules[index]
    }

    /// Finds candidates, in the order of their places, at most one in each.
    pub fn scan(&self, text: &Text<'_>) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = Vec::new();
        let mut raw = Vec::new();
        self.prefilter.find(text.bytes, |literal, at| {
            for (owner, anchor) in &self.owners[literal] {
                let loaded = &self.matchers[*owner as usize];
                loaded.matcher.confirm(text, *anchor as usize, at, &mut raw);
                found.extend(raw.drain(..).filter_map(|one| loaded.candidate(&self.rules, text, one)));
            }
        });
        for loaded in &self.matchers {
            loaded.matcher.whole(text, &mut raw);
            found.extend(raw.drain(..).filter_map(|one| loaded.candidate(&self.rules, text, one)));
        }
        self.one_in_each_place(found)
    }

    /// Of candidates that overlap, the one that says most.
    fn one_in_each_place(&self, mut found: Vec<Candidate>) -> Vec<Candidate> {
        if found.len() < 2 {
            return found;
        }
        let worth = |one: &Candidate| (!one.weak, self.rules[one.rule].rank, one.confidence, one.range.len());
        found.sort_by(|a, b| worth(b).cmp(&worth(a)).then(a.range.start.cmp(&b.range.start)));
        let mut kept: Vec<Candidate> = Vec::new();
        // Ends of what is kept, by where it begins: places that are kept do not overlap.
        let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
        for one in found {
            // A misuse is about code, not about the value in it.
            let misuse = self.rules[one.rule].misuse;
            let before = taken.range(..one.range.end).next_back();
            if !misuse && before.is_some_and(|(_, end)| *end > one.range.start) {
                continue;
            }
            if !misuse {
                taken.insert(one.range.start, one.range.end);
            }
            kept.push(one);
        }
        kept.sort_by_key(|one| (one.range.start, one.rule));
        kept.dedup_by(|a, b| a.rule == b.rule && a.range == b.range);
        kept
    }
}
