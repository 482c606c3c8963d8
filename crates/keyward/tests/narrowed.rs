//! Virtual keys that their holders made narrower without asking anybody: what the gateway makes of them, and
//! that the algorithm is what `docs/gateway.md` says, in Python and in JavaScript.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[path = "narrowed/site.rs"]
mod site;

use std::io::Write as _;
use std::process::{Command, Stdio};

use data_encoding::BASE64URL_NOPAD;
use keyward_testing::Program;
use keyward_types::token::checksum;
use serde_json::json;

use crate::site::{Asked, Site};

/// The narrowed key, made where there is neither a vault nor a server.
fn narrow(key: &str, rules: &[&str]) -> String {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    let ran = program.ok(&[&["virtual-key", "narrow"], rules].concat(), key.as_bytes());
    assert!(!program.home.vault().exists(), "nobody is asked");
    ran.out().trim().to_owned()
}

#[test]
fn a_holder_narrows_a_key_and_the_gateway_keeps_to_it() {
    let site = Site::new();
    let key = site.make(&["--model", "gpt-4o*", "--allow", "POST /v1/**", "--max-field", "max_tokens=1000"]);
    let mini = narrow(&key, &["--model", "gpt-4o-mini", "--max-field", "max_tokens=300", "--tag", "user-4711"]);
    assert!(!mini.contains(&key[16..46]), "the key is not in what is made of it");
    assert_eq!(site.ask(&mini, &Asked::default()), (200, String::new()));
    assert_eq!(site.ask(&key, &Asked { model: "gpt-4o", ..Asked::default() }).0, 200, "the key itself is as it was");
    let refused = |key: &str, asked: &Asked<'_>| site.ask(key, asked);
    let of = |code: &str, status| (status, code.to_owned());
    assert_eq!(refused(&mini, &Asked { model: "gpt-4o", ..Asked::default() }), of("model_not_granted", 403));
    assert_eq!(refused(&mini, &Asked { tokens: 301, ..Asked::default() }), of("field", 400));

    // What is made of it is narrower still; what would be wider gives nothing back.
    let tab = narrow(
        &mini,
        &["--allow", "POST /v1/chat/*", "--model", "*", "--max-field", "max_tokens=9000", "--tag", "tab-2"],
    );
    assert_eq!(refused(&tab, &Asked::default()).0, 200);
    assert_eq!(refused(&tab, &Asked { model: "gpt-4o", ..Asked::default() }), of("model_not_granted", 403));
    assert_eq!(refused(&tab, &Asked { model: "o1", ..Asked::default() }), of("model_not_granted", 403));
    assert_eq!(refused(&tab, &Asked { tokens: 301, ..Asked::default() }), of("field", 400));
    assert_eq!(
        refused(&tab, &Asked { path: "/openai/v1/embeddings", ..Asked::default() }),
        of("call_not_granted", 403)
    );

    for (rules, code, status) in [
        (["--expires", "1"], "expired_key", 401),
        (["--provider", "cohere"], "provider_not_granted", 403),
        (["--network", "192.0.2.0/24"], "network", 403),
        (["--origin", "https://shop.example"], "origin", 403),
        (["--allow", "GET /v1/models"], "call_not_granted", 403),
    ] {
        assert_eq!(refused(&narrow(&key, &rules), &Asked::default()), of(code, status), "{rules:?}");
    }
    for rules in [["--ttl", "1h"], ["--provider", "openai"], ["--network", "127.0.0.0/8"]] {
        assert_eq!(refused(&narrow(&key, &rules), &Asked::default()).0, 200, "{rules:?}");
    }
    // A page's key is a page's, however it was narrowed.
    let page = site.make(&["--origin", "https://shop.example", "--origin", "https://other.example"]);
    let shop = narrow(&page, &["--origin", "https://shop.example"]);
    assert_eq!(refused(&shop, &Asked { origin: "https://shop.example", ..Asked::default() }).0, 200);
    assert_eq!(refused(&shop, &Asked { origin: "https://other.example", ..Asked::default() }), of("origin", 403));

    // It counts with its parent, under what its holder says.
    let used = site.usage("tag", 7);
    let of_tag = |tag: &str| {
        let mut rows = used.iter().filter(|row| row["tag"] == tag);
        rows.find(|row| row["key"] == key[4..16]).and_then(|row| row["requests"].as_u64())
    };
    assert_eq!((of_tag("user-4711"), of_tag("user-4711/tab-2")), (Some(1), Some(1)), "{used:?}");
    assert_eq!(of_tag(""), Some(4), "{used:?}");
}

#[test]
fn what_was_tampered_with_is_no_key_and_a_dead_parent_has_no_children() {
    let site = Site::new();
    let key = site.make(&[]);
    let lines = "model gpt-4o-mini\ntag user-1";
    let narrowed = narrow(&key, &["--model", "gpt-4o-mini", "--tag", "user-1"]);
    let tag = narrowed[..narrowed.len() - 6].rsplit_once('.').unwrap().1.to_owned();
    let id = &key[4..16];
    // Whoever forges one makes a checksum that fits.
    let text = |id: &str, lines: &str, tag: &str| {
        let body = format!("kwv_{id}.{}.{tag}", BASE64URL_NOPAD.encode(lines.as_bytes()));
        format!("{body}{}", checksum(body.as_bytes()))
    };
    assert_eq!(text(id, lines, &tag), narrowed);
    let short = narrow(&key, &["--model", "gpt-4o-mini"]);
    let other = site.make(&[]);
    let mut altered = tag.clone().into_bytes();
    altered[7] = if altered[7] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    let many = ["tag a"; 17].join("\n");
    for (what, forged) in [
        ("a caveat is gone", text(id, "model gpt-4o-mini", &tag)),
        ("the other one is gone", text(id, "tag user-1", &tag)),
        ("none is left", text(id, "", &tag)),
        ("one is altered", text(id, "model gpt-4o*\ntag user-1", &tag)),
        ("one is added without the key", text(id, &format!("{lines}\nmodel *"), &tag)),
        ("they changed places", text(id, "tag user-1\nmodel gpt-4o-mini", &tag)),
        ("another parent", text(&other[4..16], lines, &tag)),
        ("nobody's parent", text("AAAAAAAAAAAA", lines, &tag)),
        ("another tag", text(id, lines, &altered)),
        ("a tag of nothing", text(id, lines, &BASE64URL_NOPAD.encode(&[0; 32]))),
        ("a short tag", text(id, lines, &tag[..40])),
        ("a condition that nobody knows", text(id, "weekday monday", &tag)),
        ("too many", text(id, &many, &tag)),
        ("the key with caveats behind it", format!("{}.{}.{tag}{}", &key[..46], "YQ", &narrowed[narrowed.len() - 6..])),
        ("a wrong checksum", format!("{}000000", &narrowed[..narrowed.len() - 6])),
    ] {
        assert_eq!(site.ask(&forged, &Asked::default()), (401, "malformed_key".to_owned()), "{what}: {forged}");
    }
    assert_eq!(site.ask(&narrowed, &Asked::default()).0, 200);

    // With grace what was made of the old text serves as long as that does; without, it is dead at once.
    let newer = site.rotate(id, "1h");
    assert_eq!((site.ask(&narrowed, &Asked::default()).0, site.ask(&short, &Asked::default()).0), (200, 200));
    let of_newer = narrow(&newer, &["--model", "gpt-4o-mini"]);
    assert_eq!(site.ask(&of_newer, &Asked::default()).0, 200);
    let newest = site.rotate(id, "");
    for dead in [&narrowed, &short, &of_newer] {
        let (status, code) = site.ask(dead, &Asked::default());
        assert!(status == 401 && matches!(&*code, "unknown_key" | "malformed_key"), "{status} {code}");
    }
    let last = narrow(&newest, &["--tag", "last"]);
    assert_eq!(site.ask(&last, &Asked::default()).0, 200);
    site.revoke(id);
    assert_eq!(site.ask(&last, &Asked::default()).0, 401);
    let child = site.make(&["--uses", "2"]);
    let (a, b) = (narrow(&child, &["--tag", "a"]), narrow(&child, &["--tag", "b"]));
    let statuses = [&a, &b, &a, &b, &child].map(|key| site.ask(key, &Asked::default()).0);
    assert_eq!(statuses, [200, 200, 429, 429, 429], "all of them spend what the parent has");
}

#[test]
fn what_cannot_be_narrowed_is_refused_in_words() {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    let ran = program.run_with(&["virtual-key", "narrow", "--tag", "a"], b"kwv_nothing");
    assert!(ran.code == Some(2) && ran.err().contains("it is no whole virtual key"), "{ran}");
    assert!(!ran.err().contains("kwv_nothing"), "{ran}");
    let ran = program.run_with(&["virtual-key", "narrow"], b"");
    assert!(ran.code == Some(2) && ran.err().contains("nothing is said by which"), "{ran}");
    for wrong in [["--model", "a b"], ["--origin", "*"], ["--max-field", "x"], ["--network", "here"], ["--tag", "a/b"]]
    {
        let ran = program.run_with(&[&["virtual-key", "narrow"], &wrong[..]].concat(), b"");
        assert!(ran.code == Some(2) && ran.err().contains("caveat") || ran.err().contains("of a virtual key"), "{ran}");
    }
}

/// The examples of the page, taken from it.
#[test]
fn a_backend_in_any_language_narrows_keys_as_the_page_says() {
    let body = ["kwv_", "0123456789ab", &"Ab1".repeat(10)].concat();
    let key = format!("{body}{}", checksum(body.as_bytes()));
    let ours = narrow(&key, &["--expires", "1764187200", "--model", "gpt-4o-mini", "--tag", "user-4711"]);
    let again = narrow(&ours, &["--max-field", "max_tokens=300"]);
    let caveats = json!(["expires 1764187200", "model gpt-4o-mini", "tag user-4711"]);
    let read = "json.load(sys.stdin)";
    let python = format!(
        "import json, sys\nkey, first, then = {read}\none = narrow(key, *first)\nprint(one, narrow(one, *then))\n"
    );
    let script = "const [key, first, then] = JSON.parse(require('fs').readFileSync(0, 'utf8'));\n\
                  const one = narrow(key, ...first);\nconsole.log(one, narrow(one, ...then));\n";
    for (program, fence, more) in [(python3(), "python", &*python), (node(), "javascript", script)] {
        let said = run(
            program,
            &format!("{}\n{more}", example(fence)),
            &json!([key, caveats, ["max max_tokens=300"]]).to_string(),
        );
        assert_eq!(said.trim(), format!("{ours} {again}"), "{fence}");
    }
}

/// The block of this language under the heading about keys that are narrowed.
fn example(language: &str) -> String {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/gateway.md");
    let page = std::fs::read_to_string(page).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with("Narrower, without asking")).unwrap();
    let block = section.split(&format!("```{language}\n")).nth(1).unwrap_or_else(|| panic!("no {language}"));
    block.split("```").next().unwrap().to_owned()
}

fn python3() -> Command {
    let mut command = Command::new("python3");
    command.arg("-c");
    command
}

#[expect(clippy::disallowed_methods, reason = "a test asks its runner where Node.js is")]
fn node() -> Command {
    let mut command = Command::new(std::env::var_os("KEYWARD_NODE").unwrap_or_else(|| "node".into()));
    command.arg("-e");
    command
}

fn run(mut command: Command, text: &str, input: &str) -> String {
    command.arg(text).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("`cargo xtask test tests` installs it");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let ran = child.wait_with_output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}
