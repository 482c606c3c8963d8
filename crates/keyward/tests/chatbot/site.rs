//! A copy of the example with a vault and a gateway of its own, and a double of the service behind it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use keyward_testing::Program;
use keyward_testing::chromium::Chromium;
use keyward_testing::doubles::{Double, Reply, Request, Service};
use keyward_types::forms::forms;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::seen::Seen;

/// The example, set up.
pub(crate) struct Site {
    program: Program,
    up: Child,
    gateway: String,
    api: String,
    double: Double<Chat>,
    port: u16,
    /// Name and value of each secret in the example's `.env` file.
    secrets: Vec<(String, String)>,
}

/// The example's own server, as long as it lives.
pub(crate) struct Backend(Child);

/// OpenAI's chat, which tells whoever asks the key that it was asked with.
struct Chat;

const STAGE: &str = "development";
const SECRETS: [&str; 6] =
    ["OPENAI_API_KEY", "COHERE_API_KEY", "GEMINI_API_KEY", "QDRANT_API_KEY", "DATABASE_URL", "SESSION_SIGNING_SECRET"];

impl Service for Chat {
    const HOSTS: &'static [&'static str] = &["api.openai.com"];

    fn answer(&mut self, request: &Request) -> Reply {
        let asked = request.json();
        let question = asked["messages"][1]["content"].as_str().unwrap_or_default();
        let content = format!("You asked: {question}, with {}", request.bearer().unwrap_or("nothing"));
        let message = json!({ "role": "assistant", "content": content });
        let choices = json!([{ "index": 0, "message": message, "finish_reason": "stop" }]);
        let usage = json!({ "prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30 });
        Reply::json(
            200,
            &json!({ "object": "chat.completion", "model": asked["model"], "choices": choices, "usage": usage }),
        )
    }
}

impl Site {
    /// Sets it up as its README says.
    pub(crate) fn new() -> Self {
        let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/chatbot");
        copy(&example, &program.home.project());
        let made = Command::new("python3").args(["make_env.py", "."]).current_dir(program.home.project()).output();
        assert!(made.unwrap().status.success(), "make_env.py");
        let file = std::fs::read_to_string(program.home.project().join(format!(".env.{STAGE}"))).unwrap();
        let pairs = file.lines().filter_map(|line| line.split_once('='));
        let secrets: Vec<_> = pairs
            .filter(|(name, _)| SECRETS.contains(name))
            .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
            .collect();
        assert_eq!(secrets.len(), SECRETS.len());
        let code = program.home.root().join("recovery.txt");
        let init = ["init", "--project", "chatbot", "--yes", "--remove-plaintext", "--recovery-file"];
        program.ok(&[&init[..], &[code.to_str().unwrap()]].concat(), b"");
        // A port that nobody has at this moment.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        program.ok(&["set", "PORT", "-e", STAGE, "--kind", "config"], port.to_string().as_bytes());
        let (up, said) = up(&program);
        let url = |value: &Value| value.as_str().unwrap().to_owned();
        let (gateway, api) = (url(&said["gateway"]), url(&said["urls"][0]));
        Self { program, up, gateway, api, double: Double::start(Chat), port, secrets }
    }

    /// Starts the example's server by its own script, which makes key and token the first time.
    pub(crate) fn backend(&self, more: &[(&str, &str)]) -> Backend {
        let mut command = self.program.command(&[]);
        let path = command.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap().to_owned();
        let binary = Path::new(env!("CARGO_BIN_EXE_keyward")).parent().unwrap().to_owned();
        let path = std::env::join_paths(std::iter::once(binary).chain(std::env::split_paths(&path))).unwrap();
        let variables: Vec<_> =
            command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
        command = Command::new("sh");
        command.args(["gateway.sh", STAGE]).current_dir(self.program.home.project()).env_clear().envs(variables);
        command.env("PATH", path).env("GATEWAY_API", &self.api).env("GATEWAY_UPSTREAM", self.double.url());
        command.env("DOUBLE_PORT", "0").env("PYTHONDONTWRITEBYTECODE", "1").envs(more.iter().copied());
        let log = self.program.home.root().join("backend.log");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::options().create(true).append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("listens on") {
            let read = lines.read_line(&mut said).unwrap();
            assert!(read > 0, "it ended: {said}{}", std::fs::read_to_string(&log).unwrap());
        }
        // Nobody writes into a pipe without a reader.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Backend(child)
    }

    /// Where the page is.
    pub(crate) fn page(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// The same server under another name, which to a browser is somebody else.
    pub(crate) fn foreign_page(&self) -> String {
        format!("http://localhost:{}/", self.port)
    }

    /// What the page is given as the base of its calls.
    pub(crate) fn gateway(&self) -> String {
        format!("{}/openai/v1", self.gateway)
    }

    /// The key that the page has.
    pub(crate) fn visit(&self, browser: &mut Chromium) -> String {
        let key = browser.see("visit.key").as_str().unwrap().to_owned();
        assert!(key.starts_with("kwv_"), "{key}");
        key
    }

    /// How often the service was asked; each time it was with its own key.
    pub(crate) fn asked(&self) -> usize {
        let real = &self.secrets.iter().find(|(name, _)| name == "OPENAI_API_KEY").unwrap().1;
        let seen = self.double.seen();
        for request in &seen {
            assert_eq!(request.bearer(), Some(&**real));
            assert!(!format!("{request:?}").contains("kwv_"), "the virtual key went on");
        }
        seen.len()
    }

    /// Fails where any spelling of a secret stands in it.
    pub(crate) fn no_secret_in(&self, seen: &Seen) {
        let token = self.program.ok(&["get", "GATEWAY_TOKEN", "-e", STAGE], b"").out();
        let all = self.secrets.iter().map(|(name, value)| (&**name, &**value)).chain([("GATEWAY_TOKEN", token.trim())]);
        for (name, value) in all {
            for form in forms(value.as_bytes()).iter().filter(|form| form.bytes.len() >= 8) {
                assert!(!seen.has_bytes(&form.bytes), "{name} stands there as {:?}", form.kind);
            }
        }
    }

    /// A call of the gateway as no browser makes it.
    pub(crate) fn call(&self, key: &str, origin: &str, body: &Value) -> (u16, String) {
        let mut stream = TcpStream::connect(self.gateway.strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let origin =
            if origin.is_empty() { String::new() } else { format!("origin: {}\r\n", origin.trim_end_matches('/')) };
        let body = body.to_string();
        let head = format!("host: localhost\r\nauthorization: Bearer {key}\r\n{origin}connection: close");
        let length = body.len();
        write!(stream, "POST /openai/v1/chat/completions HTTP/1.1\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }
}

fn up(program: &Program) -> (Child, Value) {
    let mut command = program.command(&["up", "--listen", "127.0.0.1:0", "--json"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let (mut text, mut lines) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
    let said = loop {
        assert!(lines.read_line(&mut text).unwrap() > 0, "it ended: {text}");
        if let Ok(said) = serde_json::from_str(&text) {
            break said;
        }
    };
    (child, said)
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Ends a child as Ctrl-C or an init would.
fn end(child: &mut Child) {
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
    let last = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > last {
            let _ = child.kill();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        end(&mut self.up);
    }
}
