//! `cargo xtask accuracy`: recall and false positives of the scanner, into `docs/accuracy.md`.
//!
//! The corpus is generated from a seed by `benches/accuracy.rs` of `keyward-scan`, which fails below the recall and above
//! the false-positive rate that we promise. `--clean` downloads large packages in fixed versions, scans their
//! sources, and lists what is found; a person says on the same page why. `--foreign` measures on other scanners' own
//! examples, `--patterns` on values drawn from another scanner's patterns.

mod clean;
mod foreign;
mod packages;
mod patterns;
mod sources;

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

pub(crate) use self::sources::sources;
use crate::bench::{Table, replace_section};
use crate::machine::Provenance;
use crate::process;
use crate::workspace::Workspace;

const PAGE: &str = "docs/accuracy.md";

/// Runs the corpus, or with `--clean` the packages, or with `--foreign` and `--patterns` what other scanners look for.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let (name, (section, kept)) = match arguments {
        [flag] if flag == "--clean" => ("clean", clean::section(workspace)?),
        [flag] if flag == "--foreign" => ("foreign", foreign::section(workspace)?),
        [flag] if flag == "--patterns" => ("patterns", patterns::section(workspace)?),
        _ => return corpus(workspace, arguments),
    };
    // The page tells of a bad run too.
    write(workspace, name, &section, &format!("cargo xtask accuracy --{name}"))?;
    kept
}

fn corpus(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let known = |pair: &[String]| matches!(pair, [flag, number] if ["--seed", "--count"].contains(&flag.as_str()) && number.parse::<u64>().is_ok());
    if !arguments.chunks(2).all(known) {
        bail!("usage: cargo xtask accuracy [--seed N] [--count N], --clean, --foreign, or --patterns");
    }
    let mut table = Table::default();
    let mut command = process::cargo();
    command.args(["bench", "--package", "keyward-scan", "--bench", "accuracy", "--"]).args(arguments);
    let outcome = process::run_lines(&mut command, |line| table.read(line));
    // The page tells of a bad run too.
    write(workspace, "corpus", &table.finish()?, "cargo xtask accuracy")?;
    outcome.context("recall is below .90 or the false-positive rate above .03 on the measured half")
}

/// A file that differs from the commit, but for the page, which earlier sections may have been written into.
fn changed(workspace: &Workspace) -> Result<Option<String>> {
    let mut git = Command::new("git");
    git.args(["status", "--porcelain", "--untracked-files=no"]).current_dir(workspace.root());
    let output = process::capture(&mut git)?;
    Ok(first_changed(&output).map(str::to_owned))
}

fn first_changed(status: &str) -> Option<&str> {
    status.lines().filter_map(|line| line.get(3..)).find(|path| *path != PAGE)
}

fn write(workspace: &Workspace, name: &str, section: &str, repeat: &str) -> Result<()> {
    let provenance = Provenance::now(workspace)?;
    if let Some(change) = changed(workspace)? {
        println!("{}", section.trim_end());
        bail!(
            "{PAGE} is not written: the figures are of no commit, as `{change}` has uncommitted changes; commit, and run it again"
        );
    }
    let section = format!(
        "{}\n\n{}, {}, commit {}. To repeat: `{repeat}`\n",
        section.trim_end(),
        provenance.machine,
        provenance.date,
        // If anything differs from it, the page alone.
        provenance.commit.split(',').next().unwrap_or_default()
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

    #[test]
    fn only_the_page_itself_may_differ() {
        assert_eq!(first_changed(""), None);
        assert_eq!(first_changed(" M docs/accuracy.md\n"), None);
        assert_eq!(first_changed(" M docs/accuracy.md\nM  crates/a/src/lib.rs\n"), Some("crates/a/src/lib.rs"));
    }

    #[test]
    fn the_page_has_its_sections() {
        let workspace = Workspace::load().expect("cargo metadata works in a test");
        let page = fs::read_to_string(workspace.root().join(PAGE)).expect("the page is there");
        for name in ["corpus", "clean", "foreign", "patterns"] {
            replace_section(&page, name, "").expect("it has its markers");
        }
    }
}
