//! `keyward check`: each rule is broken by what it is about, and by nothing else.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use keyward_testing::Program;
use serde_json::Value;

fn newcomer() -> Program {
    Program::new(env!("CARGO_BIN_EXE_keyward"))
}

fn user() -> Program {
    let program = newcomer();
    program.ok(&["init", "--yes"], b"");
    program
}

/// A value of the form that a service gives out, never the same twice.
fn key(seed: u32) -> String {
    let letters = (0..40u32).map(|n| (seed + 1).wrapping_mul(2_654_435_761).rotate_left(n) ^ (n * 40_503));
    letters.map(|n| char::from(b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"[n as usize % 56])).collect()
}

fn git(program: &Program, arguments: &[&str]) {
    let mut command = std::process::Command::new("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main"]);
    let ran = command.args(arguments).current_dir(program.home.project()).output().unwrap();
    assert!(ran.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// Every rule that was tested, and those of them that are broken.
fn checked(program: &Program) -> (BTreeSet<String>, BTreeSet<String>) {
    let ran = program.run(&["check", "--json"]);
    let said: Value = serde_json::from_str(&ran.out()).unwrap_or_else(|_| panic!("{ran}"));
    let rules = said["checks"].as_array().unwrap();
    let id = |rule: &Value| rule["id"].as_str().unwrap().to_owned();
    let broken: BTreeSet<String> = rules.iter().filter(|rule| rule["ok"] == false).map(id).collect();
    assert_eq!(ran.code, Some(i32::from(!broken.is_empty())), "{ran}");
    (rules.iter().map(id).collect(), broken)
}

#[track_caller]
fn broken(program: &Program, rule: &str) {
    let (_, broken) = checked(program);
    assert!(broken.contains(rule), "{rule} should be broken: {broken:?}");
}

#[track_caller]
fn kept(program: &Program, rule: &str) {
    let (tested, broken) = checked(program);
    assert!(tested.contains(rule), "{rule} was not tested: {tested:?}");
    assert!(!broken.contains(rule), "{rule} should be kept: {broken:?}");
}

fn file(program: &Program, name: &str, mode: u32, content: &str) {
    let path = program.home.project().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn without_a_vault_the_files_are_checked_and_no_rule_about_it_is_said_to_hold() {
    let program = newcomer();
    file(&program, ".env", 0o644, &format!("SERVICE_API_KEY={}\n", key(1)));
    let (tested, broken) = checked(&program);
    assert_eq!(tested, BTreeSet::from(["KW101", "KW102", "KW103", "KW104", "KW105"].map(String::from)));
    assert_eq!(broken, BTreeSet::from(["KW104", "KW105"].map(String::from)));
    let ran = program.run(&["check"]);
    assert!(ran.err().contains("there is no vault yet"), "{ran}");
    assert!(ran.out().contains("3 of 5 rules hold"), "{ran}");
    assert!(!program.home.vault().exists(), "a check makes no vault");
}

#[test]
fn files_that_git_tracks_had_or_would_take() {
    let program = newcomer();
    git(&program, &["init", "-q"]);
    file(&program, ".env", 0o600, "DEBUG=true\n");
    broken(&program, "KW103");
    git(&program, &["add", "-f", ".env"]);
    broken(&program, "KW101");
    kept(&program, "KW102");
    git(&program, &["commit", "-qm", "one"]);
    git(&program, &["rm", "-q", "--cached", ".env"]);
    file(&program, ".gitignore", 0o644, ".env\n");
    git(&program, &["add", ".gitignore"]);
    git(&program, &["commit", "-qm", "two"]);
    kept(&program, "KW101");
    kept(&program, "KW103");
    broken(&program, "KW102");
}

#[test]
fn files_that_hold_secrets_or_are_open_to_others() {
    let program = newcomer();
    file(&program, ".env", 0o644, "DEBUG=true\n");
    kept(&program, "KW104");
    kept(&program, "KW105");
    file(&program, ".env.bak", 0o600, &format!("SERVICE_API_KEY={}\n", key(2)));
    kept(&program, "KW104");
    broken(&program, "KW105");
    file(&program, ".env.bak", 0o640, &format!("SERVICE_API_KEY={}\n", key(2)));
    broken(&program, "KW104");
    fs::remove_file(program.home.project().join(".env.bak")).unwrap();
    kept(&program, "KW105");
}

#[test]
fn values_that_are_shared_weak_published_or_missing() {
    let program = user();
    for rule in ["KW201", "KW202", "KW206", "KW207"] {
        kept(&program, rule);
    }
    let (value, other) = (key(3), key(4));
    program.ok(&["set", "SERVICE_API_KEY", "-e", "development"], value.as_bytes());
    program.ok(&["set", "SERVICE_API_KEY", "-e", "staging"], value.as_bytes());
    broken(&program, "KW201");
    program.ok(&["set", "SERVICE_API_KEY", "-e", "staging"], other.as_bytes());
    kept(&program, "KW201");

    program.ok(&["set", "DB_PASSWORD", "--kind", "password", "-e", "staging"], b"summer24");
    broken(&program, "KW202");
    program.ok(&["set", "DB_PASSWORD", "--generate=password", "-e", "staging"], b"");
    kept(&program, "KW202");

    program.ok(&["set", "VITE_API_KEY", "-e", "staging"], key(5).as_bytes());
    broken(&program, "KW206");
    program.ok(&["delete", "VITE_API_KEY", "-e", "staging"], b"");
    kept(&program, "KW206");

    let manifest = program.home.project().join("keyward.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text + "needs = [\"SERVICE_API_KEY\", \"DB_PASSWORD\"]\n").unwrap();
    broken(&program, "KW207");
    program.ok(&["set", "DB_PASSWORD", "--generate=password", "-e", "development"], b"");
    kept(&program, "KW207");
}

#[test]
fn values_that_expire() {
    let program = user();
    program.ok(&["set", "SERVICE_API_KEY", "-e", "staging", "--expires", "15d"], key(6).as_bytes());
    kept(&program, "KW203");
    kept(&program, "KW204");
    kept(&program, "KW205");
    program.ok(&["edit", "SERVICE_API_KEY", "-e", "staging", "--expires", "13d"], b"");
    broken(&program, "KW205");
    kept(&program, "KW203");
    program.ok(&["edit", "SERVICE_API_KEY", "-e", "staging", "--expires", "2020-01-01"], b"");
    broken(&program, "KW203");
    kept(&program, "KW205");
}

#[test]
fn slots_and_the_key_file() {
    let program = user();
    broken(&program, "KW302");
    broken(&program, "KW304");
    program.ok(&["slot", "add", "recovery-code"], b"");
    kept(&program, "KW302");
    kept(&program, "KW304");
    kept(&program, "KW301");
    kept(&program, "KW303");
    kept(&program, "KW305");
    let keys = fs::read_dir(program.home.keys()).unwrap();
    let file = keys.map(|entry| entry.unwrap().path()).find(|path| path.is_file()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    broken(&program, "KW303");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    kept(&program, "KW303");

    let within = program.home.vault().join("keys");
    fs::rename(program.home.keys(), &within).unwrap();
    let program = program.with("KEYWARD_KEYS", within.to_str().unwrap());
    broken(&program, "KW301");
}
