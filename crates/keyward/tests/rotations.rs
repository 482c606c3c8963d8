//! Rotations on the command line: exit codes and shapes that scripts depend on, the file that gets the
//! new value, and the server that goes on with it.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::fs;

use keyward_testing::{Program, Ran};
use serde_json::Value;

const OLD: &[u8] = b"Zq8kLkd93jfKdk2mVx7Lkd93jfKdk2mVx7pQ";

/// A vault with a session secret, and a file that has it.
fn shop() -> Program {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    program.ok(&["init", "--yes", "--project", "shop"], b"");
    program.ok(&["set", "SESSION_SECRET", "--kind", "signing-key"], OLD);
    let text = format!("PORT=80\nSESSION_SECRET={}\n", std::str::from_utf8(OLD).unwrap());
    fs::write(program.home.project().join(".env"), text).unwrap();
    let target = ["target", "add", "env-file", "web", "--path", ".env", "--secret", "SESSION_SECRET"];
    let added = program.ok(&target, b"");
    assert!(added.err().contains("`SESSION_SECRET` goes to `web`"), "{added}");
    program
}

fn file(program: &Program) -> String {
    fs::read_to_string(program.home.project().join(".env")).unwrap()
}

#[track_caller]
fn json(ran: &Ran) -> Value {
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"))
}

#[track_caller]
fn refused(program: &Program, arguments: &[&str], code: i32) -> String {
    let ran = program.run(arguments);
    assert_eq!(ran.code, Some(code), "{ran}");
    assert!(!ran.err().contains("panicked"), "{ran}");
    ran.err()
}

#[test]
fn a_session_secret_is_replaced_in_its_file_and_on_record() {
    let program = shop();
    let before = file(&program);
    let plan = program.ok(&["rotate", "SESSION_SECRET", "--dry-run"], b"");
    assert!(plan.out().contains("give `web` the new value") && plan.err().contains("nothing was changed"), "{plan}");
    assert_eq!(file(&program), before);
    assert!(refused(&program, &["rotate", "SESSION_SECRET"], 2).contains("--yes"));
    let done = program.ok(&["rotate", "SESSION_SECRET", "--yes", "--json"], b"");
    let rotation = &json(&done)["rotation"];
    assert_eq!((&rotation["state"], &rotation["old"], &rotation["new"]), (&"done".into(), &1.into(), &2.into()));
    assert_eq!(rotation["targets"][0]["state"], "confirmed");
    let new = program.ok(&["get", "SESSION_SECRET"], b"").out();
    assert_eq!(file(&program), format!("PORT=80\nSESSION_SECRET={new}\n"));
    assert!(new.len() >= 43 && new.as_bytes() != OLD);
    assert_eq!(program.ok(&["get", "SESSION_SECRET", "--version", "1"], b"").stdout, OLD);
    let history = program.ok(&["history", "SESSION_SECRET"], b"").out();
    assert!(history.contains("previous") && history.contains("active"), "{history}");
    let log = program.ok(&["audit", "log"], b"").out();
    for action in ["rotation.begin", "rotation.step", "secret.promote", "target.add"] {
        assert!(log.contains(action), "{action} is missing: {log}");
    }
    assert!(!log.contains(&new), "no value stands in the log");
    program.ok(&["audit", "verify"], b"");
}

#[test]
fn drift_is_found_and_a_rotation_mends_it() {
    let program = shop();
    program.ok(&["target", "drift"], b"");
    fs::write(program.home.project().join(".env"), "SESSION_SECRET=by-hand\n").unwrap();
    let drift = program.run(&["target", "drift", "--json"]);
    assert_eq!(drift.code, Some(1), "{drift}");
    assert_eq!(json(&drift)["target_drift"][0]["state"], "differs");
    program.ok(&["rotate", "SESSION_SECRET", "--yes"], b"");
    program.ok(&["target", "drift"], b"");
    let targets = json(&program.ok(&["target", "list", "--json"], b""));
    assert_eq!(targets["targets"][0]["kind"], "env-file");
    program.ok(&["target", "remove", "web", "--secret", "SESSION_SECRET", "--yes"], b"");
    assert_eq!(json(&program.ok(&["target", "list", "--json"], b""))["targets"], serde_json::json!([]));
}

#[test]
fn a_target_that_fails_needs_a_person_who_can_undo_it() {
    let program = shop();
    let folder = program.home.project().join("app");
    fs::create_dir(&folder).unwrap();
    let path = folder.join(".env");
    let path = path.to_str().unwrap();
    program.ok(&["target", "add", "env-file", "app", "--path", path, "--secret", "SESSION_SECRET"], b"");
    fs::remove_dir_all(&folder).unwrap();
    let before = file(&program);
    let waits = program.run(&["rotate", "SESSION_SECRET", "--yes"]);
    assert_eq!(waits.code, Some(1), "{waits}");
    assert!(waits.err().contains("needs a person") && waits.err().contains("`app`"), "{waits}");
    assert_eq!(file(&program), before, "everything local is looked at before anything is changed");
    assert!(refused(&program, &["rotate", "SESSION_SECRET", "--yes"], 2).contains("under way"));
    let shown = program.ok(&["rotation", "show", "SESSION_SECRET"], b"").out();
    assert!(shown.contains("possible: resume, abort"), "{shown}");
    assert_eq!(json(&program.ok(&["rotation", "list", "--json"], b""))["rotations"][0]["state"], "needs-a-person");
    assert!(refused(&program, &["rotation", "abort", "SESSION_SECRET", "--yes"], 2).contains("environment"));
    refused(&program, &["rotation", "approve", "SESSION_SECRET", "-e", "development", "--yes"], 2);
    let undone = program.ok(&["rotation", "abort", "SESSION_SECRET", "-e", "development", "--yes"], b"");
    assert!(undone.err().contains("undone"), "{undone}");
    assert_eq!(program.ok(&["get", "SESSION_SECRET"], b"").stdout, OLD);
    fs::create_dir(&folder).unwrap();
    program.ok(&["rotate", "SESSION_SECRET", "--yes"], b"");
    assert_eq!(fs::read_to_string(path).unwrap().trim(), file(&program).lines().nth(1).unwrap());
}

#[test]
fn what_keyward_does_not_make_is_refused_until_somebody_says_that_it_does() {
    let program = shop();
    program.ok(&["set", "DB_PASSWORD", "--kind", "password"], b"Zq8kLkd93jfKdk2mVx7");
    let refusal = refused(&program, &["rotate", "DB_PASSWORD", "--yes"], 2);
    assert!(refusal.contains("--generate"), "{refusal}");
    program.ok(&["rotate", "DB_PASSWORD", "--yes", "--generate=password"], b"");
    program.ok(&["rotate", "DB_PASSWORD", "--yes"], b"");
    assert!(refused(&program, &["rotation", "show", "MISSING"], 4).contains("MISSING"));
    assert!(refused(&program, &["rotate", "SESSION_SECRET", "--emergency", "--yes"], 2).contains("environment"));
    program.ok(&["rotate", "SESSION_SECRET", "--emergency", "--yes", "-e", "development"], b"");
}

#[test]
fn a_program_is_a_target_and_what_is_due_is_told_to_calendars() {
    let program = shop();
    let out = program.home.project().join("out");
    let script = format!("cat > {}", out.display());
    let arguments = ["target", "add", "command", "api", "--secret", "SESSION_SECRET", "--", "/bin/sh", "-c", &script];
    program.ok(&arguments, b"");
    program.ok(&["rotate", "SESSION_SECRET", "--yes"], b"");
    assert_eq!(fs::read(&out).unwrap(), program.ok(&["get", "SESSION_SECRET"], b"").stdout);
    program.ok(&["edit", "SESSION_SECRET", "--rotate-every", "30d", "--owner", "ann"], b"");
    let entries = json(&program.ok(&["calendar", "--json"], b""));
    assert_eq!(entries["calendar"][0]["about"], "shop/development/SESSION_SECRET");
    let feed = program.ok(&["calendar", "--ics"], b"").out();
    assert!(feed.starts_with("BEGIN:VCALENDAR\r\n") && feed.contains("Owner: ann"), "{feed}");
    let text = program.ok(&["calendar"], b"").out();
    assert!(text.contains("rotation") && text.contains("in 29 days"), "{text}");
}
