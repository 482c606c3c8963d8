//! Accounts, roles, policies and tokens on the command line: exit codes and shapes that scripts
//! depend on.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use keyward_testing::{Program, Ran};
use serde_json::Value;

fn user() -> Program {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    program.ok(&["init", "--yes", "--project", "shop"], b"");
    program.ok(&["set", "KEPT", "-p", "shop"], b"a value that stays as it is");
    program
}

#[track_caller]
fn json(ran: &Ran) -> Value {
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"))
}

/// Refused with this code and nothing on standard output.
#[track_caller]
fn refused(program: &Program, arguments: &[&str], code: i32) -> String {
    let ran = program.run(arguments);
    assert_eq!(ran.code, Some(code), "{ran}");
    assert!(ran.stdout.is_empty(), "{ran}");
    assert!(ran.err().contains("keyward: ") && !ran.err().contains("panicked"), "{ran}");
    ran.err()
}

#[test]
fn a_person_gets_rights_by_a_role_and_loses_them_with_it() {
    let program = user();
    program.ok(&["user", "add", "grace", "--name", "Grace Hopper"], b"");
    let question = ["policy", "test", "grace", "read", "shop/development/KEPT"];
    let denied = program.run(&question);
    assert_eq!((denied.code, denied.out().trim()), (Some(1), "denied: nothing permits it"));
    program.ok(&["role", "grant", "developer", "grace", "-p", "shop"], b"");
    let allowed = program.ok(&question, b"").out();
    assert_eq!(allowed.trim(), "allowed: decided by the role's policy `developer-values`");
    assert_eq!(program.run(&["policy", "test", "grace", "read", "shop/production/KEPT"]).code, Some(1));
    let roles = json(&program.ok(&["role", "list", "--json"], b""));
    let binding = roles["roles"].as_array().unwrap().iter().find(|one| one["account"] == "grace").unwrap().clone();
    assert_eq!((&binding["role"], &binding["project"]), (&"developer".into(), &"shop".into()));
    let id = binding["id"].as_str().unwrap()[..8].to_owned();
    refused(&program, &["role", "revoke", &id], 2);
    program.ok(&["role", "revoke", &id, "--yes"], b"");
    assert_eq!(program.run(&question).code, Some(1));
    program.ok(&["audit", "verify"], b"");
}

#[test]
fn bad_names_of_people_and_roles_are_refused_with_the_reason() {
    let program = user();
    for (login, why) in [("Grace", "lower case"), ("grасe", "look like"), ("a/b", "not allowed"), ("a*", "not allowed")]
    {
        assert!(refused(&program, &["user", "add", login], 2).contains(why), "{login}");
    }
    program.ok(&["user", "add", "grace"], b"");
    assert!(refused(&program, &["user", "add", "grace"], 2).contains("already"));
    assert!(refused(&program, &["role", "grant", "king", "grace"], 2).contains("is not a role"));
    refused(&program, &["role", "grant", "developer", "nobody"], 4);
    refused(&program, &["role", "grant", "developer", "grace", "-p", "nothing"], 4);
    refused(&program, &["role", "grant", "owner", "grace", "-p", "shop"], 2);
    assert!(refused(&program, &["role", "grant", "developer", "grace", "-e", "production"], 2).contains("project"));
    refused(&program, &["user", "disable", "nobody", "--yes"], 4);
    refused(&program, &["user", "disable", "grace"], 2);
}

#[test]
fn a_token_is_shown_once_and_listed_without_its_text() {
    let program = user();
    let ran =
        program.ok(&["token", "create", "--ttl", "90d", "--scope", "read:shop/development/*", "--name", "laptop"], b"");
    let text = ran.out().trim().to_owned();
    assert!(text.starts_with("kwp_") && text.len() == 52, "{ran}");
    assert!(!ran.err().contains(&text));
    let list = program.ok(&["token", "list", "--json"], b"");
    assert!(!list.out().contains(&text[16..]));
    let token = &json(&list)["tokens"][0];
    assert_eq!((&token["name"], &token["state"]), (&"laptop".into(), &"live".into()));
    assert_eq!(token["scopes"], serde_json::json!(["read:shop/development/*"]));
    let id = token["id"].as_str().unwrap().to_owned();
    program.ok(&["token", "revoke", &id, "--yes"], b"");
    assert_eq!(json(&program.ok(&["token", "list", "--json"], b""))["tokens"][0]["state"], "revoked");
    for (arguments, why) in [
        (vec!["--scope", "read:shop"], "whole project"),
        (vec!["--scope", "read:shop/dev*/A"], "not allowed"),
        (vec!["--cidr", "10.0.0.1/8"], "beyond its prefix"),
        (vec!["--uses", "0"], "dead from the beginning"),
    ] {
        let arguments = [vec!["token", "create"], arguments].concat();
        assert!(refused(&program, &arguments, 2).contains(why), "{arguments:?}");
    }
    refused(&program, &["token", "create", "--scope", "read:nothing/*"], 4);
    refused(&program, &["token", "create", "--for", "nobody"], 4);
}

#[test]
fn a_policy_is_checked_before_it_counts() {
    let program = user();
    let write = |name: &str, text: &str| std::fs::write(program.home.project().join(name), text).unwrap();
    write("wrong.cedar", "forbid (principal, action == Action::\"raed\", resource);");
    let error = refused(&program, &["policy", "put", "wrong", "wrong.cedar"], 2);
    assert!(error.contains("raed") && error.contains("keyward policy schema"), "{error}");
    write("good.cedar", "forbid (principal, action == Action::\"read\", resource) when { resource.name == \"KEPT\" };");
    program.ok(&["policy", "put", "no-kept", "good.cedar"], b"");
    program.ok(&["user", "add", "grace"], b"");
    program.ok(&["role", "grant", "admin", "grace"], b"");
    let denied = program.run(&["policy", "test", "grace", "read", "shop/development/KEPT"]);
    assert_eq!((denied.code, denied.out().trim()), (Some(1), "denied: decided by `no-kept`"));
    // Whoever opens the vault with a slot is not held back.
    assert_eq!(program.ok(&["get", "KEPT", "-p", "shop"], b"").out(), "a value that stays as it is");
    program.ok(&["policy", "delete", "no-kept", "--yes"], b"");
    program.ok(&["policy", "test", "grace", "read", "shop/development/KEPT"], b"");
    refused(&program, &["policy", "show", "no-kept"], 4);
}
