//! The gateway of `keyward up`: callers hold a virtual key, the service gets the real one.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use data_encoding::BASE64URL_NOPAD;
use keyward_testing::Program;
use keyward_testing::doubles::{Double, QdrantNode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A service: answers every request, and tells the values of `api-key` that it got.
fn service() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, tell) = (stream.unwrap(), tell.clone());
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
                    if let Some(key) = line.to_ascii_lowercase().strip_prefix("api-key:") {
                        let _ = tell.send(key.trim().to_owned());
                    }
                    if line == "\r\n" {
                        let body = "{\"result\":[],\"status\":\"ok\"}";
                        let head = format!("content-type: application/json\r\ncontent-length: {}", body.len());
                        write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}").unwrap();
                    }
                    line.clear();
                }
            });
        }
    });
    (address, told)
}

/// A running `keyward up`.
struct Up {
    child: Child,
    gateway: SocketAddr,
    api: SocketAddr,
}

impl Up {
    fn start(program: &Program) -> Self {
        let mut command = program.command(&["up", "--listen", "127.0.0.1:0", "--json"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (mut text, mut lines) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
        let said = loop {
            assert!(lines.read_line(&mut text).unwrap() > 0, "it ended: {text}");
            if let Ok(said) = serde_json::from_str::<Value>(&text) {
                break said;
            }
        };
        let address = |url: &Value| url.as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
        Self { child, gateway: address(&said["gateway"]), api: address(&said["urls"][0]) }
    }

    /// The status and the whole answer.
    fn call(&self, key: &str) -> (u16, String) {
        self.send("GET", "/qdrant/collections", key)
    }

    fn send(&self, method: &str, path: &str, key: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.gateway).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!("host: localhost\r\napi-key: {key}\r\nconnection: close");
        write!(stream, "{method} {path} HTTP/1.1\r\n{head}\r\ncontent-length: 0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }

    /// What Prometheus is told.
    fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(self.api).unwrap();
        write!(stream, "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn end(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

const AT: [&str; 4] = ["-p", "shop", "-e", "production"];

fn say(program: &Program, arguments: &[&str]) -> Value {
    let ran = program.ok(&[arguments, &AT, &["--json"]].concat(), b"");
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"))
}

fn store(program: &Program, value: &str) {
    // No shape of a key has it; that it belongs to a service is enough for it to be one.
    let arguments = [&["set", "VECTORS", "--provider", "qdrant"], &AT[..]].concat();
    let ran = program.ok(&arguments, value.as_bytes());
    assert!(!ran.err().contains("taken for no secret"), "{ran}");
}

#[test]
fn a_new_key_comes_with_the_address_that_this_servers_gateway_has() {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    program.ok(&["init", "--yes", "--project", "shop"], b"");
    store(&program, "true");
    let (address, _service) = service();
    let up = Up::start(&program);
    let fixed = ["virtual-key", "create", "search", "--secret", "VECTORS", "--upstream"];
    let made = say(&program, &[&fixed[..], &[&format!("http://{address}")]].concat());
    assert_eq!(made["virtual_key"]["base_url"], format!("http://{}/qdrant", up.gateway));
    let mut command =
        program.command(&["virtual-key", "rotate", "search", "--yes", "--json", "-p", "shop", "-e", "production"]);
    command.env("KEYWARD_GATEWAY", "https://gateway.example/");
    let ran = program.run_command(command, &["virtual-key", "rotate"], b"");
    let made: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    assert_eq!(made["virtual_key"]["base_url"], "https://gateway.example/qdrant");
    assert_eq!(up.end(), Some(0));
}

/// The text of a fresh key, and its id.
fn create(program: &Program, service: SocketAddr, more: &[&str]) -> (String, String) {
    let upstream = format!("http://{service}");
    let fixed = ["virtual-key", "create", more[0], "--secret", "VECTORS", "--upstream", &upstream];
    let said = say(program, &[&fixed, &more[1..]].concat());
    let made = &said["virtual_key"];
    (made["key"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
}

fn told(service: &Receiver<String>) -> String {
    service.recv_timeout(Duration::from_secs(5)).expect("the service was called")
}

#[test]
fn the_service_gets_the_real_key_and_the_caller_never_does() {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    program.ok(&["init", "--yes", "--project", "shop"], b"");
    let (first, second) = ("the-real-one-of-the-service-0001", "the-real-one-of-the-service-0002");
    store(&program, first);
    let (address, service) = service();
    let up = Up::start(&program);

    assert_eq!(up.call("kwv_nobody").0, 401);
    // Made while it runs, it serves with the next request.
    let (key, id) = create(&program, address, &["search"]);
    let (status, answer) = up.call(&key);
    assert!(status == 200 && answer.contains("\"ok\""), "{answer}");
    assert_eq!(told(&service), first);
    assert!(!answer.contains(first), "{answer}");

    // A new version is put in at once; until its lease is there, the one before it goes on.
    store(&program, second);
    let started = Instant::now();
    loop {
        assert_eq!(up.call(&key).0, 200, "no call fails meanwhile");
        if told(&service) == second {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(5), "the new version is not used");
    }

    // Ten of many at a time, and no more.
    let (few, _) = create(&program, address, &["few", "--uses", "10"]);
    let well = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..40).map(|_| scope.spawn(|| up.call(&few).0)).collect();
        let answers = callers.into_iter().map(|caller| caller.join().unwrap());
        let answers: Vec<u16> = answers.collect();
        assert!(answers.iter().all(|status| matches!(status, 200 | 403 | 429)), "{answers:?}");
        answers.iter().filter(|status| **status == 200).count()
    });
    assert_eq!(well, 10);

    // Replaced with grace, both serve; revoked, neither with the next request.
    let rotated = say(&program, &["virtual-key", "rotate", &id, "--grace", "1h"]);
    let newer = rotated["virtual_key"]["key"].as_str().unwrap().to_owned();
    assert_eq!((up.call(&key).0, up.call(&newer).0), (200, 200));
    program.ok(&[&["virtual-key", "revoke", &id, "--yes"][..], &AT].concat(), b"");
    assert_eq!((up.call(&key).0, up.call(&newer).0), (401, 401));

    // What is recorded is counted for whoever watches.
    let started = Instant::now();
    while !up.metrics().contains("keyward_gateway_denials_total{reason=\"unknown_key\"} 2") {
        assert!(started.elapsed() < Duration::from_secs(5), "{}", up.metrics());
    }
    let metrics = up.metrics();
    assert!(metrics.contains("keyward_gateway_calls_total{service=\"qdrant\",status=\"2xx\"}"), "{metrics}");

    assert_eq!(up.end(), Some(0));
    let used = say(&program, &["usage", "--by", "key"]);
    let requests: u64 = used["usage"].as_array().unwrap().iter().map(|row| row["requests"].as_u64().unwrap()).sum();
    let calls = 10 + 1 + 2 + service.try_iter().count() as u64;
    assert!(requests >= 14, "{requests} of about {calls} calls are counted: {used}");
    let shown = program.ok(&[&["show", "VECTORS"][..], &AT].concat(), b"");
    for version in [1, 2] {
        assert!(shown.out().contains(&format!("version {version} by virtual key search")), "{shown}");
    }
    let log = program.ok(&["audit", "log", "--last", "500"], b"");
    for action in ["secret.use", "virtual-key.create", "gateway.deny", "budget.reserve"] {
        assert!(log.out().contains(action), "{action} is not on record: {log}");
    }
    assert!(!log.out().contains("the-real-one"), "{log}");
    let denied = log.out().lines().any(|line| line.contains("gateway.deny") && line.contains("VECTORS"));
    assert!(denied, "{log}");
    let used = log.out().lines().find(|line| line.contains("secret.use")).map(str::to_owned);
    assert!(used.is_some_and(|line| line.contains("VECTORS")), "{log}");
    program.ok(&["audit", "verify"], b"");
}

#[test]
fn nothing_fails_while_values_and_keys_are_replaced_under_load() {
    const TIMES: u32 = 5;
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    program.ok(&["init", "--yes", "--project", "shop"], b"");
    let value = |n: u32| format!("the-real-one-of-the-service-{n:04}");
    store(&program, &value(0));
    let (address, service) = service();
    let up = Up::start(&program);
    let (key, id) = create(&program, address, &["search"]);
    let (present, over) = (Mutex::new(key), AtomicBool::new(false));
    let call = || {
        let (mut well, mut ill) = (0, Vec::new());
        while !over.load(Ordering::Acquire) {
            let key = present.lock().unwrap().clone();
            match up.call(&key) {
                (200, _) => well += 1,
                failed => ill.push(failed),
            }
        }
        (well, ill)
    };
    let (mut well, mut ill) = (0, Vec::new());
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8).map(|_| scope.spawn(call)).collect();
        for n in 1..=TIMES {
            store(&program, &value(n));
            let rotated = say(&program, &["virtual-key", "rotate", &id, "--grace", "1h"]);
            rotated["virtual_key"]["key"].as_str().unwrap().clone_into(&mut present.lock().unwrap());
        }
        // The last one has to have been used by somebody.
        let started = Instant::now();
        while told(&service) != value(TIMES) && started.elapsed() < Duration::from_secs(10) {}
        over.store(true, Ordering::Release);
        for caller in callers {
            let (good, bad) = caller.join().unwrap();
            well += good;
            ill.extend(bad);
        }
    });
    assert!(ill.is_empty(), "{} of {} calls failed: {:?}", ill.len(), well + ill.len(), ill.first());
    assert!(well > 100, "{well} calls are no load");
    let last = up.call(&present.lock().unwrap()).0;
    assert_eq!((last, up.end()), (200, Some(0)));
}

#[test]
fn a_gateway_can_be_left_out_and_two_never_share_a_port() {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = program.run(&["up", "--listen", "127.0.0.1:0", "--gateway", &address]);
    assert!(ran.code == Some(2) && ran.err().contains("the gateway cannot listen"), "{ran}");
    let ran = program.run(&["up", "--listen", "127.0.0.1:0", "--gateway", "0.0.0.0:0"]);
    assert!(ran.code == Some(2) && ran.err().contains("TLS"), "{ran}");
    let ran = program.run(&["up", "--gateway", "nowhere"]);
    assert_eq!(ran.code, Some(2), "{ran}");
}

#[test]
fn a_successor_may_only_what_the_gateway_saw() {
    let (node, signing, token) = QdrantNode::new();
    let node = Double::start(node);
    let program = Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_UPSTREAM_HOSTS", node.hosts());
    program.ok(&["init", "--yes", "--project", "shop"], b"");
    store(&program, &token);
    program.ok(&[&["set", "SIGNING", "--kind", "signing-key"], &AT[..]].concat(), signing.as_bytes());
    let (address, _service) = service();
    let up = Up::start(&program);
    let (key, _) = create(&program, address, &["search"]);
    let host = format!("host={}", QdrantNode::HOST);
    let account = ["--admin", "SIGNING", "--account", &host, "--account", "access=r"];
    let rotate = |more: &[&str]| program.run(&[&["rotate", "VECTORS", "--narrow"], &account[..], more, &AT].concat());
    let refused = rotate(&["--dry-run"]);
    assert!(refused.code == Some(2) && refused.err().contains("nothing was seen"), "{refused}");

    assert_eq!(up.send("POST", "/qdrant/collections/products/points/query", &key).0, 200);
    let started = Instant::now();
    let plan = loop {
        let plan = rotate(&["--dry-run"]);
        if plan.code == Some(0) {
            break plan;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{plan}");
    };
    let told = plan.err();
    assert!(told.contains("the new key may: products=r"), "{plan}");
    assert!(told.contains("seen in use: POST /collections/products/points/query (last on "), "{plan}");
    assert!(rotate(&["--yes"]).code == Some(0));
    let new = program.ok(&[&["get", "VECTORS"], &AT[..]].concat(), b"").out();
    let claims = BASE64URL_NOPAD.decode(new.split('.').nth(1).unwrap().as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["access"], serde_json::json!([{ "collection": "products", "access": "r" }]));
    assert_eq!(up.end(), Some(0));
}
