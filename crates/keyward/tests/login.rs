//! `keyward login` and `logout` at a real server: the code that is shown, the person who types it,
//! what is kept, and what is left of it afterwards.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStderr, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use keyward_testing::{Program, Ran};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const GOOD: &str = "nine violet herons argue";

/// A server, its owner `ada` signed in, and somebody else's laptop.
struct Scene {
    server: Child,
    address: SocketAddr,
    /// The same over TLS, where it answers so.
    tls: Option<String>,
    /// The owner's session.
    session: String,
    laptop: Program,
    home: Program,
}

impl Scene {
    fn begin() -> Self {
        Self::of(Program::new(env!("CARGO_BIN_EXE_keyward")), &["up", "--listen", "127.0.0.1:0", "--json"])
    }

    /// A server that also answers over TLS, with a certificate of an authority of its own.
    fn over_tls() -> Self {
        let home = Program::new(env!("CARGO_BIN_EXE_keyward"));
        home.ok(&["ca", "init", "--folder", "ca"], b"");
        home.ok(&["ca", "issue", "localhost", "127.0.0.1", "--folder", "ca"], b"");
        let config = "[[listen]]\naddress = \"127.0.0.1:0\"\n[[listen]]\naddress = \"127.0.0.1:0\"\ntls = { certificate = \"ca/localhost.pem\", key = \"ca/localhost.key\" }\n";
        std::fs::write(home.home.project().join("server.toml"), config).unwrap();
        Self::of(home, &["serve", "--config", "server.toml", "--json"])
    }

    fn of(home: Program, arguments: &[&str]) -> Self {
        let mut command = home.command(arguments);
        let mut server = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (mut text, mut lines) = (String::new(), BufReader::new(server.stdout.take().unwrap()));
        while serde_json::from_str::<Value>(&text).is_err() {
            assert!(lines.read_line(&mut text).unwrap() > 0, "it ended: {text}");
        }
        let said: Value = serde_json::from_str(&text).unwrap();
        let address = said["urls"][0].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
        let tls = said["urls"][1].as_str().map(str::to_owned);
        // What a journal keeps is no place for a link.
        let link = said["link"].as_str().map(str::to_owned).unwrap_or_else(|| {
            assert!(tls.is_some() && said["link"].is_null());
            home.ok(&["user", "invite", "ada"], b"").out().trim().to_owned()
        });
        let link = link.split_once("#link=").unwrap().1.to_owned();
        let mut scene = Self {
            server,
            address,
            tls,
            session: String::new(),
            laptop: Program::new(env!("CARGO_BIN_EXE_keyward")),
            home,
        };
        scene.post("/auth/links/use", json!({ "link": link, "password": GOOD }), 200);
        let signed = scene.post("/auth/sign-in", json!({ "login": "ada", "password": GOOD, "kind": "device" }), 200);
        scene.session = signed["token"].as_str().unwrap().to_owned();
        scene
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn post(&self, path: &str, body: Value, expected: u16) -> Value {
        self.ask("POST", path, &self.session, Some(body), expected)
    }

    fn ask(&self, method: &str, path: &str, token: &str, body: Option<Value>, expected: u16) -> Value {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let authorization = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
        let text = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{authorization}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer[9..12].parse::<u16>().unwrap(), expected, "{answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or(Value::Null)
    }

    /// Runs `keyward login` on the laptop while `ada` decides.
    fn login(&self, approve: bool) -> Ran {
        self.login_with(&["login", &self.url(), "--json"], approve)
    }

    fn login_with(&self, arguments: &[&str], approve: bool) -> Ran {
        let mut command = self.laptop.command(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let code = code(&mut said);
        let seen = self.post("/auth/device/look", json!({ "user_code": code }), 200);
        assert!(seen["agent"].as_str().unwrap().contains(" login on "), "{seen}");
        self.post("/auth/device/decision", json!({ "user_code": code, "approve": approve }), 200);
        let (mut out, mut rest) = (Vec::new(), Vec::new());
        child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        said.read_to_end(&mut rest).unwrap();
        let code = child.wait().unwrap().code();
        Ran { arguments: arguments.iter().map(ToString::to_string).collect(), code, stdout: out, stderr: rest }
    }

    /// What is kept on the laptop: path and text.
    fn kept(&self) -> Vec<(std::path::PathBuf, String)> {
        let files = self.laptop.home.files().into_iter();
        let sessions = files.filter(|path| path.parent().is_some_and(|folder| folder.ends_with("sessions")));
        sessions.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.server), Signal::TERM);
        let _ = self.server.wait();
    }
}

/// The code that the command shows, on a line of its own.
fn code(said: &mut BufReader<ChildStderr>) -> String {
    let mut all = String::new();
    loop {
        let mut line = String::new();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended: {all}");
        // With `--json` what a program shows its user is an object of its own.
        if let Ok(said) = serde_json::from_str::<Value>(&line) {
            let device = &said["device"];
            assert!(device["complete_uri"].as_str().unwrap().contains(device["user_code"].as_str().unwrap()), "{said}");
            assert!(device["expires_in"].as_u64().unwrap() > 60 && all.is_empty(), "{said} after {all}");
            return device["user_code"].as_str().unwrap().to_owned();
        }
        let word = line.trim();
        if word.len() == 9 && word.as_bytes()[4] == b'-' {
            return word.to_owned();
        }
        all.push_str(&line);
    }
}

/// Passes connections on to this port of this machine; gives the port to use, and how many there were.
fn counted(to: u16) -> (u16, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU32::new(0)));
    let counter = Arc::clone(&count);
    std::thread::spawn(move || {
        for here in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
            let (mut here, mut there) = (here.unwrap(), TcpStream::connect(("127.0.0.1", to)).unwrap());
            let (mut back, mut forth) = (here.try_clone().unwrap(), there.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut there, &mut back));
            std::thread::spawn(move || std::io::copy(&mut here, &mut forth));
        }
    });
    (port, count)
}

#[test]
fn a_person_signs_in_on_a_laptop_and_out_again() {
    let scene = Scene::begin();
    let ran = scene.login(true);
    assert_eq!(ran.code, Some(0), "{ran}");
    let said: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&said["login"]["account"], &said["login"]["server"]), (&json!("ada"), &json!(scene.url())));
    let kept = scene.kept();
    let [(path, text)] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    let session = serde_json::from_str::<Value>(text).unwrap()["session"].as_str().unwrap().to_owned();
    assert!(!ran.to_string().contains(&session), "it is shown nowhere");
    assert_eq!(scene.ask("GET", "/auth/session", &session, None, 200)["account"]["login"], "ada");
    // Signing in again takes the place of the first session.
    assert_eq!(scene.login(true).code, Some(0));
    scene.ask("GET", "/auth/session", &session, None, 401);
    let again = serde_json::from_str::<Value>(&scene.kept()[0].1).unwrap()["session"].as_str().unwrap().to_owned();
    let out = scene.laptop.ok(&["logout"], b"");
    assert!(out.err().contains("signed out"), "{out}");
    assert!(scene.kept().is_empty());
    scene.ask("GET", "/auth/session", &again, None, 401);
    assert!(scene.laptop.ok(&["logout"], b"").err().contains("nowhere"));
    // The server may be named as for every other command.
    let ran = scene.login_with(&["login", "--server", &scene.url(), "--json"], true);
    assert_eq!((ran.code, scene.kept().len()), (Some(0), 1), "{ran}");
    let both = scene.laptop.run(&["logout", "--all", "--server", &scene.url()]);
    assert_eq!(both.code, Some(2), "{both}");
    let other = scene.laptop.run(&["logout", "--server", "https://keyward.example"]);
    assert!(other.code == Some(2) && scene.kept().len() == 1, "{other}");
    scene.laptop.ok(&["logout", "--server", &scene.url()], b"");
    assert!(scene.kept().is_empty());
}

#[test]
fn another_authority_is_trusted_when_it_is_named_and_remembered() {
    let scene = Scene::over_tls();
    let url = scene.tls.clone().unwrap().replace("127.0.0.1", "localhost");
    let unknown = scene.laptop.run(&["login", &url]);
    assert!(
        unknown.code == Some(70) && unknown.err().contains("not trusted") && unknown.err().contains("--ca"),
        "{unknown}"
    );
    // A verdict stands: the server is not bothered again for it.
    let (port, count) = counted(url.rsplit_once(':').unwrap().1.parse().unwrap());
    let near = format!("https://localhost:{port}");
    let mut command = scene.laptop.command(&["list", "-p", "default", "--server", &near]);
    command.env("KEYWARD_TOKEN", &scene.session);
    let unknown = scene.laptop.run_command(command, &["list"], b"");
    assert!(unknown.code == Some(70) && unknown.err().contains("not trusted"), "{unknown}");
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let ca = scene.home.home.project().join("ca/ca.pem");
    let ran = scene.login_with(&["login", &url, "--ca", ca.to_str().unwrap()], true);
    assert_eq!(ran.code, Some(0), "{ran}");
    let kept = scene.kept();
    assert!(kept.len() == 1 && kept[0].1.contains("ca.pem"), "{kept:?}");
    let who = scene.laptop.run(&["whoami"]);
    assert!(who.code == Some(5) && who.err().contains(&url), "{who}");
    let out = scene.laptop.ok(&["logout", &url], b"");
    assert!(!out.err().contains("warning") && scene.kept().is_empty(), "{out}");
}

#[test]
fn who_is_refused_keeps_nothing() {
    let scene = Scene::begin();
    let ran = scene.login(false);
    assert_eq!(ran.code, Some(3), "{ran}");
    assert!(ran.err().contains("said no") && scene.kept().is_empty());
}

#[test]
fn a_session_that_the_server_cannot_be_told_of_goes_here_nevertheless() {
    let scene = Scene::begin();
    assert_eq!(scene.login(true).code, Some(0));
    let _ = kill_process(Pid::from_child(&scene.server), Signal::KILL);
    let out = scene.laptop.ok(&["logout", &scene.url()], b"");
    assert!(out.err().contains("warning") && scene.kept().is_empty(), "{out}");
    let named = scene.laptop.run(&["logout", &scene.url()]);
    assert_eq!(named.code, Some(2), "{named}");
}

#[test]
fn no_session_goes_out_in_the_clear_and_none_to_what_is_no_server() {
    let laptop = Program::new(env!("CARGO_BIN_EXE_keyward"));
    let plain = laptop.run(&["login", "http://keyward.example"]);
    assert!(plain.code == Some(2) && plain.err().contains("TLS"), "{plain}");
    let nobody = laptop.run(&["login", "http://127.0.0.1:9"]);
    assert!(nobody.code == Some(70) && nobody.err().contains("keyward up"), "{nobody}");
    let password = laptop.run(&["login", "https://ada:hidden@keyward.example"]);
    assert!(password.code == Some(2) && !password.err().contains("hidden"), "{password}");
    // Something else that speaks HTTP.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let other = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut begun = [0; 1024];
        let _ = stream.read(&mut begun);
        let _ = stream.write_all(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n");
    });
    let strange = laptop.run(&["login", &address.to_string()]);
    assert!(strange.code == Some(70) && strange.err().contains("redirect, and none is followed"), "{strange}");
    other.join().unwrap();
}
