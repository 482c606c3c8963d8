//! Recorded readings: every line of the recordings must match.
//!
//! Those of the Ruby gem and compose-go lie beside the repository, since neither can be installed
//! where the tests run. `samples.jsonl` holds what the four live libraries read from a few dozen
//! tricky texts; `tests/differential` compares with the libraries themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use keyward_dotenv::{Dialect, parse};
use serde_json::Value;

#[test]
fn ruby_reads_as_recorded() {
    compare("../../../shared/vectors/dotenv-ruby.jsonl", 1_000, |case| vec![(Dialect::Ruby, case.get("ok"))]);
}

#[test]
fn compose_reads_as_recorded() {
    compare("../../../shared/vectors/dotenv-compose.jsonl", 1_000, |case| vec![(Dialect::Compose, case.get("ok"))]);
}

#[test]
fn live_libraries_read_as_sampled() {
    let live = [Dialect::Python, Dialect::Node, Dialect::NodeBuiltin, Dialect::Dotenvx];
    compare("tests/samples.jsonl", 50, |case| {
        live.into_iter().map(|dialect| (dialect, case.get(dialect.name()).filter(|read| !read.is_null()))).collect()
    });
}

/// Compares all cases of a file; `recorded` gives what each dialect reads, or nothing where it rejects.
fn compare(file: &str, at_least: usize, recorded: impl Fn(&Value) -> Vec<(Dialect, Option<&Value>)>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let lines = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut differing = Vec::new();
    for line in lines.lines() {
        let case: Value = serde_json::from_str(line).expect("a recorded case is a JSON object");
        for (dialect, wanted) in recorded(&case) {
            let found = read(&case, dialect);
            if found.as_ref() != wanted {
                differing.push(format!("{dialect} {case}\n  found {found:?}"));
            }
        }
    }
    let count = lines.lines().count();
    assert!(count > at_least, "only {count} cases in {}", path.display());
    assert!(differing.is_empty(), "{} of {count} differ:\n{}", differing.len(), differing.join("\n"));
}

/// Ours, in the recordings' form: an object, or nothing where the text is rejected.
fn read(case: &Value, dialect: Dialect) -> Option<Value> {
    let env: BTreeMap<String, String> = serde_json::from_value(case["env"].clone()).expect("an environment");
    let text = case["input"].as_str().expect("an input");
    let parsed = parse(text, dialect, &|name| env.get(name).cloned()).ok()?;
    Some(parsed.entries.into_iter().map(|entry| (entry.name, Value::from(entry.value))).collect())
}
