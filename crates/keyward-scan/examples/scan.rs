//! Scans folders with the built-in rules and prints what is found, redacted: for work on the rules.
//! `cargo run --release -p keyward-scan --example scan -- [--threads N] [--quiet] PATH…`
#![allow(clippy::print_stdout, reason = "the list is what this is for")]
#![allow(clippy::unwrap_used, reason = "a tool for developers that stops where it cannot go on")]

use std::path::PathBuf;
use std::sync::Mutex;

use keyward_scan::summary::Summary;
use keyward_scan::tree::{self, TreeOptions};
use keyward_scan::{Engine, Scanner, Silence, Verdict};
use keyward_types::Finding;

struct Nothing;
impl Silence for Nothing {
    fn judge(&self, _: &Finding, _: &[u8], _: &[u8]) -> Verdict {
        Verdict::Report
    }
}

fn main() {
    let mut options = TreeOptions::default();
    let mut roots: Vec<PathBuf> = Vec::new();
    let mut quiet = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--threads" => options.threads = arguments.next().unwrap().parse().unwrap(),
            "--quiet" => quiet = true,
            path => roots.push(path.into()),
        }
    }
    let scanner = Scanner { engine: Engine::new(Vec::new()), known: None, silence: Box::new(Nothing) };
    let all = Mutex::new((Summary::default(), Vec::new()));
    tree::scan(&scanner, &roots, &options, &tree::Untracked, &|outcome| {
        let mut all = all.lock().unwrap();
        all.0.merge(outcome.summary);
        all.1.extend(outcome.found);
    });
    let (summary, mut found) = all.into_inner().unwrap();
    found.retain(|one| !one.weak);
    found.sort_by(|a, b| (&a.finding.path, a.finding.line).cmp(&(&b.finding.path, b.finding.line)));
    for one in found.iter().filter(|_| !quiet) {
        let f = &one.finding;
        println!("{}:{}:{} {} {} {}", f.path, f.line, f.column, f.rule, f.confidence.as_str(), f.redacted);
        println!("    {}{}{}", &one.line[..one.mark.start], f.redacted, &one.line[one.mark.end..]);
    }
    println!(
        "{} findings, {} files, {} bytes, {} skipped",
        found.len(),
        summary.files,
        summary.bytes,
        summary.skipped.len()
    );
}
