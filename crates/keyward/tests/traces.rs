//! Traces of a serving process, as a collector gets them: what ran, for how long and how it ended, and
//! nothing that is anybody's secret.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use keyward_testing::Program;
use serde_json::Value;

/// A collector that takes everything: the head of each request, and its body.
fn collector() -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
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
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}").unwrap();
            if tell.send((head, String::from_utf8(body).unwrap())).is_err() {
                return;
            }
        }
    });
    (url, told)
}

fn ask(address: SocketAddr, request: &str, token: &str, more: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {token}\r\n{more}\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn attribute<'a>(span: &'a Value, key: &str) -> &'a Value {
    let attributes = span["attributes"].as_array().unwrap();
    attributes.iter().find(|attribute| attribute["key"] == key).map_or(&Value::Null, |attribute| &attribute["value"])
}

#[test]
fn a_collector_learns_what_ran_and_no_secret() {
    let (url, told) = collector();
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"))
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        .with("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=ours")
        .with("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        .with("OTEL_BSP_SCHEDULE_DELAY", "50");
    program.ok(&["init", "--yes", "--project", "shopfront"], b"");
    let token: Value = serde_json::from_str(&program.ok(&["token", "create", "--json"], b"").out()).unwrap();
    let token = token["text"].as_str().unwrap().to_owned();
    let config = program.home.root().join("server.toml");
    std::fs::write(&config, "[[listen]]\naddress = '127.0.0.1:0'\n").unwrap();
    let log = program.home.root().join("serve.log");
    let mut command =
        program.command(&["serve", "--json", "--log-format", "json", "--config", config.to_str().unwrap()]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(std::fs::File::create(&log).unwrap());
    let mut child = command.spawn().unwrap();
    let (mut text, mut lines) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
    while serde_json::from_str::<Value>(&text).is_err() {
        assert!(lines.read_line(&mut text).unwrap() > 0, "it ended: {text}{}", std::fs::read_to_string(&log).unwrap());
    }
    let said: Value = serde_json::from_str(&text).unwrap();
    let address = said["urls"][0].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();

    let (name, value) = ("VERY_PRIVATE_NAME", "a value that stays with us");
    let secret = format!("/api/v1/projects/shopfront/environments/development/secrets/{name}");
    let body = serde_json::json!({ "value": value }).to_string();
    let parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
    assert!(ask(address, &format!("PUT {secret}"), &token, parent, &body).starts_with("HTTP/1.1 201"));
    let read = format!("GET {}?version=1", secret.replace("/secrets/", "/values/"));
    assert!(ask(address, &read, &token, "", "").contains(value));
    assert!(
        ask(address, &format!("GET /api/v1/{name}"), &token, "x-keyward-reason: because\r\n", "").contains(" 404 ")
    );
    assert!(ask(address, "GET /api/v1/whoami", "", "", "").contains(" 401 "));

    let (mut spans, mut all) = (Vec::new(), String::new());
    while spans.len() < 4 {
        let (head, body) = told.recv_timeout(Duration::from_secs(20)).expect("spans come");
        assert!(head.starts_with("POST /v1/traces ") && head.to_lowercase().contains("x-tenant: ours"), "{head}");
        let request: Value = serde_json::from_str(&body).unwrap();
        let resource = &request["resourceSpans"][0];
        let known = resource["resource"]["attributes"].to_string();
        assert!(known.contains("service.name") && known.contains("deployment.environment.name"), "{known}");
        spans.extend(resource["scopeSpans"][0]["spans"].as_array().unwrap().clone());
        all.push_str(&body);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    all.push_str(&std::fs::read_to_string(&log).unwrap());
    for private in [name, value, &token, "shopfront", "because"] {
        assert!(!all.contains(private), "`{private}` is in a span or in the log");
    }
    let put = &spans[0];
    let route = "/api/v1/projects/{project}/environments/{environment}/secrets/{*name}";
    assert_eq!(put["name"], format!("PUT {route}"));
    assert_eq!((attribute(put, "http.route")["stringValue"].as_str(), put["kind"].as_u64()), (Some(route), Some(2)));
    assert_eq!(attribute(put, "http.response.status_code")["intValue"], "201");
    assert_eq!(put["traceId"], "0af7651916cd43dd8448eb211c80319c", "the caller's trace goes on");
    assert_eq!(put["parentSpanId"], "b7ad6b7169203331");
    let nanos = |span: &Value, name: &str| span[name].as_str().unwrap().parse::<u128>().unwrap();
    assert!(nanos(put, "endTimeUnixNano") > nanos(put, "startTimeUnixNano"));
    assert_eq!(attribute(&spans[3], "error.type")["stringValue"], "unauthenticated");
    assert!(spans[3]["parentSpanId"].is_null() && spans[3]["traceId"] != put["traceId"]);
    // A line of the log names its trace.
    assert!(all.contains("\"trace\":\"0af7651916cd43dd8448eb211c80319c\""), "{all}");
}
