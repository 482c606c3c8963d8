//! `cargo xtask accuracy`: recall and false positives of the scanner, into `docs/accuracy.md`.
//!
//! The corpus is generated from a seed by `benches/accuracy.rs` of `keyward-scan`, which fails below the recall and above
//! the false-positive rate that we promise. `--clean` downloads large packages from PyPI and npm in fixed
//! versions, scans their sources, and lists what is found; a person says on the same page why.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::bench::{Table, replace_section};
use crate::machine::Provenance;
use crate::process;
use crate::tools;
use crate::workspace::Workspace;

const PAGE: &str = "docs/accuracy.md";

/// Where a package comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Registry {
    PyPi,
    Npm,
}

/// Large packages that hold no secret; then two that carry keys for their tests.
const PACKAGES: [(Registry, &str, &str); 12] = [
    (Registry::PyPi, "django", "5.2.19"),
    (Registry::PyPi, "numpy", "2.4.6"),
    (Registry::PyPi, "sqlalchemy", "2.1.9"),
    (Registry::PyPi, "ansible-core", "2.19.14"),
    (Registry::PyPi, "sympy", "1.14.0"),
    (Registry::Npm, "react-dom", "19.3.1"),
    (Registry::Npm, "webpack", "5.112.2"),
    (Registry::Npm, "lodash", "4.18.1"),
    (Registry::Npm, "next", "16.4.6"),
    (Registry::Npm, "@angular/core", "21.2.26"),
    (Registry::PyPi, "salt", "3008.5"),
    (Registry::PyPi, "twisted", "26.10.0"),
];
/// How many of the packages count as clean.
const CLEAN: usize = 10;

/// Runs the corpus, or with `--clean` the packages.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    match arguments {
        [flag] if flag == "--clean" => clean(workspace),
        _ => corpus(workspace, arguments),
    }
}

fn corpus(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let known = |pair: &[String]| matches!(pair, [flag, number] if ["--seed", "--count"].contains(&flag.as_str()) && number.parse::<u64>().is_ok());
    if !arguments.chunks(2).all(known) {
        bail!("usage: cargo xtask accuracy [--seed N] [--count N], or --clean");
    }
    let mut table = Table::default();
    let mut command = process::cargo();
    command.args(["bench", "--package", "keyward-scan", "--bench", "accuracy", "--"]).args(arguments);
    let outcome = process::run_lines(&mut command, |line| table.read(line));
    // The page tells of a bad run too.
    write(workspace, "corpus", &table.finish()?, "cargo xtask accuracy")?;
    outcome.context("recall is below .90 or the false-positive rate above .03 on the measured half")
}

fn clean(workspace: &Workspace) -> Result<()> {
    let folder = workspace.cache().join("clean");
    fs::create_dir_all(&folder)?;
    let (mut rows, mut list, mut sum) = (String::new(), String::new(), (0_u64, 0_u64));
    for (index, (registry, name, version)) in PACKAGES.into_iter().enumerate() {
        let sources = unpacked(workspace, &folder, registry, name, version)?;
        let output = process::capture(scan().arg(&sources))?;
        let (findings, bytes) = totals(&output).context("the scan says how much it read")?;
        let kind = if index < CLEAN { "" } else { " (keys for its tests)" };
        let _ = writeln!(rows, "| {name} {version}{kind} | {:.1} | {findings} |", bytes as f64 / 1e6);
        if index < CLEAN {
            sum = (sum.0 + findings, sum.1 + bytes);
            list.extend(listed(&output, &sources).map(|line| format!("- {name}: {line}\n")));
        }
    }
    let rate = sum.0 as f64 / (sum.1 as f64 / 1e7);
    let section = format!(
        "{} findings in {:.0} MB of the ten clean packages: {rate:.2} in 10 MB.\n\n| package | MB | findings |\n| --- | --- | --- |\n{rows}\nIn the ten:\n\n{list}",
        sum.0,
        sum.1 as f64 / 1e6
    );
    write(workspace, "clean", &section, "cargo xtask accuracy --clean")?;
    if rate > 1.0 {
        bail!("more than one finding in 10 MB of clean sources: {rate:.2}");
    }
    Ok(())
}

fn scan() -> Command {
    let mut command = process::cargo();
    command.args(["run", "--quiet", "--release", "--package", "keyward-scan", "--example", "scan", "--"]);
    command
}

/// `12 findings, 30 files, 4000 bytes, 0 skipped`
fn totals(output: &str) -> Option<(u64, u64)> {
    let mut words = output.lines().last()?.split_whitespace();
    let findings = words.next()?.parse().ok()?;
    let bytes = words.nth(3)?.parse().ok()?;
    Some((findings, bytes))
}

/// Place, rule and redacted value of each finding; source lines are left out.
fn listed<'a>(output: &'a str, sources: &'a Path) -> impl Iterator<Item = String> + 'a {
    let findings = output
        .lines()
        .filter(|line| !line.starts_with("    ") && line.split_whitespace().count() >= 4 && line.contains(':'));
    let root = format!("{}/", sources.display());
    findings.map(move |line| {
        let mut words = line.trim_start_matches(&root).splitn(4, ' ');
        let mut next = || words.next().unwrap_or_default();
        let (place, rule, confidence, value) = (next(), next(), next(), next());
        format!("`{place}` {rule} ({confidence}), `{value}`")
    })
}

/// The sources of one of the packages, unpacked.
pub(crate) fn sources(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let (registry, name, version) =
        PACKAGES.into_iter().find(|package| package.1 == name).with_context(|| format!("no package `{name}`"))?;
    let folder = workspace.cache().join("clean");
    fs::create_dir_all(&folder)?;
    unpacked(workspace, &folder, registry, name, version)
}

/// The folder with a package's sources, downloaded when it is not there.
fn unpacked(workspace: &Workspace, folder: &Path, registry: Registry, name: &str, version: &str) -> Result<PathBuf> {
    let target = folder.join(format!("{}-{version}", name.replace('/', "-")));
    if target.join(".whole").is_file() {
        return Ok(target);
    }
    let _ = fs::remove_dir_all(&target);
    let download = target.join("download");
    fs::create_dir_all(&download)?;
    match registry {
        Registry::PyPi => from_pypi(folder, &download, &format!("{name}=={version}"))?,
        Registry::Npm => {
            tools::ensure_npm(workspace)?;
            let mut npm = Command::new("npm");
            npm.env("PATH", tools::peers_path(workspace)?).current_dir(&download);
            process::run(npm.args(["pack", "--silent", "--ignore-scripts"]).arg(format!("{name}@{version}")))?;
        }
    }
    for file in fs::read_dir(&download)? {
        unpack(&file?.path(), &target)?;
    }
    fs::remove_dir_all(&download)?;
    fs::write(target.join(".whole"), "")?;
    Ok(target)
}

/// The source package, or the wheel where the source cannot be prepared on this machine.
fn from_pypi(folder: &Path, download: &Path, package: &str) -> Result<()> {
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
    if process::succeeds(pip().args(["--no-binary", ":all:", package])) {
        return Ok(());
    }
    process::run(pip().arg(package))
}

fn unpack(archive: &Path, target: &Path) -> Result<()> {
    if archive.extension().is_some_and(|end| end == "whl" || end == "zip") {
        return process::run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(archive).arg(target));
    }
    process::run(Command::new("tar").arg("xf").arg(archive).arg("-C").arg(target))
}

fn write(workspace: &Workspace, name: &str, section: &str, repeat: &str) -> Result<()> {
    let provenance = Provenance::now(workspace)?;
    let section = format!(
        "{}\n\n{}, {}, commit {}. To repeat: `{repeat}`\n",
        section.trim_end(),
        provenance.machine,
        provenance.date,
        provenance.commit
    );
    let file = workspace.root().join(PAGE);
    let page = fs::read_to_string(&file)?;
    fs::write(&file, replace_section(&page, name, &section)?)?;
    println!("wrote the section `{name}` of {PAGE}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str =
        "/x/a.py:3:9 generic-secret low …abcd\n    secret = …abcd\n1 findings, 30 files, 4000 bytes, 0 skipped\n";

    #[test]
    fn a_scan_is_read() {
        assert_eq!(totals(OUTPUT), Some((1, 4000)));
        let lines: Vec<String> = listed(OUTPUT, Path::new("/x")).collect();
        assert_eq!(lines, ["`a.py:3:9` generic-secret (low), `…abcd`"]);
        assert_eq!(totals("nothing\n"), None);
    }

    #[test]
    fn the_page_has_both_sections() {
        let workspace = Workspace::load().expect("cargo metadata works in a test");
        let page = fs::read_to_string(workspace.root().join(PAGE)).expect("the page is there");
        for name in ["corpus", "clean"] {
            replace_section(&page, name, "").expect("it has its markers");
        }
    }
}
