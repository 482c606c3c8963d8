//! Runs the engine over the corpus and counts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use keyward_scan::engine::Text;
use keyward_scan::{Candidate, Engine, Hint};

use crate::accuracy::corpus::{Sample, hash};

/// What was counted.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) positives: u32,
    pub(crate) found: u32,
    /// Of those, under the rule's own name.
    pub(crate) named: u32,
    pub(crate) negatives: u32,
    pub(crate) wrong: u32,
}

/// Counts by rule, and what failed.
#[derive(Default)]
pub(crate) struct Score {
    pub(crate) rules: BTreeMap<String, Counts>,
    /// Of the half that is tuned on alone.
    pub(crate) failures: Vec<String>,
}

/// Whether a rule is in the half that is only measured.
pub(crate) fn is_measured(rule: &str) -> bool {
    hash(rule) >> 17 & 1 == 1
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.positives += other.positives;
        self.found += other.found;
        self.named += other.named;
        self.negatives += other.negatives;
        self.wrong += other.wrong;
    }

    pub(crate) fn recall(&self) -> f64 {
        f64::from(self.found) / f64::from(self.positives.max(1))
    }

    pub(crate) fn false_rate(&self) -> f64 {
        f64::from(self.wrong) / f64::from(self.negatives.max(1))
    }
}

impl Score {
    /// Scans every file of the corpus.
    pub(crate) fn of(engine: &Engine, samples: &[Sample]) -> Self {
        let mut score = Self::default();
        for sample in samples {
            score.take(engine, sample);
        }
        score
    }

    /// The sums of a half.
    pub(crate) fn half(&self, measured: bool) -> Counts {
        let mut sum = Counts::default();
        self.rules.iter().filter(|(rule, _)| is_measured(rule) == measured).for_each(|(_, counts)| sum.add(counts));
        sum
    }

    fn take(&mut self, engine: &Engine, sample: &Sample) {
        let text = Text { bytes: sample.text.as_bytes(), hint: Hint { path: &sample.path, depth: 0 } };
        let found: Vec<Candidate> = engine.scan(&text).into_iter().filter(|one| !one.weak).collect();
        let counts = self.rules.entry(sample.rule.clone()).or_default();
        let failed = match &sample.value {
            Some(value) => {
                let at = sample.text.find(value.as_str()).expect("the value stands in its file");
                let over = |one: &&Candidate| one.range.start < at + value.len() && at < one.range.end;
                let hits: Vec<&Candidate> = found.iter().filter(over).collect();
                counts.positives += 1;
                counts.found += u32::from(!hits.is_empty());
                counts.named += u32::from(hits.iter().any(|one| engine.rule(one.rule).id == sample.rule));
                hits.is_empty()
            }
            None => {
                let counts_as_false = |one: &Candidate| {
                    let rule = engine.rule(one.rule);
                    !sample.own_rule_only || rule.id == sample.rule || rule.provider.is_none()
                };
                let wrong = found.iter().any(counts_as_false);
                counts.negatives += 1;
                counts.wrong += u32::from(wrong);
                wrong
            }
        };
        if failed && !is_measured(&sample.rule) {
            let what = if sample.value.is_some() { "missed" } else { "false" };
            let rules: Vec<&str> = found.iter().map(|one| engine.rule(one.rule).id.as_str()).collect();
            self.failures.push(format!("{what} {} in {} {rules:?}\n{}", sample.rule, sample.path, sample.text));
        }
    }

    /// A row a rule.
    pub(crate) fn table(&self) -> String {
        let mut out = String::from(
            "| rule | half | positives | found | by its own name | negatives | false |\n| --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for (rule, c) in &self.rules {
            let half = if is_measured(rule) { "measured" } else { "tuned" };
            let _ = writeln!(
                out,
                "| {rule} | {half} | {} | {} | {} | {} | {} |",
                c.positives, c.found, c.named, c.negatives, c.wrong
            );
        }
        out
    }
}
