//! Callers of the gateway of a running `keyward up`, with a Qdrant of one's own behind it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use keyward_testing::doubles::{Double, QdrantNode};
use keyward_testing::{Program, Up};
use serde_json::Value;

use crate::{EVERY, Stop, Tally};

const CALLERS: usize = 4;
const AT: [&str; 4] = ["-p", "shop", "-e", "production"];

/// Works for so long; answers how often the key was replaced.
pub(crate) fn rotations_under_load(tally: &Tally, time: Duration) -> u64 {
    let (service, admin, current) = QdrantNode::new();
    let node = Double::start(service);
    let program = Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_UPSTREAM_HOSTS", node.hosts());
    program.ok(&["init", "--yes", "--project", "shop"], b"");
    for (name, value) in [("VECTORS", &current), ("SIGNING_KEY", &admin)] {
        let set = [&["set", name, "--provider", "qdrant", "--kind", "api-key"][..], &AT].concat();
        program.ok(&set, value.as_bytes());
    }
    let up = Up::start(&program);
    let create = ["virtual-key", "create", "search", "--secret", "VECTORS", "--upstream", &node.url(), "--json"];
    let made = program.ok(&[&create[..], &AT].concat(), b"");
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let key = made["virtual_key"]["key"].as_str().unwrap();
    // How it is made is said once.
    let host = format!("host={}", QdrantNode::HOST);
    let said = ["--admin", "SIGNING_KEY", "--account", &host, "--account", "access=products=r"];
    let mut more = said.to_vec();
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| call(up.gateway(), key, tally));
        }
        let _stop = Stop(tally);
        let (begun, mut rotations) = (Instant::now(), 0);
        while begun.elapsed() < time {
            let one = Instant::now();
            rotate(&program, &more);
            more.clear();
            rotations += 1;
            std::thread::sleep(EVERY.saturating_sub(one.elapsed()));
        }
        assert_eq!(node.service().live().len(), 1, "every key but the last has ended");
        rotations
    })
}

/// An emergency: the old key ends as soon as its successor is in use.
fn rotate(program: &Program, more: &[&str]) {
    let rotate = [&["rotate", "VECTORS", "--emergency", "--yes", "--json"][..], more, &AT].concat();
    let mut said = program.ok(&rotate, b"");
    let begun = Instant::now();
    loop {
        let rotation: Value = serde_json::from_slice(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
        if rotation["rotation"]["state"] == "done" {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{said}");
        std::thread::sleep(Duration::from_millis(500));
        said = program.ok(&[&["rotation", "show", "VECTORS", "--json"][..], &AT].concat(), b"");
    }
}

/// One caller, with one connection as long as it lasts.
fn call(gateway: &str, key: &str, tally: &Tally) {
    let mut kept = None;
    while !tally.is_over() {
        let mut stream = kept.take().unwrap_or_else(|| {
            tally.connections.fetch_add(1, Ordering::Relaxed);
            let stream = TcpStream::connect(gateway).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            BufReader::new(stream)
        });
        match ask(&mut stream, key) {
            Ok(200) => kept = Some(stream),
            Ok(status) => tally.failed(format!("status {status}")),
            Err(error) => tally.failed(error.to_string()),
        }
        tally.requests.fetch_add(1, Ordering::Relaxed);
    }
}

fn ask(stream: &mut BufReader<TcpStream>, key: &str) -> std::io::Result<u16> {
    let head = format!("GET /qdrant/collections HTTP/1.1\r\nhost: localhost\r\napi-key: {key}\r\n\r\n");
    stream.get_mut().write_all(head.as_bytes())?;
    let (mut line, mut length) = (String::new(), 0);
    stream.read_line(&mut line)?;
    let status = line.get(9..12).and_then(|status| status.parse().ok());
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().unwrap_or(0),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    status.ok_or_else(|| std::io::Error::other("no status"))
}
