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

/// What a terminal would obey: a title, a colour, and writing from right to left.
const OBEYED: &str = "x\u{1b}]0;owned\u{7}\u{1b}[31mRED\u{202e}";

#[test]
fn what_others_write_does_nothing_to_a_terminal() {
    let program = user();
    for flag in ["--owner", "--tag", "--description", "--provider"] {
        let ran = program.run(&["edit", "KEPT", flag, OBEYED]);
        refused(&ran, 2);
        assert!(ran.err().chars().all(|c| c == '\n' || !c.is_control()), "{ran}");
    }
    refused(&program.run(&["slot", "add", "--label", OBEYED, "recovery-code"]), 2);
    // A value may hold anything; where it is shown among other things, it is harmless.
    program.ok(&["set", "PLAIN", "--kind", "config"], b"value a\x1b[31mb");
    program.ok(&["set", "WHY", "--kind", "config", "--reason", OBEYED], b"true");
    for shown in [&["show", "PLAIN"][..], &["audit", "log"], &["whoami"], &["slot", "list"]] {
        let out = program.ok(shown, b"").out();
        assert!(out.chars().all(|c| c == '\n' || !keyward_types::is_treacherous(c)), "{out:?}");
    }
    assert_eq!(program.ok(&["get", "PLAIN"], b"").out(), "value a\u{1b}[31mb", "the exact bytes go to a pipe");
    still_sound(&program);
}

#[test]
fn a_file_that_is_no_checkpoint_says_nothing_of_the_store() {
    let (program, other) = (user(), user());
    let file = program.home.root().join("c");
    std::fs::write(&file, "junk\n").unwrap();
    let compare = ["audit", "verify", "--against", file.to_str().unwrap()];
    let ran = program.run(&compare);
    refused(&ran, 2);
    assert!(ran.err().contains("is no checkpoint") && !ran.err().contains("restore"), "{ran}");
    std::fs::write(&file, other.ok(&["audit", "checkpoint"], b"").stdout).unwrap();
    let ran = program.run(&compare);
    refused(&ran, 2);
    assert!(ran.err().contains("another vault"), "{ran}");
}

#[test]
fn changes_and_moments_are_json_that_programs_read() {
    let program = user();
    let json = |arguments: &[&str]| {
        let ran = program.ok(&[arguments, &["--json"]].concat(), b"");
        serde_json::from_slice::<serde_json::Value>(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"))
    };
    assert_eq!(json(&["project", "create", "till"])["project"]["name"], "till");
    assert_eq!(json(&["project", "rename", "till", "store"])["project"]["name"], "store");
    assert_eq!(json(&["environment", "add", "preview", "-p", "store"])["environment"]["name"], "preview");
    assert_eq!(json(&["environment", "remove", "preview", "-p", "store", "--yes"])["deleted"], "preview");
    assert_eq!(json(&["project", "delete", "store", "--yes"])["deleted"], "store");
    let folder = program.home.root().join("log");
    assert!(json(&["audit", "export", folder.to_str().unwrap()])["entries"].as_u64().unwrap() > 3);
    let pages = program.home.root().join("man");
    assert!(json(&["man", pages.to_str().unwrap()])["pages"].as_u64().unwrap() > 50);
    let listed = json(&["list"]);
    let written = listed["secrets"][0]["created_at"].as_str().unwrap();
    assert!(written.ends_with('Z') && written.contains('T'), "{written}");
    let entries = json(&["audit", "log"]);
    let login = entries["entries"][0]["login"].as_str();
    assert!(login.is_some_and(|login| !login.contains(':')), "{entries}");
}

#[test]
fn the_failures_of_run_are_its_own_and_json_where_that_was_asked_for() {
    let program = user();
    assert_eq!(program.run(&["run"]).code, Some(125));
    assert_eq!(program.run(&["run", "--no-such-flag", "--", "true"]).code, Some(125));
    assert_eq!(program.run(&["-e", "staging", "run"]).code, Some(125));
    assert_eq!(program.run(&["list", "--no-such-flag"]).code, Some(2));
    for (arguments, code) in [
        (&["run", "--json", "--only", "NOT_THERE", "--", "true"][..], 125),
        (&["run", "--json", "--", "no-such-program-anywhere"], 127),
    ] {
        let ran = program.run(arguments);
        assert_eq!(ran.code, Some(code), "{ran}");
        let error: serde_json::Value =
            serde_json::from_str(&ran.err()).unwrap_or_else(|error| panic!("{error}: {ran}"));
        assert_eq!(error["error"]["code"], "not_found", "{ran}");
    }
}

#[test]
fn a_token_is_for_a_server_and_acts_on_no_vault_of_this_machine() {
    let program = user().with("KEYWARD_TOKEN", "kwp_x");
    let ran = program.run(&["list"]);
    refused(&ran, 2);
    assert!(ran.err().contains("KEYWARD_ADDR") && ran.err().contains("--local"), "{ran}");
    program.ok(&["list", "--local"], b"");
}

/// What a program reads is one object, whatever the command writes else.
#[test]
fn whoever_asks_for_json_gets_json() {
    let program = user();
    let of = |arguments: &[&str]| -> serde_json::Value {
        let ran = program.ok(&[arguments, &["--json"]].concat(), b"");
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("no JSON: {ran}"))
    };
    let read = of(&["get", "KEPT"]);
    assert_eq!((&read["value"], &read["version"]), (&"a value that stays as it is".into(), &1.into()), "{read}");
    program.ok(&["set", "RAW", "--raw", "--kind", "document"], &[0xff, 0, 1]);
    assert_eq!(of(&["get", "RAW"])["value_base64"], "/wAB");
    let made = of(&["generate", "--profile", "hex", "--bits", "128"]);
    assert_eq!((made["value"].as_str().unwrap().len(), &made["bits"]), (32, &128.0.into()), "{made}");
    for (arguments, name, begins) in [
        (&["policy", "schema"][..], "schema", "//"),
        (&["policy", "schema", "--roles"], "roles", "//"),
        (&["audit", "checkpoint"], "checkpoint", "keyward.local/"),
        (&["audit", "prove", "1"], "proof", "c2sp.org/tlog-proof@v1\n"),
    ] {
        let said = of(arguments);
        assert!(said[name].as_str().unwrap().starts_with(begins), "{said}");
        assert_eq!(program.ok(arguments, b"").out(), said[name].as_str().unwrap(), "the same as it is without");
    }
    let ran = program.run(&["scan", "--format", "text", "--json"]);
    assert!(ran.code == Some(2) && ran.stdout.is_empty() && ran.err().contains("ask for two forms"), "{ran}");
    program.ok(&["scan", "--format", "html", "--output", "report.html", "--json"], b"");
}

/// A value that nobody receives is not read: it would be lost, and on record as disclosed.
#[cfg(unix)]
#[test]
fn nothing_is_read_for_an_output_that_is_closed() {
    let program = user();
    let reads =
        || program.ok(&["audit", "log", "--json", "--action", "secret.read"], b"").out().matches("secret.read").count();
    let before = reads();
    let binary = env!("CARGO_BIN_EXE_keyward");
    for arguments in ["get KEPT", "export --format dotenv", "generate"] {
        let mut command = program.command(&[]);
        command = {
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", &format!("exec {binary} {arguments} >&-")]).env_clear();
            shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            shell.current_dir(program.home.project());
            shell
        };
        let ran = program.run_command(command, &[arguments], b"");
        refused(&ran, 2);
        assert!(ran.err().contains("standard output is closed"), "{ran}");
    }
    assert_eq!(reads(), before, "and nothing is on record as read");
    // Who throws a value away on purpose may.
    let mut command = program.command(&["get", "KEPT"]);
    command.stdout(std::process::Stdio::null());
    assert!(command.status().unwrap().success());
    still_sound(&program);
}
