//! Rules and silences of a scan: from files, or from a revision that the change under test cannot
//! touch.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyward_client::{Failure, Result, SystemClock};
use keyward_scan::Engine;
use keyward_scan::baseline::{Baseline, Day, Writing};
use keyward_scan::engine::Matcher;
use keyward_scan::git::Repository;
use keyward_scan::own_rules::RuleSet;
use keyward_scan::report::Report;
use keyward_scan::silence::{Config, Inline, Revision, Setup, Silences};
use keyward_types::Clock as _;

use super::{Input, Prepared};
use crate::commands::scan::Args;
use crate::context::Context;
use crate::folder::FILE;
use crate::output;

/// Larger files of rules, baselines or configuration are an accident.
const LARGEST: u64 = 64 << 20;

/// Reads what the arguments name.
pub(crate) fn prepare(args: &Args, context: &Context, input: &Input) -> Result<Prepared> {
    let texts = Texts::of(args, input)?;
    let folder = root(context, input, &texts);
    let config = match texts.config(folder.as_deref())? {
        Some(text) => Config::from_toml(&utf8(text, FILE)?).map_err(|error| {
            Failure::usage(error.to_string()).hint("`docs/scanning.md` has every key of the `[scan]` table")
        })?,
        None => Config::default(),
    };
    let mut baselines = Vec::new();
    for path in &args.baseline {
        let text = texts
            .read(path)?
            .ok_or_else(|| Failure::usage(format!("there is no `{}`{}", path.display(), texts.place())))?;
        let read = Baseline::read(&utf8(text, &path.display().to_string())?);
        baselines.push(read.map_err(|error| Failure::usage(format!("`{}`: {error}", path.display())))?);
    }
    let Rules { engine, allow, notes, disabled, version } = rules(args, &texts)?;
    let mut config = config;
    config.rules.extend(disabled.into_iter().map(|rule| (rule, false)));
    let max_file_size = config.max_file_size;
    let ids: BTreeSet<String> = engine.rules().iter().map(|rule| rule.id.clone()).collect();
    let setup = Setup {
        config,
        baselines,
        inline: if args.no_inline { Inline::Ignored } else { texts.inline() },
        rules: ids,
        base: base(context, input, folder.as_deref()),
        allow,
        ..Setup::on(today())
    };
    let silences = Silences::new(setup).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Prepared { engine, silences: Arc::new(silences), max_file_size, version, notes })
}

/// Writes the baseline that silences what was found as well.
pub(crate) fn write_baseline(path: &Path, silences: &Silences, report: &Report) -> Result<()> {
    let writing = Writing { reason: "known when the baseline was written".to_owned(), owner: None, drop_gone: false };
    let update = silences.update(report, &writing);
    fs::write(path, &update.text).map_err(|error| Failure::file("write", path, &error))?;
    output::note(format!(
        "`{}`: {} lines added, {} kept, {} of them expired",
        path.display(),
        update.added,
        update.kept,
        update.expired
    ));
    Ok(())
}

struct Rules {
    engine: Engine,
    allow: Vec<keyward_scan::own_rules::Allow>,
    notes: Vec<String>,
    disabled: Vec<String>,
    version: Vec<u8>,
}

fn rules(args: &Args, texts: &Texts) -> Result<Rules> {
    let mut rules =
        Rules { engine: Engine::of(Vec::new()), allow: vec![], notes: vec![], disabled: vec![], version: vec![] };
    let (mut extra, mut builtin): (Vec<Box<dyn Matcher>>, bool) = (Vec::new(), true);
    for path in &args.rules {
        let text = utf8(texts.rules(path)?, &path.display().to_string())?;
        let set = RuleSet::read(&text).map_err(|error| {
            let failure = Failure::usage(format!("`{}`: {error}", path.display()));
            error.hint().into_iter().fold(failure, Failure::hint)
        })?;
        rules.version.extend_from_slice(text.as_bytes());
        builtin &= set.builtin;
        rules.allow.extend(set.allow.iter().cloned());
        rules.disabled.extend(set.disabled.iter().cloned());
        rules.notes.extend(set.notes.iter().map(|note| format!("`{}`: {note}", path.display())));
        extra.push(set.into_matcher());
    }
    if !builtin {
        rules.notes.push(
            "the built-in rules are off, as the rules file wants it (`[extend] useDefault = true` turns them on)"
                .to_owned(),
        );
    }
    rules.engine = if builtin { Engine::at(SystemClock.now(), extra) } else { Engine::of(extra) };
    Ok(rules)
}

/// Where texts of configuration come from.
enum Texts {
    Files,
    Revision(Arc<Repository>, String),
}

impl Texts {
    fn of(args: &Args, input: &Input) -> Result<Self> {
        let Some(revision) = &args.config_from else { return Ok(Self::Files) };
        let repository = input
            .repository()
            .ok_or_else(|| Failure::usage("`--config-from` names a revision, and this is no git repository"))?;
        repository.file_at(revision, FILE).map_err(super::failed)?;
        Ok(Self::Revision(repository, revision.clone()))
    }

    /// The configuration; that of a revision stands at its root, in a bare repository too.
    fn config(&self, folder: Option<&Path>) -> Result<Option<Vec<u8>>> {
        match (self, folder) {
            (Self::Revision(repository, revision), _) => repository.file_at(revision, FILE).map_err(super::failed),
            (Self::Files, Some(folder)) => self.read(&folder.join(FILE)),
            (Self::Files, None) => Ok(None),
        }
    }

    /// Rules; a file outside of the repository is none that a change could touch.
    fn rules(&self, path: &Path) -> Result<Vec<u8>> {
        match self {
            Self::Revision(repository, _) if repository.path_in(path).is_some() => self
                .read(path)?
                .ok_or_else(|| Failure::usage(format!("there is no `{}`{}", path.display(), self.place()))),
            _ => file(path),
        }
    }

    /// The bytes of a path, if it is there.
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Files if path.symlink_metadata().is_err() => Ok(None),
            Self::Files => file(path).map(Some),
            Self::Revision(repository, revision) => {
                let inner = repository.path_in(path).ok_or_else(|| {
                    Failure::usage(format!("`{}` is not in the repository that `--config-from` reads", path.display()))
                })?;
                repository.file_at(revision, &inner).map_err(super::failed)
            }
        }
    }

    fn inline(&self) -> Inline {
        match self {
            Self::Files => Inline::Honoured,
            Self::Revision(repository, revision) => {
                let (repository, revision) = (Arc::clone(repository), revision.clone());
                Inline::In(Revision::new(move |path| repository.file_at(&revision, path).ok().flatten()))
            }
        }
    }

    fn place(&self) -> String {
        match self {
            Self::Files => String::new(),
            Self::Revision(_, revision) => format!(" in `{revision}`"),
        }
    }
}

/// The folder whose `keyward.toml` counts: the nearest from what is scanned upwards; with a
/// revision, the root of the repository.
fn root(context: &Context, input: &Input, texts: &Texts) -> Option<PathBuf> {
    let start = match input {
        Input::Tree(roots) => std::path::absolute(roots.first()?).ok()?,
        _ => context.current.clone(),
    };
    if let Texts::Revision(repository, _) = texts {
        return Some(repository.work_tree().map_or(start, Path::to_owned));
    }
    start.ancestors().find(|folder| folder.join(FILE).is_file()).map(Path::to_owned)
}

/// What paths of findings begin with, and what the configuration's have in its place.
fn base(context: &Context, input: &Input, folder: Option<&Path>) -> (String, String) {
    let Some(folder) = folder else { return Default::default() };
    let text = |path: &Path| {
        let text = path.to_string_lossy().replace('\\', "/");
        if text.is_empty() { text } else { format!("{text}/") }
    };
    match input {
        Input::Tree(roots) if roots.first().is_some_and(|root| root.is_absolute()) => (text(folder), String::new()),
        Input::Tree(_) => {
            let below = context.current.strip_prefix(folder).map(text);
            let above = folder.strip_prefix(&context.current).map(text);
            match (below, above) {
                (Ok(below), _) => (String::new(), below),
                (_, Ok(above)) => (above, String::new()),
                _ => Default::default(),
            }
        }
        Input::Stdin => Default::default(),
        Input::Staged(repository) | Input::Diff(repository, _) | Input::History(repository) => {
            let inside = repository.work_tree().and_then(|root| folder.strip_prefix(root).ok()).map(text);
            (inside.unwrap_or_default(), String::new())
        }
    }
}

fn file(path: &Path) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| Failure::file("read", path, &error);
    if fs::metadata(path).map_err(failed)?.len() > LARGEST {
        return Err(Failure::usage(format!("`{}` is larger than 64 MiB", path.display())));
    }
    fs::read(path).map_err(failed)
}

fn utf8(bytes: Vec<u8>, name: &str) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("`{name}` is not UTF-8 text")))
}

fn today() -> Day {
    let now = SystemClock.now().to_string();
    let day = now.split('T').next().unwrap_or_default();
    day.parse().expect("a timestamp begins with its day")
}
