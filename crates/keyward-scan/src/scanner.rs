//! From a text to findings: candidates with their lines, fingerprints, stored secrets and silences.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use keyward_types::{Confidence, Finding, KnownSecret, KnownSecrets, Verified};
use zeroize::Zeroizing;

use crate::engine::{Candidate, Engine, Hint, Text};
use crate::places::Places;
use crate::position::{Lines, Span};
use crate::summary::{Skipped, Summary};
use crate::{decode, fingerprint, fingerprint_in_line, redact};

/// Everything that one scan looks for. Shared by its threads.
pub struct Scanner {
    /// The rules.
    pub engine: Engine,
    /// The stored secrets, where there is a vault to know them.
    pub known: Option<Arc<dyn KnownSecrets>>,
    /// What is not to be reported.
    pub silence: Box<dyn Silence>,
}

/// Decides which findings are not reported.
pub trait Silence: Send + Sync {
    /// Whether to report a finding. `line` is the source line on which it begins.
    fn judge(&self, finding: &Finding, value: &[u8], line: &[u8]) -> Verdict;
}

/// Whether a finding is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Report,
    /// Somebody said that it should not be.
    Silenced,
}

/// Where a text comes from.
#[derive(Clone, Copy, Default)]
pub struct Source<'a> {
    /// As in [`Finding::path`].
    pub path: &'a str,
    /// Whether git tracks it.
    pub tracked: bool,
    /// Of a change: the lines that it adds. Findings on other lines are not its own.
    pub added: Option<&'a dyn Fn(u32) -> bool>,
}

/// A finding and what is too secret to be part of it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The finding.
    pub finding: Finding,
    /// The value.
    pub value: Zeroizing<Vec<u8>>,
    /// To be reported only if the vault knows the value.
    pub weak: bool,
    /// It is not about a value that somebody could store or revoke.
    pub misuse: bool,
    /// The line on which it begins, for people: cut where it is long. Holds the value.
    pub line: Zeroizing<String>,
    /// Where in [`Found::line`] the value is, in bytes.
    pub mark: Range<usize>,
    /// Values on its line that are not reported, silenced or weak, as they stand there: for reports, to hide them.
    pub beside: Vec<Zeroizing<String>>,
    /// What the rule advises.
    pub advice: Option<String>,
}

/// What came of one text.
#[derive(Default)]
pub struct Outcome {
    /// What was found, in the order of places.
    pub found: Vec<Found>,
    /// What was counted.
    pub summary: Summary,
}

impl Outcome {
    /// Adds what came of another part of the same input.
    pub fn merge(&mut self, mut other: Self) {
        self.found.append(&mut other.found);
        self.summary.merge(other.summary);
    }
}

/// A rule's name for stored values that no rule knows by their form.
const STORED: &str = "stored-secret";
/// So much of a line on either side of a value counts for its fingerprint.
const LINE: usize = 4096;
/// Source lines are shown up to this many bytes on either side of a value.
const SHOWN: usize = 120;

impl Scanner {
    /// Looks at one text.
    pub fn scan(&self, source: &Source<'_>, bytes: &[u8]) -> Outcome {
        let mut outcome = Outcome::default();
        let looked = self.look(source.path, bytes);
        outcome.summary.bytes = looked.bytes;
        if !looked.whole {
            outcome.summary.skipped.push(Skipped::new(source.path, "decodes to too much"));
        }
        for (found, verdict) in self.judge(source, bytes, looked.hits) {
            match verdict {
                Verdict::Silenced if !found.weak => outcome.summary.silenced += 1,
                Verdict::Silenced => {}
                Verdict::Report => outcome.found.push(found),
            }
        }
        outcome
    }

    /// The first half of [`Scanner::scan`]: where something stands, in the order of places.
    pub(crate) fn look(&self, path: &str, bytes: &[u8]) -> Looked {
        let mut looked = Looked { hits: Vec::new(), bytes: bytes.len() as u64, whole: true };
        let hint = Hint { path, depth: 0 };
        let hits = self.hits(&Text { bytes, hint });
        // Hits of decoded texts, by depth, with their places in the text that each was decoded out of.
        let mut inside: [Vec<Hit>; decode::MAX_DEPTH as usize + 2] = Default::default();
        looked.whole = decode::each(bytes, &hint, &mut |decoded| {
            looked.bytes += decoded.bytes.len() as u64;
            let depth = usize::from(decoded.depth);
            let mut own = self.hits(&Text { bytes: &decoded.bytes, hint: Hint { path, depth: decoded.depth } });
            // How a program uses a secret is asked of its source as it stands.
            own.retain(|hit| !self.is_misuse(hit));
            let (outer, own) = (depth - 1, self.one_in_each_place(own, std::mem::take(&mut inside[depth])));
            let text = inside[outer].last().map_or(1, |hit| hit.text + 1);
            inside[outer].extend(own.into_iter().map(|hit| Hit {
                range: decoded.outer(&hit.range),
                text,
                depth: hit.depth.max(decoded.depth),
                ..hit
            }));
        });
        looked.hits = self.one_in_each_place(hits, std::mem::take(&mut inside[0]));
        looked.hits.sort_by_key(|hit| (hit.range.start, hit.range.end));
        looked
    }

    /// The name of a text that could not be looked at.
    pub fn skipped(path: &str, reason: &str) -> Outcome {
        let mut outcome = Outcome::default();
        outcome.summary.skipped.push(Skipped::new(path, reason));
        outcome
    }

    /// Candidates of the rules and places of stored values, in the order of places.
    fn hits(&self, text: &Text<'_>) -> Vec<Hit> {
        let candidates = self.engine.scan(text);
        let mut hits: Vec<Hit> = candidates.into_iter().map(|candidate| self.hit(candidate)).collect();
        let mut known: Vec<(Range<usize>, KnownSecret)> = Vec::new();
        if let Some(secrets) = &self.known {
            secrets.find(text.bytes, &mut |range, secret| known.push((range, secret.clone())));
        }
        for (range, secret) in known {
            let own = hits.iter_mut().filter(|hit| hit.range.start < range.end && range.start < hit.range.end);
            match own.max_by_key(|hit| hit.range.len()) {
                // A candidate may span several stored values: each is named.
                Some(hit) if hit.vault.as_ref().is_none_or(|known| *known == secret) => {
                    hit.weak = false;
                    hit.vault = Some(secret);
                }
                _ => hits.push(Hit {
                    value: Zeroizing::new(text.bytes[range.clone()].to_vec()),
                    range,
                    rule: None,
                    confidence: Confidence::High,
                    weak: false,
                    vault: Some(secret),
                    text: 0,
                    depth: 0,
                }),
            }
        }
        hits.sort_by_key(|hit| hit.range.start);
        hits
    }

    /// Whether it is about code and not about a value.
    pub(crate) fn is_misuse(&self, hit: &Hit) -> bool {
        hit.rule.is_some_and(|rule| self.engine.rule(rule).misuse)
    }

    fn hit(&self, candidate: Candidate) -> Hit {
        Hit {
            range: candidate.range,
            value: candidate.value,
            rule: Some(candidate.rule),
            confidence: candidate.confidence,
            weak: candidate.weak,
            vault: None,
            text: 0,
            depth: 0,
        }
    }

    /// Of hits of a text and of what was decoded out of it, the one in each place that says most. Hits of the same
    /// text leave each other alone: the engine has judged them, and what was compressed has one place for all.
    fn one_in_each_place(&self, mut hits: Vec<Hit>, decoded: Vec<Hit>) -> Vec<Hit> {
        if decoded.is_empty() {
            return hits;
        }
        hits.extend(decoded);
        let rank = |hit: &Hit| hit.rule.map_or(0, |rule| self.engine.rule(rule).rank);
        let worth = |hit: &Hit| (!hit.weak, rank(hit), hit.confidence, hit.depth);
        hits.sort_by(|a, b| worth(b).cmp(&worth(a)).then(a.range.start.cmp(&b.range.start)));
        let mut kept: Vec<Hit> = Vec::new();
        let mut taken = Places::default();
        for hit in hits {
            if self.is_misuse(&hit) {
                kept.push(hit);
                continue;
            }
            match taken.other(&hit.range, hit.text) {
                // The vault may know the encoded form, and a rule the decoded one.
                Some(index) => kept[index].vault = kept[index].vault.take().or(hit.vault),
                None => {
                    taken.add(&hit.range, hit.text, kept.len());
                    kept.push(hit);
                }
            }
        }
        for hit in &mut kept {
            hit.weak &= hit.vault.is_none();
        }
        kept.sort_by_key(|hit| (hit.range.start, hit.range.end));
        kept
    }

    /// The second half: what is reported of the hits, and what somebody silenced.
    pub(crate) fn judge(&self, source: &Source<'_>, bytes: &[u8], hits: Vec<Hit>) -> Vec<(Found, Verdict)> {
        let mut judged = Vec::new();
        let mut lines = Lines::new(bytes);
        let mut ordinals: HashMap<(Option<usize>, Vec<u8>), u32> = HashMap::new();
        for hit in hits {
            let span = lines.span(hit.range.clone());
            let line = lines.line_around(hit.range.start);
            let (before, after) = (
                &bytes[line.start..hit.range.start],
                &bytes[hit.range.end.clamp(line.start, line.end.max(hit.range.end))..line.end.max(hit.range.end)],
            );
            // Many findings on one long line must not each take all of it.
            let before = &before[before.len().saturating_sub(LINE)..];
            let after = &after[..after.len().min(LINE)];
            let ordinal = ordinals.entry((hit.rule, [before, after].concat())).or_default();
            let found = self.found(source, bytes, &hit, span, line.clone(), (before, after, *ordinal));
            *ordinal += u32::from(!self.is_for_nobody(&found));
            let own = source.added.is_none_or(|added| (span.line..=span.end_line).any(added));
            if own {
                let verdict = self.silence.judge(&found.finding, &found.value, &bytes[line]);
                judged.push((found, verdict));
            }
        }
        hide_neighbours(&mut judged);
        judged.retain(|(found, _)| !self.is_for_nobody(found));
        judged
    }

    /// Whether nobody can say that a weak value is a stored one.
    fn is_for_nobody(&self, found: &Found) -> bool {
        found.weak && self.known.is_none()
    }

    fn found(
        &self,
        source: &Source<'_>,
        bytes: &[u8],
        hit: &Hit,
        span: Span,
        line: Range<usize>,
        (before, after, ordinal): (&[u8], &[u8], u32),
    ) -> Found {
        let info = hit.rule.map(|rule| self.engine.rule(rule));
        let rule = info.map_or(STORED, |info| &info.id).to_owned();
        let misuse = info.is_some_and(|info| info.misuse);
        let fingerprint = (!misuse)
            .then(|| fingerprint(&rule, &hit.value))
            .flatten()
            .unwrap_or_else(|| fingerprint_in_line(&rule, before, after, ordinal));
        let finding = Finding {
            provider: info.and_then(|info| info.provider.clone()),
            description: info.map_or("a stored secret", |info| &info.description).to_owned(),
            rule,
            path: source.path.to_owned(),
            line: span.line,
            column: span.column,
            end_line: span.end_line,
            end_column: span.end_column,
            tracked: source.tracked,
            redacted: if misuse { String::from_utf8_lossy(&hit.value).into_owned() } else { redact(&hit.value) },
            fingerprint,
            confidence: hit.confidence,
            commit: None,
            author: None,
            date: None,
            vault: hit.vault.clone(),
            verified: Verified::NotChecked,
        };
        let (text, mark) = shown(bytes, line, &hit.range);
        Found {
            finding,
            value: hit.value.clone(),
            weak: hit.weak,
            misuse,
            line: text,
            mark,
            beside: Vec::new(),
            advice: info.and_then(|info| info.advice.clone()),
        }
    }
}

/// What was found in one text, before it is judged.
pub(crate) struct Looked {
    pub(crate) hits: Vec<Hit>,
    /// Bytes looked at, those of decoded texts included.
    pub(crate) bytes: u64,
    /// Whether all that is encoded was decoded.
    pub(crate) whole: bool,
}

/// What was found in a place, by a rule or by the vault.
#[derive(Clone)]
pub(crate) struct Hit {
    pub(crate) range: Range<usize>,
    value: Zeroizing<Vec<u8>>,
    rule: Option<usize>,
    confidence: Confidence,
    weak: bool,
    vault: Option<KnownSecret>,
    /// Which text it was found in, among those that are merged; 0: the outer one.
    text: usize,
    /// How many decodings lie between it and the input.
    depth: u8,
}

impl Hit {
    /// The same, in a text in which it stands elsewhere.
    pub(crate) fn moved_to(&self, range: Range<usize>) -> Self {
        Self { range, ..self.clone() }
    }

    /// Whether `other` says the same of `range`.
    pub(crate) fn is_same(&self, other: &Self, range: &Range<usize>) -> bool {
        self.range == *range && self.rule == other.rule && self.value == other.value
    }
}

/// How many findings on either side of one are looked at: more do not begin within the part of a line that is shown.
pub(crate) const NEIGHBOURS: usize = 64;
/// Shorter values are not hidden on the lines of others: they would tear holes into names.
pub(crate) const SHORTEST: usize = 4;

/// Notes, for each finding that is reported, what is not reported and stands on its line.
fn hide_neighbours(judged: &mut [(Found, Verdict)]) {
    let is_hidden = |(found, verdict): &(Found, Verdict)| found.weak || *verdict == Verdict::Silenced;
    let hidden: Vec<usize> = (0..judged.len()).filter(|at| is_hidden(&judged[*at]) && !judged[*at].0.misuse).collect();
    if hidden.is_empty() {
        return;
    }
    for at in (0..judged.len()).filter(|at| !is_hidden(&judged[*at])).collect::<Vec<_>>() {
        let first = hidden.partition_point(|other| other + NEIGHBOURS < at);
        let near = hidden[first..].iter().take_while(|other| **other <= at + NEIGHBOURS);
        let own = &judged[at].0.finding;
        let same = |other: &&Found| other.finding.line <= own.end_line && own.line <= other.finding.end_line;
        let mut beside = Vec::new();
        for other in near.map(|other| &judged[*other].0).filter(same) {
            let shortest = if other.weak { 2 * SHORTEST } else { SHORTEST };
            let shown = other.line.get(other.mark.clone()).unwrap_or_default().to_owned();
            let value = String::from_utf8_lossy(&other.value).into_owned();
            for text in [shown, value].into_iter().filter(|text| text.len() >= shortest) {
                beside.push(Zeroizing::new(text));
            }
        }
        beside.sort_by(|a: &Zeroizing<String>, b| a.as_str().cmp(b));
        beside.dedup();
        judged[at].0.beside = beside;
    }
}

/// The line for people, cut around the value, and where the value is in it.
fn shown(bytes: &[u8], line: Range<usize>, value: &Range<usize>) -> (Zeroizing<String>, Range<usize>) {
    let start = line.start.max(value.start.saturating_sub(SHOWN));
    let value_end = value.end.min(line.end.max(value.start));
    let end = line.end.min(value_end + SHOWN).max(value_end);
    let before = String::from_utf8_lossy(&bytes[start..value.start]);
    let middle = String::from_utf8_lossy(&bytes[value.start..value_end]);
    let after = String::from_utf8_lossy(&bytes[value_end..end]);
    let mark = before.len()..before.len() + middle.len();
    (Zeroizing::new(format!("{before}{middle}{after}")), mark)
}
