//! What is found in the sources of large packages.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::packages::{Choice, PACKAGES};
use super::sources::unpacked;
use crate::process;
use crate::workspace::Workspace;

/// Groups that hold no secret by their packages' purpose: at most one finding in 10 MB is promised of each.
const CLEAN: [Choice; 3] = [Choice::Second, Choice::First, Choice::Tuned];

/// Findings and bytes of some packages.
#[derive(Clone, Copy, Default)]
struct Sum {
    findings: u64,
    bytes: u64,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.findings += other.findings;
        self.bytes += other.bytes;
    }

    fn rate(self) -> f64 {
        self.findings as f64 / (self.bytes as f64 / 1e7)
    }
}

/// Scans every package; gives the section of the page, and whether each clean group keeps what is promised.
pub(super) fn section(workspace: &Workspace) -> Result<(String, Result<()>)> {
    let (mut out, mut kept) = (String::new(), Ok(()));
    for choice in CLEAN.into_iter().chain([Choice::Keys]) {
        let (rows, list, sum) = group(workspace, choice)?;
        let rate = sum.rate();
        let _ = write!(
            out,
            "### {}\n\n{} findings in {:.0} MB: {rate:.2} in 10 MB.\n\n| package | MB | findings |\n| --- | --- | --- |\n{rows}\n{list}\n",
            choice.title(),
            sum.findings,
            sum.bytes as f64 / 1e6
        );
        if CLEAN.contains(&choice) && rate > 1.0 {
            kept =
                Err(anyhow::anyhow!("more than one finding in 10 MB of clean sources: {rate:.2} ({})", choice.title()));
        }
    }
    Ok((out, kept))
}

fn group(workspace: &Workspace, choice: Choice) -> Result<(String, String, Sum)> {
    let (mut rows, mut list, mut sum) = (String::new(), String::new(), Sum::default());
    for (_, registry, name, version) in PACKAGES.into_iter().filter(|package| package.0 == choice) {
        let sources = unpacked(workspace, registry, name, version)?;
        let output = process::capture(scan().arg(&sources))?;
        let one = totals(&output).context("the scan says how much it read")?;
        if one.bytes == 0 {
            bail!("nothing of {name} was read");
        }
        let _ = writeln!(rows, "| {name} {version} | {:.1} | {} |", one.bytes as f64 / 1e6, one.findings);
        sum.add(one);
        // The keys of tests of the two are some hundred.
        if choice != Choice::Keys {
            list.extend(listed(&output, &sources).map(|line| format!("- {name}: {line}\n")));
        }
    }
    Ok((rows, list, sum))
}

fn scan() -> Command {
    let mut command = process::cargo();
    command.args(["run", "--quiet", "--release", "--package", "keyward-scan", "--example", "scan", "--"]);
    command
}

/// `12 findings, 30 files, 4000 bytes, 0 skipped`
fn totals(output: &str) -> Option<Sum> {
    let mut words = output.lines().last()?.split_whitespace();
    let findings = words.next()?.parse().ok()?;
    let bytes = words.nth(3)?.parse().ok()?;
    Some(Sum { findings, bytes })
}

/// Place, rule and redacted value of each finding; source lines are left out.
fn listed<'a>(output: &'a str, sources: &'a Path) -> impl Iterator<Item = String> + 'a {
    let root = format!("{}/", sources.display());
    // A source line may begin in any way: a finding begins with the folder that was scanned.
    let findings = output.lines().filter_map(move |line| line.strip_prefix(&root));
    findings.map(|line| {
        let mut words = line.splitn(4, ' ');
        let mut next = || words.next().unwrap_or_default();
        let (place, rule, confidence, value) = (next(), next(), next(), next());
        format!("`{place}` {rule} ({confidence}), `{value}`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str =
        "/x/a.py:3:9 generic-secret low …abcd\n    secret = …abcd\n1 findings, 30 files, 4000 bytes, 0 skipped\n";

    #[test]
    fn a_scan_is_read() {
        let sum = totals(OUTPUT).expect("its last line says so");
        assert_eq!((sum.findings, sum.bytes), (1, 4000));
        let lines: Vec<String> = listed(OUTPUT, Path::new("/x")).collect();
        assert_eq!(lines, ["`a.py:3:9` generic-secret (low), `…abcd`"]);
        assert!(totals("nothing\n").is_none());
    }
}
