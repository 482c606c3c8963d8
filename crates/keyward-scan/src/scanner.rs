//! From a text to findings: candidates with their lines, fingerprints, stored secrets and silences.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use keyward_types::{Confidence, Finding, KnownSecret, KnownSecrets, Verified};
use zeroize::Zeroizing;

use crate::engine::{Candidate, Engine, Hint, Text};
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

/// A rule's name for stored values that no rule knows by their form.
const STORED: &str = "stored-secret";
/// Source lines are shown up to this many bytes on either side of a value.
const SHOWN: usize = 120;

impl Scanner {
    /// Looks at one text.
    pub fn scan(&self, source: &Source<'_>, bytes: &[u8]) -> Outcome {
        let mut outcome = Outcome::default();
        outcome.summary.bytes = bytes.len() as u64;
        let hint = Hint { path: source.path, depth: 0 };
        let mut hits = self.hits(&Text { bytes, hint });
        decode::each(bytes, &hint, &mut |decoded| {
            outcome.summary.bytes += decoded.bytes.len() as u64;
            let hint = Hint { path: source.path, depth: decoded.depth };
            for mut hit in self.hits(&Text { bytes: &decoded.bytes, hint }) {
                hit.range = decoded.outer(&hit.range);
                hits.push(hit);
            }
        });
        if !hits.is_empty() {
            self.report(source, bytes, hits, &mut outcome);
        }
        outcome
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
        if self.known.is_none() {
            // Nobody can say that a weak value is a stored one.
            hits.retain(|hit| !hit.weak);
        }
        if let Some(secrets) = &self.known {
            secrets.find(text.bytes, &mut |range, secret| known.push((range, secret.clone())));
        }
        for (range, secret) in known {
            let own = hits.iter_mut().filter(|hit| hit.range.start < range.end && range.start < hit.range.end);
            match own.max_by_key(|hit| hit.range.len()) {
                Some(hit) => {
                    hit.weak = false;
                    hit.vault.get_or_insert(secret);
                }
                None => hits.push(Hit {
                    value: Zeroizing::new(text.bytes[range.clone()].to_vec()),
                    range,
                    rule: None,
                    confidence: Confidence::High,
                    weak: false,
                    vault: Some(secret),
                }),
            }
        }
        hits.sort_by_key(|hit| hit.range.start);
        hits
    }

    fn hit(&self, candidate: Candidate) -> Hit {
        Hit {
            range: candidate.range,
            value: candidate.value,
            rule: Some(candidate.rule),
            confidence: candidate.confidence,
            weak: candidate.weak,
            vault: None,
        }
    }

    fn report(&self, source: &Source<'_>, bytes: &[u8], mut hits: Vec<Hit>, outcome: &mut Outcome) {
        hits.sort_by_key(|hit| (hit.range.start, hit.range.end));
        let mut lines = Lines::new(bytes);
        let mut ordinals: HashMap<(Option<usize>, Vec<u8>), u32> = HashMap::new();
        for hit in hits {
            let span = lines.span(hit.range.clone());
            let line = lines.line_around(hit.range.start);
            let (before, after) = (
                &bytes[line.start..hit.range.start],
                &bytes[hit.range.end.clamp(line.start, line.end.max(hit.range.end))..line.end.max(hit.range.end)],
            );
            let ordinal = ordinals.entry((hit.rule, [before, after].concat())).or_default();
            let found = self.found(source, bytes, &hit, span, line.clone(), (before, after, *ordinal));
            *ordinal += 1;
            let own = source.added.is_none_or(|added| (span.line..=span.end_line).any(added));
            if !own {
                continue;
            }
            match self.silence.judge(&found.finding, &found.value, &bytes[line]) {
                Verdict::Silenced if !found.weak => outcome.summary.silenced += 1,
                Verdict::Silenced => {}
                Verdict::Report => outcome.found.push(found),
            }
        }
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
            advice: info.and_then(|info| info.advice.clone()),
        }
    }
}

/// What was found in a place, by a rule or by the vault.
struct Hit {
    range: Range<usize>,
    value: Zeroizing<Vec<u8>>,
    rule: Option<usize>,
    confidence: Confidence,
    weak: bool,
    vault: Option<KnownSecret>,
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
