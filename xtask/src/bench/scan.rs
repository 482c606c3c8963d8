//! `cargo xtask bench scan`: what scanning costs, beside other scanners and beside merely reading.
//!
//! Rounds are interleaved: in each round every program runs once, so that what else the machine
//! does falls on all of them, and a ratio is that of two neighbours. No scanner asks the network:
//! what would check keys at their services, or look for a newer version, is off.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::inputs::{self, Inputs};
use super::usage::{Usage, measure, median};
use crate::process;
use crate::tools;
use crate::tools::scanners::{self, Scanners};
use crate::workspace::Workspace;

const ROUNDS: usize = 5;
/// For those that take ten times as long as ours on the tree and more: two show that well enough.
const SLOW_ROUNDS: usize = 2;
/// Starting up takes hundredths of a second: a round's figure is the mean of this many runs.
const STARTS: usize = 10;

/// One line of the table.
struct Line {
    work: &'static str,
    program: String,
    command: Vec<String>,
    /// Runs in a round.
    times: usize,
    /// Rounds that it takes part in.
    most: usize,
    rounds: Vec<Usage>,
}

/// Measures everything; gives the table.
pub(crate) fn table(workspace: &Workspace) -> Result<String> {
    tools::ensure_programs(&[tools::PYTHON3, tools::GIT_PROGRAM])?;
    let scanners = scanners::ready(workspace)?;
    let inputs = inputs::ready(workspace)?;
    process::run(process::cargo().args(["build", "--release", "--package", "keyward", "--bin", "keyward"]))?;
    let keyward = workspace.target().join("release/keyward");
    make_vault(&keyward, &inputs)?;
    let mut lines = lines(&keyward, &scanners, &inputs);
    println!("a run of each that does not count: caches are warm after it");
    for line in &lines {
        measure(1, &line.command, &inputs.home)?;
    }
    for round in 1..=ROUNDS {
        println!("round {round} of {ROUNDS}");
        for line in lines.iter_mut().filter(|line| round <= line.most) {
            let usage = measure(line.times, &line.command, &inputs.home)?;
            println!("{}, {}: {:.3} CPU s, {:.3} s", line.work, line.program, usage.cpu, usage.wall);
            line.rounds.push(usage);
        }
    }
    Ok(format!("{}\n\n{}", about(&inputs)?, print(&lines)))
}

/// What each program is asked. Of each work the first line is ours, and the others are compared with it.
fn lines(keyward: &Path, scanners: &Scanners, inputs: &Inputs) -> Vec<Line> {
    let shown = |path: &Path| path.display().to_string();
    let ours = |rest: &[&str]| words(&shown(keyward), &["scan"], rest);
    let kingfisher =
        |rest: &[&str]| words(&shown(&scanners.kingfisher), &["scan", "--no-validate", "--no-update-check"], rest);
    let gitleaks = |rest: &[&str]| words(&shown(&scanners.gitleaks), &["dir", "--no-banner"], rest);
    let ripsecrets = |rest: &[&str]| words(&shown(&scanners.ripsecrets), &[], rest);
    let (small, tree, history) = (&*shown(&inputs.small), &*shown(&inputs.tree), &*shown(&inputs.history));
    let mut lines = Vec::new();
    let mut add = |work, program: &str, command| {
        let times = if work == SMALL { STARTS } else { 1 };
        let slow = work == TREE && [scanners::GITLEAKS, scanners::RIPSECRETS].contains(&program);
        let most = if slow { SLOW_ROUNDS } else { ROUNDS };
        lines.push(Line { work, program: program.to_owned(), command, times, most, rounds: Vec::new() });
    };
    add(SMALL, "keyward", ours(&["--no-vault", small]));
    add(SMALL, scanners::KINGFISHER, kingfisher(&["--git-history", "none", small]));
    add(SMALL, scanners::GITLEAKS, gitleaks(&[small]));
    add(SMALL, scanners::RIPSECRETS, ripsecrets(&[small]));
    add(TREE, "keyward", ours(&["--no-vault", "--all", tree]));
    let alone = ours(&["--no-vault", "--all", "--threads", "1", tree]);
    add(TREE, ONE_THREAD, alone.clone());
    add(TREE, SIDE_BY_SIDE, words("sh", &["-c", "\"$@\" & \"$@\"; wait", "sh"], &refs(&alone)));
    add(TREE, "floor: `cat`", words("find", &[tree], &["-type", "f", "-exec", "cat", "{}", "+"]));
    add(TREE, scanners::KINGFISHER, kingfisher(&["--git-history", "none", tree]));
    add(TREE, scanners::GITLEAKS, gitleaks(&[tree]));
    add(TREE, scanners::RIPSECRETS, ripsecrets(&[tree]));
    add(HISTORY, "keyward", ours(&["--no-vault", "--history", history]));
    let alone = ours(&["--no-vault", "--history", "--threads", "1", history]);
    add(HISTORY, ONE_THREAD, alone.clone());
    add(HISTORY, SIDE_BY_SIDE, words("sh", &["-c", "\"$@\" & \"$@\"; wait", "sh"], &refs(&alone)));
    add(HISTORY, "keyward again, nothing new", ours(&["--history", history]));
    let objects = ["cat-file", "--batch-all-objects", "--unordered", "--batch"];
    add(HISTORY, "floor: `git cat-file --unordered --batch`", words("git", &["-C", history], &objects));
    add(HISTORY, scanners::KINGFISHER, kingfisher(&["--git-history", "full", history]));
    lines
}

const ONE_THREAD: &str = "keyward, one thread";
/// What the machine's cores give to two that share nothing: on some they are two halves of one core.
const SIDE_BY_SIDE: &str = "keyward, one thread, two scans side by side";
const SMALL: &str = "one small file (start-up)";
const TREE: &str = "tree";
const HISTORY: &str = "history";

fn words(program: &str, first: &[&str], rest: &[&str]) -> Vec<String> {
    [&[program], first, rest].concat().into_iter().map(str::to_owned).collect()
}

fn refs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// The vault that keeps what was seen of the history: the run that does not count fills it.
fn make_vault(keyward: &Path, inputs: &Inputs) -> Result<()> {
    let folder = inputs.home.join("project");
    for old in ["project", "vault", "keys"] {
        let _ = fs::remove_dir_all(inputs.home.join(old));
    }
    fs::create_dir_all(&folder)?;
    let mut init = Command::new(keyward);
    init.args(["init", "--yes", "--no-import"]).current_dir(&folder).stdin(std::process::Stdio::null());
    init.env("HOME", &inputs.home);
    init.env("KEYWARD_HOME", inputs.home.join("vault")).env("KEYWARD_KEYS", inputs.home.join("keys"));
    process::run(&mut init)
}

/// What the inputs are, as the programs that made them count.
fn about(inputs: &Inputs) -> Result<String> {
    let count = |command: &mut Command| -> Result<u64> {
        let said = process::capture(command)?;
        said.split_whitespace().next().and_then(|word| word.parse().ok()).context("no number")
    };
    let bytes = count(Command::new("du").args(["-s", "--apparent-size", "--block-size=1"]).arg(&inputs.tree))?;
    let files = process::capture(Command::new("find").arg(&inputs.tree).args(["-type", "f"]))?.lines().count();
    let sizes = ["cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objecttype) %(objectsize)"];
    let objects = process::capture(Command::new("git").arg("-C").arg(&inputs.history).args(sizes))?;
    let blobs: Vec<u64> = objects.lines().filter_map(|line| line.strip_prefix("blob ")?.parse().ok()).collect();
    Ok(format!(
        "Tree: the sources of {}, {:.0} MB in {files} files. History: files of theirs in many revisions, {} objects, of which {} blobs with {:.2} GB. {ROUNDS} interleaved rounds ({SLOW_ROUNDS} for the slow two on the tree); medians, and the median of each round's ratio to keyward.",
        inputs::PACKAGES.join(", "),
        bytes as f64 / 1e6,
        objects.lines().count(),
        blobs.len(),
        blobs.iter().sum::<u64>() as f64 / 1e9
    ))
}

fn print(lines: &[Line]) -> String {
    let mut text =
        "| work | program | CPU s | CPU to keyward | wall s | RSS MB |\n| --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for line in lines {
        let of = |value: fn(&Usage) -> f64| median(line.rounds.iter().map(value));
        let own = lines.iter().find(|own| own.work == line.work).map_or(&[][..], |own| &own.rounds);
        let ratio = median(line.rounds.iter().zip(own).map(|(one, own)| one.cpu / own.cpu));
        let memory = line.rounds.iter().map(|usage| usage.memory).fold(0.0, f64::max);
        let _ = writeln!(
            text,
            "| {} | {} | {:.3} | {ratio:.2} | {:.3} | {memory:.0} |",
            line.work,
            line.program,
            of(|usage| usage.cpu),
            of(|usage| usage.wall),
        );
    }
    for work in [TREE, HISTORY] {
        let times = |program: &str, share: f64| {
            let of = |program: &str| lines.iter().find(|line| line.work == work && line.program == program);
            let (one, other) = (of(ONE_THREAD)?, of(program)?);
            Some(median(one.rounds.iter().zip(&other.rounds).map(|(one, other)| share * one.wall / other.wall)))
        };
        if let (Some(threads), Some(machine)) = (times("keyward", 1.0), times(SIDE_BY_SIDE, 2.0)) {
            let _ = writeln!(
                text,
                "\nOn the {work} two threads are {threads:.2} × as fast as one; two scans side by side do {machine:.2} × the work of one in the same time, which is what the machine's two cores give."
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_compared_with_what_the_machine_gives() {
        let line = |program: &str, wall: f64| Line {
            work: TREE,
            program: program.to_owned(),
            command: Vec::new(),
            times: 1,
            most: 3,
            rounds: vec![Usage { cpu: 1.0, wall, memory: 10.0 }],
        };
        let text = print(&[line("keyward", 0.6), line(ONE_THREAD, 0.9), line(SIDE_BY_SIDE, 1.0)]);
        assert!(
            text.contains("On the tree two threads are 1.50 × as fast as one; two scans side by side do 1.80 ×"),
            "{text}"
        );
        assert!(!text.contains("On the history"), "{text}");
    }

    #[test]
    fn a_ratio_is_that_of_a_round() {
        let line = |work, cpu: [f64; 3]| Line {
            work,
            program: "p".to_owned(),
            command: Vec::new(),
            times: 1,
            most: 3,
            rounds: cpu.map(|cpu| Usage { cpu, wall: 1.0, memory: 10.0 }).to_vec(),
        };
        // The machine was busy in the second round: twice the time for both.
        let text = print(&[line(TREE, [1.0, 2.0, 1.0]), line(TREE, [3.0, 6.0, 3.0]), line(SMALL, [5.0; 3])]);
        assert!(text.contains("| tree | p | 3.000 | 3.00 | 1.000 | 10 |"), "{text}");
        assert!(text.ends_with("| p | 5.000 | 1.00 | 1.000 | 10 |\n"), "{text}");
    }
}
