//! `cargo xtask prove`: campaigns at full size. What they did is written to
//! `docs/proof/<name>.md`; a campaign that fails leaves the last proof as it was.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::campaigns::{self, Campaign, Proof, Size};
use crate::machine::{self, Provenance};
use crate::process;
use crate::report::{Tally, minutes};
use crate::workspace::Workspace;

/// Runs the campaign named in `arguments`, or `all`; `--seed N` repeats an earlier run.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let (name, seed) = match arguments {
        [name] => (name, machine::fresh_seed()),
        [name, flag, seed] if flag == "--seed" => {
            (name, seed.parse().with_context(|| format!("`{seed}` is not a seed"))?)
        }
        _ => bail!("usage: cargo xtask prove NAME|all [--seed N]\n{}", names()),
    };
    let chosen: Vec<&Campaign> =
        campaigns::ALL.iter().filter(|campaign| name == "all" || campaign.name == name).collect();
    if chosen.is_empty() {
        bail!("no campaign `{name}`\n{}", names());
    }
    for campaign in chosen {
        prove(workspace, campaign, seed)?;
    }
    Ok(())
}

fn names() -> String {
    let names: Vec<&str> = campaigns::ALL.iter().map(|campaign| campaign.name).collect();
    format!("campaigns: {}", names.join(", "))
}

fn prove(workspace: &Workspace, campaign: &Campaign, seed: u64) -> Result<()> {
    campaign.exists(workspace)?;
    for tool in campaign.tools {
        tool.ensure(workspace)?;
    }
    println!("\n== {} (seed {seed}): {}", campaign.name, campaign.title);
    let provenance = Provenance::now(workspace)?;
    let (mut proof, mut tests) = (Proof::default(), Tally::default());
    let start = Instant::now();
    process::run_lines(&mut campaign.command(workspace, Size::Full, seed)?, |line| {
        proof.read(line);
        tests.read(line);
    })
    .with_context(|| format!("campaign `{}` with seed {seed}", campaign.name))?;
    if tests.passed == 0 {
        bail!("campaign `{}` ran no test", campaign.name);
    }
    let page = page(campaign, seed, &provenance, &proof, start.elapsed());
    let folder = workspace.root().join("docs/proof");
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{}.md", campaign.name));
    fs::write(&file, page)?;
    println!("wrote {}", file.display());
    Ok(())
}

fn page(campaign: &Campaign, seed: u64, provenance: &Provenance, proof: &Proof, took: Duration) -> String {
    let mut page = format!(
        "# {}\n\nCampaign `{}`, written by the run itself.\n\n| | |\n| --- | --- |\n",
        campaign.title, campaign.name
    );
    let mut row = |key: &str, value: &str| {
        let _ = writeln!(page, "| {key} | {} |", value.replace('|', r"\|"));
    };
    row("result", "passed");
    row("date", &provenance.date);
    row("commit", &provenance.commit);
    row("machine", &provenance.machine);
    row("seed", &seed.to_string());
    for (name, value) in campaign.full {
        row(&format!("`{name}`"), value);
    }
    for (key, value) in &proof.facts {
        row(key, value);
    }
    row("duration", &format!("{:.1} min", minutes(took)));
    let _ = write!(page, "\nTo repeat it: `cargo xtask prove {} --seed {seed}`\n", campaign.name);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_says_how_to_repeat_it() {
        let campaign = Campaign {
            name: "crash",
            title: "Nothing acknowledged is lost",
            package: "keyward-store",
            test: "crash",
            features: &[],
            tools: &[],
            timed: false,
            small: &[],
            full: &[("KILLS", "500")],
        };
        let provenance =
            Provenance { date: "2026-11-23".to_owned(), commit: "abc1234".to_owned(), machine: "2 cores".to_owned() };
        let mut proof = Proof::default();
        proof.read("proof: lost writes=0");
        let page = page(&campaign, 7, &provenance, &proof, Duration::from_secs(90));
        for expected in [
            "# Nothing acknowledged is lost\n",
            "| `KILLS` | 500 |",
            "| lost writes | 0 |",
            "| duration | 1.5 min |",
            "`cargo xtask prove crash --seed 7`",
        ] {
            assert!(page.contains(expected), "{page}");
        }
    }
}
