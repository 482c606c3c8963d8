//! `keyward up` on a fresh machine: ready at once, over HTTP and by the command line, at the same
//! time and with the same results.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use keyward_testing::Program;
use rustix::process::{Pid, Signal, kill_process};

/// A running `keyward up`.
struct Up {
    child: Child,
    address: SocketAddr,
    /// By which the owner chooses a password.
    link: Option<String>,
    /// From the start of the process to the first answer of `/readyz`.
    took: Duration,
}

impl Up {
    fn start(program: &Program) -> Self {
        let started = Instant::now();
        let mut command = program.command(&["up", "--listen", "127.0.0.1:0", "--json"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut text = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        while serde_json::from_str::<serde_json::Value>(&text).is_err() {
            if lines.read_line(&mut text).unwrap() == 0 {
                let mut said = String::new();
                let _ = child.stderr.take().unwrap().read_to_string(&mut said);
                panic!("it ended: {text}{said}");
            }
        }
        let said: serde_json::Value = serde_json::from_str(&text).unwrap();
        let address = said["urls"][0].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
        let link = said["link"].as_str().map(str::to_owned);
        let up = Self { child, address, link, took: Duration::ZERO };
        assert_eq!(up.ask("GET", "/readyz", "", None).0, 200);
        Self { took: started.elapsed(), ..up }
    }

    fn ask(&self, method: &str, path: &str, token: &str, body: Option<&str>) -> (u16, String) {
        let body = body.unwrap_or_default();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }

    fn end(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_keyward"))
}

/// A token of the owner, made by the command line while the server runs.
fn token(program: &Program) -> String {
    let made = program.ok(&["token", "create", "--json"], b"");
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    made["text"].as_str().unwrap().to_owned()
}

const VALUES: &str = "/api/v1/projects/default/environments/development/values";
const SECRETS: &str = "/api/v1/projects/default/environments/development/secrets";

#[test]
fn the_first_secret_goes_both_ways_while_it_runs() {
    let program = program();
    let up = Up::start(&program);
    println!("ready after {:?}", up.took);
    assert!(up.took < Duration::from_secs(5), "it took {:?}", up.took);
    let token = token(&program);
    let (status, answer) = up.ask("PUT", &format!("{SECRETS}/BY_HTTP"), &token, Some(r#"{"value":"from a program"}"#));
    assert_eq!(status, 201, "{answer}");
    let got = program.ok(&["get", "BY_HTTP", "-p", "default"], b"");
    assert_eq!(got.out(), "from a program");
    program.ok(&["set", "BY_HAND", "-p", "default", "--raw"], b"from a person");
    let (status, answer) = up.ask("GET", &format!("{VALUES}/BY_HAND"), &token, None);
    assert!(status == 200 && answer.contains("\"value\":\"from a person\""), "{answer}");
    program.ok(&["audit", "verify"], b"");
    assert_eq!(up.end(), Some(0));
    // It gave the store up, and nothing was lost.
    assert_eq!(program.ok(&["get", "BY_HAND", "-p", "default"], b"").out(), "from a person");
    program.ok(&["audit", "verify"], b"");
}

const GOOD: &str = "nine violet herons argue";

/// Body of an answer.
fn body(answer: &str) -> serde_json::Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn the_owner_gets_in_by_a_link_and_no_password_exists_before() {
    let program = program();
    let first = Up::start(&program);
    let link = first.link.clone().unwrap();
    let (page, text) = link.split_once("/#link=").unwrap();
    assert_eq!(page, format!("http://{}", first.address));
    for guess in ["", "admin", "keyward", "ada", "password"] {
        let tried = serde_json::json!({ "login": "ada", "password": guess }).to_string();
        let (status, answer) = first.ask("POST", "/api/v1/auth/sign-in", "", Some(&tried));
        assert!(matches!(status, 401 | 429), "{answer}");
    }
    let chosen = serde_json::json!({ "link": text, "password": GOOD }).to_string();
    let choose = |up: &Up| up.ask("POST", "/api/v1/auth/links/use", "", Some(&chosen));
    let (status, answer) = choose(&first);
    assert!(status == 200 && body(&answer)["login"] == "ada", "{answer}");
    assert_eq!(choose(&first).0, 401, "it serves once");
    let sign_in = serde_json::json!({ "login": "ada", "password": GOOD, "kind": "device" }).to_string();
    let (status, answer) = first.ask("POST", "/api/v1/auth/sign-in", "", Some(&sign_in));
    assert_eq!(status, 200, "{answer}");
    let session = body(&answer)["token"].as_str().unwrap().to_owned();
    assert_eq!(first.end(), Some(0));
    // Who is signed in stays so, and nobody is shown a link any more.
    let second = Up::start(&program);
    assert_eq!(second.link, None);
    assert_eq!(second.ask("GET", "/api/v1/whoami", &session, None).0, 200);
    assert_eq!(second.ask("GET", "/api/v1/whoami", "", None).0, 401);
    assert_eq!(second.end(), Some(0));
    for hidden in [text, &session, GOOD] {
        let files = program.home.files();
        let found = files.iter().filter(|file| {
            let bytes = std::fs::read(file).unwrap_or_default();
            bytes.windows(hidden.len()).any(|window| window == hidden.as_bytes())
        });
        assert_eq!(found.count(), 0, "`{}…` lies in a file", &hidden[..4]);
    }
}

#[test]
fn as_long_as_nobody_has_a_password_each_start_shows_a_link_and_the_last_one_serves() {
    let program = program();
    let first = Up::start(&program);
    let (old, _) = (first.link.clone().unwrap(), first.end());
    let second = Up::start(&program);
    let new = second.link.clone().unwrap();
    let choose = |link: &str| {
        let text = link.split_once("#link=").unwrap().1;
        let chosen = serde_json::json!({ "link": text, "password": GOOD }).to_string();
        second.ask("POST", "/api/v1/auth/links/use", "", Some(&chosen)).0
    };
    assert_eq!((choose(&old), choose(&new)), (401, 200));
    assert_eq!(second.end(), Some(0));
}

#[test]
fn one_process_serves_a_vault_and_says_so_to_others_and_lock_leaves_it_alone() {
    let program = program();
    let up = Up::start(&program);
    let (url, process) = (format!("http://{}", up.address), format!("process {}", up.child.id()));
    let second = program.run(&["up", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, Some(5), "{second}");
    assert!(second.err().contains(&url) && second.err().contains(&process), "{second}");
    assert!(!second.err().contains("keyward lock"), "{second}");
    let refused = program.run(&["lock"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.err().contains(&url) && refused.err().contains(&process), "{refused}");
    // `unlock` with another time would end an agent to start a new one.
    let open = program.ok(&["unlock", "--for", "1h"], b"");
    assert!(open.err().contains(&url), "{open}");
    assert_eq!(up.ask("GET", "/readyz", "", None).0, 200);
    assert_eq!(up.end(), Some(0));
    let none = program.ok(&["lock"], b"");
    assert!(none.err().contains("no agent"), "{none}");
}

#[test]
fn other_machines_are_not_served_in_the_clear() {
    let program = program();
    let refused = program.run(&["up", "--listen", "0.0.0.0:0"]);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert!(refused.err().contains("tls"), "{refused}");
}
