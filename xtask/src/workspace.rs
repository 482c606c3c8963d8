//! The workspace as `cargo metadata` describes it: where it lies, its crates,
//! their targets and what they import.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// The workspace, read once at the start of a job.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    crates: Vec<Package>,
}

/// One crate of the workspace.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) imports: Vec<Import>,
    pub(crate) targets: Vec<Target>,
}

/// One line of a crate's dependency tables.
pub(crate) struct Import {
    pub(crate) name: String,
    /// Whether only its tests, examples and benchmarks see it.
    pub(crate) dev: bool,
}

/// Something that cargo builds from a crate.
pub(crate) struct Target {
    pub(crate) name: String,
    /// `lib`, `bin`, `test`, `bench`, `example`, …
    pub(crate) kind: String,
    /// Whether plain `cargo test` runs it: it wants no feature that nobody has by default.
    pub(crate) tested: bool,
}

impl Workspace {
    /// Asks cargo, which must find the workspace from the current folder.
    pub(crate) fn load() -> Result<Self> {
        let mut command = process::cargo();
        command.args(["metadata", "--format-version=1", "--no-deps"]);
        Self::parse(&process::capture(&mut command)?)
    }

    fn parse(metadata: &str) -> Result<Self> {
        let metadata: Value = serde_json::from_str(metadata).context("cargo metadata")?;
        Ok(Self {
            root: PathBuf::from(text(&metadata, "workspace_root")?),
            target: PathBuf::from(text(&metadata, "target_directory")?),
            crates: list(&metadata, "packages").iter().map(Package::parse).collect::<Result<_>>()?,
        })
    }

    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Where jobs keep the tools that they installed; ignored by git, and safe to delete.
    pub(crate) fn cache(&self) -> PathBuf {
        self.root.join(".cache").join("keyward-dev")
    }

    pub(crate) fn crates(&self) -> &[Package] {
        &self.crates
    }

    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.crates.iter().find(|package| package.name == name)
    }
}

impl Package {
    pub(crate) fn has_target(&self, kind: &str, name: &str) -> bool {
        self.targets.iter().any(|target| target.kind == kind && target.name == name)
    }

    fn parse(package: &Value) -> Result<Self> {
        let import = |dependency: &Value| -> Result<Import> {
            Ok(Import { name: text(dependency, "name")?, dev: dependency["kind"] == "dev" })
        };
        let target = |target: &Value| -> Result<Target> {
            let kind = target["kind"][0].as_str().unwrap_or_default().to_owned();
            let tested = target["test"] == true && list(target, "required-features").is_empty();
            Ok(Target { name: text(target, "name")?, kind, tested })
        };
        Ok(Self {
            name: text(package, "name")?,
            version: text(package, "version")?,
            imports: list(package, "dependencies").iter().map(import).collect::<Result<_>>()?,
            targets: list(package, "targets").iter().map(target).collect::<Result<_>>()?,
        })
    }
}

fn text(value: &Value, key: &str) -> Result<String> {
    let text = value[key].as_str();
    Ok(text.with_context(|| format!("cargo metadata has no `{key}`"))?.to_owned())
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
impl Workspace {
    /// A workspace that lies nowhere, of crates given as (name, imports, imports of its tests).
    pub(crate) fn of(crates: &[(&str, &[&str], &[&str])]) -> Self {
        let import = |dev| move |name: &&str| Import { name: (*name).to_owned(), dev };
        let package = |&(name, imports, dev): &(&str, &[&str], &[&str])| Package {
            name: name.to_owned(),
            version: "0.0.0".to_owned(),
            imports: imports.iter().map(import(false)).chain(dev.iter().map(import(true))).collect(),
            targets: Vec::new(),
        };
        Self {
            root: PathBuf::from("/nowhere"),
            target: PathBuf::from("/nowhere/target"),
            crates: crates.iter().map(package).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_is_read() {
        let workspace = Workspace::load().expect("cargo metadata works in a test");
        let xtask = workspace.package("xtask").expect("we are in it");
        assert!(xtask.has_target("bin", "xtask"));
        let dotenv = workspace.package("keyward-dotenv").expect("it is in it");
        let untested: Vec<&str> = dotenv.targets.iter().filter(|t| !t.tested).map(|t| &*t.name).collect();
        assert_eq!(untested, ["differential"]);
        assert!(xtask.imports.iter().any(|import| import.name == "anyhow" && !import.dev));
        assert!(workspace.root().join("xtask/Cargo.toml").is_file());
    }
}
