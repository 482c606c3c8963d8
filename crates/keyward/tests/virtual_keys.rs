//! Virtual keys and usage on the command line: exit codes and shapes that scripts depend on.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use keyward_testing::{Program, Ran};
use serde_json::{Value, json};

fn user() -> Program {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    program.ok(&["init", "--yes", "--project", "shop"], b"");
    let value = b"what the service knows us by, 42";
    program.ok(&["set", "CHAT_KEY", "-p", "shop", "-e", "production", "--provider", "openai"], value);
    program
}

#[track_caller]
fn json_of(ran: &Ran) -> Value {
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

const AT: [&str; 4] = ["-p", "shop", "-e", "production"];

fn create<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["virtual-key", "create", "chat", "--secret", "CHAT_KEY"], &AT[..], more].concat()
}

#[test]
fn a_key_is_shown_once_with_its_base_url_and_listed_without_its_text() {
    let program = user();
    let rules = [
        "--model",
        "gpt-4o*",
        "--allow",
        "POST /v1/chat/*",
        "--origin",
        "https://shop.example",
        "--network",
        "10.0.0.0/8",
        "--rpm",
        "60",
        "--tpm",
        "10000",
        "--parallel",
        "4",
        "--budget",
        "5usd/day",
        "--max-field",
        "max_tokens=1000",
        "--ttl",
        "8h",
        "--uses",
        "100",
        "--max-stale",
        "10s",
        "--tag",
        "web",
        "--strict",
    ];
    let ran = program.ok(&create(&rules), b"");
    let text = ran.out().trim().to_owned();
    assert!(text.starts_with("kwv_") && text.len() == 52, "{ran}");
    assert!(ran.err().contains("base URL: http://127.0.0.1:8201/openai/v1"), "{ran}");
    assert!(ran.err().contains("`--for LOGIN`") && !ran.err().contains(&text), "{ran}");
    let list = program.ok(&["vk", "list", "--json"], b"");
    assert!(!list.out().contains(&text[16..]));
    let listed = &json_of(&list)["virtual_keys"][0];
    assert_eq!(
        (&listed["name"], &listed["state"], &listed["id"]),
        (&json!("chat"), &json!("live"), &json!(&text[4..16]))
    );
    let table = program.ok(&["virtual-key", "list"], b"").out();
    assert!(table.contains("shop/production") && table.contains("openai"), "{table}");
    let shown = program.ok(&["virtual-key", "show", "chat"], b"").out();
    for part in ["CHAT_KEY for openai", "POST /v1/chat/*", "max_tokens=1000", "5usd/day, 0 % reserved or spent"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let detail = json_of(&program.ok(&["virtual-key", "show", &text[4..12], "--json"], b""));
    assert_eq!(detail["virtual_key"]["rules"]["max_stale"], 10);
}

#[test]
fn scripts_read_id_key_and_base_url() {
    let program = user();
    let made = json_of(&program.ok(&create(&["--json"]), b""));
    let key = &made["virtual_key"];
    assert!(key["key"].as_str().unwrap().starts_with("kwv_"));
    assert_eq!(&key["key"].as_str().unwrap()[4..16], key["id"].as_str().unwrap());
    assert_eq!(key["base_url"], "http://127.0.0.1:8201/openai/v1");
    assert_eq!(key["base_urls"], json!({ "openai": "http://127.0.0.1:8201/openai/v1" }));
}

#[test]
fn a_key_is_replaced_with_grace_and_revoked_and_its_name_is_free() {
    let program = user();
    let first = program.ok(&create(&[]), b"").out();
    refused(&program, &["virtual-key", "rotate", "chat"], 2);
    let second = program.ok(&["virtual-key", "rotate", "chat", "--grace", "1h"], b"").out();
    assert_eq!((&first[..16], first == second), (&second[..16], false), "the id stays, the text does not");
    program.ok(&["virtual-key", "rotate", "chat", "--yes"], b"");
    assert!(refused(&program, &["virtual-key", "rotate", "chat", "--grace", "8d"], 2).contains("between one second"));
    refused(&program, &["virtual-key", "revoke", "chat"], 2);
    program.ok(&["virtual-key", "revoke", "chat", "--yes"], b"");
    refused(&program, &["virtual-key", "revoke", "chat", "--yes"], 2);
    program.ok(&create(&[]), b"");
    program.ok(&["virtual-key", "revoke", "chat", "--yes"], b"");
    program.ok(&["audit", "verify"], b"");
}

#[test]
fn what_is_no_key_is_refused_with_the_reason() {
    let program = user();
    for (more, code, why) in [
        (&["--budget", "5usd"][..], 2, "5usd/day"),
        (&["--budget", "5eur/day"], 2, "`usd`"),
        (&["--allow", "CONNECT /"], 2, "POST /v1/chat/*"),
        (&["--allow", "/v1/../x"], 2, "nowhere but down"),
        (&["--origin", "https://shop.example/"], 2, "no path"),
        (&["--network", "10.0.0.1/8"], 2, "beyond its prefix"),
        (&["--max-field", "max_tokens"], 2, "max_tokens=1000"),
        (&["--rpm", "0"], 2, "serves nobody"),
        (&["--provider", "nobody"], 2, "provider list"),
        (&["--provider", "qdrant"], 2, "say which"),
        (&["--provider", "qdrant", "--upstream", "http://10.0.0.1"], 2, "TLS"),
        (&["--secret", "OTHER"], 4, "OTHER"),
        (&["--for", "nobody"], 4, "nobody"),
    ] {
        let said = refused(&program, &create(more), code);
        assert!(said.contains(why), "{more:?}: {said}");
    }
    program.ok(&create(&[]), b"");
    assert!(refused(&program, &create(&[]), 2).contains("already"));
    refused(&program, &["virtual-key", "show", "nothing"], 4);
    assert!(refused(&program, &create(&["--secret", "CHAT_KEY"]), 2).contains("one secret at a service"));
}

#[test]
fn a_key_of_a_program_needs_the_programs_right() {
    let program = user();
    program.ok(&["service-account", "add", "bot"], b"");
    let said = refused(&program, &create(&["--for", "bot"]), 2);
    assert!(said.contains("`bot` may not use `CHAT_KEY`"), "{said}");
    program.ok(&["role", "grant", "operator", "bot", "-p", "shop"], b"");
    let ran = program.ok(&create(&["--for", "bot"]), b"");
    assert!(ran.err().contains("of `bot`") && !ran.err().contains("--for"), "{ran}");
    assert_eq!(json_of(&program.ok(&["virtual-key", "list", "--json"], b""))["virtual_keys"][0]["account"], "bot");
}

#[test]
fn usage_of_nothing_is_an_empty_list() {
    let program = user();
    for by in ["key", "provider", "model", "secret"] {
        let used = json_of(&program.ok(&["usage", "--by", by, "--json"], b""));
        assert_eq!(used, json!({ "usage": [], "next": null }));
    }
    refused(&program, &["usage", "--days", "0"], 2);
    refused(&program, &["usage", "--days", "401"], 2);
}
