//! Accuracy over a generated corpus. `cargo xtask accuracy` runs this and writes `docs/accuracy.md`.
//!
//! `cargo bench -p keyward-scan --bench accuracy -- [--seed N] [--count N] [--failures]`
#![allow(clippy::print_stdout, reason = "the tables are what this is for")]
#![allow(clippy::cast_possible_truncation, reason = "chance is cut to bytes")]

#[path = "accuracy/mod.rs"]
mod accuracy;

use std::process::ExitCode;

use keyward_scan::Engine;

use crate::accuracy::contexts::{HELD_OUT, SEEN};
use crate::accuracy::corpus;
use crate::accuracy::score::{Counts, Score};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let (seed, count) = (number("--seed").unwrap_or(20_261_125), number("--count").unwrap_or(12) as usize);
    let engine = Engine::new(Vec::new());
    let score = Score::of(&engine, &corpus::make(seed, count, SEEN));
    let unseen = Score::of(&engine, &corpus::make(seed ^ 0x5EED, count, HELD_OUT));
    if arguments.iter().any(|argument| argument == "--failures") {
        score.failures.iter().for_each(|failure| println!("{failure}"));
    }
    let (tuned, measured) = (score.half(false), score.half(true));
    let mut held = unseen.half(false);
    held.add(&unseen.half(true));
    println!("bench-table-begin");
    println!(
        "seed {seed}, {count} files with and {count} without a secret a rule, {} rules and kinds\n",
        score.rules.len()
    );
    println!(
        "| part | files with a secret | found | recall | by the rule's own name | files without | false | false-positive rate |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    row("tuned half", &tuned);
    row("measured half", &measured);
    row("syntaxes never tuned on", &held);
    println!("\n## Each rule\n\n{}", score.table());
    println!("bench-table-end");
    let good = measured.recall() >= 0.90 && measured.false_rate() <= 0.03;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn row(name: &str, c: &Counts) {
    println!(
        "| {name} | {} | {} | {:.3} | {} | {} | {} | {:.4} |",
        c.positives,
        c.found,
        c.recall(),
        c.named,
        c.negatives,
        c.wrong,
        c.false_rate()
    );
}
