//! Commands of one machine at the server of another: the same results and exit codes as beside the
//! vault. Both are homes of their own here, and the way between them is the API alone.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use keyward_testing::{Program, Ran};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A running `keyward up` with its own home.
struct Server {
    program: Program,
    child: Child,
    url: String,
}

impl Server {
    fn start() -> Self {
        let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
        let mut command = program.command(&["up", "--listen", "127.0.0.1:0", "--json"]);
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
        let url = said["urls"][0].as_str().unwrap().to_owned();
        Self { program, child, url }
    }

    fn token(&self, arguments: &[&str]) -> String {
        self.program.ok(&[&["token", "create"], arguments].concat(), b"").out().trim().to_owned()
    }

    /// Another machine, whose commands know this server.
    fn client(&self, token: &str) -> Program {
        Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_ADDR", &self.url).with("KEYWARD_TOKEN", token)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

fn value(n: u64) -> String {
    format!("{:016x}{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15), (n + 7).wrapping_mul(0xbf58_476d_1ce4_e5b9))
}

#[test]
fn what_is_set_there_is_read_run_and_exported_here() {
    let server = Server::start();
    let client = server.client(&server.token(&["--ttl", "1h"]));
    let secret = value(1);
    client.ok(&["set", "SESSION_SECRET", "-p", "default", "--raw"], secret.as_bytes());
    client.ok(&["set", "PORT", "-p", "default", "--raw"], b"8080");
    assert_eq!(client.ok(&["get", "SESSION_SECRET", "-p", "default"], b"").out(), secret);
    let listed = client.ok(&["list", "-p", "default"], b"").out();
    assert!(listed.contains("SESSION_SECRET") && !listed.contains(&secret), "{listed}");
    let ran = client.ok(&["run", "-p", "default", "--", "sh", "-c", "echo $PORT $SESSION_SECRET"], b"");
    assert!(ran.out().starts_with("8080 ") && !ran.out().contains(&secret), "{ran}");
    let bare = client.ok(&["run", "-p", "default", "--no-mask", "--", "sh", "-c", "printf %s $SESSION_SECRET"], b"");
    assert_eq!(bare.out(), secret);
    let exported = client.ok(&["export", "-p", "default", "--format", "json"], b"").out();
    let exported: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!((exported["PORT"].as_str(), exported["SESSION_SECRET"].as_str()), (Some("8080"), Some(&*secret)));
    let who: Value = serde_json::from_str(&client.ok(&["whoami", "--json"], b"").out()).unwrap();
    assert_eq!((who["place"].as_str(), who["server"].as_str()), (Some("server"), Some(&*server.url)));
    assert!(!client.home.vault().join("vault.db").exists(), "nothing of a vault is made on the client");
    // On record there: who, with what program, and that it left.
    let log = server.program.ok(&["audit", "log", "--json"], b"").out();
    assert!(log.contains("keyward/") && log.contains("secret.read"), "{log}");
}

#[test]
fn refusals_have_the_exit_codes_of_a_local_vault_and_name_the_server() {
    let server = Server::start();
    let owner = server.client(&server.token(&["--ttl", "1h"]));
    owner.ok(&["set", "A", "-p", "default", "--raw"], b"a value");
    let narrow = server.client(&server.token(&["--ttl", "1h", "--scope", "read:default/development/*"]));
    let ends = |ran: &Ran, code: i32| {
        assert_eq!(ran.code, Some(code), "{ran}");
        assert!(ran.err().contains(&server.url), "{ran}");
    };
    ends(&owner.run(&["get", "MISSING", "-p", "default"]), 4);
    ends(&owner.run(&["get", "A", "-p", "nothing"]), 4);
    ends(&narrow.run(&["get", "A", "-p", "default", "-e", "production"]), 3);
    ends(&narrow.run_with(&["set", "A", "-p", "default"], b"another"), 3);
    ends(&narrow.run(&["audit", "log"]), 3);
    ends(&owner.run(&["rekey"]), 2);
    let stranger = server.client("nonsense");
    ends(&stranger.run(&["list", "-p", "default"]), 3);
    let nobody = Program::new(env!("CARGO_BIN_EXE_keyward"));
    ends(&nobody.run(&["list", "-p", "default", "--server", &server.url]), 3);
    let json = owner.run(&["get", "MISSING", "-p", "default", "--json"]);
    let error: Value = serde_json::from_str(&json.err()).unwrap();
    assert_eq!(
        (error["error"]["code"].as_str(), error["error"]["place"].as_str()),
        (Some("not_found"), Some(&*server.url))
    );
    let gone = owner.run(&["list", "-p", "default", "--server", "http://127.0.0.1:1"]);
    assert_eq!(gone.code, Some(70), "{gone}");
    let clear = owner.run(&["list", "-p", "default", "--server", "http://keyward.example"]);
    assert_eq!(clear.code, Some(2), "{clear}");
}

#[test]
fn a_folder_belongs_to_the_server_that_a_person_bound_it_to() {
    let server = Server::start();
    let token = server.token(&["--ttl", "1h"]);
    let client = Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_TOKEN", &token);
    std::fs::write(client.home.project().join(".env"), format!("API_SECRET={}\n", value(2))).unwrap();
    client.ok(&["init", "--yes", "--server", &server.url], b"");
    // From now on without naming it.
    assert_eq!(client.ok(&["get", "API_SECRET"], b"").out(), value(2));
    client.ok(&["run", "--", "sh", "-c", "test -n \"$API_SECRET\""], b"");
    // Another folder that asks for the same project gets nothing.
    let other = client.home.user().join("cloned");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("keyward.toml"), "project = \"shop\"\n").unwrap();
    let mut command = client.command(&["get", "API_SECRET", "--server", &server.url]);
    command.current_dir(&other);
    let refused = client.run_command(command, &["get"], b"");
    assert_eq!(refused.code, Some(3), "{refused}");
    client.ok(&["untrust"], b"");
    let unbound = client.run(&["get", "API_SECRET"]);
    assert_eq!(unbound.code, Some(5), "the vault of this machine, which there is not: {unbound}");
}

#[test]
fn a_scan_in_ci_says_which_secret_it_is_and_reports_where() {
    let server = Server::start();
    let owner = server.client(&server.token(&["--ttl", "1h"]));
    let (strong, weak) = (value(3), "tiger22");
    owner.ok(&["set", "STRONG", "-p", "default", "--raw"], strong.as_bytes());
    owner.ok(&["set", "WEAK", "-p", "default", "--kind", "password", "--raw"], weak.as_bytes());
    let ci = server.client(&server.token(&["--ttl", "1h", "--scope", "match:*"]));
    let folder = ci.home.project();
    std::fs::write(folder.join("notes.txt"), format!("before\nsome words {strong} and more\n")).unwrap();
    std::fs::write(folder.join("a.py"), format!("password = \"{weak}\"\n")).unwrap();
    let ran = ci.run(&["scan", "--format", "json"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    let report: Value = serde_json::from_str(&ran.out()).unwrap();
    let names: Vec<_> = report["findings"].as_array().unwrap().iter().map(|one| &one["vault"]["name"]).collect();
    assert!(names.contains(&&Value::from("STRONG")) && names.contains(&&Value::from("WEAK")), "{ran}");
    let listed: Value = serde_json::from_str(&owner.ok(&["finding", "list", "--json"], b"").out()).unwrap();
    let reported = listed["findings"].as_array().unwrap();
    assert_eq!(reported.len(), names.len(), "{listed}");
    assert!(reported.iter().any(|one| one["path"] == "notes.txt" && one["line"] == 2), "{listed}");
    assert!(!listed.to_string().contains(&strong) && !listed.to_string().contains("some words"), "{listed}");
    // What was decided stays decided, and a scan that does not report leaves nothing.
    let id = reported[0]["id"].as_str().unwrap();
    owner.ok(&["finding", "resolve", id, "--as", "revoked"], b"");
    std::fs::write(folder.join("more.txt"), format!("{strong}\n")).unwrap();
    assert_eq!(ci.run(&["scan", "--no-report"]).code, Some(1));
    let again: Value = serde_json::from_str(&owner.ok(&["finding", "list", "--all", "--json"], b"").out()).unwrap();
    assert_eq!(again["findings"].as_array().unwrap().len(), names.len(), "{again}");
    // The token can do nothing else.
    assert_eq!(ci.run(&["list", "-p", "default"]).code, Some(3));
    assert_eq!(ci.run(&["finding", "list"]).code, Some(3));
    // Whoever named a server counts on it.
    let gone = ci.run(&["scan", "--server", "http://127.0.0.1:1"]);
    assert_eq!(gone.code, Some(70), "{gone}");
}

#[test]
fn a_project_goes_to_a_server_and_back() {
    let server = Server::start();
    let laptop = server.client(&server.token(&["--ttl", "1h"]));
    let local = |arguments: &[&str], input: &[u8]| laptop.ok(&[arguments, &["--local"]].concat(), input);
    std::fs::write(laptop.home.project().join(".env"), format!("API_SECRET={}\nPORT=8080\n", value(4))).unwrap();
    local(&["init", "--yes"], b"");
    local(&["set", "API_SECRET", "--raw", "--description", "for mail"], value(5).as_bytes());
    local(&["set", "API_SECRET", "--raw"], value(6).as_bytes());
    local(&["rollback", "API_SECRET", "2"], b"");
    local(&["set", "ONLY_STAGING", "-e", "staging", "--raw"], b"\x00\xff binary");
    let pushed = laptop.ok(&["project", "push"], b"");
    assert!(pushed.err().contains("compared") && pushed.err().contains("--local"), "{pushed}");
    // The folder has its secrets from there now, with nobody naming the server.
    assert_eq!(laptop.ok(&["get", "API_SECRET"], b"").out(), value(5));
    assert_eq!(laptop.ok(&["get", "API_SECRET", "--version", "1"], b"").out(), value(4));
    assert_eq!(laptop.ok(&["get", "API_SECRET", "--version", "3"], b"").out(), value(6));
    assert_eq!(laptop.ok(&["get", "ONLY_STAGING", "-e", "staging"], b"").stdout, b"\x00\xff binary");
    let shown = laptop.ok(&["show", "API_SECRET", "--json"], b"").out();
    assert!(shown.contains("for mail"), "{shown}");
    // Both logs tell of it, the server's with the state of the other.
    let log = server.program.ok(&["audit", "log", "--json"], b"").out();
    assert!(log.contains("project push of vault"), "{log}");
    let again = laptop.run(&["project", "push", "-p", "shop"]);
    assert_eq!(again.code, Some(2), "there already: {again}");
    // And back, after a change there.
    laptop.ok(&["set", "API_SECRET", "--raw"], value(7).as_bytes());
    let taken = laptop.run(&["project", "pull", "-p", "shop"]);
    assert_eq!(taken.code, Some(2), "the copy here is in the way: {taken}");
    local(&["project", "delete", "shop", "--yes"], b"");
    laptop.ok(&["project", "pull", "-p", "shop"], b"");
    assert_eq!(local(&["get", "API_SECRET"], b"").out(), value(7));
    local(&["audit", "verify"], b"");
    server.program.ok(&["audit", "verify"], b"");
}
