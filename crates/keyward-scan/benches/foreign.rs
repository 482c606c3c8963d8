//! Recall and false positives on other scanners' own examples: keys that no corpus of ours holds.
//!
//! `cargo xtask accuracy --foreign` fetches the examples from the scanners' packages, and runs this:
//! `cargo bench -p keyward-scan --bench foreign -- --cases FILE [--failures]`. Nothing of them is in our repository.
//!
//! An example is a line or a few with a value in it, and the rule's own pattern says which part is the value. It is
//! measured three times: as published; with its value drawn anew within the pattern, since most published values are
//! made up by hand (`abcdef1234567890`), which no key is; and with a stand-in put where the value was, which must not be
//! found. Nothing is told of the file: it has no path.
#![allow(clippy::print_stdout, reason = "the tables are what this is for")]
#![allow(clippy::cast_possible_truncation, reason = "chance is cut to bytes")]
#![allow(dead_code, reason = "chance is drawn here by letters alone")]

#[path = "accuracy/draw.rs"]
mod draw;
#[path = "foreign/example.rs"]
mod example;

use std::ops::Range;
use std::process::ExitCode;

use keyward_scan::engine::Text;
use keyward_scan::{Engine, Hint};

use crate::draw::Draw;
use crate::example::{Cases, Example};

/// What is promised of redrawn values, and of lines without a secret.
const RECALL: f64 = 0.90;
const FALSE_RATE: f64 = 0.03;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let Some(file) = arguments.iter().position(|one| one == "--cases").and_then(|at| arguments.get(at + 1)) else {
        println!("usage: foreign --cases FILE [--failures]");
        return ExitCode::FAILURE;
    };
    let cases = Cases::read(file).expect("the file of cases that xtask wrote");
    let failures = arguments.iter().any(|argument| argument == "--failures");
    let rows = Rows::of(&Engine::new(Vec::new()), &cases, failures);
    rows.print();
    let good = rows.redrawn.rate() >= RECALL && rows.without().rate() <= FALSE_RATE;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many files, and in how many of them something was reported.
#[derive(Clone, Copy, Default)]
struct Count {
    files: u32,
    found: u32,
}

impl Count {
    fn add(&mut self, found: bool) {
        self.files += 1;
        self.found += u32::from(found);
    }

    fn rate(self) -> f64 {
        f64::from(self.found) / f64::from(self.files.max(1))
    }
}

#[derive(Default)]
struct Rows {
    published: Count,
    redrawn: Count,
    /// Values of rules for what is public or no credential by itself.
    public: Count,
    masked: Count,
    negatives: Count,
}

impl Rows {
    fn of(engine: &Engine, cases: &Cases, failures: bool) -> Self {
        let mut rows = Self::default();
        for (index, example) in cases.positives.iter().enumerate() {
            let mut draw = Draw::new(20_261_125 + index as u64);
            rows.take(engine, example, &mut draw, failures);
        }
        for text in &cases.negatives {
            let wrong = reported(engine, text, &(0..text.len()));
            rows.negatives.add(wrong);
            tell(failures && wrong, "false", "a scanner's own negative", text);
        }
        rows
    }

    fn take(&mut self, engine: &Engine, example: &Example, draw: &mut Draw, failures: bool) {
        let found = reported(engine, &example.text, &example.value());
        let redrawn = example.redrawn(draw);
        if example.is_public() {
            self.public.add(found);
            return;
        }
        self.published.add(found);
        tell(failures && !found, "missed as published", &example.rule, &example.text);
        if let Some(again) = redrawn {
            let found = reported(engine, &again, &example.value());
            self.redrawn.add(found);
            tell(failures && !found, "missed redrawn", &example.rule, &again);
        }
        if let Some((text, range)) = example.masked(draw) {
            let wrong = reported(engine, &text, &range);
            self.masked.add(wrong);
            tell(failures && wrong, "false masked", &example.rule, &text);
        }
    }

    /// All lines without a secret.
    fn without(&self) -> Count {
        Count { files: self.masked.files + self.negatives.files, found: self.masked.found + self.negatives.found }
    }

    fn print(&self) {
        println!("bench-table-begin");
        println!("| examples | files | reported | rate |\n| --- | --- | --- | --- |");
        let row = |name: &str, count: Count| {
            println!("| {name} | {} | {} | {:.3} |", count.files, count.found, count.rate());
        };
        row("with a secret, its value drawn anew: recall", self.redrawn);
        row("with a secret, as published: recall", self.published);
        row("a stand-in in the secret's place: false positives", self.masked);
        row("the scanners' own negatives: false positives", self.negatives);
        row("both without a secret", self.without());
        row("ids, public keys and hashes, of which none need be reported", self.public);
        println!("bench-table-end");
    }
}

/// Whether something that is reported by default overlaps a range.
fn reported(engine: &Engine, text: &str, range: &Range<usize>) -> bool {
    let text = Text { bytes: text.as_bytes(), hint: Hint { path: "", depth: 0 } };
    engine.scan(&text).iter().any(|one| {
        let over = one.range.start < range.end && range.start < one.range.end;
        over && !one.weak && !engine.rule(one.rule).misuse
    })
}

fn tell(wanted: bool, what: &str, rule: &str, text: &str) {
    if wanted {
        println!("{what}: {rule}: {text:?}");
    }
}
