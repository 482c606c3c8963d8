//! `keyward.toml`: which project a folder belongs to and which names it needs. It is committed, so
//! that it holds no values, and it is obeyed only where its folder was bound to the project.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use keyward_client::{Failure, Result};
use keyward_types::{ProjectName, SecretName};
use serde::Deserialize;
use toml_edit::{Array, DocumentMut, Item, TomlError, value};

/// The name of the file.
pub(crate) const FILE: &str = "keyward.toml";
/// Nobody needs more, and a hostile one must not take our memory.
const MAX_SIZE: u64 = 1 << 20;

/// A folder with a `keyward.toml`.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    /// Canonical path.
    pub(crate) path: PathBuf,
    /// What the file says.
    pub(crate) manifest: Manifest,
}

/// What `keyward.toml` says of a project.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manifest {
    /// The project whose secrets this folder's programs use.
    pub(crate) project: ProjectName,
    /// Names without which the programs do not start.
    pub(crate) needs: BTreeSet<SecretName>,
}

/// The content of `keyward.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    project: Option<ProjectName>,
    #[serde(default)]
    needs: BTreeSet<SecretName>,
    /// What the scanner is told; it reads the table by itself.
    #[serde(rename = "scan")]
    _scan: Option<toml::Table>,
}

impl Folder {
    /// The nearest folder with a `keyward.toml`, from `start` upwards.
    ///
    /// # Errors
    /// When the file is there and cannot be understood.
    pub(crate) fn nearest(start: &Path) -> Result<Option<Self>> {
        let Ok(start) = start.canonicalize() else { return Ok(None) };
        for path in start.ancestors() {
            if let Some(manifest) = Manifest::read(path)? {
                return Ok(Some(Self { path: path.to_owned(), manifest }));
            }
        }
        Ok(None)
    }

    /// The path as the vault keeps it.
    pub(crate) fn key(&self) -> Result<String> {
        key(&self.path)
    }
}

/// A canonical path as the vault keeps it.
pub(crate) fn key(path: &Path) -> Result<String> {
    let text = path.to_str().ok_or_else(|| Failure::usage(format!("the path `{}` is not UTF-8", path.display())))?;
    Ok(text.to_owned())
}

impl Manifest {
    /// The manifest of exactly this folder. A file that tells the scanner something and names no project
    /// is none.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>> {
        let Some(text) = text(folder)? else { return Ok(None) };
        Self::parse(&text).map_err(|why| misunderstood(folder, &why))
    }

    /// Writes it into this folder's `keyward.toml`; what else stands there stays as it is. Says whether
    /// that changed anything.
    pub(crate) fn write(&self, folder: &Path) -> Result<bool> {
        let before = text(folder)?.unwrap_or_default();
        let after = self.within(&before).map_err(|error| misunderstood(folder, error.message()))?;
        if before == after {
            return Ok(false);
        }
        let path = folder.join(FILE);
        fs::write(&path, after).map_err(|error| Failure::file("write", &path, &error))?;
        Ok(true)
    }

    fn parse(text: &str) -> std::result::Result<Option<Self>, String> {
        let Content { project, needs, .. } = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        match project {
            Some(project) => Ok(Some(Self { project, needs })),
            None if needs.is_empty() => Ok(None),
            None => Err("`needs` stands there without a `project`".to_owned()),
        }
    }

    /// The text of a file with what this says in it.
    fn within(&self, before: &str) -> std::result::Result<String, TomlError> {
        let mut document: DocumentMut = before.parse()?;
        let root = document.as_table_mut();
        if root.get("project").and_then(Item::as_str) != Some(self.project.as_str()) {
            let new = !root.contains_key("project");
            root["project"] = value(self.project.as_str());
            if new && let Some(mut key) = root.key_mut("project") {
                let about = "# Which keyward project this folder belongs to. No values stand here: commit it.\n";
                key.leaf_decor_mut().set_prefix(about);
            }
        }
        if !self.needs.is_empty() && !root.contains_key("needs") {
            root["needs"] = value(Array::new());
            if let Some(mut key) = root.key_mut("needs") {
                let about = "\n# Names that `keyward run` makes sure of before anything starts.\n";
                key.leaf_decor_mut().set_prefix(about);
            }
        }
        if let Some(list) = root.get_mut("needs").and_then(Item::as_array_mut) {
            name_all(list, &self.needs);
        }
        let after = document.to_string();
        // A table that stood first had no line above it.
        Ok(if before.starts_with('[') {
            after.replacen(&format!("\n{before}"), &format!("\n\n{before}"), 1)
        } else {
            after
        })
    }
}

/// Makes the list hold these names, each on its own line where it is new; those that stay keep their comments.
fn name_all(list: &mut Array, names: &BTreeSet<SecretName>) {
    list.retain(|known| known.as_str().is_some_and(|known| names.iter().any(|name| name.as_str() == known)));
    let known: BTreeSet<String> = list.iter().filter_map(|known| known.as_str().map(str::to_owned)).collect();
    for name in names.iter().filter(|name| !known.contains(name.as_str())) {
        let mut entry = toml_edit::Value::from(name.as_str());
        // What stands behind the last name stays there.
        let behind = list.trailing().as_str().unwrap_or_default().trim_end().to_owned();
        entry.decor_mut().set_prefix(format!("{behind}\n    "));
        list.push_formatted(entry);
        list.set_trailing_comma(true);
        list.set_trailing("\n");
    }
}

/// The text of this folder's file, if there is one.
fn text(folder: &Path) -> Result<Option<String>> {
    let path = folder.join(FILE);
    match fs::metadata(&path) {
        Ok(found) if !found.is_file() => return Ok(None),
        Ok(found) if found.len() > MAX_SIZE => {
            return Err(Failure::usage(format!("`{}` is larger than 1 MiB", path.display())));
        }
        Ok(_) => {}
        Err(_) => return Ok(None),
    }
    fs::read_to_string(&path).map(Some).map_err(|error| Failure::file("read", &path, &error))
}

fn misunderstood(folder: &Path, why: &str) -> Failure {
    Failure::usage(format!("`{}` cannot be understood: {why}", folder.join(FILE).display()))
        .hint("it holds `project = \"NAME\"` and, if you like, `needs = [\"NAME\", …]`")
}

/// The git origin of a folder, read from its configuration without running anything.
pub(crate) fn git_origin(folder: &Path) -> Option<String> {
    let git = folder.ancestors().map(|path| path.join(".git")).find(|path| path.exists())?;
    let config = fs::read_to_string(git.join("config")).ok()?;
    let mut in_origin = false;
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            in_origin = line == "[remote \"origin\"]";
        } else if in_origin
            && let Some((name, value)) = line.split_once('=')
            && name.trim() == "url"
        {
            return Some(without_credentials(value.trim()));
        }
    }
    None
}

/// A remote's URL may carry a password; it is not ours to keep.
fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}/{path}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(needs: &[&str]) -> Manifest {
        Manifest { project: "shop".parse().unwrap(), needs: needs.iter().map(|name| name.parse().unwrap()).collect() }
    }

    #[test]
    fn a_manifest_survives_writing_and_says_what_it_does_not_know() {
        let both = manifest(&["A", "B"]);
        let text = both.within("").unwrap();
        assert!(text.ends_with("needs = [\n    \"A\",\n    \"B\",\n]\n"), "{text}");
        assert_eq!(Manifest::parse(&text).unwrap(), Some(both));
        assert!(Manifest::parse("project = \"shop\"\nserver = \"https://evil.example\"").is_err());
        assert!(Manifest::parse("project = \"../x\"").is_err());
        assert!(Manifest::parse("needs = [\"A\"]").unwrap_err().contains("without a `project`"));
        assert_eq!(Manifest::parse("[scan]\npaths = [\"a\"]").unwrap(), None);
    }

    #[test]
    fn what_else_a_file_says_stays_as_it_is() {
        let scan = "[scan] # the scanner's\n# Nothing real lies there.\npaths   = ['fixtures/**']\n";
        for before in [scan.to_owned(), format!("# Ours.\n\n{scan}")] {
            let text = manifest(&["A"]).within(&before).unwrap();
            assert!(text.contains(&format!("\n\n{scan}")), "{text}");
            assert_eq!(text.contains("# Ours."), before.contains("# Ours."), "{text}");
            assert_eq!(Manifest::parse(&text).unwrap(), Some(manifest(&["A"])), "{text}");
            assert_eq!(manifest(&["A"]).within(&text).unwrap(), text);
        }
        let before = format!("project = 'shop' # since May\nneeds = [\n  \"B\", # mail\n]\n{scan}");
        let text = manifest(&["A", "B"]).within(&before).unwrap();
        assert!(text.contains("project = 'shop' # since May") && text.contains("\"B\", # mail"), "{text}");
        assert_eq!(Manifest::parse(&text).unwrap(), Some(manifest(&["A", "B"])), "{text}");
    }

    #[test]
    fn a_remote_is_kept_without_its_password() {
        assert_eq!(without_credentials("https://user:word@host/a.git"), "https://host/a.git");
        assert_eq!(without_credentials("git@host:a.git"), "git@host:a.git");
    }
}
