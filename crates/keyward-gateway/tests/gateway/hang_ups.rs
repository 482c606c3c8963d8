//! Callers that go away leave nothing behind.

use std::io::{Read, Write};
use std::time::Duration;

use keyward_gateway::{End, Reason};

use crate::support::*;

#[test]
fn at_every_point_and_nothing_is_left() {
    let site = Site::with(
        Double::new(|_| {
            let piece = vec![b'a'; 2_000];
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 20000\r\n\r\n";
            (0..10).fold(reply(head.to_vec()), |reply, _| reply.then(2, piece.clone()))
        }),
        |setting| setting.grant.parallel = Some(1_000),
    );
    let request = post("/openai/v1/files", &"b".repeat(5_000));
    let head = request.find("\r\n\r\n").unwrap() + 4;
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    println!("seed {seed:#x}");
    let mut sent_whole = 0;
    for _ in 0..200 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let point = (seed >> 33) as usize % (request.len() + 20_000);
        let mut caller = site.caller();
        let _ = caller.0.write_all(&request.as_bytes()[..point.min(request.len())]);
        if point >= request.len() {
            sent_whole += 1;
            let mut read = vec![0; (point - request.len()).max(1)];
            let _ = caller.0.read_exact(&mut read);
        }
    }
    // Of what was refused or never whole nothing went out; all else has one record.
    assert!(head > 0 && sent_whole > 50);
    assert!(site.records(sent_whole).len() <= 200);
    // Connections to the upstream are either kept for the next one, or gone.
    wait(|| (site.upstream.open() <= 1).then_some(()));
    let mut whole = Vec::new();
    for _ in 0..3 {
        let answer = site.send(post("/openai/v1/files", "{}"));
        whole.push((answer.status, answer.body.len()));
    }
    assert_eq!(whole, [(200, 20_000); 3], "and the gateway goes on");
}

#[test]
fn before_the_answer_comes() {
    let site = Site::new(Double::new(|_| {
        Reply::default().then(500, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec())
    }));
    let mut caller = site.caller();
    caller.0.write_all(get("/openai/v1/models").as_bytes()).unwrap();
    wait(|| (site.received().len() == 1).then_some(()));
    drop(caller);
    let record = site.records(1)[0];
    assert_eq!((record.end, record.status), (End::HungUp, 0));
    wait(|| (site.upstream.open() == 0).then_some(()));
}

#[test]
fn a_body_that_never_ends_is_given_up() {
    let site = Site::new(Double::new(|_| json("{}")));
    let mut caller = site.caller();
    let mut request = post("/openai/v1/chat/completions", "");
    request = request.replace("Content-Length: 0", "Content-Length: 100");
    let answer = caller.send(request + "{\"model\":");
    assert_eq!((answer.status, answer.refused()), (408, Some("slow_body")));
    assert_eq!(site.denied(Reason::SlowBody), 1);
    assert!(site.received().is_empty());
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let site = Site::with(Double::new(|_| json("{}")), |setting| {
        setting.config.limits.body = 10_000;
        setting.config.limits.read_body = 5_000;
    });
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(6_000));
    assert_eq!(site.chat(&large).refused(), Some("too_large"));
    assert_eq!(site.chat(&"x".repeat(20_000)).refused(), Some("too_large"));
    // What is not announced is counted.
    let mut request = format!(
        "POST /openai/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        key()
    );
    request.push_str(&format!("2000\r\n{}\r\n0\r\n\r\n", "x".repeat(0x2000)));
    let answer = site.send(request);
    assert_eq!((answer.status, answer.refused()), (413, Some("too_large")));
    assert!(site.received().is_empty());
}

#[test]
fn a_caller_that_reads_slowly_holds_the_upstream_back() {
    const LENGTH: usize = 64 << 20;
    let site = Site::with(
        Double::new(|_| {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {LENGTH}\r\n\r\n");
            let piece = vec![b'a'; 1 << 20];
            (0..64).fold(reply(head), |reply, _| reply.then(0, piece.clone()))
        }),
        |setting| setting.config.times.idle = Duration::from_secs(10),
    );
    let mut caller = site.caller();
    caller.0.write_all(get("/openai/v1/files").as_bytes()).unwrap();
    let before = memory();
    std::thread::sleep(Duration::from_millis(500));
    let grown = memory().saturating_sub(before);
    // The double's own pieces are 64 MiB; another such sum would be what the gateway took in.
    assert!(grown < 90 << 20, "{grown} bytes");
    assert_eq!(read_answer(&mut caller.0).body.len(), LENGTH);
}

#[test]
fn a_caller_that_takes_nothing_is_let_go() {
    let site = Site::new(Double::new(|_| {
        let head = reply("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 67108864\r\n\r\n");
        (0..64).fold(head, |reply, _| reply.then(0, vec![b'a'; 1 << 20]))
    }));
    let mut caller = site.caller();
    caller.0.write_all(get("/openai/v1/files").as_bytes()).unwrap();
    let record = site.records(1)[0];
    assert_eq!(record.end, End::HungUp);
    wait(|| (site.upstream.open() == 0).then_some(()));
}

fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
