//! Rotations on the command line: exit codes and shapes that scripts depend on, the file that gets the
//! new value, and the server that goes on with it.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::fs;
#[cfg(target_os = "linux")]
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use keyward_testing::Ahead;
use keyward_testing::doubles::{AzureKeyVault, Double, GcpSecrets, Trouble, VaultKv};
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

/// The process dies while a target has the value already: whoever comes next waits until that call must
/// have ended, gives it to the target again, and nothing is lost. That time passes on the clock alone.
#[test]
#[cfg(target_os = "linux")]
fn a_process_that_is_killed_in_the_middle_of_a_call_is_followed_by_another() {
    let program = shop();
    let (out, first) = (program.home.project().join("out"), program.home.project().join("first"));
    let script = format!(
        "cat > {out}; if [ ! -e {first} ]; then : > {first}; sleep 20; fi",
        out = out.display(),
        first = first.display()
    );
    let arguments = ["target", "add", "command", "api", "--secret", "SESSION_SECRET", "--", "/bin/sh", "-c", &script];
    program.ok(&arguments, b"");
    let mut killed = program.command(&["rotate", "SESSION_SECRET", "--yes"]).spawn().unwrap();
    let begun = Instant::now();
    while !first.exists() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the target was not given anything");
        std::thread::sleep(Duration::from_millis(20));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(program.ok(&["get", "SESSION_SECRET"], b"").stdout, OLD, "it is not active before it is everywhere");
    let shown = json(&program.ok(&["rotation", "show", "SESSION_SECRET", "--json"], b""));
    assert_eq!(shown["rotation"]["doing"], "deploy api");
    let early = json(&program.ok(&["rotation", "resume", "SESSION_SECRET", "--json"], b""));
    assert_eq!(early["rotation"]["doing"], "deploy api", "its call may be under way still");
    let mut clock = Ahead::build();
    clock.pass(Duration::from_secs(36));
    let later = |arguments: &[&str]| {
        let mut command = program.command(arguments);
        clock.command(&mut command);
        let ran = program.run_command(command, arguments, b"");
        assert_eq!(ran.code, Some(0), "{ran}");
        ran
    };
    let done = json(&later(&["rotation", "resume", "SESSION_SECRET", "--json"]));
    assert_eq!(done["rotation"]["state"], "done");
    let new = later(&["get", "SESSION_SECRET"]);
    assert_eq!(fs::read(&out).unwrap(), new.stdout);
    assert_eq!(json(&later(&["history", "SESSION_SECRET", "--json"]))["versions"].as_array().unwrap().len(), 2);
    later(&["audit", "verify"]);
}

/// A vault's KV with the credential stored, and a target that goes there.
fn vault_kv(program: &Program) -> Double<VaultKv> {
    let (service, token) = VaultKv::new();
    let double = Double::start(service);
    program.ok(&["set", "VAULT_TOKEN", "--kind", "bearer-token"], token.as_bytes());
    double
}

fn add_kv(program: &Program, double: &Double<VaultKv>, more: &[&str]) -> Ran {
    let url = double.url();
    let add =
        ["target", "add", "vault-kv", "kv", "--address", &url, "--path", "shop/api", "--secret", "SESSION_SECRET"];
    program.run(&[&add, more].concat())
}

#[test]
fn a_store_gets_the_new_value_and_what_is_somebody_elses_is_left_alone() {
    let program = shop();
    let double = vault_kv(&program);
    let without = add_kv(&program, &double, &[]);
    assert_eq!(without.code, Some(2), "{without}");
    double.service().put("shop/api", "SESSION_SECRET", "somebody else's");
    let foreign = add_kv(&program, &double, &["--credential", "VAULT_TOKEN"]);
    assert_eq!(foreign.code, Some(2), "{foreign}");
    assert!(foreign.err().contains("--adopt") && !foreign.err().contains("somebody else's"), "{foreign}");
    let wrong = add_kv(&program, &double, &["--credential", "SESSION_SECRET"]);
    assert_eq!(wrong.code, Some(2), "{wrong}");
    let added = add_kv(&program, &double, &["--credential", "VAULT_TOKEN", "--adopt"]);
    assert_eq!(added.code, Some(0), "{added}");
    let drift = program.run(&["target", "drift", "--json"]);
    assert_eq!(drift.code, Some(1), "{drift}");
    program.ok(&["rotate", "SESSION_SECRET", "--yes"], b"");
    let new = program.ok(&["get", "SESSION_SECRET"], b"").out();
    assert_eq!(double.service().get("shop/api", "SESSION_SECRET"), Some(new.clone()));
    program.ok(&["target", "drift"], b"");
    let more = program.run(&[
        "target",
        "add",
        "command",
        "x",
        "--secret",
        "SESSION_SECRET",
        "--needs",
        "restarted",
        "--",
        "/bin/true",
    ]);
    assert!(more.code == Some(2) && more.err().contains("at most `accepted`"), "{more}");
    let listed = json(&program.ok(&["target", "list", "--json"], b""));
    let kv = listed["targets"].as_array().unwrap().iter().find(|one| one["name"] == "kv").unwrap();
    assert_eq!((&kv["credential"], &kv["proof"]), (&"VAULT_TOKEN".into(), &"read-back".into()), "{kv}");
    assert!(kv["address"].as_str().unwrap().ends_with("secret/shop/api SESSION_SECRET"), "{kv}");
    let log = program.ok(&["audit", "log"], b"").out();
    assert!(!log.contains(&new), "no value stands in the log");
}

#[test]
fn half_the_targets_failing_loses_nothing_and_goes_on_later() {
    let program = shop();
    let double = vault_kv(&program);
    assert_eq!(add_kv(&program, &double, &["--credential", "VAULT_TOKEN"]).code, Some(0));
    for _ in 0..40 {
        double.trouble("/v1/secret/data/shop/api? {", Trouble::Fails(503));
    }
    let waits = program.run(&["rotate", "SESSION_SECRET", "--yes", "--json"]);
    let rotation = &json(&waits)["rotation"];
    assert_eq!(rotation["over"], false, "{waits}");
    assert_eq!(program.ok(&["get", "SESSION_SECRET"], b"").stdout, OLD, "the old value is the active one");
    double.calm();
    let resumed = program.ok(&["rotation", "resume", "SESSION_SECRET", "-e", "development", "--json"], b"");
    assert_eq!(json(&resumed)["rotation"]["state"], "done", "{resumed}");
    let new = program.ok(&["get", "SESSION_SECRET"], b"").out();
    assert_eq!(double.service().get("shop/api", "SESSION_SECRET"), Some(new.clone()));
    assert!(file(&program).contains(&new));
}

/// A value of another store, made here.
fn value(number: u8) -> String {
    format!("{}{number}", "value-of-the-test-".repeat(2))
}

#[test]
fn people_move_in_from_other_stores() {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    program.ok(&["init", "--yes", "--project", "shop"], b"");
    let (mut service, token) = VaultKv::new();
    service.put("shop/api", "API_PASSWORD", &value(1));
    service.put("shop/web", "WEB_PASSWORD", &value(2));
    service.put("other", "OTHER", "not meant");
    service.put("shop/gone", "GONE", "x");
    service.delete("shop/gone");
    let double = Double::start(service);
    let address = format!("{}/secret/shop", double.url());
    let import = ["import", "--from", "vault-kv", &address];
    let preview = program.ok(&[&import[..], &["--dry-run", "--json"]].concat(), token.as_bytes());
    assert_eq!(json(&preview)["secrets"].as_array().unwrap().len(), 2, "{preview}");
    let imported = program.ok(&import, token.as_bytes());
    assert!(imported.err().contains("2 added"), "{imported}");
    assert_eq!(program.ok(&["get", "WEB_PASSWORD"], b"").out(), value(2));
    let again = program.ok(&import, token.as_bytes());
    assert!(again.err().contains("2 unchanged"), "{again}");
    let refused = program.run_with(&import, b"nobody-has-this-one");
    assert_eq!(refused.code, Some(2), "{refused}");
    let nowhere = program.run_with(&["import", "--from", "vault-kv", "vault.internal"], token.as_bytes());
    assert!(nowhere.code == Some(2) && nowhere.err().contains("/MOUNT"), "{nowhere}");
}

#[test]
fn people_move_in_from_the_clouds() {
    let (mut azure, client) = AzureKeyVault::new();
    azure.put("DATABASE-PASSWORD", &value(1));
    azure.put("B", &value(2));
    azure.put("C", &value(3));
    let azure = Double::start(azure);
    let (mut google, token) = GcpSecrets::new();
    for name in ["G1", "G2", "G3"] {
        google.put(name, &format!("Zq8kLkd93jfKdk2mVx7{name}"));
    }
    let google = Double::start(google);
    let hosts = format!("{},{}", azure.hosts(), google.hosts());
    let program = Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_UPSTREAM_HOSTS", hosts);
    program.ok(&["init", "--yes", "--project", "shop"], b"");
    let three = |ran: &Ran| assert!(ran.err().contains("3 added"), "{ran}");
    three(&program.ok(&["import", "--from", "azure-kv", "shop"], client.as_bytes()));
    assert_eq!(program.ok(&["get", "DATABASE_PASSWORD"], b"").out(), value(1));
    three(&program.ok(&["import", "--from", "gcp-sm", "shop-1"], token.as_bytes()));
    fs::write(program.home.project().join("d.json"), "{\"FROM_DOPPLER\":\"Zq8kLkd93jfKdk2mVx7D\"}").unwrap();
    let doppler = program.ok(&["import", "--from", "doppler", "d.json"], b"");
    assert!(doppler.err().contains("1 added"), "{doppler}");
    assert!(refused(&program, &["import", "--from", "lastpass", "d.json"], 2).contains("1password"));
}

#[test]
fn rules_are_set_listed_paused_and_cleared() {
    let program = shop();
    let set = ["schedule", "set", "SESSION_SECRET", "--every", "30d", "--window", "mon-fri 02:00-05:00", "--auto"];
    let set = program.ok(&set, b"");
    assert!(set.err().contains("every 30 days; in mon,tue,wed,thu,fri 02:00-05:00; by itself"), "{set}");
    program.ok(&["schedule", "set", "--kind", "signing-key", "--every", "never"], b"");
    let due = json(&program.ok(&["calendar", "--json"], b""));
    assert_eq!(due["calendar"].as_array().unwrap().len(), 1, "the narrower rule counts: {due}");
    let rules = json(&program.ok(&["schedule", "list", "--json"], b""));
    let rules: Vec<_> = rules["schedules"].as_array().unwrap().iter().map(|rule| rule["told"].clone()).collect();
    assert_eq!(rules[0], "never");
    let paused = program.ok(&["schedule", "pause", "SESSION_SECRET"], b"");
    assert!(paused.err().contains("paused") && paused.err().contains("every 30 days"), "{paused}");
    program.ok(&["schedule", "pause", "SESSION_SECRET", "--resume"], b"");
    program.ok(&["schedule", "clear", "SESSION_SECRET"], b"");
    assert_eq!(json(&program.ok(&["calendar", "--json"], b""))["calendar"], serde_json::json!([]));
    assert!(refused(&program, &["schedule", "clear", "SESSION_SECRET"], 4).contains("schedule"));
    refused(&program, &["schedule", "pause"], 4);
    refused(&program, &["schedule", "set", "--every", "soon"], 2);
    refused(&program, &["schedule", "set", "--window", "tomorrow"], 2);
    assert!(refused(&program, &["schedule", "set", "--zone", "Mars/Base"], 2).contains("Mars/Base"));
    let log = program.ok(&["audit", "log"], b"").out();
    assert!(log.contains("schedule.set") && log.contains("schedule.clear"), "{log}");
}

#[test]
fn what_was_imported_is_due_within_two_weeks_and_says_so() {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    fs::write(program.home.project().join(".env"), format!("DB_PASSWORD={}\nPORT=80\n", value(1))).unwrap();
    program.ok(&["init", "--yes", "--project", "shop"], b"");
    fs::write(program.home.project().join("more.env"), format!("API_PASSWORD={}\n", value(2))).unwrap();
    program.ok(&["import", "more.env"], b"");
    program.ok(&["set", "OWN_PASSWORD", "--generate=password"], b"");
    let entries = json(&program.ok(&["calendar", "--json"], b""));
    let entries = entries["calendar"].as_array().unwrap().clone();
    let brought: Vec<&str> =
        entries.iter().filter(|one| one["age_unknown"] == true).map(|one| one["about"].as_str().unwrap()).collect();
    assert_eq!(entries.len(), 3, "configuration is never due: {entries:?}");
    assert_eq!(brought.len(), 2, "{entries:?}");
    assert!(brought.iter().all(|about| !about.ends_with("OWN_PASSWORD")), "{brought:?}");
    let shown = program.ok(&["calendar"], b"").out();
    assert!(shown.contains("rotation (age unknown)") && shown.contains("in 13 days"), "{shown}");
    assert!(program.ok(&["calendar", "--ics"], b"").out().contains("nobody knows how old it is"));
    let listed = program.ok(&["schedule", "list"], b"");
    assert!(listed.err().contains("2 secrets of unknown age"), "{listed}");
    assert!(program.ok(&["show", "DB_PASSWORD"], b"").out().contains("due within 14 days"));
    // A new value ends it, and so does who knows better.
    program.ok(&["set", "DB_PASSWORD"], value(3).as_bytes());
    program.ok(&["edit", "API_PASSWORD", "--age-known"], b"");
    let after = program.ok(&["schedule", "list"], b"");
    assert!(!after.err().contains("unknown age"), "{after}");
}

#[test]
fn a_narrower_key_is_refused_where_nobody_could_make_one() {
    let program = shop();
    let refusal = refused(&program, &["rotate", "SESSION_SECRET", "--narrow", "--dry-run"], 2);
    assert!(refusal.contains("no narrower key of `SESSION_SECRET` is made"), "{refusal}");
    refused(&program, &["rotate", "SESSION_SECRET", "--narrow", "--emergency", "-e", "development"], 2);
}
