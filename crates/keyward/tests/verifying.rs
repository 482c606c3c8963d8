//! `keyward provider verify` and `keyward scan --verify`, as their users see them, with doubles of
//! services.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::fs;

use keyward_testing::Program;
use keyward_testing::doubles::{Double, OpenAi, Qdrant};
use serde_json::Value;

struct User {
    program: Program,
    double: Double<OpenAi>,
    key: String,
}

impl User {
    fn new() -> Self {
        let (service, _, key) = OpenAi::new();
        let double = Double::start(service);
        let program = Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_UPSTREAM_HOSTS", double.hosts());
        program.ok(&["init", "--project", "shop", "--yes", "--no-import"], b"");
        Self { program, double, key }
    }

    fn set(&self, name: &str, value: &str) {
        self.program.ok(&["set", name, "-e", "production"], value.as_bytes());
    }

    fn log(&self) -> String {
        self.program.ok(&["audit", "log", "--json"], b"").out()
    }
}

#[test]
fn a_stored_key_is_asked_about_and_that_is_on_record() {
    let user = User::new();
    user.set("OPENAI_API_KEY", &user.key);
    let before = user.log().matches("secret.use").count();
    let ran = user.program.run(&["provider", "verify", "OPENAI_API_KEY", "-e", "production"]);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_eq!(ran.out(), "OPENAI_API_KEY (version 1): works (openai: 200)\n");
    assert_eq!(user.log().matches("secret.use").count(), before + 1);
    assert!(!ran.to_string().contains(&user.key));

    // Its successor is made up, and the service says so.
    let dead = format!("{}{}", &user.key[..user.key.len() - 2], if user.key.ends_with("00") { "11" } else { "00" });
    user.set("OPENAI_API_KEY", &dead);
    let ran = user.program.run(&["provider", "verify", "OPENAI_API_KEY", "-e", "production", "--json"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    let answer: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(answer["verdict"]["verified"], "invalid");
    assert_eq!(answer["verdict"]["why"], "401 `invalid_api_key`");
    assert_eq!((&answer["verdict"]["provider"], &answer["verdict"]["version"]), (&"openai".into(), &2.into()));
    let old = user.program.run(&["provider", "verify", "OPENAI_API_KEY", "-e", "production", "--version", "1"]);
    assert_eq!(old.code, Some(0), "{old}");
}

#[test]
fn what_is_of_no_service_goes_nowhere() {
    let user = User::new();
    user.set("SESSION_SECRET", "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6");
    let ran = user.program.run(&["provider", "verify", "SESSION_SECRET", "-e", "production"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(ran.out().contains("it is not known of which service this is a key"), "{ran}");
    let ran = user.program.run(&["provider", "verify", "NOTHING", "-e", "production"]);
    assert_eq!(ran.code, Some(4), "{ran}");
    assert!(user.double.seen().is_empty());
}

#[test]
fn where_a_value_goes_is_said_by_who_may_read_it() {
    let (service, _, key) = Qdrant::new();
    let double = Double::start(service);
    let program = Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_UPSTREAM_HOSTS", double.hosts());
    program.ok(&["init", "--project", "shop", "--yes", "--no-import"], b"");
    program.ok(&["set", "QDRANT_API_KEY", "--provider", "qdrant"], key.as_bytes());
    let ran = program.run(&["provider", "verify", "QDRANT_API_KEY"]);
    assert!(ran.code == Some(1) && ran.out().contains("the account's `cluster` is needed"), "{ran}");
    let part = format!("cluster={}", Qdrant::CLUSTER);
    let ran = program.run(&["provider", "verify", "QDRANT_API_KEY", "--account", &part]);
    assert_eq!(ran.code, Some(0), "{ran}");
    let log = program.ok(&["audit", "log", "--json"], b"").out();
    assert!(log.contains("secret.read"), "that was a disclosure");
    let ran = program.run(&["provider", "verify", "QDRANT_API_KEY", "--account", "cluster"]);
    assert_eq!(ran.code, Some(2), "{ran}");
}

#[test]
fn a_scan_says_which_found_keys_live() {
    let user = User::new();
    let folder = user.program.home.project().to_owned();
    let dead = format!("{}{}", &user.key[..user.key.len() - 2], if user.key.ends_with("00") { "11" } else { "00" });
    let text = format!("live = '{}'\nagain = '{}'\ndead = '{dead}'\n", user.key, user.key);
    fs::write(folder.join("settings.py"), text).unwrap();
    let ran = user.program.run(&["scan", "--format", "json"]);
    assert!(ran.code == Some(1) && user.double.seen().is_empty(), "nobody is asked unless somebody says so: {ran}");
    let ran = user.program.run(&["scan", "--format", "json", "--verify"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let verdicts: Vec<&str> =
        report["findings"].as_array().unwrap().iter().map(|one| one["verified"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["valid", "valid", "invalid"]);
    let said = ran.err();
    assert!(said.contains("asked openai about 2 found keys: 1 alive, 1 dead, 0 unclear"), "{said}");
    assert_eq!(user.double.seen().len(), 3, "each value once, and one that was made up");
    let ran = user.program.run(&["scan", "--verify"]);
    assert!(ran.out().contains("the key works") && ran.out().contains("the key does not work"), "{ran}");
}

#[test]
fn a_host_that_is_none_is_refused_before_anything_is_done() {
    let program =
        Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_UPSTREAM_HOSTS", "api.openai.com=http://example.com");
    let ran = program.run(&["scan", "--verify"]);
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(ran.err().contains("HOST=URL"), "{ran}");
}
