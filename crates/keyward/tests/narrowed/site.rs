//! A gateway in front of a model, and keys for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use keyward_testing::Program;
use keyward_testing::doubles::{Double, Reply, Request, Service};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

pub(crate) struct Site {
    program: Program,
    up: Child,
    gateway: String,
    double: Double<Model>,
    made: AtomicUsize,
}

/// One request.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) model: &'a str,
    pub(crate) tokens: u64,
    pub(crate) path: &'a str,
    pub(crate) origin: &'a str,
}

/// It answers, and tells what it used.
struct Model;

const AT: [&str; 4] = ["-p", "shop", "-e", "production"];

impl Service for Model {
    const HOSTS: &'static [&'static str] = &["api.openai.com"];

    fn answer(&mut self, request: &Request) -> Reply {
        let usage = json!({ "prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3 });
        Reply::json(200, &json!({ "model": request.json()["model"], "choices": [], "usage": usage }))
    }
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self { model: "gpt-4o-mini", tokens: 300, path: "/openai/v1/chat/completions", origin: "" }
    }
}

impl Site {
    pub(crate) fn new() -> Self {
        let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
        program.ok(&["init", "--yes", "--project", "shop"], b"");
        let set = [&["set", "CHAT_KEY", "--provider", "openai"], &AT[..]].concat();
        program.ok(&set, b"what the service knows us by, 42");
        let mut command = program.command(&["up", "--listen", "127.0.0.1:0", "--json"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut up = command.spawn().unwrap();
        let (mut text, mut lines) = (String::new(), BufReader::new(up.stdout.take().unwrap()));
        let said: Value = loop {
            assert!(lines.read_line(&mut text).unwrap() > 0, "it ended: {text}");
            if let Ok(said) = serde_json::from_str(&text) {
                break said;
            }
        };
        let gateway = said["gateway"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
        Self { program, up, gateway, double: Double::start(Model), made: AtomicUsize::new(0) }
    }

    fn say(&self, arguments: &[&str]) -> Value {
        let ran = self.program.ok(&[arguments, &AT, &["--json"]].concat(), b"");
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"))
    }

    /// A new key.
    pub(crate) fn make(&self, rules: &[&str]) -> String {
        let name = format!("chat-{}", self.made.fetch_add(1, Ordering::AcqRel));
        let fixed = ["virtual-key", "create", &name, "--secret", "CHAT_KEY", "--upstream", &self.double.url()];
        let made = self.say(&[&fixed[..], rules].concat());
        made["virtual_key"]["key"].as_str().unwrap().to_owned()
    }

    /// Another text for it; an empty grace is none.
    pub(crate) fn rotate(&self, id: &str, grace: &str) -> String {
        let grace: &[&str] = if grace.is_empty() { &["--yes"] } else { &["--grace", grace] };
        let made = self.say(&[&["virtual-key", "rotate", id], grace].concat());
        made["virtual_key"]["key"].as_str().unwrap().to_owned()
    }

    pub(crate) fn revoke(&self, id: &str) {
        self.say(&["virtual-key", "revoke", id, "--yes"]);
    }

    /// Rows of usage, once so many calls are told of: they are written down half a second after them.
    pub(crate) fn usage(&self, by: &str, least: u64) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let used = self.say(&["usage", "--by", by]);
            let rows = used["usage"].as_array().unwrap();
            let calls: u64 = rows.iter().filter_map(|row| row["requests"].as_u64()).sum();
            if calls >= least || started.elapsed() > Duration::from_secs(10) {
                return rows.clone();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The status, and the word for a refusal.
    pub(crate) fn ask(&self, key: &str, asked: &Asked<'_>) -> (u16, String) {
        let body = json!({ "model": asked.model, "max_tokens": asked.tokens, "messages": [] }).to_string();
        let origin = if asked.origin.is_empty() { String::new() } else { format!("origin: {}\r\n", asked.origin) };
        let mut stream = TcpStream::connect(&self.gateway).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!("host: localhost\r\nauthorization: Bearer {key}\r\n{origin}content-type: application/json");
        let (path, length) = (asked.path, body.len());
        write!(stream, "POST {path} HTTP/1.1\r\n{head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let refused = answer.lines().find_map(|line| line.strip_prefix("x-keyward-refused: ")).unwrap_or_default();
        (answer[9..12].parse().unwrap(), refused.to_owned())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.up), Signal::TERM);
        let _ = self.up.wait();
    }
}
