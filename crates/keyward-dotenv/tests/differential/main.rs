//! Ours against the live libraries, over generated texts.
//!
//! `KEYWARD_PEERS_PYTHON` names an interpreter that has `tests/peers/requirements.txt`,
//! `KEYWARD_PEERS_NODE_DIR` a folder in which `tests/peers/package.json` is installed;
//! `cargo xtask test` sets both up. `KEYWARD_SEED` and `KEYWARD_CASES` choose the texts.
#![allow(clippy::disallowed_methods, reason = "a test harness takes its settings from the environment")]
#![allow(clippy::print_stdout, reason = "the seed and what differs are shown when a test fails")]

mod generate;
mod peer;

use std::collections::BTreeMap;
use std::path::Path;

use generate::{Case, Generator};
use keyward_dotenv::{Dialect, Error, Reason, parse, write};
use peer::Peer;
use serde_json::{Value, json};

/// The dialects that each peer answers for. The other two cannot be installed where this runs; their
/// recorded results are in `tests/recorded.rs`.
const PYTHON: &[Dialect] = &[Dialect::Python];
const NODE: &[Dialect] = &[Dialect::Node, Dialect::NodeBuiltin, Dialect::Dotenvx];

#[test]
fn generated_texts_are_read_alike() {
    let (seed, count) = (setting("KEYWARD_SEED", 0x5eed), setting("KEYWARD_CASES", 5_000));
    println!("KEYWARD_SEED={seed} KEYWARD_CASES={count}");
    let mut generator = Generator::new(seed);
    let cases: Vec<Case> = (0..count).map(|_| generator.case()).collect();
    let mut failures = Vec::new();
    for (peer, dialects) in [(python(), PYTHON), (node(), NODE)] {
        let answers = peer.answers(cases.iter().map(request).collect());
        assert_eq!(answers.len(), cases.len(), "every case is answered");
        failures.extend(dialects.iter().filter_map(|&dialect| compare(dialect, &cases, &answers)));
    }
    assert!(failures.is_empty(), "{failures:?}");
}

#[test]
fn what_is_written_is_read_back_by_the_libraries() {
    let (seed, count) = (setting("KEYWARD_SEED", 0x5eed), setting("KEYWARD_CASES", 5_000) / 5);
    let mut generator = Generator::new(seed);
    let values = (0..count).map(|_| generator.value());
    let written: Vec<(String, Case)> = values
        .filter_map(|value| {
            let text = write(&[("BEFORE", "b"), ("NAME", &value), ("AFTER", "it's")]).ok()?;
            Some((value, Case { text, env: BTreeMap::from([("x".to_owned(), "y".to_owned())]) }))
        })
        .collect();
    println!("{} of {count} values can be written", written.len());
    assert!(written.len() * 10 > usize::try_from(count).expect("a count"), "most values can be written");
    for (peer, dialects) in [(python(), PYTHON), (node(), NODE)] {
        let answers = peer.answers(written.iter().map(|(_, case)| request(case)).collect());
        for ((value, case), answer) in written.iter().zip(&answers) {
            for dialect in dialects {
                let wanted = json!({"BEFORE": "b", "NAME": value, "AFTER": "it's"});
                assert_eq!(answer[dialect.name()], wanted, "{dialect} reads {:?}", case.text);
            }
        }
    }
}

/// Says how many texts are not read alike, if any, and shows the shortest.
fn compare(dialect: Dialect, cases: &[Case], answers: &[Value]) -> Option<String> {
    let mut differing: Vec<(&Case, Option<Value>, &Value)> = Vec::new();
    for (case, answer) in cases.iter().zip(answers) {
        if dialect == Dialect::Dotenvx && is_read_again(&case.text) {
            continue;
        }
        let wanted = &answer[dialect.name()];
        let found = match read(case, dialect) {
            Ok(found) => Some(found),
            Err(Error::Rejected { reason: Reason::Endless, .. }) => continue,
            Err(_) => None,
        };
        if found.as_ref().unwrap_or(&Value::Null) != wanted {
            differing.push((case, found, wanted));
        }
    }
    differing.sort_by_key(|(case, ..)| case.text.len());
    for (case, found, wanted) in differing.iter().take(8) {
        println!("{dialect} {:?} {:?}\n  wanted {wanted}\n  found  {}", case.text, case.env, json!(found));
    }
    let count = differing.len();
    (count > 0).then(|| format!("{dialect}: {count} of {} texts are read differently", cases.len()))
}

/// Whether a command that is kept holds what dotenvx reads when the value is put in elsewhere. The
/// peer keeps a mark in its place, in which there is nothing to read.
fn is_read_again(text: &str) -> bool {
    text.contains("\\$(") || text.contains("$(${")
}

fn request(case: &Case) -> Value {
    let ends = !matches!(read(case, Dialect::Dotenvx), Err(Error::Rejected { reason: Reason::Endless, .. }));
    json!({"text": case.text, "env": case.env, "dotenvx": ends})
}

fn read(case: &Case, dialect: Dialect) -> Result<Value, Error> {
    let parsed = parse(&case.text, dialect, &|name| case.env.get(name).cloned())?;
    Ok(parsed.entries.into_iter().map(|entry| (entry.name, Value::from(entry.value))).collect())
}

fn python() -> Peer {
    Peer::start(&required("KEYWARD_PEERS_PYTHON"), &[&script("peer.py")])
}

fn node() -> Peer {
    Peer::start("node", &[&script("peer.js"), &required("KEYWARD_PEERS_NODE_DIR")])
}

fn script(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name).display().to_string()
}

fn required(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: `cargo xtask test` sets the peers up"))
}

fn setting(variable: &str, default: u64) -> u64 {
    let set = std::env::var(variable).ok();
    set.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is not a number")))
}
