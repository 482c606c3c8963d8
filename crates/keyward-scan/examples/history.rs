//! Scans the history of a repository, the staged changes or a range, and prints what it finds:
//! `cargo run --release -p keyward-scan --example history -- REPOSITORY [--staged | --diff RANGE] [--threads N]`.
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

use std::path::Path;

use keyward_scan::git::{self, ChangeOptions, HistoryOptions, Repository};
use keyward_scan::{Engine, Found, Outcome, Scanner, Silence, Verdict};
use keyward_types::Finding;

struct Report;

impl Silence for Report {
    fn judge(&self, _: &Finding, _: &[u8], _: &[u8]) -> Verdict {
        Verdict::Report
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let threads = value("--threads").and_then(|text| text.parse().ok()).unwrap_or(0);
    let scanner = Scanner { engine: Engine::new(Vec::new()), known: None, silence: Box::new(Report) };
    let path = arguments.first().map_or(".", String::as_str);
    let done = |outcome: Outcome| {
        outcome.found.iter().filter(|found| !found.weak).for_each(line);
        let summary = outcome.summary;
        summary.skipped.iter().for_each(|skipped| eprintln!("skipped {}: {}", skipped.path, skipped.reason));
        if summary.commits > 0 {
            eprintln!(
                "{} commits, {} blobs, {} bytes, {:.3} s",
                summary.commits, summary.blobs, summary.bytes, summary.seconds
            );
        }
    };
    let changes = ChangeOptions { threads, ..ChangeOptions::default() };
    let result = Repository::discover(Path::new(path)).and_then(|repository| {
        if let Some(range) = value("--diff") {
            git::diff(&scanner, &repository, range, &changes, &done)
        } else if arguments.iter().any(|argument| argument == "--staged") {
            git::staged(&scanner, &repository, &changes, &done)
        } else {
            let whole = arguments.iter().any(|argument| argument == "--whole");
            git::history(&scanner, &repository, &HistoryOptions { threads, whole, ..HistoryOptions::default() }, &done)
        }
    });
    if let Err(error) = result {
        eprintln!("{error}");
        std::process::exit(2);
    }
}

fn line(found: &Found) {
    let finding = &found.finding;
    let commit = finding.commit.as_deref().unwrap_or("-");
    println!("{} {}:{}:{} {} {}", commit, finding.path, finding.line, finding.column, finding.rule, finding.redacted);
}
