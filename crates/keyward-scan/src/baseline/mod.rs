//! Findings that somebody has looked at and that are not reported again.
//!
//! A text file, one line a finding, found again by its fingerprint: no line numbers, no times, so that
//! moves and rebases leave it as it is. Lines are sorted by fingerprints, which are random, and a fixed comment
//! stands before each of 256 groups: two branches that add lines add them in different places, so that git
//! seldom sees a conflict. Where `.gitattributes` says `merge=union` for the file it never does,
//! and the union is right: the order of lines means nothing, and lines do not depend on each other.
//!
//! The baselines of gitleaks (a JSON report) and detect-secrets (`.secrets.baseline`) are read too.

mod date;
mod foreign;
mod line;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use keyward_types::{Finding, Fingerprint};

use crate::fingerprint;
pub use date::Day;
use foreign::Foreign;
pub use foreign::Tool;
pub use line::Line;
pub(crate) use line::is_fingerprint;

/// A baseline that was read.
#[derive(Default)]
pub struct Baseline {
    lines: Vec<Line>,
    /// Whether a line has silenced something.
    used: Vec<AtomicBool>,
    places: HashMap<Fingerprint, Vec<usize>>,
    /// Comments behind the last line.
    end: Vec<String>,
    foreign: Option<Foreign>,
}

/// Why a baseline could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A line is not of the form that lines have.
    #[error("baseline, line {line}: {problem}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// It is JSON, but no report of gitleaks or detect-secrets.
    #[error("baseline: {0}")]
    Foreign(String),
}

/// Who silences a finding, or would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A line that is in force.
    Line,
    /// An entry of another tool's baseline.
    Foreign(Tool),
    /// Nobody, or only lines that have expired.
    Nobody,
}

/// What becomes of a baseline when findings are added to it.
#[derive(Debug, Default)]
pub struct Update {
    /// The file's new text.
    pub text: String,
    /// Lines that were added.
    pub added: usize,
    /// Lines that stay.
    pub kept: usize,
    /// Lines whose findings are gone.
    pub dropped: usize,
    /// Findings that stay reported, because their lines have expired.
    pub expired: usize,
}

/// How new lines are written.
#[derive(Clone, Debug, Default)]
pub struct Writing {
    /// The reason of new lines.
    pub reason: String,
    /// Who answers for them.
    pub owner: Option<String>,
    /// Lines whose findings are gone are dropped. Only right after a scan of everything that the baseline is for.
    pub drop_gone: bool,
}

/// A finding that a baseline is to silence.
#[derive(Clone, Debug)]
pub struct New<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// Its path as the baseline has it.
    pub path: String,
    /// Whether its line silences it wherever it stands: see [`is_named_by_value`].
    pub anywhere: bool,
    /// Why it is not reported; else that of [`Writing`].
    pub reason: Option<&'a str>,
}

/// Whether a finding's fingerprint is that of its value. One of a line says nothing of a poor value in it: another
/// could stand on the same line of another file, so that there the path counts as well.
pub fn is_named_by_value(finding: &Finding, value: &[u8]) -> bool {
    fingerprint(&finding.rule, value).is_some_and(|own| own == finding.fingerprint)
}

impl Baseline {
    /// Reads a baseline: ours, a JSON report of gitleaks, or a `.secrets.baseline` of detect-secrets.
    pub fn read(text: &str) -> Result<Self, Error> {
        let text = text.trim_start_matches('\u{feff}');
        if text.trim_start().starts_with(['[', '{']) {
            return Ok(Self { foreign: Some(Foreign::read(text)?), ..Self::default() });
        }
        let mut baseline = Self::default();
        let mut comments = Vec::new();
        for (index, text) in text.lines().enumerate() {
            let text = text.trim();
            if text.starts_with('#') {
                if !line::is_ours(text) {
                    comments.push(text.to_owned());
                }
            } else if !text.is_empty() {
                let mut line = Line::parse(text).map_err(|problem| Error::Line { line: index + 1, problem })?;
                line.comments = std::mem::take(&mut comments);
                baseline.push(line);
            }
        }
        baseline.end = comments;
        Ok(baseline)
    }

    fn push(&mut self, line: Line) {
        self.places.entry(line.fingerprint.clone()).or_default().push(self.lines.len());
        self.lines.push(line);
        self.used.push(AtomicBool::new(false));
    }

    /// Its lines, as they were read.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Whether it is another tool's.
    pub fn is_foreign(&self) -> bool {
        self.foreign.is_some()
    }

    /// Whether a finding is in it. `path` is the finding's path as the baseline has it.
    pub fn answer(&self, finding: &Finding, path: &str, value: &[u8], today: Day) -> Answer {
        let mut answer = Answer::Nobody;
        let anywhere = is_named_by_value(finding, value);
        for place in self.places.get(&finding.fingerprint).into_iter().flatten() {
            let line = &self.lines[*place];
            if !anywhere && !line.path.is_empty() && line.path != path && line.path != finding.path {
                continue;
            }
            self.used[*place].store(true, Ordering::Relaxed);
            if self.lines[*place].is_in_force(today) {
                answer = Answer::Line;
            }
        }
        match &self.foreign {
            Some(foreign) if foreign.has(finding, path, value) => Answer::Foreign(foreign.tool()),
            _ => answer,
        }
    }

    /// What people should be told: lines that have expired, entries that cannot be matched surely.
    pub fn notes(&self, today: Day) -> Vec<String> {
        let expired = self.lines.iter().filter(|line| !line.is_in_force(today)).map(|line| {
            let until = line.until.map(|day| day.to_string()).unwrap_or_default();
            format!("the baseline's line for {} in {} ended on {until}: it silences no more", line.rule, line.path)
        });
        expired.chain(self.foreign.iter().flat_map(Foreign::notes)).collect()
    }

    /// The text that silences `findings` too. Lines that exist keep what people wrote in them.
    pub fn update<'a>(&self, findings: impl IntoIterator<Item = New<'a>>, writing: &Writing, today: Day) -> Update {
        let mut update = Update::default();
        let mut lines: BTreeMap<Fingerprint, Vec<Line>> = BTreeMap::new();
        for (line, used) in self.lines.iter().zip(&self.used) {
            if writing.drop_gone && !used.load(Ordering::Relaxed) {
                update.dropped += 1;
                continue;
            }
            update.kept += 1;
            let all = lines.entry(line.fingerprint.clone()).or_default();
            // Merges can leave a line twice.
            if !all.contains(line) {
                all.push(line.clone());
            }
        }
        for new in findings {
            let all = lines.entry(new.finding.fingerprint.clone()).or_default();
            let covers = |line: &&Line| new.anywhere || line.path.is_empty() || line.path == new.path;
            if all.iter().filter(covers).any(|line| line.is_in_force(today)) {
                continue;
            }
            if all.iter().any(|line| covers(&line)) {
                update.expired += 1;
                continue;
            }
            update.added += 1;
            let mut line = Line::new(new.finding, new.reason.unwrap_or(&writing.reason), writing.owner.as_deref());
            line.path = new.path;
            all.push(line);
        }
        // The same file whatever the order of what was read.
        lines.values_mut().for_each(|all| all.sort_by_cached_key(Line::to_string));
        update.text = line::file(lines.into_values().flatten(), &self.end);
        update
    }
}

impl fmt::Debug for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Baseline").field("lines", &self.lines).finish_non_exhaustive()
    }
}
