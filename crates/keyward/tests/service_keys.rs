//! Keys of services on the command line: replaced, brought by a person, ended in an emergency; with
//! doubles of the services.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::fs;

use keyward_testing::doubles::{Cohere, Double, GitHub, OpenAi};
use keyward_testing::{Program, Ran};
use serde_json::Value;

fn program(hosts: String, name: &str, value: &str) -> Program {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_UPSTREAM_HOSTS", hosts);
    program.ok(&["init", "--project", "shop", "--yes", "--no-import"], b"");
    program.ok(&["set", name], value.as_bytes());
    fs::write(program.home.project().join(".env"), format!("PORT=80\n{name}={value}\n")).unwrap();
    program.ok(&["target", "add", "env-file", "web", "--path", ".env", "--secret", name], b"");
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
fn ended(ran: Ran, code: i32) -> Ran {
    assert_eq!(ran.code, Some(code), "{ran}");
    assert!(!ran.err().contains("panicked"), "{ran}");
    ran
}

const ACCOUNT: [&str; 6] =
    ["--admin", "OPENAI_ADMIN_KEY", "--account", "project=proj_1", "--account", "service_account=svc_acct_1"];

#[test]
fn a_leaked_key_is_replaced_and_dead_within_one_command() {
    let (service, admin, old) = OpenAi::new();
    let double = Double::start(service);
    let program = program(double.hosts(), "OPENAI_API_KEY", &old);
    program.ok(&["set", "OPENAI_ADMIN_KEY"], admin.as_bytes());
    let rotate = ["rotate", "OPENAI_API_KEY"];
    let refused = ended(program.run(&[&rotate[..], &["--yes"]].concat()), 2);
    assert!(refused.err().contains("--account project=") && refused.err().contains("--admin SECRET"), "{refused}");

    let plan = program.ok(&[&rotate[..], &ACCOUNT, &["--dry-run"]].concat(), b"").out();
    let keys = "https://api.openai.com/v1/organization/projects/proj_1";
    for call in [
        format!("mint: POST {keys}/service_accounts/svc_acct_1/api_keys {{\"name\":\"<tag>\"}}"),
        "test: GET https://api.openai.com/v1/models".to_owned(),
        format!("retire: DELETE {keys}/api_keys/<old key>"),
    ] {
        assert!(plan.contains(&call), "{call}: {plan}");
    }
    let place = |what: &str| plan.find(what).unwrap_or_else(|| panic!("{what}: {plan}"));
    assert!(place("mint:") < place("give `web`") && place("give `web`") < place("retire:"), "{plan}");
    assert_eq!(double.service().live().len(), 1);

    assert_eq!(program.ok(&["get", "OPENAI_API_KEY"], b"").out(), old);
    let emergency = [&rotate[..], &ACCOUNT, &["--emergency", "--yes"]].concat();
    assert!(ended(program.run(&emergency), 2).err().contains("environment"));
    let ran = program.ok(&[&emergency[..], &["-e", "development", "--json"]].concat(), b"");
    assert!(ran.err().contains("used in the last 24 hours:") && ran.err().contains("read version 1"), "{ran}");
    let rotation = &json(&ran)["rotation"];
    // Dead and proven; what is left is to see, in a while, that nothing of it is left at the service.
    assert_eq!((&rotation["phase"], &rotation["emergency"]), (&"retired".into(), &true.into()), "{ran}");
    assert_eq!(double.service().live().len(), 1);
    assert!(!file(&program).contains(&old));
    let works = program.ok(&["provider", "verify", "OPENAI_API_KEY"], b"").out();
    assert!(works.contains("(version 2): works"), "{works}");
    let dead = ended(program.run(&["provider", "verify", "OPENAI_API_KEY", "--version", "1"]), 1);
    assert!(dead.out().contains("invalid_api_key"), "{dead}");
    let log = program.ok(&["audit", "log"], b"").out();
    assert!(!log.contains(&old) && log.contains("schedule.set"), "{log}");
    program.ok(&["audit", "verify"], b"");
}

#[test]
fn a_person_makes_the_key_and_keyward_does_the_rest() {
    let (service, old) = Cohere::new();
    let double = Double::start(service);
    let program = program(double.hosts(), "COHERE_API_KEY", &old);
    // Without a terminal nobody is asked: what to do is said, and how to go on.
    let waits = ended(program.run(&["rotate", "COHERE_API_KEY", "--yes"]), 1);
    assert!(waits.err().contains("https://dashboard.cohere.com/api-keys"), "{waits}");
    assert!(waits.err().contains("keyward rotation bring COHERE_API_KEY"), "{waits}");
    let refused = program.run_with(&["rotation", "bring", "COHERE_API_KEY"], "x".repeat(40).as_bytes());
    assert!(ended(refused, 2).err().contains("does not work"));
    let new = double.service().make();
    let brought = program.ok(&["rotation", "bring", "COHERE_API_KEY", "--json"], format!("{new}\n").as_bytes());
    assert_eq!(json(&brought)["rotation"]["state"], "observing", "{brought}");
    assert!(!brought.to_string().contains(&new), "it is not repeated");
    assert_eq!(file(&program), format!("PORT=80\nCOHERE_API_KEY={new}\n"));
    assert!(ended(program.run_with(&["rotation", "bring", "COHERE_API_KEY"], b"x"), 2).err().contains("awaited"));
}

#[test]
fn a_new_key_comes_with_the_command_by_standard_input() {
    let (mut service, old) = Cohere::new();
    let new = service.make();
    let double = Double::start(service);
    let program = program(double.hosts(), "COHERE_API_KEY", &old);
    let ran = program.ok(&["rotate", "COHERE_API_KEY", "--yes", "--stdin"], new.as_bytes());
    assert!(ran.err().contains("observing") && !ran.to_string().contains(&new), "{ran}");
    assert!(file(&program).contains(&new));
}

#[test]
fn a_key_is_revoked_in_a_named_environment_alone() {
    let (service, old) = GitHub::new();
    let double = Double::start(service);
    let program = program(double.hosts(), "GITHUB_TOKEN", &old);
    let revoke = ["revoke", "GITHUB_TOKEN"];
    assert!(ended(program.run(&[&revoke[..], &["--yes"]].concat()), 2).err().contains("environment"));
    let here = [&revoke[..], &["-e", "development"]].concat();
    let plan = program.ok(&[&here[..], &["--dry-run"]].concat(), b"");
    assert!(plan.out().contains("retire: POST https://api.github.com/credentials/revoke"), "{plan}");
    assert!(plan.err().contains("nobody used it in the last 24 hours"), "{plan}");
    assert!(ended(program.run(&here), 2).err().contains("--yes"));
    assert_eq!(double.service().live(), 1, "nothing was done yet");
    let done = program.ok(&[&here[..], &["--yes"]].concat(), b"");
    assert!(done.err().contains("version 1 of `GITHUB_TOKEN` is dead"), "{done}");
    assert_eq!(double.service().live(), 0);
    let shown = json(&program.ok(&["rotation", "show", "GITHUB_TOKEN", "--json"], b""));
    assert_eq!((&shown["rotation"]["revokes"], &shown["rotation"]["new"]), (&true.into(), &Value::Null));
}
