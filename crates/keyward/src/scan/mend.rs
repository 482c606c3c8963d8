//! `keyward scan --fix`: values go into the vault, and the source asks for them by name.
//!
//! Values are stored first; a file is changed only once all of its values are in the vault, and
//! only if it still is what was scanned.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use keyward_client::{Bytes, Connection, Failure, Result, StoredChange, Where, examine};
use keyward_scan::fix::{self, FilePlan};
use keyward_scan::report::Report;
use keyward_types::SecretName;

use super::knowledge::Knowledge;
use crate::commands::scan::Args;
use crate::context::Context;
use crate::intake::brought;
use crate::output::{self, Exit};

pub(crate) fn run(args: &Args, context: &Context, report: &Report, knowledge: Knowledge) -> Result<Exit> {
    if report.is_clean() {
        output::note("nothing was found that needs mending");
        return Ok(Exit::Done);
    }
    let connection = match knowledge.into_connection() {
        Some(connection) => connection,
        None => context.connect()?,
    };
    let place = context.place(&connection)?.at;
    let taken = taken(&connection, &place)?;
    let free = |name: &str, value: &[u8]| {
        let stored = taken.iter().any(|own| own == name);
        !stored || holds(report, &place, name, value)
    };
    let plans = fix::plan(report.found(), &|path| fs::read(path), &free);
    show(&plans)?;
    let mended: Vec<&FilePlan> = plans.iter().filter(|plan| !plan.edits.is_empty()).collect();
    let left = plans.iter().map(|plan| plan.refused.len()).sum::<usize>()
        + report.found().iter().filter(|one| one.misuse).count();
    if mended.is_empty() {
        return Ok(Exit::No);
    }
    let question = format!(
        "Store {} in {}/{} and change {}?",
        count(mended.iter().map(|plan| plan.stores.len()).sum(), "value"),
        place.project,
        place.environment,
        count(mended.len(), "file")
    );
    context.confirm(args.yes, &question)?;
    for plan in &mended {
        store(&connection, &place, plan)?;
        replace(plan)?;
        output::note(format!("`{}` is mended", plan.path));
    }
    output::note("what was in a file or a commit may have been copied: replace the keys at their services too");
    Ok(if left == 0 { Exit::Done } else { Exit::No })
}

/// Names in the environment.
fn taken(connection: &Connection, place: &Where) -> Result<Vec<String>> {
    let names = connection.desk().names(place.clone())?;
    Ok(names.into_iter().map(|one| one.name.to_string()).collect())
}

/// Whether the vault has this very value under this name here: the scan found that out.
fn holds(report: &Report, place: &Where, name: &str, value: &[u8]) -> bool {
    report.found().iter().filter(|one| one.value.as_slice() == value).any(|one| {
        one.finding.vault.as_ref().is_some_and(|known| {
            known.project == place.project && known.environment == place.environment && known.name.as_str() == name
        })
    })
}

fn show(plans: &[FilePlan]) -> Result<()> {
    for plan in plans {
        if !plan.edits.is_empty() {
            output::bytes(fix::diff(plan).as_bytes())?;
        }
        for refused in &plan.refused {
            output::note(format!(
                "`{}:{}` ({}) is left as it is: {}",
                plan.path, refused.line, refused.rule, refused.reason
            ));
            output::hint(&refused.hint);
        }
    }
    Ok(())
}

fn store(connection: &Connection, place: &Where, plan: &FilePlan) -> Result<()> {
    let mut secrets = Vec::new();
    for one in &plan.stores {
        let name: SecretName =
            one.name.parse().map_err(|error: keyward_types::Error| Failure::internal(error.to_string()))?;
        secrets.push(examine(name, Bytes::new(one.value.to_vec()), brought()).secret);
    }
    for stored in connection.desk().write(place.clone(), secrets)? {
        if stored.change != StoredChange::Unchanged {
            output::note(format!("`{}/{}/{}` is stored", place.project, place.environment, stored.name));
        }
    }
    Ok(())
}

/// Puts the mended text in the file's place, with the file's permissions.
fn replace(plan: &FilePlan) -> Result<()> {
    let path = Path::new(&plan.path);
    let failed = |error: std::io::Error| Failure::file("write", path, &error);
    if fs::read(path).map_err(failed)? != plan.before.as_slice() {
        return Err(Failure::usage(format!(
            "`{}` has changed since it was scanned; nothing was written to it",
            plan.path
        ))
        .hint("run it again"));
    }
    let new = beside(path);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&new).map_err(failed)?;
    let permissions = fs::metadata(path).map_err(failed)?.permissions();
    let written = file
        .write_all(&plan.after())
        .and_then(|()| fs::set_permissions(&new, permissions))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&new, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&new);
        failed(error)
    })
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.keyward-{}", std::process::id()))
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
