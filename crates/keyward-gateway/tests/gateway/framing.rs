//! Requests that two readers could read differently never reach an upstream.

use std::io::Write as _;
use std::time::Duration;

use keyward_gateway::{End, Reason};

use crate::support::*;

fn site() -> Site {
    Site::new(Double::new(|_| json("{}")))
}

/// Sends a request whose body hides another one, and checks that it was refused, counted, that nothing
/// went on, and that the connection is over.
fn smuggled(headers: &str, body: &str, status: u16, reason: Reason) {
    let site = site();
    let mut caller = site.caller();
    let request = format!(
        "POST /openai/v1/files HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{headers}\r\n{body}",
        key()
    );
    let answer = caller.send(request);
    assert_eq!((answer.status, answer.refused()), (status, Some(reason.code())), "{headers:?}");
    assert!(answer.json()["error"]["message"].is_string(), "the shape of an SDK");
    assert!(caller.is_closed());
    assert_eq!(site.denied(reason), 1);
    assert!(site.received().is_empty());
}

const HIDDEN: &str = "0\r\n\r\nGET /openai/v1/secrets HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn cl_te() {
    smuggled("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", HIDDEN, 400, Reason::Framing);
}

#[test]
fn te_cl() {
    smuggled("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", HIDDEN, 400, Reason::Framing);
}

#[test]
fn te_te() {
    smuggled("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", HIDDEN, 400, Reason::Framing);
    smuggled("Transfer-Encoding: xchunked\r\n", HIDDEN, 400, Reason::Framing);
}

#[test]
fn two_lengths() {
    smuggled("Content-Length: 5\r\nContent-Length: 6\r\n", "helloX", 400, Reason::Framing);
    smuggled("Content-Length: 5\r\nContent-Length: 5\r\n", "hello", 400, Reason::Framing);
    smuggled("Content-Length: 5, 5\r\n", "hello", 400, Reason::Framing);
}

#[test]
fn obs_fold() {
    smuggled("X-A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "hello", 400, Reason::Framing);
    smuggled("Transfer-Encoding\t: chunked\r\n", HIDDEN, 400, Reason::Framing);
}

#[test]
fn bare_line_feeds_and_nul() {
    smuggled("X-A: b\nTransfer-Encoding: chunked\r\n", HIDDEN, 400, Reason::Framing);
    smuggled("X-A: b\0\r\n", "", 400, Reason::Framing);
}

#[test]
fn upgrade() {
    smuggled("Upgrade: h2c\r\nConnection: upgrade, http2-settings\r\n", "", 400, Reason::Upgrade);
    smuggled("Upgrade: websocket\r\nConnection: Upgrade\r\n", "", 400, Reason::Upgrade);
}

/// Sends an upload that is passed on as it comes, breaks it by `rest`, and checks who is told to have done so.
fn broken_upload(headers: &str, rest: &str) {
    let mut site = site();
    let mut caller = site.caller();
    let head = format!(
        "POST /openai/v1/files HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/octet-stream\r\n{headers}\r\n\r\n",
        key()
    );
    caller.0.write_all(head.as_bytes()).unwrap();
    wait(|| (site.upstream.open() == 1).then_some(()));
    caller.0.write_all(rest.as_bytes()).unwrap();
    caller.0.shutdown(std::net::Shutdown::Write).unwrap();
    let answer = read_answer(&mut caller.0);
    assert_eq!((answer.status, answer.refused()), (400, Some("framing")), "{rest:?}");
    assert_eq!(answer.json()["error"]["type"], "invalid_request_error", "the shape of an SDK");
    assert!(caller.is_closed());
    assert_eq!(site.denied(Reason::Framing), 1);
    let record = site.records(1)[0];
    assert_eq!((record.end, record.status, record.cost), (End::HungUp, 0, 0), "it is no fault of the upstream's");
    wait(|| (site.upstream.open() == 0).then_some(()));
    assert!(site.received().is_empty(), "what broke off is no request");
    site.stop(Duration::from_secs(1));
}

#[test]
fn an_upload_that_breaks_off_is_its_callers_fault() {
    const HIDDEN: &str = "\r\n0\r\n\r\nGET /openai/v1/secrets HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for rest in
        ["5\r\nhello\r\nfive\r\nworld\r\n0\r\n\r\n", "5\r\nhelloworld\r\n0\r\n\r\n", "5\r\nhel", "5\r\nhello\r\n"]
    {
        broken_upload("Transfer-Encoding: chunked", rest);
    }
    broken_upload("Transfer-Encoding: chunked", &format!("5\r\nhello\r\n-1{HIDDEN}"));
    broken_upload("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\nno field\r\n\r\n");
    broken_upload("Content-Length: 100000", "hello");
}

fn line(line: &str, headers: &str) -> (u16, Option<String>, usize) {
    let site = site();
    let answer = site.send(format!("{line}\r\n{headers}Authorization: Bearer {}\r\n\r\n", key()));
    (answer.status, answer.refused().map(str::to_owned), site.received().len())
}

#[test]
fn http_1_0() {
    assert_eq!(line("GET /openai/v1/models HTTP/1.0", "Host: localhost\r\n"), (505, Some("http_version".into()), 0));
}

#[test]
fn connect() {
    assert_eq!(
        line("CONNECT api.openai.com:443 HTTP/1.1", "Host: api.openai.com:443\r\n"),
        (405, Some("connect".into()), 0)
    );
}

#[test]
fn plaintext_after_connect() {
    let site = site();
    let mut caller = site.caller();
    let attack = format!("CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n{}", get("/openai/v1/models"));
    assert_eq!(caller.send(attack).status, 405);
    assert!(caller.is_closed() && site.received().is_empty());
}

#[test]
fn absolute_form_with_a_foreign_host() {
    for (target, host) in [
        ("http://api.openai.com/openai/v1/models", "localhost"),
        ("http://api.openai.com/openai/v1/models", "api.openai.com"),
        ("http://localhost/openai/v1/models", "evil.example"),
        ("/openai/v1/models", "evil.example"),
        ("http://localhost@evil.example/openai/v1/models", "localhost"),
    ] {
        let (status, refused, received) = line(&format!("GET {target} HTTP/1.1"), &format!("Host: {host}\r\n"));
        assert_eq!((status, refused.as_deref(), received), (421, Some("host"), 0), "{target} {host}");
    }
    let (status, ..) = line("GET http://localhost/openai/v1/models HTTP/1.1", "Host: localhost\r\n");
    assert_eq!(status, 200, "our own name is no foreign one");
}

#[test]
fn no_host_or_two() {
    assert_eq!(line("GET /openai/v1/models HTTP/1.1", ""), (400, Some("framing".into()), 0));
    assert_eq!(line("GET /openai/v1/models HTTP/1.1", "Host: localhost\r\nHost: evil.example\r\n").0, 400);
}

#[test]
fn paths_with_two_readings() {
    for path in [
        "/openai/../admin",
        "/openai//v1/models",
        "/openai/v1/%2e%2e/x",
        "/openai/v1%2fmodels",
        "/openai/./v1",
        "/openai/v1\\x",
    ] {
        let (status, refused, received) = line(&format!("GET {path} HTTP/1.1"), "Host: localhost\r\n");
        assert_eq!((status, refused.as_deref(), received), (400, Some("path"), 0), "{path}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order_and_judged_each() {
    let site = Site::new(Double::new(|request| json(&format!("{{\"line\":\"{}\"}}", request.line()))));
    let mut caller = site.caller();
    let first = caller.send(
        [get("/openai/v1/a"), get("/openai/v1/b"), "GET /openai/v1/c HTTP/1.1\r\nHost: localhost\r\n\r\n".into()]
            .concat(),
    );
    assert!(first.text().contains("/base/v1/a"), "{first:?}");
}

#[test]
fn a_head_without_an_end_is_closed() {
    let site = site();
    let mut caller = site.caller();
    caller.0.write_all(b"GET /openai/v1/models HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").unwrap();
    let began = std::time::Instant::now();
    assert!(caller.is_closed() || caller.is_closed());
    assert!(began.elapsed() < Duration::from_secs(4), "the limit is 0.7 s");
}

#[test]
fn a_head_that_trickles_is_closed_all_the_same() {
    let site = site();
    let mut caller = site.caller();
    let began = std::time::Instant::now();
    let mut closed = false;
    for byte in format!("GET /openai/v1/models HTTP/1.1\r\nX-Slow: {}", "a".repeat(100)).bytes() {
        std::thread::sleep(Duration::from_millis(50));
        closed = caller.0.write_all(&[byte]).is_err();
        if closed {
            break;
        }
    }
    assert!(closed && began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let site = site();
    let mut request = get("/openai/v1/models");
    request.truncate(request.len() - 2);
    request.push_str(&format!("X-Large: {}\r\n\r\n", "a".repeat(100_000)));
    let answer = site.send(request);
    assert!(answer.status == 431 || answer.status == 0, "{answer:?}");
    assert!(site.received().is_empty());
}
