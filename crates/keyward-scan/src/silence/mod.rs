//! What is not to be reported: baselines, comments, the configuration.
//!
//! Everything is built from text that the caller has read, so that he decides from which revision:
//! a change must not be able to silence its own finding.

mod config;
mod inline;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::gitignore::Gitignore;
use keyward_types::{Finding, Fingerprint};

pub use config::{Config, ConfigError, bytes};
pub use inline::{Inline, Revision};

use crate::baseline::{Answer, Baseline, Day, New, Update, Writing, is_named_by_value};
use crate::own_rules::Allow;
use crate::report::Report;
use crate::scanner::{Silence, Verdict};

/// What silences are made of. `Setup { config, ..Setup::on(today) }`.
pub struct Setup {
    /// The `[scan]` table.
    pub config: Config,
    /// Baselines; lines are added to the first one that is ours.
    pub baselines: Vec<Baseline>,
    /// Which comments count.
    pub inline: Inline,
    /// Today, for lines that expire.
    pub today: Day,
    /// The ids of all rules: `keyward:allow RULE`.
    pub rules: BTreeSet<String>,
    /// Where paths of findings begin with the first, the configuration's and the baselines' have the second: `("", "sub/")`
    /// for a scan in a subfolder, `("/home/ann/shop/", "")` for an absolute one.
    pub base: (String, String),
    /// What the user's own rules allow everywhere.
    pub allow: Vec<Allow>,
}

impl Setup {
    /// Nothing but comments silences.
    pub fn on(today: Day) -> Self {
        Self {
            config: Config::default(),
            baselines: Vec::new(),
            inline: Inline::default(),
            today,
            rules: BTreeSet::new(),
            base: Default::default(),
            allow: Vec::new(),
        }
    }
}

/// All silences of a scan. Counts what each kind silences.
pub struct Silences {
    setup: Setup,
    paths: Gitignore,
    fingerprints: HashSet<String>,
    counts: [AtomicU64; Kind::ALL.len()],
    /// What only another tool's baseline silences, for those who move over.
    foreign: Mutex<BTreeMap<(Fingerprint, String), Foreign>>,
}

/// A finding, whether its line in a baseline would count anywhere, and the reason.
type Foreign = (Finding, bool, &'static str);

/// A kind of silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A comment on the line.
    Comment,
    /// A line of a baseline.
    Baseline,
    /// `paths` of the configuration.
    Path,
    /// `rules` of the configuration.
    Rule,
    /// `allow` of the configuration.
    Fingerprint,
    /// Allow lists of the user's own rules.
    Own,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] = [Self::Comment, Self::Baseline, Self::Path, Self::Rule, Self::Fingerprint, Self::Own];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Comment => "comments",
            Self::Baseline => "the baseline",
            Self::Path => "`scan.paths`",
            Self::Rule => "`scan.rules`",
            Self::Fingerprint => "`scan.allow`",
            Self::Own => "allow lists of own rules",
        }
    }
}

impl Silences {
    /// Prepares silences; an error names the key that is wrong.
    pub fn new(setup: Setup) -> Result<Self, ConfigError> {
        setup.config.check()?;
        Ok(Self {
            paths: setup.config.globs()?,
            fingerprints: setup.config.allow.iter().cloned().collect(),
            setup,
            counts: Default::default(),
            foreign: Mutex::default(),
        })
    }

    /// How many findings each kind has silenced so far; kinds that silenced nothing are left out.
    pub fn counts(&self) -> Vec<(Kind, u64)> {
        let count = |kind: Kind| (kind, self.counts[kind as usize].load(Ordering::Relaxed));
        Kind::ALL.into_iter().map(count).filter(|(_, count)| *count > 0).collect()
    }

    /// What people should be told: expired lines, rules that do not exist.
    pub fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> =
            self.setup.baselines.iter().flat_map(|baseline| baseline.notes(self.setup.today)).collect();
        if !self.setup.rules.is_empty() {
            let unknown = self.setup.config.unknown_rules(&self.setup.rules);
            notes.extend(unknown.iter().map(|id| format!("keyward.toml: `scan.rules.{id}`: there is no such rule")));
        }
        notes
    }

    /// The baseline's text after the findings of a report, and what another tool's baseline
    /// silences, are added to it.
    pub fn update(&self, report: &Report, writing: &Writing) -> Update {
        let empty = Baseline::default();
        let own = self.setup.baselines.iter().find(|baseline| !baseline.is_foreign()).unwrap_or(&empty);
        let foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        let new = |finding, anywhere, reason| New { finding, path: self.path(&finding.path), anywhere, reason };
        let moved = foreign.values().map(|(finding, anywhere, reason)| new(finding, *anywhere, Some(*reason)));
        let found = report.found().iter();
        let found = found.map(|one| new(&one.finding, is_named_by_value(&one.finding, &one.value), None));
        own.update(moved.chain(found), writing, self.setup.today)
    }

    fn kind_for(&self, finding: &Finding, value: &[u8], line: &[u8]) -> Option<Kind> {
        let path = self.path(&finding.path);
        if self.setup.config.rules.get(&finding.rule) == Some(&false) {
            return Some(Kind::Rule);
        }
        if self.fingerprints.contains(&finding.fingerprint.0) {
            return Some(Kind::Fingerprint);
        }
        if self.is_left_out(&path) {
            return Some(Kind::Path);
        }
        // Every baseline is asked, so that lines which still have their findings are known.
        let answers: Vec<Answer> =
            self.setup.baselines.iter().map(|one| one.answer(finding, &path, value, self.setup.today)).collect();
        if answers.contains(&Answer::Line) {
            return Some(Kind::Baseline);
        }
        if self.setup.inline.silences(&path, &finding.rule, line, &self.setup.rules) {
            return Some(Kind::Comment);
        }
        // Many findings on one long line must not each read all of it.
        let start = &line[..line.len().min(inline::LONGEST)];
        if self.setup.allow.iter().any(|allow| allow.allows(&finding.rule, &path, value, start)) {
            return Some(Kind::Own);
        }
        let tool = answers.into_iter().find_map(|answer| match answer {
            Answer::Foreign(tool) => Some(tool),
            Answer::Line | Answer::Nobody => None,
        })?;
        let reason = match tool {
            crate::baseline::Tool::Gitleaks => "in the baseline of gitleaks",
            crate::baseline::Tool::DetectSecrets => "in the baseline of detect-secrets",
        };
        let mut foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        let anywhere = is_named_by_value(finding, value);
        foreign.entry((finding.fingerprint.clone(), path)).or_insert_with(|| (finding.clone(), anywhere, reason));
        Some(Kind::Baseline)
    }

    /// A finding's path as the configuration has it.
    fn path(&self, path: &str) -> String {
        let (from, to) = &self.setup.base;
        match path.strip_prefix(from.as_str()) {
            Some(rest) => format!("{to}{rest}"),
            None => path.to_owned(),
        }
    }

    /// What is in an archive is where the archive is.
    fn is_left_out(&self, path: &str) -> bool {
        let outer = path.split_once('!').map(|(outer, _)| outer);
        [Some(path), outer].into_iter().flatten().any(|path| {
            // The walker of ignore files takes no rooted path.
            let path = Path::new(path.trim_start_matches('/'));
            self.paths.matched_path_or_any_parents(path, false).is_ignore()
        })
    }
}

impl Silence for Silences {
    fn judge(&self, finding: &Finding, value: &[u8], line: &[u8]) -> Verdict {
        match self.kind_for(finding, value, line) {
            Some(kind) => {
                self.counts[kind as usize].fetch_add(1, Ordering::Relaxed);
                Verdict::Silenced
            }
            None => Verdict::Report,
        }
    }
}

impl Silence for Arc<Silences> {
    fn judge(&self, finding: &Finding, value: &[u8], line: &[u8]) -> Verdict {
        Silences::judge(self, finding, value, line)
    }
}
