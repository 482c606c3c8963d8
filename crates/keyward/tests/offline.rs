//! Values of a server for a while without it: where their environment allows it, for whom they were read
//! for, and as long as the server said. The server is a process that is stopped and started again.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use keyward_testing::{Program, Ran};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// `keyward up` with its own home, which comes back at the same address.
struct Server {
    program: Program,
    child: Option<Child>,
    url: String,
}

impl Server {
    fn start() -> Self {
        let mut server = Self {
            program: Program::new(env!("CARGO_BIN_EXE_keyward")),
            child: None,
            url: "http://127.0.0.1:0".into(),
        };
        server.again();
        server
    }

    fn again(&mut self) {
        let address = self.url.trim_start_matches("http://");
        let mut command = self.program.command(&["up", "--listen", address, "--json"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        let said = loop {
            assert_ne!(lines.read_line(&mut text).unwrap(), 0, "it ended: {text}");
            if let Ok(said) = serde_json::from_str::<Value>(&text) {
                break said;
            }
        };
        self.url = said["urls"][0].as_str().unwrap().to_owned();
        self.child = Some(child);
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = kill_process(Pid::from_child(&child), Signal::TERM);
            let _ = child.wait();
        }
    }

    fn token(&self) -> String {
        self.program.ok(&["token", "create", "--ttl", "1h"], b"").out().trim().to_owned()
    }

    /// Another machine, with `KEY` of `default/development` at the server.
    fn client(&self, offline_for: &str) -> Program {
        let client = Program::new(env!("CARGO_BIN_EXE_keyward"))
            .with("KEYWARD_ADDR", &self.url)
            .with("KEYWARD_TOKEN", self.token())
            .with("KEYWARD_PROJECT", "default");
        client.ok(&["set", "KEY", "--raw"], value().as_bytes());
        client.ok(&["environment", "edit", "development", "--offline-for", offline_for], b"");
        client
    }

    /// Entries of the log with this action.
    fn entries(&self, action: &str) -> Vec<Value> {
        let log = self.program.ok(&["audit", "log", "--json", "--last", "1000"], b"").out();
        let log: Value = serde_json::from_str(&log).unwrap();
        log["entries"].as_array().unwrap().iter().filter(|one| one["action"] == action).cloned().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn value() -> String {
    format!("{:016x}{:016x}", 0x9e37_79b9_7f4a_7c15_u64, 0xbf58_476d_1ce4_e5b9_u64)
}

/// What is kept on a machine, if anything is.
fn kept(client: &Program) -> Option<PathBuf> {
    let files = std::fs::read_dir(client.home.vault().join("offline")).ok()?.flatten().map(|entry| entry.path());
    files.into_iter().find(|path| path.extension().is_some_and(|end| end == "json"))
}

#[track_caller]
fn is_unreached(ran: &Ran) {
    assert!(matches!(ran.code, Some(70 | 125)), "{ran}");
    assert!(ran.err().contains("cannot be asked"), "{ran}");
    assert!(!ran.out().contains(&value()), "{ran}");
}

const RUN: &[&str] = &["run", "--no-mask", "--", "sh", "-c", "printf %s $KEY"];

#[test]
fn run_and_get_go_on_without_the_server_and_it_hears_of_that() {
    let mut server = Server::start();
    let client = server.client("1h");
    assert_eq!(client.ok(RUN, b"").out(), value());
    assert!(!client.ok(&["get", "KEY"], b"").err().contains("offline"));
    client.ok(&["set", "STRICT", "-e", "production", "--raw"], b"a value of production");
    client.ok(&["get", "STRICT", "-e", "production"], b"");
    let reads = server.entries("secret.run");
    assert!(reads.iter().any(|one| one.to_string().contains("offline_until")), "{reads:?}");
    // Sealed, for this user alone.
    let file = kept(&client).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains(&value()) && !text.contains("KEY"), "{text}");
    let key = client.home.keys().join("offline.key");
    assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);

    server.stop();
    let got = client.ok(&["get", "KEY"], b"");
    assert_eq!(got.out(), value());
    assert!(got.err().contains("offline: ") && got.err().contains("good until"), "{got}");
    let ran = client.ok(RUN, b"");
    assert_eq!(ran.out(), value());
    assert!(ran.err().contains("offline: "), "{ran}");
    assert_eq!(client.run(&["run", "--", "sh", "-c", "exit 7"]).code, Some(7), "the child's code as usual");
    let listed = client.ok(&["cache", "list", "--json"], b"").out();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (listed["cache"][0]["environment"].as_str(), &listed["cache"][0]["values"]),
        (Some("development"), &1.into())
    );
    // Reading and running alone, and nothing of what was not allowed.
    is_unreached(&client.run(&["get", "STRICT", "-e", "production"]));
    is_unreached(&client.run(&["get", "OTHER"]));
    is_unreached(&client.run_with(&["set", "KEY", "--raw"], b"another"));
    is_unreached(&client.run(&["list"]));
    is_unreached(&client.run(&["export", "--format", "json"]));

    server.again();
    assert!(server.entries("secret.offline").is_empty());
    assert!(!client.ok(&["get", "KEY"], b"").err().contains("offline"));
    let told = server.entries("secret.offline");
    assert_eq!(told.len(), 2, "read and run: {told:?}");
    assert!(told.iter().any(|one| one.to_string().contains("\"values\":\"2\"")), "{told:?}");
    client.ok(&["get", "KEY"], b"");
    assert_eq!(server.entries("secret.offline").len(), 2, "told once");
    server.program.ok(&["audit", "verify"], b"");
}

#[test]
fn it_ends_on_time_and_with_what_the_environment_allows() {
    let mut server = Server::start();
    let client = server.client("2s");
    client.ok(&["get", "KEY"], b"");
    assert!(kept(&client).is_some());
    server.stop();
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let late = client.run(&["get", "KEY"]);
    is_unreached(&late);
    assert!(late.err().contains("its time is over"), "{late}");
    server.again();
    client.ok(&["environment", "edit", "development", "--offline-for", "1h"], b"");
    client.ok(&["get", "KEY"], b"");
    client.ok(&["environment", "edit", "development", "--no-offline"], b"");
    assert!(client.ok(&["get", "KEY"], b"").out() == value() && kept(&client).is_none());
    server.stop();
    is_unreached(&client.run(&["get", "KEY"]));
}

#[test]
fn it_belongs_to_one_token_and_ends_with_it() {
    let mut server = Server::start();
    let client = server.client("1h");
    client.ok(&["get", "KEY"], b"");
    let other = server.token();
    server.stop();
    let with = |token: &str| {
        let mut command = client.command(&["get", "KEY"]);
        command.env("KEYWARD_TOKEN", token);
        client.run_command(command, &["get", "KEY"], b"")
    };
    let refused = with(&other);
    is_unreached(&refused);
    assert!(refused.err().contains("another token"), "{refused}");
    is_unreached(&client.run(&["get", "KEY"]));
    assert!(kept(&client).is_none());

    server.again();
    client.ok(&["get", "KEY"], b"");
    assert!(kept(&client).is_some());
    let tokens = server.program.ok(&["token", "list", "--json"], b"").out();
    let tokens: Value = serde_json::from_str(&tokens).unwrap();
    for token in tokens["tokens"].as_array().unwrap() {
        server.program.ok(&["token", "revoke", token["id"].as_str().unwrap(), "--yes"], b"");
    }
    let revoked = client.run(&["list"]);
    assert_eq!(revoked.code, Some(3), "{revoked}");
    assert!(revoked.err().contains("gone from this machine"), "{revoked}");
    assert!(kept(&client).is_none());
    server.stop();
    is_unreached(&client.run(&["get", "KEY"]));
}

#[test]
fn what_was_altered_or_cleared_is_given_to_nobody() {
    let mut server = Server::start();
    let client = server.client("1h");
    client.ok(&["get", "KEY"], b"");
    let file = kept(&client).unwrap();
    let mut text = std::fs::read(&file).unwrap();
    let at = text.len() - 20;
    text[at] = if text[at] == b'A' { b'B' } else { b'A' };
    std::fs::write(&file, text).unwrap();
    server.stop();
    let refused = client.run(&["get", "KEY"]);
    is_unreached(&refused);
    assert!(refused.err().contains("not what was written"), "{refused}");
    assert!(kept(&client).is_none());
    server.again();
    client.ok(&["get", "KEY"], b"");
    client.ok(&["cache", "clear"], b"");
    assert!(kept(&client).is_none());
    server.stop();
    is_unreached(&client.run(&["get", "KEY"]));
}
