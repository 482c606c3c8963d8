//! The examples of other scanners, fetched from their packages; `benches/foreign.rs` of `keyward-scan` measures on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::packages::Registry;
use super::sources::unpacked;
use crate::bench::Table;
use crate::process;
use crate::tools::{self, scanners};
use crate::workspace::Workspace;

/// The last that prints its rules with their examples.
const KINGFISHER: &str = "kingfisher-bin==1.112.0";
/// Holds a file of rules with negative examples.
const RULES: (&str, &str) = ("kingfisher-rules", "3.0.1");
const RIPSECRETS: (&str, &str) = ("ripsecrets", "0.1.11");

/// Measures; gives the table, and whether it keeps what is promised.
pub(super) fn section(workspace: &Workspace) -> Result<(String, Result<()>)> {
    let cases = cases(workspace)?;
    let mut table = Table::default();
    let mut command = process::cargo();
    command.args(["bench", "--package", "keyward-scan", "--bench", "foreign", "--", "--cases"]).arg(cases);
    let outcome = process::run_lines(&mut command, |line| table.read(line));
    Ok((table.finish()?, outcome.context("below what is promised of keys that no corpus of ours has seen")))
}

/// The file of cases, put together anew: it takes a second.
fn cases(workspace: &Workspace) -> Result<PathBuf> {
    scanners::ensure_for_tests(workspace)?;
    let folder = workspace.cache().join("foreign");
    fs::create_dir_all(&folder)?;
    let rules = folder.join("rules.json");
    fs::write(&rules, process::capture(kingfisher(&folder)?.args(["rules", "list", "--format", "json"]))?)?;
    let part = |(name, version): (&str, &str), file: &str| -> Result<PathBuf> {
        Ok(unpacked(workspace, Registry::Crates, name, version)?.join(format!("{name}-{version}")).join(file))
    };
    let cases = folder.join("cases.json");
    let mut python = Command::new(scanners::for_tests(workspace).join("bin/python"));
    python.args(["-c", include_str!("foreign.py")]).arg(rules);
    python.arg(part(RULES, "data/kingfisher-rules.yml")?).arg(part(RIPSECRETS, "test")?).arg(&cases);
    process::run(&mut python)?;
    Ok(cases)
}

fn kingfisher(folder: &Path) -> Result<Command> {
    let venv = folder.join("kingfisher");
    if scanners::package(&venv, "kingfisher").is_err() {
        tools::make_venv(&venv)?;
        process::run(tools::pip(&venv).arg(KINGFISHER))?;
    }
    Ok(Command::new(scanners::package(&venv, "kingfisher")?.join("bin/kingfisher")))
}
