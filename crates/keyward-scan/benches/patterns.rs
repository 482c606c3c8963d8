//! Recall and false positives on values drawn from another scanner's patterns: formats as somebody else wrote them down.
//!
//! `cargo xtask accuracy --patterns` takes the rules from the scanner's package, and runs this:
//! `cargo bench -p keyward-scan --bench patterns -- --rules FILE [--without FILE] [--failures]`. Nothing of them is in our repository.
//!
//! For each rule, values are drawn by a seed from the part of its pattern that is the value, and set into the shapes of
//! code and configuration that our own corpus has, under a name made of the rule's id or its keywords. Only what the other
//! scanner would report itself is kept: its pattern finds the value in that file, its entropy is high enough and its allow
//! lists do not hold. In the same files a stand-in is put where the value was, which must not be found. Every rule counts
//! the same, however many values could be drawn.
#![allow(clippy::print_stdout, reason = "the tables are what this is for")]
#![allow(clippy::cast_possible_truncation, reason = "chance is cut to bytes")]
#![allow(dead_code, reason = "chance is drawn here by letters alone")]

#[path = "accuracy/contexts.rs"]
mod contexts;
#[path = "accuracy/draw.rs"]
mod draw;
#[path = "patterns/file.rs"]
mod file;
#[path = "../src/own_rules/go_regex.rs"]
mod go_regex;
#[path = "patterns/grow.rs"]
mod grow;
#[path = "patterns/rule.rs"]
mod rule;

use std::ops::Range;
use std::process::ExitCode;

use keyward_scan::engine::Text;
use keyward_scan::{Engine, Hint};

use crate::draw::Draw;
use crate::file::{filled, stand_in};
use crate::rule::{Kind, Rule, Rules};

/// What is promised of drawn values, and of the same files without a secret.
const RECALL: f64 = 0.90;
const FALSE_RATE: f64 = 0.03;
/// Files a rule.
const FILES: u64 = 12;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |flag: &str| arguments.iter().position(|one| one == flag).and_then(|at| arguments.get(at + 1));
    let Some(file) = after("--rules") else {
        println!("usage: patterns --rules FILE [--without FILE] [--failures]");
        return ExitCode::FAILURE;
    };
    let rules = Rules::read(file, after("--without").map(String::as_str)).expect("the file of rules that xtask wrote");
    let failures = arguments.iter().any(|argument| argument == "--failures");
    let rows = Rows::of(&Engine::new(Vec::new()), &rules, failures);
    rows.print();
    let good = rows.services.recall() >= RECALL && rows.services.false_rate() <= FALSE_RATE;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Rates of the rules of one kind, summed up.
#[derive(Default)]
struct Sum {
    rules: u32,
    files: u32,
    /// Rules of which every value was found, or none.
    whole: u32,
    none: u32,
    recall: f64,
    false_rate: f64,
}

impl Sum {
    fn recall(&self) -> f64 {
        self.recall / f64::from(self.rules.max(1))
    }

    fn false_rate(&self) -> f64 {
        self.false_rate / f64::from(self.rules.max(1))
    }
}

#[derive(Default)]
struct Rows {
    /// Of keys of one service.
    services: Sum,
    /// Generic assignments, headers, structures.
    generic: Sum,
    /// Values that their rule's own id calls public or an id.
    public: Sum,
    /// Rules without a pattern, or of which nothing could be drawn.
    undrawn: Vec<String>,
}

impl Rows {
    fn of(engine: &Engine, rules: &Rules, failures: bool) -> Self {
        let mut rows = Self::default();
        for (index, rule) in rules.rules.iter().enumerate() {
            rows.take(engine, rule, 20_261_125 + 1000 * index as u64, failures);
        }
        rows
    }

    fn take(&mut self, engine: &Engine, rule: &Rule, seed: u64, failures: bool) {
        let (mut files, mut found, mut wrong) = (0, 0, 0);
        for number in 0..FILES {
            let mut draw = Draw::new(seed + number);
            let Some((path, text, range)) = filled(rule, &mut draw) else { continue };
            files += 1;
            let hit = reported(engine, &path, &text, &range);
            found += u32::from(hit);
            tell(failures && !hit, "missed", rule, &path, &text);
            let (text, range) = stand_in(&text, &range, &mut draw);
            let hit = reported(engine, &path, &text, &range);
            wrong += u32::from(hit);
            tell(failures && hit, "false", rule, &path, &text);
        }
        if files == 0 {
            return self.undrawn.push(rule.id.clone());
        }
        let sum = match rule.kind() {
            Kind::Service => &mut self.services,
            Kind::Generic => &mut self.generic,
            Kind::Public => &mut self.public,
        };
        sum.rules += 1;
        sum.files += files;
        sum.whole += u32::from(found == files);
        sum.none += u32::from(found == 0);
        sum.recall += f64::from(found) / f64::from(files);
        sum.false_rate += f64::from(wrong) / f64::from(files);
    }

    fn print(&self) {
        println!("bench-table-begin");
        println!("| rules | number | files | recall | all found | none found | stand-ins reported |");
        println!("| --- | --- | --- | --- | --- | --- | --- |");
        let row = |name: &str, sum: &Sum| {
            let (recall, wrong) = (sum.recall(), sum.false_rate());
            println!(
                "| {name} | {} | {} | {recall:.3} | {} | {} | {wrong:.3} |",
                sum.rules, sum.files, sum.whole, sum.none
            );
        };
        row("keys of one service", &self.services);
        row("generic assignments, headers, structures", &self.generic);
        row("ids and public keys, of which none need be reported", &self.public);
        println!("\nNothing to draw: {}.", self.undrawn.join(", "));
        println!("bench-table-end");
    }
}

/// Whether something that is reported by default overlaps a range.
fn reported(engine: &Engine, path: &str, text: &str, range: &Range<usize>) -> bool {
    let text = Text { bytes: text.as_bytes(), hint: Hint { path, depth: 0 } };
    engine.scan(&text).iter().any(|one| {
        let over = one.range.start < range.end && range.start < one.range.end;
        over && !one.weak && !engine.rule(one.rule).misuse
    })
}

fn tell(wanted: bool, what: &str, rule: &Rule, path: &str, text: &str) {
    if wanted {
        println!("{what}: {}: {path}: {text:?}", rule.id);
    }
}
