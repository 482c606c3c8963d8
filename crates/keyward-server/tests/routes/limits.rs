//! What a client may take: time, room, addresses.

use std::io::Write;
use std::time::{Duration, Instant};

use keyward_server::{Config, Limits, Server};

use crate::kit::{Answer, Served, loopback};

fn limited(limits: Limits) -> Served {
    Served::with(Config { limits, ..loopback() })
}

#[test]
fn headers_that_do_not_come_are_not_waited_for() {
    let served = limited(Limits { header_seconds: 1, ..Limits::default() });
    let mut stream = served.connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: local").unwrap();
    let started = Instant::now();
    let answer = Answer::read(&mut stream);
    assert!(started.elapsed() < Duration::from_secs(5), "the connection stood for {:?}", started.elapsed());
    assert!(matches!(answer.status, 0 | 408), "{answer:?}");
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let served = limited(Limits { request_seconds: 1, ..Limits::default() });
    let mut stream = served.connect();
    let head = format!(
        "POST /api/v1/projects HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        served.token
    );
    stream.write_all(head.as_bytes()).unwrap();
    let started = Instant::now();
    assert_eq!(Answer::read(&mut stream).problem(408), "timeout");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn headers_that_are_too_large_are_refused() {
    let served = Served::start();
    let large = "x".repeat(100 << 10);
    let answer = served.raw("GET", "/healthz", &[("x-large", &large)], b"");
    assert_eq!(answer.status, 431, "{answer:?}");
    let many = "x-a: b\r\n".repeat(200);
    let text = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{many}\r\n");
    assert_eq!(served.send(text.as_bytes()).status, 431);
}

#[test]
fn of_more_connections_than_allowed_the_rest_waits() {
    let served = limited(Limits { connections: 2, ..Limits::default() });
    let first = served.connect();
    let second = served.connect();
    std::thread::sleep(Duration::from_millis(100));
    let mut third = served.connect();
    third.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    third.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert_eq!(Answer::read(&mut third).status, 0, "there is no room for a third");
    drop(first);
    third.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(Answer::read(&mut third).status, 200);
    drop(second);
}

#[test]
fn networks_that_are_not_allowed_are_not_served() {
    let foreign = Config { allow: vec!["10.0.0.0/8".parse().unwrap()], ..loopback() };
    let served = Served::with(foreign.clone());
    assert_eq!(served.raw("GET", "/healthz", &[], b"").status, 0, "not even an answer");
    let behind = Config { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..foreign };
    let served = Served::with(behind);
    let from = |address: &str| served.ask_with("GET", "/whoami", &[("x-forwarded-for", address)], None);
    from("10.1.2.3").is(200);
    assert_eq!(from("192.0.2.1").problem(403), "network");
    assert_eq!(from("10.1.2.3, 192.0.2.1").problem(403), "network");
    assert_eq!(served.get("/whoami").problem(403), "network");
}

#[test]
fn a_socket_file_serves_too_and_goes_with_the_server() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let listen = keyward_server::Listen { unix: Some(path.clone()), ..keyward_server::Listen::default() };
    let served = Served::with(Config { listen: vec![listen], ..Config::default() });
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut stream = UnixStream::connect(&path).unwrap();
    let text = format!(
        "GET /api/v1/whoami HTTP/1.1\r\nhost: keyward\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
        served.token
    );
    stream.write_all(text.as_bytes()).unwrap();
    assert_eq!(Answer::read(&mut stream).is(200)["name"], "Ada");
    drop(served);
    assert!(!path.exists());
}

#[test]
fn an_address_in_use_is_said_before_anything_runs() {
    let served = Served::start();
    let config = Config::loopback(served.address);
    let failure = Server::bind(served.vault.clone(), keyward_server::Tokens, config).err().unwrap();
    assert!(failure.message.contains("in use"), "{failure}");
}
