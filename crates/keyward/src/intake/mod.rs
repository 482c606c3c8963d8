//! Files with values on their way into the vault: which there are, what they say, what git knows
//! of them, and how they go.

pub(crate) mod adopt;
pub(crate) mod exported;
pub(crate) mod files;
pub(crate) mod git;
pub(crate) mod read;

use std::collections::HashSet;

use keyward_client::{Desk, EditInfo, Examined, Failure, Result, Stored, StoredChange, Where, examine};
use keyward_types::SecretName;

use self::read::Values;
use crate::output;

/// Values that fit into the vault, and those that do not.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// To be stored.
    pub(crate) examined: Vec<Examined>,
    /// Left out: name and why.
    pub(crate) left_out: Vec<(String, &'static str)>,
}

/// Looks at every value of a file.
pub(crate) fn sort(values: Values) -> Sorted {
    let mut sorted = Sorted::default();
    for (name, value) in values.entries {
        let Some(value) = value else {
            sorted.left_out.push((name, "it has no value"));
            continue;
        };
        match name.parse::<SecretName>() {
            Ok(fitting) if value.expose().len() <= keyward_vault::MAX_VALUE => {
                sorted.examined.push(examine(fitting, value, brought()));
            }
            Ok(_) => sorted.left_out.push((name, "its value is larger than 64 KiB")),
            Err(_) => sorted.left_out.push((name.escape_debug().to_string(), "the name does not fit the vault")),
        }
    }
    sorted
}

/// Stores what was looked at, and says what became of it.
pub(crate) fn store(desk: &dyn Desk, at: &Where, source: &str, mut sorted: Sorted) -> Result<Vec<Stored>> {
    keep_from_emptying(desk, at, &mut sorted)?;
    let advice: Vec<(SecretName, Vec<String>)> =
        sorted.examined.iter().map(|one| (one.secret.name.clone(), one.advice.clone())).collect();
    let secrets = sorted.examined.into_iter().map(|one| one.secret).collect();
    let stored = desk.write(at.clone(), secrets)?;
    let count = |change| stored.iter().filter(|one| one.change == change).count();
    output::note(format!(
        "{source} -> {}/{}: {} added, {} changed, {} unchanged",
        at.project,
        at.environment,
        count(StoredChange::Added),
        count(StoredChange::Changed),
        count(StoredChange::Unchanged)
    ));
    for (name, why) in &sorted.left_out {
        output::note(format!("warning: `{name}` was left out: {why}"));
    }
    for (name, sentences) in advice {
        for sentence in sentences {
            output::note(format!("warning: `{name}`: {sentence}"));
        }
    }
    for one in stored.iter().filter(|one| !one.same_as.is_empty()) {
        output::note(format!("warning: `{}` has the same value as `{}`", one.name, one.same_as.join("`, `")));
    }
    Ok(stored)
}

/// What is known of a value that was somewhere else before: not how old it is.
pub(crate) fn brought() -> EditInfo {
    EditInfo { age_unknown: Some(true), ..EditInfo::default() }
}

/// A file that cannot be understood, with its name before the reason.
pub(crate) fn in_file(path: &std::path::Path, failure: Failure) -> Failure {
    Failure { message: format!("`{}`: {}", path.display(), failure.message), ..failure }
}

/// A file without a value says nothing of one that is stored.
fn keep_from_emptying(desk: &dyn Desk, at: &Where, sorted: &mut Sorted) -> Result<()> {
    let empty = |one: &Examined| one.secret.value.expose().is_empty();
    if !sorted.examined.iter().any(empty) {
        return Ok(());
    }
    let stored: HashSet<SecretName> = desk.names(at.clone())?.into_iter().map(|one| one.name).collect();
    let (kept, blank) = std::mem::take(&mut sorted.examined)
        .into_iter()
        .partition(|one| !empty(one) || !stored.contains(&one.secret.name));
    sorted.examined = kept;
    let why = "it is empty, and a value is stored";
    sorted.left_out.extend(Vec::<Examined>::into_iter(blank).map(|one| (one.secret.name.to_string(), why)));
    Ok(())
}
