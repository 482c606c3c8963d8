//! `keyward.toml`: which project a folder belongs to and which names it needs. It is committed, so
//! that it holds no values, and it is obeyed only where its folder was bound to the project.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use keyward_client::{Failure, Result};
use keyward_types::{ProjectName, SecretName};
use serde::{Deserialize, Serialize};

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

/// The content of `keyward.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// The project whose secrets this folder's programs use.
    pub(crate) project: ProjectName,
    /// Names without which the programs do not start.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) needs: BTreeSet<SecretName>,
    /// What the scanner is told; it reads the table by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scan: Option<toml::Table>,
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
    /// The manifest of exactly this folder.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        match fs::metadata(&path) {
            Ok(found) if !found.is_file() => return Ok(None),
            Ok(found) if found.len() > MAX_SIZE => {
                return Err(Failure::usage(format!("`{}` is larger than 1 MiB", path.display())));
            }
            Ok(_) => {}
            Err(_) => return Ok(None),
        }
        let text = fs::read_to_string(&path).map_err(|error| Failure::file("read", &path, &error))?;
        toml::from_str(&text).map(Some).map_err(|error| {
            let why = error.message();
            Failure::usage(format!("`{}` cannot be understood: {why}", path.display()))
                .hint("it holds `project = \"NAME\"` and, if you like, `needs = [\"NAME\", …]`")
        })
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> String {
        let needs: Vec<String> = self.needs.iter().map(|name| format!("    \"{name}\",\n")).collect();
        let mut text = format!(
            "# Which keyward project this folder belongs to. No values stand here: commit it.\nproject = \"{}\"\n",
            self.project
        );
        if !needs.is_empty() {
            text.push_str("\n# Names that `keyward run` makes sure of before anything starts.\nneeds = [\n");
            text.push_str(&needs.concat());
            text.push_str("]\n");
        }
        if let Some(scan) = &self.scan {
            let table = toml::Table::from_iter([("scan".to_owned(), toml::Value::Table(scan.clone()))]);
            text.push_str(&format!("\n{table}"));
        }
        text
    }
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

    #[test]
    fn a_manifest_survives_writing_and_says_what_it_does_not_know() {
        let manifest = Manifest {
            project: "shop".parse().unwrap(),
            needs: ["A", "B"].map(|n| n.parse().unwrap()).into(),
            scan: None,
        };
        assert_eq!(toml::from_str::<Manifest>(&manifest.text()).unwrap(), manifest);
        assert!(toml::from_str::<Manifest>("project = \"shop\"\nserver = \"https://evil.example\"").is_err());
        assert!(toml::from_str::<Manifest>("project = \"../x\"").is_err());
    }

    #[test]
    fn a_remote_is_kept_without_its_password() {
        assert_eq!(without_credentials("https://user:word@host/a.git"), "https://host/a.git");
        assert_eq!(without_credentials("git@host:a.git"), "git@host:a.git");
    }
}
