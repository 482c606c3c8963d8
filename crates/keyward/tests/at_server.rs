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
    assert_eq!(unbound.code, Some(2), "a token is for no vault of this machine: {unbound}");
    assert!(unbound.err().contains("KEYWARD_TOKEN") && unbound.err().contains("KEYWARD_ADDR"), "{unbound}");
    let here = client.run(&["get", "API_SECRET", "--local"]);
    assert_eq!(here.code, Some(5), "the vault of this machine, which there is not: {here}");
}

#[test]
fn a_folder_that_is_bound_twice_gets_nothing_once_it_is_not_trusted_any_more() {
    let server = Server::start();
    let client = Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_TOKEN", server.token(&["--ttl", "1h"]));
    std::fs::write(client.home.project().join(".env"), format!("API_SECRET={}\n", value(2))).unwrap();
    client.ok(&["init", "--yes", "--server", &server.url], b"");
    client.ok(&["init", "--yes", "--local"], b"");
    let place = client.ok(&["trust", "--server", &server.url], b"");
    assert!(place.err().contains(&server.url), "{place}");
    client.ok(&["list"], b"");
    client.ok(&["untrust"], b"");
    let here = client.run(&["list", "--local"]);
    assert_eq!(here.code, Some(3), "{here}");
    // Trusted here, it has no longer its secrets from there.
    client.ok(&["trust", "--server", &server.url], b"");
    let moved = client.ok(&["trust", "--local"], b"");
    assert!(moved.err().contains("vault of this machine") && moved.err().contains("until now"), "{moved}");
    client.ok(&["list", "--local"], b"");
    assert_eq!(client.run(&["list"]).code, Some(2), "the token has no server any more");
}

#[test]
fn a_manifest_that_cannot_be_understood_moves_nobody_to_another_vault() {
    let server = Server::start();
    let client = Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_TOKEN", server.token(&["--ttl", "1h"]));
    std::fs::write(client.home.project().join(".env"), format!("API_SECRET={}\n", value(2))).unwrap();
    client.ok(&["init", "--yes", "--server", &server.url], b"");
    let listed = |folder: &std::path::Path| {
        let mut command = client.command(&["project", "list"]);
        command.current_dir(folder);
        client.run_command(command, &["project", "list"], b"")
    };
    let (bound, inner) = (client.home.project(), client.home.project().join("inner"));
    std::fs::create_dir(&inner).unwrap();
    assert_eq!(listed(&inner).code, Some(0), "a folder below belongs there, too");
    // One with a project of its own was never bound: it is of the vault of this machine, which a token is not for.
    std::fs::write(inner.join("keyward.toml"), "project = \"other\"\n").unwrap();
    let own = listed(&inner);
    assert!(own.code == Some(2) && own.err().contains("KEYWARD_TOKEN"), "{own}");
    std::fs::write(inner.join("keyward.toml"), "project = \n").unwrap();
    let unclear = listed(&inner);
    assert!(unclear.code == Some(2) && unclear.err().contains("inner/keyward.toml"), "{unclear}");
    std::fs::write(bound.join("keyward.toml"), "project = \n").unwrap();
    let there = listed(&bound);
    assert!(there.code == Some(0) && there.out().contains("shop"), "{there}");
}

#[test]
fn commands_of_this_machine_do_nothing_here_in_the_place_of_another_server() {
    let server = Server::start();
    let elsewhere = "https://keyward.example";
    for arguments in [
        &["seal", "--yes"][..],
        &["seal", "--status"],
        &["lock"],
        &["unlock"],
        &["up", "--listen", "127.0.0.1:0"],
        &["serve", "--config", "server.toml"],
        &["agent"],
        &["restore", "backup.db"],
        &["store", "accept"],
        &["store", "migrate", "--to", "other.db"],
    ] {
        let ran = server.program.run(&[arguments, &["--server", elsewhere]].concat());
        assert_eq!(ran.code, Some(2), "{ran}");
        assert!(ran.err().contains("this machine alone") && ran.err().contains(elsewhere), "{ran}");
    }
    // What is set for every command does not keep this machine's from working.
    let here = Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_ADDR", elsewhere);
    here.ok(&["lock"], b"");
}

#[test]
fn an_error_names_the_server_that_was_asked_and_no_other() {
    let elsewhere = "https://keyward.example";
    let client = Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_ADDR", elsewhere).with("KEYWARD_TOKEN", "x");
    for arguments in [&["restore", "missing.db"][..], &["project", "pull", "http://127.0.0.1:1", "-p", "shop"]] {
        let ran = client.run(arguments);
        assert!(ran.code != Some(0) && !ran.err().contains(elsewhere), "{ran}");
        let json = client.run(&[arguments, &["--json"]].concat());
        assert!(json.err().contains("\"code\"") && !json.err().contains(elsewhere), "{json}");
    }
    let child = client.run(&["run", "-p", "shop", "--server", "http://127.0.0.1:1", "--", "true"]);
    assert!(child.err().contains("http://127.0.0.1:1") && !child.err().contains(elsewhere), "{child}");
    let hidden = client.run(&["list", "--server", "https://ada:hidden@keyward.example"]);
    assert!(hidden.code == Some(2) && !hidden.err().contains("hidden"), "{hidden}");
}

#[test]
fn a_denial_names_what_it_is_about_for_who_may_list_it_and_for_nobody_else() {
    let server = Server::start();
    let owner = server.client(&server.token(&["--ttl", "1h"]));
    let at = ["-p", "default", "-e", "production"];
    owner.ok(&[&["set", "A", "--raw"][..], &at].concat(), b"a value");
    owner.ok(&[&["set", "PLAIN", "--kind", "config", "--raw"][..], &at].concat(), b"a value in the open");
    let lists = server.client(&server.token(&["--ttl", "1h", "--scope", "list:default/*"]));
    let get = [&["get", "A"][..], &at].concat();
    let denied = lists.run(&get);
    assert_eq!(denied.code, Some(3), "{denied}");
    assert!(denied.err().contains("you may not read `default/production/A`"), "{denied}");
    assert!(denied.err().contains("hint: "), "{denied}");
    let ran = lists.run(&[&["run"][..], &at, &["--", "true"]].concat());
    assert_eq!(ran.code, Some(125), "{ran}");
    assert!(ran.err().contains("production/A`") && ran.err().contains("production/PLAIN`"), "{ran}");
    let shown = lists.ok(&[&["show", "PLAIN"][..], &at].concat(), b"");
    assert!(shown.out().contains("hidden: you may not read it") && !shown.out().contains("open"), "{shown}");
    let blind = server.client(&server.token(&["--ttl", "1h", "--scope", "match:*"]));
    let denied = blind.run(&get);
    assert!(denied.code == Some(3) && denied.err().contains("hint: "), "{denied}");
    assert!(!denied.err().contains("production/A"), "{denied}");
}

#[test]
fn a_reason_is_on_record_there_in_the_words_of_who_gave_it() {
    let server = Server::start();
    let client = server.client(&server.token(&["--ttl", "1h"]));
    client.ok(&["set", "A", "-p", "default", "--raw", "--reason", "für Zoë 請求"], b"a value");
    let log = server.program.ok(&["audit", "log", "--json"], b"").out();
    assert!(log.contains("für Zoë 請求"), "{log}");
}

#[test]
fn a_link_leads_to_the_server_that_made_it() {
    let server = Server::start();
    let client = Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_TOKEN", server.token(&["--ttl", "1h"]));
    client.ok(&["user", "add", "bob", "--server", &server.url], b"");
    let link = client.ok(&["user", "invite", "bob", "--server", &server.url], b"").out();
    assert!(link.starts_with(&format!("{}/#link=", server.url)), "another server's address");
    std::fs::write(client.home.project().join(".env"), "PORT=8080\n").unwrap();
    client.ok(&["init", "--yes", "--server", &server.url], b"");
    let link = client.ok(&["user", "invite", "bob"], b"").out();
    assert!(link.starts_with(&format!("{}/#link=", server.url)), "another server's address");
    let link = client.ok(&["user", "invite", "bob", "--at", "https://keyward.example"], b"").out();
    assert!(link.starts_with("https://keyward.example/#link="), "another server's address");
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
    // One that may recognise nothing, or is dead, makes no scan green; least of all one without candidates.
    let clean = ci.home.user().join("clean");
    std::fs::create_dir(&clean).unwrap();
    std::fs::write(clean.join("README.md"), "Nothing to see.\n").unwrap();
    let scanned = |client: &Program| {
        let mut command = client.command(&["scan"]);
        command.current_dir(&clean);
        client.run_command(command, &["scan"], b"")
    };
    assert_eq!(scanned(&ci).code, Some(0));
    let reader = server.client(&server.token(&["--ttl", "1h", "--scope", "read:default/development/*"]));
    let ran = scanned(&reader);
    assert!(ran.code == Some(3) && ran.err().contains(&server.url), "{ran}");
    let listed: Value = serde_json::from_str(&owner.ok(&["token", "list", "--json"], b"").out()).unwrap();
    for token in listed["tokens"].as_array().unwrap() {
        server.program.ok(&["token", "revoke", token["id"].as_str().unwrap(), "--yes"], b"");
    }
    for dead in [&ci, &server.client("nonsense")] {
        let ran = scanned(dead);
        assert!(ran.code == Some(3) && ran.err().contains(&server.url), "{ran}");
    }
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
    local(&["set", "ONLY_STAGING", "-e", "staging", "--raw", "--max-versions", "1"], b"\x00\xff binary");
    local(&["set", "OLD", "--raw"], b"of no use");
    local(&["delete", "OLD", "-e", "development"], b"");
    let pushed = laptop.ok(&["project", "push"], b"");
    let said = pushed.err();
    assert!(said.contains("3 secrets, 5 versions, each compared") && said.contains("1 version stay"), "{pushed}");
    let shown = laptop.ok(&["show", "ONLY_STAGING", "-e", "staging", "--json"], b"").out();
    assert!(shown.contains("\"max_versions\": 1"), "{shown}");
    // Each version was read back, not the active one alone.
    let log = server.program.ok(&["audit", "log", "--json", "--last", "1000"], b"").out();
    let log: Value = serde_json::from_str(&log).unwrap();
    let entries = log["entries"].as_array().unwrap().iter();
    let of = entries.filter(|one| one["about"].as_str().is_some_and(|about| about.ends_with("/API_SECRET")));
    let mut read: Vec<_> =
        of.filter(|one| one["action"] == "secret.export").map(|one| one["version"].as_u64()).collect();
    read.sort_unstable();
    read.dedup();
    assert_eq!(read, [Some(1), Some(2), Some(3)]);
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
    // From where it may be used is asked there and shown here.
    let bound = laptop.ok(&["project", "edit", "shop", "--network", "127.0.0.0/8", "--network", "10.0.0.0/8"], b"");
    assert!(bound.err().contains("127.0.0.0/8, 10.0.0.0/8"), "{bound}");
    let away = laptop.run(&["project", "edit", "shop", "--network", "192.0.2.0/24"]);
    assert_eq!(away.code, Some(2), "{away}");
    assert!(away.err().contains("you come from `127.0.0.1`") && away.err().contains("--force"), "{away}");
    laptop.ok(&["project", "edit", "shop", "--network", "192.0.2.0/24", "--force"], b"");
    for asked in [&["get", "API_SECRET"][..], &["list"], &["project", "show", "shop"]] {
        let refused = laptop.run(asked);
        assert_eq!(refused.code, Some(3), "{refused}");
        assert!(refused.err().contains("`127.0.0.1` is in none of them"), "{refused}");
    }
    // The user whom the server runs as holds the vault's keys.
    server.program.ok(&["project", "edit", "shop", "--network", "127.0.0.0/8"], b"");
    let shown = laptop.ok(&["project", "show", "shop"], b"").out();
    assert!(shown.contains("NETWORKS") && shown.contains("127.0.0.0/8"), "{shown}");
    // And back, after a change there.
    laptop.ok(&["set", "API_SECRET", "--raw"], value(7).as_bytes());
    let taken = laptop.run(&["project", "pull", "-p", "shop"]);
    assert_eq!(taken.code, Some(2), "the copy here is in the way: {taken}");
    local(&["project", "delete", "shop", "--yes"], b"");
    laptop.ok(&["project", "pull", "-p", "shop"], b"");
    assert_eq!(local(&["get", "API_SECRET"], b"").out(), value(7));
    assert!(local(&["project", "list"], b"").out().contains("127.0.0.0/8"), "its networks come along");
    local(&["audit", "verify"], b"");
    server.program.ok(&["audit", "verify"], b"");
}

#[test]
fn what_a_leaver_has_read_is_replaced_line_by_line() {
    let server = Server::start();
    let owner = &server.program;
    for (name, kind) in [("SESSION_SECRET", "signing-key"), ("DB_PASSWORD", "password")] {
        owner.ok(&["set", name, "-p", "default", "--kind", kind, "--raw"], value(name.len() as u64).as_bytes());
    }
    owner.ok(&["service-account", "add", "deployer"], b"");
    owner.ok(&["role", "grant", "developer", "deployer", "-p", "default"], b"");
    let client = server.client(&server.token(&["--for", "deployer", "--ttl", "1h"]));
    for name in ["SESSION_SECRET", "DB_PASSWORD"] {
        client.ok(&["get", name, "-p", "default"], b"");
    }
    let rotate = ["offboard", "deployer", "--rotate", "--yes", "--json"];
    let ran = owner.run(&rotate);
    assert_eq!(ran.code, Some(1), "{ran}");
    let lines: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    let state = |name: &str| {
        let lines = lines["lines"].as_array().unwrap();
        let line = lines.iter().find(|line| line["name"] == format!("default/development/{name}"));
        line.unwrap_or_else(|| panic!("{name}: {ran}"))["state"].as_str().unwrap().to_owned()
    };
    assert_eq!((state("SESSION_SECRET").as_str(), state("DB_PASSWORD").as_str()), ("done", "by-hand"));
    let history = owner.ok(&["list", "-p", "default", "--json"], b"").out();
    assert!(history.contains("\"version\": 2") || history.contains("\"version\":2"), "{history}");
    // A value that somebody brought himself settles its line.
    owner.ok(&["set", "DB_PASSWORD", "-p", "default", "--raw"], value(99).as_bytes());
    let ran = owner.ok(&rotate, b"");
    assert!(ran.out().contains("DB_PASSWORD") && !ran.out().contains("SESSION_SECRET"), "{ran}");
    let plan = owner.ok(&["offboard", "deployer", "--plan"], b"");
    assert!(plan.err().contains("everything that had to be replaced is worked off"), "{plan}");
}

/// `GET` by a program that sends no header of ours.
fn fetched(server: &Server, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let host = server.url.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_calendar_program_subscribes_by_an_address_that_shows_nothing_else() {
    let server = Server::start();
    let owner = &server.program;
    owner.ok(&["set", "SESSION_SECRET", "-p", "default", "--kind", "signing-key", "--raw"], value(5).as_bytes());
    let made = owner.ok(&["calendar", "--subscribe", "-p", "default", "--ttl", "30d"], b"");
    let url = made.out().trim().to_owned();
    let path = url.strip_prefix("http://127.0.0.1:8200").unwrap_or_else(|| panic!("{made}"));
    let feed = fetched(&server, path);
    assert!(feed.starts_with("HTTP/1.1 200") && feed.contains("text/calendar"), "{feed}");
    assert!(feed.contains("Rotate default/development/SESSION_SECRET") && feed.contains("END:VCALENDAR"), "{feed}");
    assert!(feed.to_lowercase().contains("cache-control: no-store"), "{feed}");
    // Another environment, another token, no token: nobody.
    let elsewhere = path.replace("/development/", "/production/");
    let wide = server.token(&["--ttl", "1h"]);
    for path in
        [elsewhere, format!("/calendar/default/development/{wide}.ics"), "/calendar/default/development/x.ics".into()]
    {
        let refused = fetched(&server, &path);
        assert!(refused.starts_with("HTTP/1.1 40") && !refused.contains("SESSION_SECRET"), "{refused}");
    }
    let token = path.rsplit('/').next().unwrap().trim_end_matches(".ics");
    let narrow = server.client(token);
    assert_eq!(narrow.run(&["get", "SESSION_SECRET", "-p", "default"]).code, Some(3), "it opens nothing");
    let id = &token.split_once('_').unwrap().1[..12];
    server.program.ok(&["token", "revoke", id, "--yes"], b"");
    assert!(fetched(&server, path).starts_with("HTTP/1.1 401"), "it was revoked");
}
