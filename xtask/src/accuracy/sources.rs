//! The sources of packages, downloaded by the registries' own clients into the cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::packages::{PACKAGES, Registry};
use crate::process;
use crate::tools;
use crate::workspace::Workspace;

/// The sources of one of the packages that are scanned, unpacked.
pub(crate) fn sources(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let (_, registry, name, version) =
        PACKAGES.into_iter().find(|package| package.2 == name).with_context(|| format!("no package `{name}`"))?;
    unpacked(workspace, registry, name, version)
}

/// The folder with a package's sources, downloaded when it is not there.
pub(super) fn unpacked(workspace: &Workspace, registry: Registry, name: &str, version: &str) -> Result<PathBuf> {
    let folder = workspace.cache().join("clean");
    let target = folder.join(format!("{}-{version}", name.replace('/', "-")));
    if target.join(".whole").is_file() {
        return Ok(target);
    }
    let _ = fs::remove_dir_all(&target);
    let download = target.join("download");
    fs::create_dir_all(&download)?;
    match registry {
        Registry::PyPi => from_pypi(&folder, &download, &format!("{name}=={version}"), true)?,
        Registry::Wheel => from_pypi(&folder, &download, &format!("{name}=={version}"), false)?,
        Registry::Npm => from_npm(workspace, &download, &format!("{name}@{version}"))?,
        Registry::Crates => from_crates(&download, &target, name, version)?,
    }
    for file in fs::read_dir(&download)? {
        unpack(&file?.path(), &target)?;
    }
    fs::remove_dir_all(&download)?;
    fs::write(target.join(".whole"), "")?;
    Ok(target)
}

/// The source package where it is wanted and can be prepared on this machine, else the wheel.
fn from_pypi(folder: &Path, download: &Path, package: &str, source: bool) -> Result<()> {
    let venv = folder.join(".venv");
    if !venv.join("bin/python").is_file() {
        tools::make_venv(&venv)?;
    }
    let pip = || {
        let mut command = Command::new(venv.join("bin/python"));
        command
            .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest"])
            .arg(download);
        command
    };
    if source && process::succeeds(pip().args(["--no-binary", ":all:", package])) {
        return Ok(());
    }
    process::run(pip().arg(package))
}

fn from_npm(workspace: &Workspace, download: &Path, package: &str) -> Result<()> {
    tools::ensure_npm(workspace)?;
    let mut npm = Command::new("npm");
    npm.env("PATH", tools::peers_path(workspace)?).current_dir(download);
    process::run(npm.args(["pack", "--silent", "--ignore-scripts", package]))
}

/// Cargo gives out a crate to a project that needs it; of what it vendors, only that crate is kept.
fn from_crates(download: &Path, target: &Path, name: &str, version: &str) -> Result<()> {
    let manifest = format!(
        "[package]\nname = \"needs\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n\
         [dependencies.{name}]\nversion = \"={version}\"\ndefault-features = false\n"
    );
    fs::write(download.join("Cargo.toml"), manifest)?;
    fs::write(download.join("lib.rs"), "")?;
    process::run(process::cargo().current_dir(download).args(["vendor", "--quiet", "--versioned-dirs"]))?;
    let one = format!("{name}-{version}");
    fs::rename(download.join("vendor").join(&one), target.join(&one))?;
    fs::remove_dir_all(download)?;
    Ok(fs::create_dir(download)?)
}

fn unpack(archive: &Path, target: &Path) -> Result<()> {
    if archive.extension().is_some_and(|end| end == "whl" || end == "zip") {
        return process::run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(archive).arg(target));
    }
    process::run(Command::new("tar").arg("xf").arg(archive).arg("-C").arg(target))
}
