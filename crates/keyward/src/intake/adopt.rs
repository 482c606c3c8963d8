//! What `init` does with the `.env` files of a folder: import, ignore, report, remove.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use keyward_client::{Bytes, Desk, Failure, Purpose, Result, Selection, Where};
use keyward_types::{EnvironmentName, ProjectName, SecretName};

use super::files::Found;
use super::read::{self, Values};
use super::{git, in_file, sort, store};
use crate::context::Context;
use crate::output;

/// What was imported from a folder's files.
#[derive(Debug, Default)]
pub(crate) struct Adopted {
    /// Every file that was read.
    pub(crate) files: Vec<Adoption>,
    /// Names by environment.
    pub(crate) names: BTreeMap<EnvironmentName, BTreeSet<SecretName>>,
}

/// One file, and what of it is in the vault.
#[derive(Debug)]
pub(crate) struct Adoption {
    path: PathBuf,
    environment: EnvironmentName,
    values: BTreeMap<String, Option<Bytes>>,
    /// Names that the vault has with another value, or does not have.
    kept_back: Vec<String>,
}

/// So many differing lines of one file are named.
const SHOWN: usize = 5;

/// Imports every file into its environment; of one name in several files, the winning file's
/// value.
pub(crate) fn import(context: &Context, desk: &dyn Desk, project: &ProjectName, found: &Found) -> Result<Adopted> {
    let mut adopted = Adopted::default();
    for (environment, files) in &found.values {
        ensure_environment(desk, project, environment)?;
        let at = Where { project: project.clone(), environment: environment.clone() };
        let mut winners: BTreeMap<String, (PathBuf, Option<Bytes>)> = BTreeMap::new();
        for path in files {
            let values = read::file(path, None, &|name| context.config.variable(name)).map_err(|f| in_file(path, f))?;
            warn(path, &values);
            adopted.files.push(one(path, environment, values, &mut winners));
        }
        let names = adopted.names.entry(environment.clone()).or_default();
        for path in files {
            let mine = winners.iter().filter(|(_, (winner, _))| winner == path);
            let entries = mine.map(|(name, (_, value))| (name.clone(), value.clone())).collect();
            let sorted = sort(Values { entries, ..Values::default() });
            let left_out: Vec<String> = sorted.left_out.iter().map(|(name, _)| name.clone()).collect();
            let stored = store(desk, &at, &format!("`{}`", shown(context, path)), sorted)?;
            names.extend(stored.into_iter().map(|one| one.name));
            if let Some(adoption) = adopted.files.iter_mut().find(|adoption| adoption.path == *path) {
                adoption.kept_back.extend(left_out);
            }
        }
    }
    Ok(adopted)
}

fn ensure_environment(desk: &dyn Desk, project: &ProjectName, environment: &EnvironmentName) -> Result<()> {
    let known = desk.projects()?.into_iter().find(|known| known.name == *project);
    let has = known.is_some_and(|known| known.environments.iter().any(|one| one.name == *environment));
    if !has {
        desk.add_environment(project.clone(), environment.clone(), None)?;
    }
    Ok(())
}

fn warn(path: &Path, values: &Values) {
    for sentence in &values.warnings {
        output::note(format!("warning: `{}` {sentence}", path.display()));
    }
    for sentence in values.differences.iter().take(SHOWN) {
        output::note(format!("warning: `{}` {sentence}", path.display()));
    }
    if let Some(more) = values.differences.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        output::note(format!("warning: and {more} more such lines; `keyward import FILE --dry-run` names them"));
    }
}

/// Takes a file's values; a name that a stronger file has already loses, which is said.
fn one(
    path: &Path,
    environment: &EnvironmentName,
    values: Values,
    winners: &mut BTreeMap<String, (PathBuf, Option<Bytes>)>,
) -> Adoption {
    let mut kept_back = Vec::new();
    let mut all = BTreeMap::new();
    for (name, value) in values.entries {
        match winners.get(&name) {
            Some((winner, winning)) => {
                if *winning != value {
                    output::note(format!("warning: `{name}` of `{}` loses to `{}`", path.display(), winner.display()));
                    kept_back.push(name.clone());
                }
            }
            None => {
                winners.insert(name.clone(), (path.to_owned(), value.clone()));
            }
        }
        all.insert(name, value);
    }
    Adoption { path: path.to_owned(), environment: environment.clone(), values: all, kept_back }
}

/// Names that a program needs: those of the templates, or else those that every imported
/// environment has.
pub(crate) fn needed(found: &Found, adopted: &Adopted) -> BTreeSet<SecretName> {
    let mut needed = BTreeSet::new();
    for template in &found.templates {
        match read::file(template, None, &|_| None) {
            Ok(values) => needed.extend(values.entries.iter().filter_map(|(name, _)| name.parse().ok())),
            Err(failure) => output::note(format!("warning: {}", in_file(template, failure).message)),
        }
    }
    if !found.templates.is_empty() {
        return needed;
    }
    let mut environments = adopted.names.values();
    let first = environments.next().cloned().unwrap_or_default();
    environments.fold(first, |common, names| common.intersection(names).cloned().collect())
}

/// Puts just these files into `.gitignore`, where git does not ignore them yet.
pub(crate) fn ignore(folder: &Path, adopted: &Adopted) -> Result<()> {
    let path = folder.join(".gitignore");
    let before = fs::read_to_string(&path).unwrap_or_default();
    let mut lines = Vec::new();
    for file in adopted.files.iter().map(|adoption| &adoption.path) {
        let Ok(relative) = file.strip_prefix(folder) else { continue };
        let line = format!("/{}", relative.display());
        let listed = before.lines().any(|known| known.trim() == line || known.trim() == line.trim_start_matches('/'));
        if !listed && !git::known(file).is_some_and(|known| known.ignored) {
            lines.push(line);
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    let text = format!("{gap}{}\n", lines.join("\n"));
    let opened = fs::OpenOptions::new().append(true).create(true).open(&path);
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Failure::file("write", &path, &error))?;
    output::note(format!("`.gitignore` names {}", lines.join(", ")));
    Ok(())
}

/// Says which files git tracks or has in its history: their keys are exposed.
pub(crate) fn report_exposed(context: &Context, adopted: &Adopted) {
    for adoption in &adopted.files {
        let Some(known) = git::known(&adoption.path) else { continue };
        if !known.tracked && !known.in_history {
            continue;
        }
        let path = shown(context, &adoption.path);
        let how = if known.tracked { "is tracked by git" } else { "is in git's history" };
        output::note(format!("warning: `{path}` {how}: everybody who has the repository has its keys"));
        let remove = if known.tracked { format!("`git rm --cached {path}`; ") } else { String::new() };
        output::hint(format!(
            "{remove}make new keys at their providers, store each with `keyward set NAME -e {}`, then revoke the old ones",
            adoption.environment
        ));
    }
}

/// Deletes the files whose every value was read back from the vault and is the same.
pub(crate) fn remove_plaintext(
    context: &Context,
    desk: &dyn Desk,
    project: &ProjectName,
    adopted: &Adopted,
) -> Result<()> {
    for adoption in &adopted.files {
        let path = shown(context, &adoption.path);
        let differing = differing(desk, project, adoption)?;
        if !differing.is_empty() {
            output::note(format!("`{path}` stays: the vault does not have its {}", differing.join(", ")));
            continue;
        }
        fs::remove_file(&adoption.path).map_err(|error| Failure::file("remove", &adoption.path, &error))?;
        if let Some(folder) = adoption.path.parent()
            && let Ok(folder) = fs::File::open(folder)
        {
            let _ = folder.sync_all();
        }
        output::note(format!("`{path}` was read back from the vault, compared and removed"));
    }
    Ok(())
}

/// Names of a file whose value the vault does not give back.
fn differing(desk: &dyn Desk, project: &ProjectName, adoption: &Adoption) -> Result<Vec<String>> {
    let mut differing = adoption.kept_back.clone();
    let at = Where { project: project.clone(), environment: adoption.environment.clone() };
    let fitting: Vec<SecretName> = adoption.values.keys().filter_map(|name| name.parse().ok()).collect();
    let present: BTreeSet<SecretName> = desk.list(at.clone())?.into_iter().map(|secret| secret.name).collect();
    let asked: Vec<SecretName> = fitting.into_iter().filter(|name| present.contains(name)).collect();
    let read = desk.read(at, Selection::Names(asked), Purpose::Read)?;
    for (name, value) in &adoption.values {
        let stored = read.iter().find(|one| one.name.as_str() == name).map(|one| &one.value);
        // A name without a value holds nothing that could be lost.
        if value.is_some() && stored != value.as_ref() && !differing.contains(name) {
            differing.push(name.clone());
        }
    }
    Ok(differing)
}

fn shown(context: &Context, path: &Path) -> String {
    let here = context.current.canonicalize().unwrap_or_else(|_| context.current.clone());
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}
