//! Where alerts go, on the command line, against a receiver on this machine.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use keyward_testing::{Program, Ran};
use serde_json::Value;

const PATH: &str = "/hooks/a-path-that-nobody-guesses";

fn user() -> Program {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    program.ok(&["init", "--yes", "--project", "shop"], b"");
    program
}

/// Takes one request at a time, answers it, and tells its head and body.
fn receiver(answer: &'static str) -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}{PATH}", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            if tell.send((head, body)).is_err() {
                return;
            }
        }
    });
    (url, told)
}

#[track_caller]
fn silent(ran: &Ran) {
    let all = format!("{ran}{}{}", ran.out(), ran.err());
    assert!(!all.contains("nobody-guesses"), "{all}");
}

#[test]
fn a_webhook_is_added_tried_listed_and_removed() {
    let program = user();
    let (url, told) = receiver("204 No Content");
    let made =
        program.ok(&["alert", "add", "webhook", "pager", "--allow-private", "--only", "break-glass"], url.as_bytes());
    assert!(made.out().starts_with("whsec_"), "{made}");
    silent(&made);
    let listed = program.ok(&["alert", "list", "--json"], b"");
    let sinks: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(
        (&sinks["alert_sinks"][0]["name"], &sinks["alert_sinks"][0]["kind"]),
        (&"pager".into(), &"webhook".into())
    );
    assert_eq!(sinks["alert_sinks"][0]["only"][0], "break_glass");
    silent(&listed);
    assert!(!listed.out().contains("whsec"), "it is shown once");
    program.ok(&["alert", "test", "pager"], b"");
    let (head, body) = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(head.starts_with(&format!("POST {PATH} ")) && head.contains("webhook-signature: v1,"), "{head}");
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["type"], &body["data"]["subject"]["name"]), (&"keyward.test".into(), &"pager".into()));
    assert_eq!(program.run(&["alert", "remove", "pager"]).code, Some(2), "without a terminal it is not asked");
    program.ok(&["alert", "remove", "pager", "--yes"], b"");
    assert_eq!(program.run(&["alert", "test", "pager"]).code, Some(4));
    let log = program.ok(&["audit", "log", "--last", "50"], b"");
    for action in ["alert.add", "alert.test", "alert.remove"] {
        assert!(log.out().contains(action), "{log}");
    }
    silent(&log);
    program.ok(&["audit", "verify"], b"");
}

#[test]
fn what_cannot_be_a_sink_is_refused_without_repeating_it() {
    let program = user();
    for (arguments, url) in [
        (&["alert", "add", "webhook", "x"][..], "http://example.com/nobody-guesses"),
        (&["alert", "add", "slack", "x"], "https://user:nobody-guesses@example.com/"),
        (&["alert", "add", "slack", "x"], "nobody-guesses"),
        (&["alert", "add", "slack", "x"], ""),
        (&["alert", "add", "slack", "x", "--only", "fire"], "https://example.com/nobody-guesses"),
        (&["alert", "add", "email", "x", "--host", "a b", "--from", "a@b.c", "--to", "a@b.c"], ""),
        (&["alert", "add", "email", "x", "--host", "h", "--tls", "no", "--from", "a@b.c", "--to", "a@b.c"], ""),
        (&["alert", "add", "email", "x", "--host", "h", "--tls", "none", "--from", "a@b.c", "--to", "a@b.c"], ""),
    ] {
        let ran = program.run_with(arguments, url.as_bytes());
        assert_eq!(ran.code, Some(2), "{ran}");
        silent(&ran);
    }
    let (url, told) = receiver("410 Gone");
    let private = program.run_with(&["alert", "add", "slack", "closed"], url.as_bytes());
    assert!(private.code == Some(2) && private.err().contains("--allow-private"), "{private}");
    assert!(told.recv_timeout(Duration::from_millis(200)).is_err(), "nothing was connected to");
    program.ok(&["alert", "add", "slack", "gone", "--allow-private"], url.as_bytes());
    let gone = program.run(&["alert", "test", "gone"]);
    assert!(gone.code == Some(1) && gone.err().contains("410"), "{gone}");
    silent(&gone);
}
