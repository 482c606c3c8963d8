//! What others wrote is the measure: the schema of SARIF, gitleaks' own rules, a reader of YAML.
//!
//! `cargo xtask test` installs both and names their folder in `KEYWARD_SCAN_TESTS`; there a test
//! that lacks them fails. In a plain `cargo test` without that folder they say that they did not run.
#![allow(clippy::print_stderr, clippy::unwrap_used, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a test asks its runner where the tools are")]

use std::path::PathBuf;
use std::process::Command;

use keyward_scan::own_rules::RuleSet;
use keyward_scan::report::{self, Format, Options, Report};
use keyward_scan::summary::Summary;
use keyward_scan::{Engine, Found, Scanner, Silence, Source, Verdict};
use keyward_types::Finding;

/// The folder with `bin/python`, `gitleaks.toml` and `sarif-2.1.0.json`.
fn tools() -> Option<PathBuf> {
    let folder = std::env::var_os("KEYWARD_SCAN_TESTS").map(PathBuf::from);
    assert!(folder.is_some() || std::env::var_os("KEYWARD_TEST_TOOLS").is_none(), "KEYWARD_SCAN_TESTS is not set");
    if folder.is_none() {
        eprintln!("NOT RUN: `cargo xtask test tests` brings what this test needs");
    }
    folder
}

struct Nothing;

impl Silence for Nothing {
    fn judge(&self, _: &Finding, _: &[u8], _: &[u8]) -> Verdict {
        Verdict::Report
    }
}

/// Two findings: one in a commit, in a file with an awkward name; one on standard input.
fn findings() -> Vec<Found> {
    let rules = "[[rule]]\nid = 'acme-key'\ndescription = 'a key of <Acme>'\nregex = 'acme_[a-z0-9]{12}'\n";
    let engine = Engine::new(vec![RuleSet::read(rules).unwrap().into_matcher()]);
    let scanner = Scanner { engine, known: None, silence: Box::new(Nothing) };
    let scan = |path: &str, value: &str| {
        let text = format!("\n é = \"acme_{value}\"\n");
        scanner.scan(&Source { path, tracked: true, added: None }, text.as_bytes()).found
    };
    let mut found = scan("src/with space/ü:1.py", "k3v8q1z7m2x9");
    found.extend(scan("", "p4w7t2y6n8c1"));
    assert_eq!(found.len(), 2);
    found[0].finding.commit = Some("0".repeat(40));
    found
}

const VALIDATE: &str = "
import json, sys, jsonschema
schema, log = (json.load(open(name, encoding='utf-8')) for name in sys.argv[1:])
validator = jsonschema.validators.validator_for(schema)
validator.check_schema(schema)
errors = list(validator(schema, format_checker=validator.FORMAT_CHECKER).iter_errors(log))
for error in errors:
    print(error.json_path, error.message)
sys.exit(bool(errors))
";

#[test]
fn sarif_fits_the_official_schema() {
    let Some(tools) = tools() else { return };
    let mut log = Vec::new();
    let summary = Summary { files: 2, ..Summary::default() };
    report::write(Format::Sarif, &Report::new(findings(), summary), &Options::default(), &mut log).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let fits = |log: &[u8]| {
        let file = folder.path().join("log.sarif");
        std::fs::write(&file, log).unwrap();
        let mut python = Command::new(tools.join("bin/python"));
        python.args(["-c", VALIDATE]).arg(tools.join("sarif-2.1.0.json")).arg(file);
        let output = python.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (good, problems) = fits(&log);
    assert!(good, "{problems}");
    let broken = String::from_utf8(log).unwrap().replace("\"2.1.0\"", "\"2.1\"");
    assert!(fits(broken.as_bytes()).1.contains("$.version"), "the schema is really asked");
}

#[test]
fn every_rule_of_gitleaks_loads() {
    let Some(tools) = tools() else { return };
    let text = std::fs::read_to_string(tools.join("gitleaks.toml")).unwrap();
    let rules = text.matches("[[rules]]").count();
    assert!(rules > 200, "{rules} rules are not all of them");
    let set = RuleSet::read(&text).unwrap();
    assert_eq!(set.len(), rules);
    // It is not enough that they are read: each must compile, and none may fail on odd bytes.
    let engine = Engine::new(vec![set.into_matcher()]);
    let scanner = Scanner { engine, known: None, silence: Box::new(Nothing) };
    let outcome = scanner.scan(&Source { path: "a", tracked: true, added: None }, b"key = \xff\xfe\0 token: ''\n");
    assert!(outcome.found.is_empty());
}

const READ_YAML: &str = "
import re, sys, yaml
hooks, action, page = (open(name, encoding='utf-8').read() for name in sys.argv[1:])
[hook] = yaml.safe_load(hooks)
assert hook['entry'] == 'keyward scan --staged' and hook['pass_filenames'] is False, hook
steps = yaml.safe_load(action)['runs']['steps']
# What an author of a pull request may name is no part of a script.
assert not [step for step in steps if '${{' in step.get('run', '')], steps
assert '--reveal' not in action
examples = re.findall('```yaml\\n(.*?)```', page, re.S)
assert len(examples) == 4 and all(yaml.safe_load(example) for example in examples)
";

#[test]
fn the_files_for_hooks_and_ci_are_yaml() {
    let Some(tools) = tools() else { return };
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let files = [".pre-commit-hooks.yaml", "packaging/github-action/action.yml", "docs/scanning.md"];
    let mut python = Command::new(tools.join("bin/python"));
    python.args(["-c", READ_YAML]).args(files.map(|file| root.join(file)));
    let output = python.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
