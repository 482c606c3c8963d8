//! What bad input gets: a clear error, the exit code of the contract, and nothing lost.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use keyward_testing::{Program, Ran};

fn user() -> Program {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    program.ok(&["init", "--yes"], b"");
    program.ok(&["set", "KEPT"], b"a value that stays as it is");
    program
}

/// Refused with this code, in one sentence and perhaps a hint, and nothing on standard output.
#[track_caller]
fn refused(ran: &Ran, code: i32) {
    assert_eq!(ran.code, Some(code), "{ran}");
    assert!(ran.stdout.is_empty(), "{ran}");
    let error = ran.err();
    assert!(error.contains("keyward: "), "{ran}");
    assert!(!error.contains("panicked") && !error.contains("RUST_BACKTRACE"), "{ran}");
}

#[track_caller]
fn still_sound(program: &Program) {
    assert_eq!(program.ok(&["get", "KEPT"], b"").out(), "a value that stays as it is");
    program.ok(&["audit", "verify"], b"");
}

#[test]
fn names_that_are_none_are_refused_and_never_made_to_fit() {
    let program = user();
    let before = program.ok(&["list", "--json"], b"").out();
    let long = "A".repeat(129);
    let deep = vec!["A"; 17].join("/");
    let names = [
        "",
        " ",
        "A B",
        " A",
        "A ",
        "A\tB",
        "A\nB",
        "A\u{7f}B",
        "..",
        "A/../B",
        "../A",
        "A/..",
        ".",
        "A/./B",
        "/A",
        "A/",
        "A//B",
        "A\\B",
        "А",
        "Ａ",
        "A\u{200b}B",
        "A\u{301}",
        "é",
        "K\u{212a}",
        "A*",
        "A+",
        "A,B",
        "A;B",
        "A'B",
        "A\"B",
        "A$B",
        "A:B",
        "A%2fB",
        &long,
        &deep,
    ];
    for name in names {
        // Behind `--`, so that no name is taken for a flag.
        for command in [&["set", "--", name][..], &["get", "--", name], &["delete", "-e", "development", "--", name]] {
            let ran = program.run_with(command, b"a value");
            refused(&ran, 2);
            assert!(!ran.err().contains("a value"), "{ran}");
            // A control character in a message could do anything to a terminal.
            assert!(ran.err().chars().all(|c| c == '\n' || !c.is_control()), "{name:?}: {:?}", ran.err());
        }
    }
    assert_eq!(program.ok(&["list", "--json"], b"").out(), before);
    still_sound(&program);
}

#[test]
fn names_that_differ_are_different_names() {
    let program = user();
    for (name, value) in [("key", "lower case letters"), ("KEY", "upper case letters"), ("Key", "a mixture of both")] {
        program.ok(&["set", name], value.as_bytes());
    }
    assert_eq!(program.ok(&["get", "key"], b"").out(), "lower case letters");
    assert_eq!(program.ok(&["get", "Key"], b"").out(), "a mixture of both");
}

#[test]
fn a_value_as_an_argument_is_refused_and_not_repeated() {
    let program = user();
    let value = ["sk", "-", "obviously", "-", "fake", "-", "0123456789"].concat();
    for argument in [format!("OPENAI_API_KEY={value}"), format!("=={value}"), format!("bad name={value}")] {
        for flags in [&["set", &argument][..], &["set", &argument, "--json"]] {
            let ran = program.run(flags);
            refused_or_json(&ran);
            assert!(!ran.err().contains(&value), "{ran}");
        }
    }
    for flags in [&["set", "OPENAI_API_KEY", &value][..], &["set", "A", "B", &value]] {
        let ran = program.run(flags);
        refused(&ran, 2);
        assert!(!ran.err().contains(&value), "{ran}");
    }
    still_sound(&program);
}

#[track_caller]
fn refused_or_json(ran: &Ran) {
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(ran.stdout.is_empty(), "{ran}");
}

#[test]
fn a_value_that_is_too_large_is_refused_and_the_largest_one_is_kept() {
    let program = user();
    let huge = vec![b'x'; 10 << 20];
    refused(&program.run_with(&["set", "HUGE", "--raw"], &huge), 2);
    let file = program.home.project().join("huge");
    std::fs::write(&file, &huge).unwrap();
    refused(&program.run(&["set", "HUGE", "--file", "huge"]), 2);
    refused(&program.run_with(&["set", "HUGE", "--raw"], &huge[..64 * 1024 + 1]), 2);
    refused(&program.run(&["get", "HUGE"]), 4);
    let largest = &huge[..64 * 1024];
    program.ok(&["set", "LARGEST", "--raw"], largest);
    assert!(program.ok(&["get", "LARGEST"], b"").stdout == largest);
    still_sound(&program);
}

#[test]
fn every_byte_of_a_value_comes_back() {
    let program = user();
    let all: Vec<u8> = (0..=255).chain([b'\n']).collect();
    program.ok(&["set", "BYTES", "--raw"], &all);
    assert_eq!(program.ok(&["get", "BYTES"], b"").stdout, all);
    program.ok(&["set", "LINE"], b"one line break is dropped\n\n");
    assert_eq!(program.ok(&["get", "LINE"], b"").out(), "one line break is dropped\n");
}

#[test]
fn what_does_not_exist_is_not_found() {
    let program = user();
    for arguments in [
        &["get", "MISSING"][..],
        &["get", "KEPT", "--version", "7"],
        &["get", "KEPT", "-e", "nowhere"],
        &["get", "KEPT", "-p", "nothing"],
        &["list", "-p", "nothing"],
        &["show", "MISSING"],
        &["history", "MISSING"],
        &["rollback", "MISSING", "1"],
        &["undelete", "MISSING", "-e", "development"],
        &["project", "delete", "nothing", "--yes"],
        &["environment", "remove", "nowhere", "--yes"],
    ] {
        refused(&program.run(arguments), 4);
    }
    still_sound(&program);
}

#[test]
fn usage_errors_are_usage_errors() {
    let program = user();
    for arguments in [
        &["no-such-command"][..],
        &["get"],
        &["get", "KEPT", "--version", "0"],
        &["get", "KEPT", "--version", "-1"],
        &["get", "KEPT", "-e", "no such environment"],
        &["get", "KEPT", "-p", "../shop"],
        &["set", "A", "--kind", "nonsense"],
        &["set", "A", "--file", "not-there"],
        &["export", "--format", "nonsense"],
        &["import", "not-there.env"],
        // What cannot be undone names its environment.
        &["delete", "KEPT"],
        &["destroy", "KEPT", "--version", "1", "--yes"],
        // Without a terminal nobody is asked.
        &["destroy", "KEPT", "--version", "1", "-e", "development"],
        &["project", "create", "a/b"],
        &["project", "create", "shop"],
        &["environment", "add", "development"],
    ] {
        refused(&program.run(arguments), 2);
    }
    still_sound(&program);
}

#[test]
fn errors_are_json_where_json_was_asked_for() {
    let program = user();
    let ran = program.run(&["get", "MISSING", "--json"]);
    assert_eq!(ran.code, Some(4), "{ran}");
    let error: serde_json::Value = serde_json::from_slice(&ran.stderr).unwrap();
    assert_eq!(error["error"]["code"], "not_found", "{error}");
    assert!(error["error"]["message"].is_string() && error["error"].get("hint").is_some(), "{error}");
    let ran = program.run(&["get", "--json", "no name"]);
    assert_eq!(ran.code, Some(2), "{ran}");
    let error: serde_json::Value = serde_json::from_slice(&ran.stderr).unwrap();
    assert_eq!(error["error"]["code"], "usage", "{error}");
}

#[test]
fn a_vault_that_is_not_there_is_said_to_be_missing() {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    let ran = program.run(&["get", "A", "-p", "shop"]);
    refused(&ran, 5);
    assert!(ran.err().contains("keyward init"), "{ran}");
}

#[test]
fn a_store_put_back_is_noticed_and_nothing_irreversible_is_done() {
    let program = user();
    let database = program.home.vault().join("vault.db");
    let older = std::fs::read(&database).unwrap();
    program.ok(&["set", "KEPT"], b"a newer value");
    std::fs::write(&database, older).unwrap();
    let ran = program.ok(&["get", "KEPT"], b"");
    assert!(ran.err().contains("older than when this machine last saw it"), "{ran}");
    assert_eq!(ran.out(), "a value that stays as it is", "reading goes on");
    refused(&program.run(&["destroy", "KEPT", "--version", "1", "-e", "development", "--yes"]), 3);
    let status = program.ok(&["whoami", "--json"], b"");
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert!(status["vault"]["safe_mode"].is_string(), "{status}");
}
