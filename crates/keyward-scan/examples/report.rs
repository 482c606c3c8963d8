//! Scans folders and prints a report, with rules of one's own if there are any: for work on reports and rules.
//! `cargo run --release -p keyward-scan --example report -- [--rules FILE] [--format F] [--reveal] PATH…`
#![allow(clippy::unwrap_used, reason = "a tool for developers that stops where it cannot go on")]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use keyward_scan::own_rules::RuleSet;
use keyward_scan::report::{self, Format, Options, Report};
use keyward_scan::silence::{Setup, Silences};
use keyward_scan::summary::Summary;
use keyward_scan::tree::{self, TreeOptions};
use keyward_scan::{Engine, Scanner};

fn main() {
    let start = Instant::now();
    let (mut matchers, mut setup) = (Vec::new(), Setup::on("2026-01-01".parse().unwrap()));
    let (mut format, mut options, mut roots) = (Format::Text, Options::default(), Vec::<PathBuf>::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rules" => {
                let mut rules = RuleSet::read(&std::fs::read_to_string(arguments.next().unwrap()).unwrap()).unwrap();
                setup.allow.append(&mut rules.allow);
                matchers.push(rules.into_matcher());
            }
            "--format" => format = arguments.next().unwrap().parse().unwrap(),
            "--reveal" => options.reveal = true,
            path => roots.push(path.into()),
        }
    }
    let engine = Engine::new(matchers);
    setup.rules = engine.rules().iter().map(|rule| rule.id.clone()).collect();
    let silences = Arc::new(Silences::new(setup).unwrap());
    let scanner = Scanner { engine, known: None, silence: Box::new(Arc::clone(&silences)) };
    let all = Mutex::new((Summary::default(), Vec::new()));
    tree::scan(&scanner, &roots, &TreeOptions::default(), &tree::Untracked, &|outcome| {
        let mut all = all.lock().unwrap();
        all.0.merge(outcome.summary);
        all.1.extend(outcome.found);
    });
    let (mut summary, found) = all.into_inner().unwrap();
    summary.seconds = start.elapsed().as_secs_f64();
    report::write(format, &Report::new(found, summary), &options, &mut std::io::stdout().lock()).unwrap();
}
