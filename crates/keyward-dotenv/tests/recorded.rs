//! What the Ruby gem and compose-go read, recorded: every line of the recordings must match.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use keyward_dotenv::{Dialect, parse};
use serde_json::Value;

#[test]
fn ruby_reads_as_recorded() {
    compare(Dialect::Ruby, "dotenv-ruby.jsonl");
}

#[test]
fn compose_reads_as_recorded() {
    compare(Dialect::Compose, "dotenv-compose.jsonl");
}

/// The recordings lie beside the repository, in `../shared/vectors`.
fn compare(dialect: Dialect, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors").join(file);
    let recorded = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut compared = 0;
    let mut differing = Vec::new();
    for line in recorded.lines() {
        let case: Value = serde_json::from_str(line).expect("a recorded case is a JSON object");
        let found = read(&case, dialect);
        let wanted = case.get("ok").cloned();
        if found != wanted {
            differing.push(format!("{case}\n  found {found:?}"));
        }
        compared += 1;
    }
    assert!(compared > 1000, "only {compared} cases in {}", path.display());
    assert!(differing.is_empty(), "{} of {compared} differ:\n{}", differing.len(), differing.join("\n"));
}

/// Ours, in the recordings' form: an object, or nothing where the text is rejected.
fn read(case: &Value, dialect: Dialect) -> Option<Value> {
    let env: BTreeMap<String, String> = serde_json::from_value(case["env"].clone()).expect("an environment");
    let text = case["input"].as_str().expect("an input");
    let parsed = parse(text, dialect, &|name| env.get(name).cloned()).ok()?;
    Some(parsed.entries.into_iter().map(|entry| (entry.name, Value::from(entry.value))).collect())
}
