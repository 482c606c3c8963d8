//! Repositories in temporary folders, and scans of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use keyward_scan::git::{self, ChangeOptions, Error, HistoryOptions, Repository};
use keyward_scan::summary::Summary;
use keyward_scan::{Engine, Found, Outcome, Scanner, Silence, Verdict};
use keyward_types::Finding;

pub(crate) struct Repo {
    folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
    /// Seconds: each commit is one later.
    clock: RefCell<u64>,
}

impl Repo {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// With arguments for `git init`.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("repo");
        let repo = Self { path: folder.path().to_owned(), folder, clock: RefCell::new(1_600_000_000) };
        repo.git(&[&["init", "-q", "-b", "main", "repo"], arguments].concat());
        Self { path, ..repo }
    }

    /// Another one beside it, made by `git` with these arguments, `{}` being this one's path.
    pub(crate) fn beside(&self, name: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let own = self.path.to_string_lossy();
        let target = path.to_string_lossy().into_owned();
        let arguments: Vec<String> = arguments.iter().map(|one| one.replace("{}", &own)).collect();
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.push(&target);
        self.git(&arguments);
        Self { folder, path, clock: RefCell::new(*self.clock.borrow()) }
    }

    /// The same repository from another of its working trees.
    pub(crate) fn at(&self, path: PathBuf) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), path, clock: RefCell::new(*self.clock.borrow()) }
    }

    pub(crate) fn outside(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let (ok, out) = self.try_git(arguments, b"");
        assert!(ok, "git {arguments:?}: {out}");
        out
    }

    #[expect(clippy::disallowed_methods, reason = "git is looked up where the test's user has it")]
    pub(crate) fn try_git(&self, arguments: &[&str], input: &[u8]) -> (bool, String) {
        let date = format!("{} +0200", self.clock.borrow());
        let mut child = Command::new("git")
            .args(["-c", "protocol.file.allow=always", "-c", "gc.auto=0"])
            .args(arguments)
            .current_dir(&self.path)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null"), ("HOME", "/nonexistent")])
            .envs([("GIT_AUTHOR_NAME", "A U Thor"), ("GIT_AUTHOR_EMAIL", "author@example.com")])
            .envs([("GIT_COMMITTER_NAME", "C O Mitter"), ("GIT_COMMITTER_EMAIL", "committer@example.com")])
            .envs([("GIT_AUTHOR_DATE", &date), ("GIT_COMMITTER_DATE", &date)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
        (output.status.success(), text.trim_end().to_owned())
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Commits all that changed; gives the commit.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.commit_index(message)
    }

    pub(crate) fn commit_index(&self, message: &str) -> String {
        *self.clock.borrow_mut() += 1;
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn tick(&self) {
        *self.clock.borrow_mut() += 1;
    }

    pub(crate) fn repository(&self) -> Repository {
        Repository::discover(&self.path).unwrap()
    }

    pub(crate) fn history(&self) -> Scan {
        self.history_with(&HistoryOptions::default())
    }

    pub(crate) fn history_with(&self, options: &HistoryOptions<'_>) -> Scan {
        let scan = RefCell::new(Scan::default());
        git::history(&scanner(), &self.repository(), options, &|outcome| scan.borrow_mut().add(outcome)).unwrap();
        scan.into_inner()
    }

    pub(crate) fn staged(&self) -> Scan {
        let scan = Mutex::new(Scan::default());
        let done = |outcome| scan.lock().unwrap().add(outcome);
        git::staged(&scanner(), &self.repository(), &ChangeOptions::default(), &done).unwrap();
        scan.into_inner().unwrap()
    }

    pub(crate) fn diff(&self, range: &str) -> Result<Scan, Error> {
        let scan = RefCell::new(Scan::default());
        let done = |outcome| scan.borrow_mut().add(outcome);
        git::diff(&scanner(), &self.repository(), range, &ChangeOptions::default(), &done)?;
        Ok(scan.into_inner())
    }

    /// For each secret at each path, the commits that `git` itself finds to have brought it in, the oldest first:
    /// those that have it there and none of whose parents has.
    pub(crate) fn expected(&self, secrets: &[String]) -> BTreeMap<(String, String), Vec<String>> {
        let log = self.git(&["log", "--all", "--reflog", "--reverse", "--date-order", "--format=%H %P"]);
        let mut held: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
        let mut expected: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for line in log.lines() {
            let (commit, parents) = line.split_once(' ').unwrap_or((line, ""));
            let own = self.held(commit, secrets);
            for place in &own {
                if !parents.split_whitespace().any(|parent| held.get(parent).is_some_and(|held| held.contains(place))) {
                    expected.entry(place.clone()).or_default().push(commit.to_owned());
                }
            }
            held.insert(commit.to_owned(), own);
        }
        expected
    }

    fn held(&self, commit: &str, secrets: &[String]) -> BTreeSet<(String, String)> {
        let mut arguments = vec!["grep", "-o", "-F", "--full-name"];
        secrets.iter().for_each(|secret| arguments.extend(["-e", secret.as_str()]));
        arguments.push(commit);
        // No match is a failure to `git grep`.
        let (ok, out) = self.try_git(&arguments, b"");
        let out = if ok { out } else { String::new() };
        out.lines()
            .map(|line| {
                let (place, secret) = line.rsplit_once(':').unwrap();
                (secret.to_owned(), place.split_once(':').unwrap().1.to_owned())
            })
            .collect()
    }
}

/// What a scan gave.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) found: Vec<Found>,
    pub(crate) summary: Summary,
}

impl Scan {
    fn add(&mut self, outcome: Outcome) {
        self.found.extend(outcome.found);
        self.summary.merge(outcome.summary);
    }

    /// Each value with path and commit.
    pub(crate) fn places(&self) -> BTreeSet<(String, String, Option<String>)> {
        let place = |found: &Found| {
            let finding = &found.finding;
            (String::from_utf8_lossy(&found.value).into_owned(), finding.path.clone(), finding.commit.clone())
        };
        let places: BTreeSet<_> = self.found.iter().map(place).collect();
        assert_eq!(places.len(), self.found.len(), "nothing is told twice");
        places
    }

    /// Each value with path and line, sorted.
    pub(crate) fn lines(&self) -> Vec<(String, String, u32)> {
        let line = |found: &Found| {
            let finding = &found.finding;
            (String::from_utf8_lossy(&found.value).into_owned(), finding.path.clone(), finding.line)
        };
        let mut lines: Vec<_> = self.found.iter().map(line).collect();
        lines.sort();
        lines
    }

    pub(crate) fn values(&self) -> BTreeSet<String> {
        self.found.iter().map(|found| String::from_utf8_lossy(&found.value).into_owned()).collect()
    }

    pub(crate) fn skips(&self, reason: &str) -> bool {
        self.summary.skipped.iter().any(|skipped| skipped.reason.contains(reason))
    }
}

struct Report;

impl Silence for Report {
    fn judge(&self, _: &Finding, _: &[u8], line: &[u8]) -> Verdict {
        let silent = String::from_utf8_lossy(line).contains("keyward:allow");
        if silent { Verdict::Silenced } else { Verdict::Report }
    }
}

pub(crate) fn scanner() -> Scanner {
    Scanner { engine: Engine::new(Vec::new()), known: None, silence: Box::new(Report) }
}

/// Numbers that look random and are the same every time (xorshift, Marsaglia 2003).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    fn letters(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }

    /// The id of an access key of AWS, as far as its form goes.
    pub(crate) fn secret(&mut self) -> String {
        format!("AKIA{}", self.letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16))
    }

    /// A line of something like code.
    pub(crate) fn line(&mut self) -> String {
        let words = ["let", "value", "of", "the", "list", "return", "if", "x", "index", "name", "(a, b)", "=", "+ 1;"];
        let count = 3 + self.below(8);
        let line: Vec<&str> = (0..count).map(|_| words[self.below(words.len())]).collect();
        format!("{} {}\n", line.join(" "), self.below(100_000))
    }

    pub(crate) fn text(&mut self, lines: usize) -> String {
        (0..lines).map(|_| self.line()).collect()
    }
}
