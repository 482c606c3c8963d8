//! `cargo xtask accuracy`: recall and false positives of the scanner, into `docs/accuracy.md`.
//!
//! The corpus is generated from a seed by `benches/accuracy.rs` of `keyward-scan`, which fails below the recall and above
//! the false-positive rate that we promise. `--clean` downloads large packages in fixed versions, scans their
//! sources, and lists what is found; a person says on the same page why. `--foreign` measures on other scanners' own
//! examples.

mod clean;
mod foreign;
mod packages;
mod sources;

use std::fs;

use anyhow::{Context, Result, bail};

pub(crate) use self::sources::sources;
use crate::bench::{Table, replace_section};
use crate::machine::Provenance;
use crate::process;
use crate::workspace::Workspace;

const PAGE: &str = "docs/accuracy.md";

/// Runs the corpus, or with `--clean` the packages, or with `--foreign` other scanners' examples.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let (name, (section, kept)) = match arguments {
        [flag] if flag == "--clean" => ("clean", clean::section(workspace)?),
        [flag] if flag == "--foreign" => ("foreign", foreign::section(workspace)?),
        _ => return corpus(workspace, arguments),
    };
    // The page tells of a bad run too.
    write(workspace, name, &section, &format!("cargo xtask accuracy --{name}"))?;
    kept
}

fn corpus(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let known = |pair: &[String]| matches!(pair, [flag, number] if ["--seed", "--count"].contains(&flag.as_str()) && number.parse::<u64>().is_ok());
    if !arguments.chunks(2).all(known) {
        bail!("usage: cargo xtask accuracy [--seed N] [--count N], --clean, or --foreign");
    }
    let mut table = Table::default();
    let mut command = process::cargo();
    command.args(["bench", "--package", "keyward-scan", "--bench", "accuracy", "--"]).args(arguments);
    let outcome = process::run_lines(&mut command, |line| table.read(line));
    // The page tells of a bad run too.
    write(workspace, "corpus", &table.finish()?, "cargo xtask accuracy")?;
    outcome.context("recall is below .90 or the false-positive rate above .03 on the measured half")
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

    #[test]
    fn the_page_has_its_sections() {
        let workspace = Workspace::load().expect("cargo metadata works in a test");
        let page = fs::read_to_string(workspace.root().join(PAGE)).expect("the page is there");
        for name in ["corpus", "clean", "foreign"] {
            replace_section(&page, name, "").expect("it has its markers");
        }
    }
}
