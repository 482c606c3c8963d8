//! People who come and go on the command line: exit codes and shapes that scripts depend on.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use keyward_testing::{Program, Ran};
use serde_json::Value;

/// A vault with a person who may read development by a group, and everything by a role of her own.
fn company() -> Program {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    program.ok(&["init", "--yes", "--project", "shop"], b"");
    for (environment, name) in [("development", "FOR_WORK"), ("production", "IN_EARNEST")] {
        program.ok(&["set", name, "-p", "shop", "-e", environment], &value(name));
    }
    program.ok(&["user", "add", "grace", "--name", "Grace Hopper"], b"");
    program.ok(&["group", "create", "backend"], b"");
    program.ok(&["role", "grant", "developer", "--group", "backend", "-p", "shop"], b"");
    program.ok(&["group", "add", "backend", "grace"], b"");
    program
}

/// A secret value, put together here.
fn value(of: &str) -> Vec<u8> {
    format!("Zq8{}Lkd93jfKdk2", of.replace('_', "7")).into_bytes()
}

#[track_caller]
fn json(ran: &Ran) -> Value {
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"))
}

#[track_caller]
fn refused(program: &Program, arguments: &[&str], code: i32) -> String {
    let ran = program.run(arguments);
    assert_eq!(ran.code, Some(code), "{ran}");
    assert!(ran.stdout.is_empty(), "{ran}");
    assert!(ran.err().contains("keyward: ") && !ran.err().contains("panicked"), "{ran}");
    ran.err()
}

/// What could have been read, and by what.
fn reachable(program: &Program) -> Vec<(String, String)> {
    let plan = json(&program.ok(&["offboard", "grace", "--plan", "--json"], b""));
    let lines = plan["offboarding"]["plan"]["reachable"].as_array().unwrap().iter();
    lines.map(|line| (line["subject"]["name"].as_str().unwrap().to_owned(), line["through"].to_string())).collect()
}

#[test]
fn rights_that_ended_still_count_and_those_never_had_do_not() {
    let program = company();
    let by_group = [("FOR_WORK".to_owned(), r#"[{"group":"backend"}]"#.to_owned())];
    assert_eq!(reachable(&program), by_group, "a developer does not see production");
    program.ok(&["group", "remove", "backend", "grace"], b"");
    assert_eq!(reachable(&program), by_group, "she was in it");
    program.ok(&["group", "delete", "backend", "--yes"], b"");
    assert_eq!(reachable(&program), by_group, "the group is gone");
    program.ok(&["user", "add", "heidi"], b"");
    let other = json(&program.ok(&["offboard", "heidi", "--plan", "--json"], b""));
    assert_eq!(other["offboarding"]["plan"]["reachable"], serde_json::json!([]));
    program.ok(&["audit", "verify"], b"");
}

#[test]
fn an_account_ends_and_the_list_is_worked_off() {
    let program = company();
    refused(&program, &["offboard", "nobody"], 4);
    refused(&program, &["offboard", "grace"], 2);
    refused(&program, &["offboard", "grace", "--done", "shop/development/FOR_WORK"], 4);
    let plan = program.ok(&["offboard", "grace", "--plan"], b"");
    assert!(plan.out().contains("group backend"), "{plan}");

    let gone = json(&program.ok(&["offboard", "grace", "--yes", "--json"], b""));
    assert!(gone["offboarding"]["disabled_at"].is_string(), "{gone}");
    assert_eq!(program.run(&["policy", "test", "grace", "read", "shop/development/FOR_WORK"]).code, Some(1));
    let line = "shop/development/FOR_WORK";
    assert!(refused(&program, &["offboard", "grace", "--dismiss", line], 2).contains("reason"));
    program.ok(&["offboard", "grace", "--dismiss", line, "--reason", "a test key"], b"");
    program.ok(&["offboard", "grace", "--yes"], b"");
    let again = json(&program.ok(&["offboard", "grace", "--plan", "--json"], b""));
    let task = &again["offboarding"]["tasks"][0];
    assert_eq!((&task["name"], &task["state"]["dismissed"]["reason"]), (&line.into(), &"a test key".into()));
    // A new value takes nothing away from what was settled, and the old one is in use no more.
    program.ok(&["set", "FOR_WORK", "-p", "shop"], &value("later"));
    let later = json(&program.ok(&["offboard", "grace", "--plan", "--json"], b""));
    assert_eq!(later["offboarding"]["plan"]["reachable"], serde_json::json!([]), "{later}");
    assert_eq!(later["offboarding"]["tasks"].as_array().unwrap().len(), 1, "{later}");
    program.ok(&["audit", "verify"], b"");
}

#[test]
fn a_review_takes_away_and_gives_back_and_nobody_reviews_himself() {
    let program = company();
    refused(&program, &["review", "show"], 4);
    let review = json(&program.ok(&["review", "start", "--json"], b""));
    let lines = review["review"]["lines"].as_array().unwrap().clone();
    let number = |account: &str, own: bool| {
        let line = lines.iter().find(|line| (line["account"] == account) == own).unwrap();
        line["number"].to_string()
    };
    let (hers, mine) = (number("grace", true), number("grace", false));
    assert_eq!(lines.len(), 2, "the owner's, and what the group gives her");
    assert!(refused(&program, &["review", "decide", &mine, "keep"], 3).contains("his own"));
    assert!(refused(&program, &["review", "decide", &hers, "narrow", "auditor"], 2).contains("backend"));
    refused(&program, &["review", "decide", "99", "keep"], 4);
    refused(&program, &["review", "start"], 2);

    let read = ["policy", "test", "grace", "read", "shop/development/FOR_WORK"];
    program.ok(&read, b"");
    program.ok(&["review", "decide", &hers, "keep"], b"");
    program.ok(&["review", "decide", &hers, "remove"], b"");
    assert_eq!(program.run(&read).code, Some(1), "she lost it at once");
    refused(&program, &["review", "decide", &hers, "keep"], 2);
    program.ok(&["review", "decide", &hers, "restore"], b"");
    program.ok(&read, b"");
    let shown = program.ok(&["review", "show"], b"");
    assert!(shown.out().contains("restored by"), "{shown}");
    program.ok(&["audit", "verify"], b"");
}

#[test]
fn a_role_is_narrowed_and_restored_where_it_was() {
    let program = company();
    program.ok(&["user", "add", "heidi"], b"");
    program.ok(&["role", "grant", "developer", "heidi", "-p", "shop"], b"");
    let review = json(&program.ok(&["review", "start", "--json"], b""));
    let lines = review["review"]["lines"].as_array().unwrap().clone();
    let line = lines.iter().find(|line| line["account"] == "heidi").unwrap();
    assert_eq!((&line["role"], &line["at"]), (&"developer".into(), &"shop".into()));
    let number = line["number"].to_string();
    program.ok(&["review", "decide", &number, "narrow", "auditor"], b"");
    let roles = |program: &Program| {
        let roles = json(&program.ok(&["role", "list", "--json"], b""));
        let all = roles["roles"].as_array().unwrap().clone();
        let hers = all.into_iter().filter(|role| role["account"] == "heidi");
        hers.map(|role| format!("{} {}", role["role"].as_str().unwrap(), role["project"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(roles(&program), ["auditor shop"]);
    program.ok(&["review", "decide", &number, "restore"], b"");
    assert!(roles(&program).contains(&"developer shop".to_owned()));
}

#[test]
fn a_newcomer_gets_roles_and_a_checklist_that_evidence_ticks() {
    let program = company();
    program.ok(&["user", "add", "heidi"], b"");
    refused(&program, &["onboard", "heidi"], 4);
    assert!(refused(&program, &["onboard", "heidi", "--template", "king"], 2).contains("developer"));
    refused(&program, &["onboard", "heidi", "--template", "developer"], 2);
    let begun = json(&program.ok(&["onboard", "heidi", "--template", "developer", "-p", "shop", "--json"], b""));
    let items = begun["onboarding"]["items"].as_array().unwrap();
    assert!(items.len() == 5 && items.iter().all(|item| item["done"].is_null()), "{begun}");
    program.ok(&["policy", "test", "heidi", "read", "shop/development/FOR_WORK"], b"");
    assert!(refused(&program, &["onboard", "heidi", "--accept-policy"], 3).contains("himself"));

    // Whoever opened the vault is the only one who can act here.
    let me = json(&program.ok(&["user", "list", "--json"], b""));
    let people = me["users"].as_array().unwrap().iter();
    let others = ["grace", "heidi"];
    let mut me = people.filter_map(|user| user["login"].as_str()).filter(|login| !others.contains(login));
    let me = me.next().unwrap();
    program.ok(&["onboard", me, "--template", "auditor"], b"");
    program.ok(&["run", "-p", "shop", "--", "true"], b"");
    let done = json(&program.ok(&["onboard", me, "--accept-policy", "--know-leak-contact", "--json"], b""));
    let items = done["onboarding"]["items"].as_array().unwrap();
    let open: Vec<&str> =
        items.iter().filter(|item| item["done"].is_null()).map(|item| item["step"].as_str().unwrap()).collect();
    assert_eq!(open, ["second-factor"], "{done}");
    program.ok(&["audit", "verify"], b"");
}
