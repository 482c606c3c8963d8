//! What the rules are tested against. Collecting reads metadata, names and the plaintext files
//! that lie about; nothing of the vault is opened.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use keyward_client::{Bytes, Desk, Home, Result, SecretInfo, Status, Where, examine};
use keyward_types::{EnvironmentName, ProjectName, SecretName, Timestamp};

use crate::intake::{files::Sort, git, read};

/// Everything the rules look at.
#[derive(Debug)]
pub(crate) struct Facts {
    /// What lies in plaintext.
    pub(crate) files: Files,
    /// What is stored; `None` where there is no vault yet.
    pub(crate) stored: Option<Stored>,
}

/// Plaintext files of a folder and those below it.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// Those that are there.
    pub(crate) present: Vec<PlainFile>,
    /// Those that some commit holds or held, whether they are still there or not.
    pub(crate) committed: Vec<String>,
}

/// A vault, and the secrets of one project in it.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The present moment.
    pub(crate) now: Timestamp,
    /// The vault.
    pub(crate) status: Status,
    /// Where it lies.
    pub(crate) home: Home,
    /// Mode bits of the key file, when there is one.
    pub(crate) key_file_mode: Option<u32>,
    /// Secrets of the project, by environment.
    pub(crate) secrets: BTreeMap<EnvironmentName, Vec<SecretInfo>>,
    /// Names that the folder's programs need.
    pub(crate) needs: BTreeSet<SecretName>,
}

/// A file that holds, or may hold, values in plaintext.
#[derive(Debug)]
pub(crate) struct PlainFile {
    /// Relative to the folder.
    pub(crate) path: PathBuf,
    /// What git knows of it; `None` outside a repository.
    pub(crate) git: Option<git::Known>,
    /// Mode bits.
    pub(crate) mode: u32,
    /// How many values in it are secret; `None` when it could not be read as `.env`.
    pub(crate) secrets: Option<usize>,
}

/// Folders that belong to tools, not to people.
const SKIPPED: [&str; 8] = [".git", "node_modules", "target", ".venv", "venv", "dist", "build", "__pycache__"];
const MAX_DEPTH: usize = 8;
/// A folder with more entries is no project's; what lies beyond is not looked at.
const MAX_ENTRIES: usize = 50_000;

impl Files {
    pub(crate) fn of(folder: &Path) -> Self {
        Self { present: plain_files(folder), committed: committed(folder) }
    }
}

impl Stored {
    pub(crate) fn collect(
        desk: &dyn Desk,
        home: Home,
        now: Timestamp,
        project: Option<&ProjectName>,
        needs: BTreeSet<SecretName>,
    ) -> Result<Self> {
        let status = desk.status()?;
        let mut secrets = BTreeMap::new();
        if let Some(project) = project {
            let found = desk.projects()?.into_iter().find(|one| one.name == *project);
            for environment in found.into_iter().flat_map(|project| project.environments) {
                let at = Where { project: project.clone(), environment: environment.name.clone() };
                let mut present = desk.list(at)?;
                present.retain(|secret| secret.version.is_some());
                secrets.insert(environment.name, present);
            }
        }
        let key_file_mode = mode(&home.key_file(status.vault));
        Ok(Self { now, status, home, key_file_mode, secrets, needs })
    }
}

fn mode(path: &Path) -> Option<u32> {
    let found = fs::symlink_metadata(path).ok()?;
    #[cfg(unix)]
    let mode = std::os::unix::fs::MetadataExt::mode(&found);
    #[cfg(not(unix))]
    let mode = if found.permissions().readonly() { 0o400 } else { 0o600 };
    Some(mode & 0o777)
}

/// `.env` files, and what editors and cautious people leave of them.
fn may_hold_values(name: &str) -> bool {
    if matches!(Sort::of(name), Some(Sort::Template)) {
        return false;
    }
    let name = name.trim_start_matches(['#', '.']).trim_end_matches(['#', '~']);
    name == "env" || name.starts_with("env.") || name.starts_with("env_") || name.starts_with("env-")
}

fn plain_files(root: &Path) -> Vec<PlainFile> {
    let mut files = Vec::new();
    let (mut folders, mut seen) = (vec![(0, root.to_owned())], 0);
    while let Some((depth, folder)) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            seen += 1;
            let Ok(kind) = entry.file_type() else { continue };
            let (name, path) = (entry.file_name(), entry.path());
            let name = name.to_string_lossy();
            if kind.is_dir() && depth < MAX_DEPTH && seen < MAX_ENTRIES && !SKIPPED.contains(&&*name) {
                folders.push((depth + 1, path));
            } else if kind.is_file()
                && (name.starts_with(".env") || name.starts_with("#.env"))
                && may_hold_values(&name)
            {
                let relative = path.strip_prefix(root).unwrap_or(&path).to_owned();
                let (git, mode) = (git::known(&path), mode(&path).unwrap_or(0));
                files.push(PlainFile { path: relative, git, mode, secrets: secrets_in(&path) });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn committed(folder: &Path) -> Vec<String> {
    let mut names = git::ever_committed(folder, &[":(glob)**/.env*"]);
    names.retain(|name| may_hold_values(name.rsplit('/').next().unwrap_or(name)));
    names
}

fn secrets_in(path: &Path) -> Option<usize> {
    let values = read::file(path, Some(read::default_dialect(path)), &|_| None).ok()?;
    let secret = |(name, value): (String, Option<Bytes>)| {
        let (Ok(name), Some(value)) = (name.parse::<SecretName>(), value) else { return false };
        let examined = examine(name, value, Default::default());
        let empty = examined.secret.value.expose().is_empty();
        examined.recognition.kind.is_secret() && !empty
    };
    Some(values.entries.into_iter().filter(|entry| secret(entry.clone())).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_known_by_their_names() {
        for name in [".env", ".env.bak", ".env~", "#.env#", ".env.production.old", ".env.swp", ".env.local"] {
            assert!(may_hold_values(name), "{name}");
        }
        for name in [".env.example", ".environment", ".envrc", "env.d.ts.map"] {
            let listed = name.starts_with(".env") && may_hold_values(name);
            assert!(!listed, "{name}");
        }
    }
}
