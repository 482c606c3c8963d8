//! Which files of a folder hold values, by their names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use keyward_client::{Failure, Result};
use keyward_types::EnvironmentName;

/// What the name of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Values of an environment; of two files of one environment, the higher rank wins.
    Values {
        /// The environment's name.
        environment: &'static str,
        /// `.env` < `.env.ENV` < `.env.local` < `.env.ENV.local`.
        rank: u8,
    },
    /// Names without values: never imported, never ignored.
    Template,
}

/// Files with values, and templates, of a folder.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Files with values, by environment, the winning one first.
    pub(crate) values: BTreeMap<EnvironmentName, Vec<PathBuf>>,
    /// Templates.
    pub(crate) templates: Vec<PathBuf>,
    /// Passed over, and why.
    pub(crate) passed_over: Vec<(PathBuf, &'static str)>,
}

/// Folders that belong to tools, not to people.
const SKIPPED: [&str; 8] = [".git", "node_modules", "target", ".venv", "venv", "dist", "build", "__pycache__"];
/// Deeper than any project; a bound against folders made to be endless.
const MAX_DEPTH: usize = 16;

/// Whether a file by its name holds no values, but says which there are to be.
pub(crate) fn is_template(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).and_then(Sort::of) == Some(Sort::Template)
}

impl Sort {
    /// What a file's name says; `None` for other files.
    pub(crate) fn of(name: &str) -> Option<Self> {
        if name == ".env" {
            return Some(Self::Values { environment: "development", rank: 0 });
        }
        let rest = name.strip_prefix(".env.")?;
        if rest == "local" {
            return Some(Self::Values { environment: "development", rank: 2 });
        }
        if matches!(rest, "example" | "sample" | "template" | "dist" | "schema") {
            return Some(Self::Template);
        }
        let (stage, rank) = match rest.strip_suffix(".local") {
            Some(stage) => (stage, 3),
            None => (rest, 1),
        };
        let environment = match stage {
            "dev" | "development" => "development",
            "stag" | "stage" | "staging" => "staging",
            "prod" | "production" => "production",
            "test" => "test",
            _ => return None,
        };
        Some(Self::Values { environment, rank })
    }
}

/// Looks through a folder, and with `recursive` through those in it. Links are not followed.
pub(crate) fn find(folder: &Path, recursive: bool) -> Result<Found> {
    let mut ranked: BTreeMap<&'static str, Vec<(usize, u8, PathBuf)>> = BTreeMap::new();
    let mut found = Found::default();
    let mut folders = vec![(0, folder.to_owned())];
    while let Some((depth, folder)) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| Failure::file("list", &folder, &error))?;
        for entry in entries.flatten() {
            let (Ok(kind), path) = (entry.file_type(), entry.path()) else { continue };
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if kind.is_dir() {
                if recursive && depth < MAX_DEPTH && !SKIPPED.contains(&&*name) {
                    folders.push((depth + 1, path));
                }
                continue;
            }
            match Sort::of(&name) {
                None => {}
                Some(_) if !kind.is_file() => found.passed_over.push((path, "it is a link or no plain file")),
                Some(Sort::Template) => found.templates.push(path),
                Some(Sort::Values { environment, rank }) => {
                    ranked.entry(environment).or_default().push((depth, u8::MAX - rank, path));
                }
            }
        }
    }
    for (environment, mut files) in ranked {
        files.sort();
        let environment = environment.parse().map_err(|_| Failure::internal("an environment's name does not fit"))?;
        found.values.insert(environment, files.into_iter().map(|(.., path)| path).collect());
    }
    found.templates.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_where_values_belong() {
        let environment = |name| match Sort::of(name) {
            Some(Sort::Values { environment, rank }) => Some((environment, rank)),
            _ => None,
        };
        assert_eq!(environment(".env"), Some(("development", 0)));
        assert_eq!(environment(".env.local"), Some(("development", 2)));
        assert_eq!(environment(".env.dev"), Some(("development", 1)));
        assert_eq!(environment(".env.staging.local"), Some(("staging", 3)));
        assert_eq!(environment(".env.prod"), Some(("production", 1)));
        assert_eq!(environment(".env.test"), Some(("test", 1)));
        assert_eq!(Sort::of(".env.example"), Some(Sort::Template));
        for other in ["env", ".envrc", ".env.bak", ".env.", ".env.production.bak", "x.env"] {
            assert_eq!(Sort::of(other), None, "{other}");
        }
    }
}
