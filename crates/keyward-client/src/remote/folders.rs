//! Which folders belong to a server's project: kept on this machine, since their paths mean nothing
//! elsewhere. A local vault keeps its own folders' bindings itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use keyward_types::{ProjectName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::home::{clock, private_folder};
use crate::signed::write;
use crate::{BindingInfo, Failure, Result, ServerUrl};

/// The file in which bindings to servers are kept.
#[derive(Clone, Debug)]
pub struct Folders {
    file: PathBuf,
}

/// A folder that a person bound to a project of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedFolder {
    /// Where the server is.
    pub server: String,
    /// The project it may have secrets of.
    pub project: ProjectName,
    /// Its git origin at that time.
    #[serde(default)]
    pub origin: Option<String>,
    /// Since when.
    pub created_at: Timestamp,
}

impl Folders {
    /// In the home of a local vault, whether there is one or not.
    pub fn in_home(home: &Path) -> Self {
        Self { file: home.join("folders.json") }
    }

    /// The binding of exactly this folder.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(&self, path: &str) -> Result<Option<ServedFolder>> {
        Ok(self.read()?.remove(path))
    }

    pub(super) fn binding(&self, path: &str, server: &ServerUrl) -> Result<Option<BindingInfo>> {
        let found = self.of(path)?.filter(|folder| folder.server == server.as_str());
        Ok(found.map(|folder| folder.binding(path)))
    }

    pub(super) fn bind(
        &self,
        path: &str,
        origin: Option<String>,
        project: ProjectName,
        server: &ServerUrl,
    ) -> Result<BindingInfo> {
        let mut all = self.read()?;
        let folder = ServedFolder { server: server.to_string(), project, origin, created_at: Timestamp(clock()) };
        let info = folder.binding(path);
        all.insert(path.to_owned(), folder);
        self.write(&all)?;
        Ok(info)
    }

    /// Ends the binding of exactly this folder; `false` when there was none.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn unbind(&self, path: &str) -> Result<bool> {
        let mut all = self.read()?;
        let was = all.remove(path).is_some();
        if was {
            self.write(&all)?;
        }
        Ok(was)
    }

    fn read(&self) -> Result<BTreeMap<String, ServedFolder>> {
        let text = match fs::read(&self.file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(Failure::file("read", &self.file, &error)),
        };
        serde_json::from_slice(&text).map_err(|error| {
            Failure::usage(format!("`{}` cannot be understood: {error}", self.file.display()))
                .hint("take it away, and `keyward trust` the folders anew")
        })
    }

    fn write(&self, all: &BTreeMap<String, ServedFolder>) -> Result<()> {
        if let Some(folder) = self.file.parent() {
            private_folder(folder)?;
        }
        let text = serde_json::to_vec_pretty(all).map_err(|error| Failure::internal(error.to_string()))?;
        write(&self.file, &text)
    }
}

impl ServedFolder {
    fn binding(&self, path: &str) -> BindingInfo {
        BindingInfo {
            path: path.to_owned(),
            origin: self.origin.clone(),
            project: self.project.clone(),
            created_at: self.created_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_one_server_until_it_does_not() {
        let home = tempfile::tempdir().unwrap();
        let folders = Folders::in_home(home.path());
        let (one, two) = ("https://one.example".parse().unwrap(), "https://two.example".parse().unwrap());
        assert_eq!(folders.of("/src/shop").unwrap(), None);
        let made = folders.bind("/src/shop", Some("git@host:shop".into()), "shop".parse().unwrap(), &one).unwrap();
        assert_eq!(folders.binding("/src/shop", &one).unwrap(), Some(made));
        assert_eq!(folders.binding("/src/shop", &two).unwrap(), None, "another server's folder is not ours");
        assert_eq!(folders.binding("/src", &one).unwrap(), None);
        assert!(folders.unbind("/src/shop").unwrap() && !folders.unbind("/src/shop").unwrap());
        assert_eq!(folders.of("/src/shop").unwrap(), None);
    }

    #[test]
    fn a_file_that_is_something_else_is_refused() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("folders.json"), "[1]").unwrap();
        assert!(Folders::in_home(home.path()).of("/a").unwrap_err().message.contains("cannot be understood"));
    }
}
