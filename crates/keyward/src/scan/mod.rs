//! `keyward scan`: what is read, what is silenced, what the vault knows, and what comes out.

mod knowledge;
mod mend;
mod progress;
mod reported;
mod seen;
mod silences;
mod verified;

use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use keyward_client::{Failure, Result};
use keyward_scan::container::{self, Limits};
use keyward_scan::git::{self, ChangeOptions, Environment, HistoryOptions, PushedRef, Repository, Tracked};
use keyward_scan::report::{self, Format, Options, Report};
use keyward_scan::silence::Silences;
use keyward_scan::tree::{self, TreeOptions};
use keyward_scan::{Engine, Outcome, Scanner, SeenBlobs, Silence, Source, Verdict};
use keyward_types::Finding;

use crate::commands::scan::Args;
use crate::context::Context;
use crate::output::{self, Exit};
use crate::{config, terminal};
use knowledge::Knowledge;
use progress::Progress;

/// Files larger than this are skipped, where nobody says otherwise.
const MAX_FILE_SIZE: u64 = 1 << 30;

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit> {
    let started = Instant::now();
    let input = Input::of(args, context)?;
    let prepared = silences::prepare(args, context, &input)?;
    let knowledge = Knowledge::gather(args, context)?;
    let scanner = Scanner {
        engine: prepared.engine,
        known: knowledge.known(),
        silence: Box::new(Shared(Arc::clone(&prepared.silences))),
    };
    let limit = args.max_file_size.or(prepared.max_file_size).unwrap_or(MAX_FILE_SIZE);
    let mut outcome = input.scan(&scanner, args, limit, &knowledge, &prepared.version)?;
    drop(scanner);
    knowledge.identify(&mut outcome.found)?;
    if args.verify {
        output::note(verified::ask(&mut outcome.found));
    }
    outcome.summary.seconds = started.elapsed().as_secs_f64();
    let read = outcome.summary.files + outcome.summary.blobs + outcome.summary.commits;
    let report = Report::new(outcome.found, outcome.summary);
    if args.fix && read == 0 {
        return Err(nothing_read(&input));
    }
    if args.fix {
        return mend::run(args, context, &report, knowledge);
    }
    write(args, context, &report)?;
    // What was pushed to a repository is out, whoever's vault knows it.
    let desk = knowledge.server().or_else(|| knowledge.connection().filter(|_| args.pushed));
    if let Some(desk) = desk.filter(|_| !args.no_report) {
        reported::send(desk, context, &input, &report)?;
    }
    for note in prepared.notes.iter().cloned().chain(prepared.silences.notes()) {
        output::note(format!("note: {note}"));
    }
    if let Some(path) = &args.write_baseline {
        silences::write_baseline(path, &prepared.silences, &report)?;
    }
    if input.is_of_git() {
        all_was_read(&report)?;
    }
    // A branch that begins at a known commit brings nothing.
    if read == 0 && !args.pushed {
        return Err(nothing_read(&input));
    }
    let clean = report.is_clean() || args.write_baseline.is_some();
    Ok(if clean { Exit::Done } else { Exit::No })
}

fn nothing_read(input: &Input) -> Failure {
    Failure::usage(format!("nothing was read: {}", input.empty()))
        .hint("`--show-skipped` lists what was left out, and why")
}

/// What is scanned.
pub(crate) enum Input {
    /// Files below these.
    Tree(Vec<PathBuf>),
    /// Standard input.
    Stdin,
    /// What the next commit adds.
    Staged(Arc<Repository>),
    /// What a range adds.
    Diff(Arc<Repository>, String),
    /// All that can be reached.
    History(Arc<Repository>),
}

impl Input {
    fn of(args: &Args, context: &Context) -> Result<Self> {
        let here = args.paths.first().map_or(context.current.as_path(), PathBuf::as_path);
        if args.staged {
            return Ok(Self::Staged(open(here)?));
        }
        if let Some(range) = &args.diff {
            return Ok(Self::Diff(open(here)?, range.clone()));
        }
        if args.history {
            return Ok(Self::History(open(here)?));
        }
        if args.stdin {
            return Ok(Self::Stdin);
        }
        if let Some(missing) = args.paths.iter().find(|path| path.symlink_metadata().is_err()) {
            return Err(Failure::usage(format!("there is no `{}`", missing.display())));
        }
        Ok(Self::Tree(if args.paths.is_empty() { vec![PathBuf::from(".")] } else { args.paths.clone() }))
    }

    /// The repository that is read, or the one around what is read.
    pub(crate) fn repository(&self) -> Option<Arc<Repository>> {
        match self {
            Self::Staged(repository) | Self::Diff(repository, _) | Self::History(repository) => {
                Some(Arc::clone(repository))
            }
            Self::Tree(roots) => open(roots.first()?).ok(),
            Self::Stdin => open(Path::new(".")).ok(),
        }
    }

    /// Whether objects of git are read, each of which counts.
    const fn is_of_git(&self) -> bool {
        matches!(self, Self::Staged(_) | Self::Diff(..) | Self::History(_))
    }

    fn empty(&self) -> &'static str {
        match self {
            Self::Tree(_) => "there is no file that is text",
            Self::Stdin => "standard input is empty",
            Self::Staged(_) => "nothing is staged",
            Self::Diff(..) => "the range has no commits",
            Self::History(_) => "the repository has no commits",
        }
    }

    fn scan(
        &self,
        scanner: &Scanner,
        args: &Args,
        limit: u64,
        knowledge: &Knowledge,
        version: &[u8],
    ) -> Result<Outcome> {
        let progress = Progress::new();
        let all = Mutex::new(Outcome::default());
        let done = |outcome: Outcome| {
            progress.add(outcome.summary.files + outcome.summary.blobs);
            all.lock().unwrap_or_else(PoisonError::into_inner).merge(outcome);
        };
        let pushed = if args.pushed { pushed()? } else { Vec::new() };
        let changes = ChangeOptions {
            threads: args.threads,
            max_file_size: limit,
            pushed,
            remote: args.remote.clone(),
            ..ChangeOptions::default()
        };
        match self {
            Self::Tree(roots) => {
                let options = TreeOptions {
                    all: args.all,
                    respect_gitignore: args.respect_gitignore,
                    max_file_size: limit,
                    unpack: Limits::default(),
                    threads: args.threads,
                };
                let tracked = Tracked::new();
                tree::scan(scanner, roots, &options, &tracked, &done);
            }
            Self::Stdin => done(stdin(scanner, limit)?),
            Self::Staged(repository) => git::staged(scanner, repository, &changes, &done).map_err(failed)?,
            Self::Diff(repository, range) => {
                git::diff(scanner, repository, range, &changes, &done).map_err(failed)?;
            }
            Self::History(repository) => {
                let counted = |read, of| progress.set(read, of);
                let options = HistoryOptions {
                    threads: args.threads,
                    max_file_size: limit,
                    seen: knowledge.seen().map(|seen| seen as &dyn SeenBlobs),
                    version,
                    progress: Some(&counted),
                    ..HistoryOptions::default()
                };
                git::history(scanner, repository, &options, &done).map_err(failed)?;
            }
        }
        Ok(all.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

fn open(path: &Path) -> Result<Arc<Repository>> {
    let (index_file, object_directories) = config::git_hook();
    let environment = Environment { index_file, object_directories };
    Repository::discover_in(path, environment).map(Arc::new).map_err(failed)
}

fn failed(error: git::Error) -> Failure {
    Failure::usage(error.to_string())
}

/// What git told a hook of a push.
fn pushed() -> Result<Vec<PushedRef>> {
    let text = std::io::read_to_string(std::io::stdin().lock())
        .map_err(|error| Failure::internal(format!("standard input cannot be read: {error}")))?;
    match PushedRef::all(&text) {
        refs if refs.is_empty() => Err(Failure::usage("standard input names no ref that was pushed")
            .hint("`--pushed` is for a post-receive hook, which gets lines of git: `OLD NEW REF`")),
        refs => Ok(refs),
    }
}

fn stdin(scanner: &Scanner, limit: u64) -> Result<Outcome> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::internal(format!("standard input cannot be read: {error}")))?;
    if bytes.len() as u64 > limit {
        return Ok(Scanner::skipped("stdin", "too large"));
    }
    let mut outcome = Outcome::default();
    let mut skipped = Vec::new();
    let mut visit = |path: &str, text: &[u8]| {
        outcome.merge(scanner.scan(&Source { path, tracked: false, added: None }, text));
        outcome.summary.files = 1;
    };
    if !bytes.is_empty() {
        container::texts("stdin", &bytes, &Limits::default(), &mut visit, &mut skipped);
    }
    outcome.summary.skipped.extend(skipped);
    Ok(outcome)
}

/// So many objects are named in an error; `--show-skipped` has them all.
const NAMED: usize = 5;

/// A change that could not be read must not pass for one in which nothing is.
fn all_was_read(report: &Report) -> Result<()> {
    let unread: Vec<String> =
        report.summary().unreadable().map(|one| format!("{}: {}", one.path, one.reason)).collect();
    if unread.is_empty() {
        return Ok(());
    }
    let more = unread.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let named = unread[..unread.len().min(NAMED)].join("; ");
    Err(Failure::usage(format!("not everything could be read: {named}{more}")).hint(
        "a clone that is shallow or filtered lacks objects: `git fetch --unshallow`, `git fetch --refetch --no-filter`, or a full clone gets them; `git fsck` names damage",
    ))
}

fn write(args: &Args, context: &Context, report: &Report) -> Result<()> {
    let format = args.format.unwrap_or(if context.global.json { Format::Json } else { Format::Text });
    let to_terminal = args.output.is_none() && std::io::stdout().is_terminal();
    let options = Options {
        reveal: args.reveal,
        colour: to_terminal && config::colour(),
        show_skipped: args.show_skipped,
        width: if to_terminal { terminal::columns() } else { 0 },
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let Some(path) = &args.output else {
        let mut text = Vec::new();
        report::write(format, report, &options, &mut text).map_err(|error| Failure::internal(error.to_string()))?;
        return output::bytes(&text);
    };
    let failed = |error: std::io::Error| Failure::file("write", path, &error);
    let mut file = BufWriter::new(create(path, args.reveal).map_err(failed)?);
    report::write(format, report, &options, &mut file).and_then(|()| file.flush()).map_err(failed)
}

/// A file for a report; what shows values is its owner's alone.
fn create(path: &Path, reveal: bool) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if reveal {
        use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
        let file = options.mode(0o600).open(path)?;
        // One that was there has its own mode; a device has none to change.
        if file.metadata()?.is_file() {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
        return Ok(file);
    }
    options.open(path)
}

/// The silences, while others look at what they counted.
struct Shared(Arc<Silences>);

impl Silence for Shared {
    fn judge(&self, finding: &Finding, value: &[u8], line: &[u8]) -> Verdict {
        self.0.judge(finding, value, line)
    }
}

/// Rules and silences, ready.
pub(crate) struct Prepared {
    engine: Engine,
    silences: Arc<Silences>,
    max_file_size: Option<u64>,
    /// Differs whenever the user's own rules do.
    version: Vec<u8>,
    notes: Vec<String>,
}
