//! Where alerts go, over HTTP, and that the server sends them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kit::Served;

/// A receiver that takes everything.
fn receiver() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook-of-this-test", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::from("x"), 0);
            while !line.trim().is_empty() {
                line.clear();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            write!(stream, "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            if tell.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (url, told)
}

fn next(told: &Receiver<Value>, kind: &str) -> Value {
    let until = Instant::now() + Duration::from_secs(30);
    while let Ok(alert) = told.recv_timeout(until.saturating_duration_since(Instant::now())) {
        if alert["type"] == kind {
            return alert;
        }
    }
    panic!("no {kind} came");
}

#[test]
fn places_come_and_go_and_can_be_tried() {
    let served = Served::start();
    let (url, told) = receiver();
    let add = |body: Value| served.ask("POST", "/alert-sinks", Some(body));
    let made = add(json!({ "name": "ops", "webhook": url, "allow_private": true })).is(201);
    assert!(made["signing_secret"].as_str().unwrap().starts_with("whsec_"));
    let listed = served.get("/alert-sinks");
    assert!(!listed.text().contains("hook-of-this-test"), "a URL is a credential: {}", listed.text());
    assert_eq!(listed.is(200)["alert_sinks"][0]["kind"], "webhook");
    let tried = served.ask("POST", "/alert-sinks/ops/test", None).is(200);
    assert!(tried["fault"].is_null(), "{tried}");
    next(&told, "keyward.test");
    for (body, status) in [
        (json!({ "name": "ops", "webhook": url, "allow_private": true }), 409),
        (json!({ "name": "two", "webhook": url, "slack": url }), 400),
        (json!({ "name": "none" }), 400),
        (json!({ "name": "ftp", "webhook": "ftp://example.com" }), 400),
        (json!({ "name": "odd", "webhook": url, "only": ["nothing"] }), 400),
        (json!({ "name": "odd", "url": url }), 422),
    ] {
        let answer = add(body.clone());
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(!answer.text().contains("hook-of-this-test"), "{}", answer.text());
    }
    served.ask("DELETE", "/alert-sinks/ops", None).is(200);
    assert_eq!(served.ask("POST", "/alert-sinks/ops/test", None).problem(404), "not_found");
}

#[test]
fn the_server_sends_what_happens_also_what_happened_before_it_started() {
    let served = Served::start();
    let (url, told) = receiver();
    served.ask("POST", "/alert-sinks", Some(json!({ "name": "ops", "webhook": url, "allow_private": true }))).is(201);
    let emergency = json!({ "project": "shop", "seconds": 60, "reason": "marker of the reason" });
    served.ask("POST", "/break-glass", Some(emergency)).is(201);
    let alert = next(&told, "keyward.break_glass");
    assert!(!alert.to_string().contains("marker"));
    // A token that is revoked and used again.
    let made = served.ask("POST", "/tokens", Some(json!({}))).is(201);
    served.ask("DELETE", &format!("/tokens/{}", made["token"]["id"].as_str().unwrap()), None).is(200);
    let bearer = format!("Bearer {}", made["text"].as_str().unwrap());
    served.raw("GET", "/api/v1/whoami", &[("authorization", &bearer)], b"").problem(401);
    next(&told, "keyward.failed_sign_ins");
    served.ask("POST", "/users", Some(json!({ "login": "eve", "name": "Eve" }))).is(201);
    served.ask("POST", "/role-bindings", Some(json!({ "account": "eve", "role": "admin" }))).is(201);
    assert_eq!(next(&told, "keyward.new_admin")["data"]["subject"]["name"], "eve");
    let metrics = served.raw("GET", "/metrics", &[], b"").text();
    assert!(
        metrics.contains("keyward_leader 1") && metrics.contains("keyward_job_runs_total{job=\"alerts\""),
        "{metrics}"
    );
    assert!(served.vault.verify(None).unwrap().faults.is_empty());
}
