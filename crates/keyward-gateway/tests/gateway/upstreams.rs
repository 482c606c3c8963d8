//! Upstreams that are dead, slow, or lie.

use std::time::Duration;

use keyward_gateway::{End, Reason, Transport};

use crate::support::*;

#[test]
fn a_dead_one() {
    let site = Site::with(Double::new(|_| json("{}")), |setting| {
        let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        setting.upstream.port = unused.local_addr().unwrap().port();
    });
    let answer = site.send(get("/openai/v1/models"));
    assert_eq!((answer.status, answer.refused()), (502, Some("upstream_connection")));
    assert_eq!(answer.header("retry-after"), Some("1"));
    let record = site.records(1)[0];
    assert_eq!((record.end, record.status, record.cost), (End::CutOff, 0, 0));
    assert_eq!(site.denied(Reason::Connection), 1);
}

#[test]
fn a_slow_one() {
    let site = Site::new(Double::new(|_| Reply::default().then(3_000, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")));
    let answer = site.send(get("/openai/v1/models"));
    assert_eq!((answer.status, answer.refused()), (504, Some("upstream_slow")));
    let record = site.records(1)[0];
    assert_eq!((record.end, record.status), (End::CutOff, 0), "the caller has done nothing");
}

#[test]
fn one_that_stops_in_the_middle() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nhello";
    let site = Site::new(Double::new(move |_| reply(head).then(3_000, "world")));
    let answer = site.send(get("/openai/v1/models"));
    assert!(!answer.whole && answer.status == 200, "{answer:?}");
    assert_eq!(site.records(1)[0].end, End::Stopped);
}

#[test]
fn one_that_lies_about_its_length_or_cuts_off() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
    ] {
        let site = Site::new(Double::new(move |_| reply(text).closing()));
        let answer = site.send(get("/openai/v1/models"));
        assert!(!answer.whole, "what is not whole must not look whole: {answer:?}");
        assert_eq!(site.records(1)[0].end, End::CutOff);
    }
}

#[test]
fn one_that_says_more_than_it_announced() {
    let site = Site::new(Double::new(|_| {
        reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")
    }));
    for _ in 0..3 {
        let answer = site.send(get("/openai/v1/models"));
        assert_eq!(answer.text(), "hello", "nobody gets an answer that was not his");
    }
    assert_eq!(site.received().len(), 3);
}

#[test]
fn one_that_speaks_no_http() {
    for text in ["SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200", "HTTP/1.1 101 X\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n"] {
        let site = Site::new(Double::new(move |_| reply(text).closing()));
        let answer = site.send(get("/openai/v1/models"));
        assert_eq!(answer.status, 502, "{text:?} {answer:?}");
    }
}

#[test]
fn connections_are_kept_and_a_closed_one_is_not_used() {
    let site = Site::new(Double::new(|request| {
        let reply = json("{}");
        if request.line().contains("last") { reply.closing() } else { reply }
    }));
    for _ in 0..5 {
        assert_eq!(site.send(get("/openai/v1/models")).status, 200);
    }
    assert_eq!(site.upstream.connections(), 1);
    assert_eq!(site.send(get("/openai/v1/last")).status, 200);
    wait(|| (site.upstream.open() == 0).then_some(()));
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(site.send(post("/openai/v1/files", "{}")).status, 200, "a post is not lost on a dead connection");
    assert_eq!((site.upstream.connections(), site.received().len()), (2, 7));
}

#[test]
fn an_answer_that_was_not_read_to_its_end_is_no_ones_beginning() {
    let site = Site::new(Double::new(|request| {
        if request.line().contains("long") {
            return (0..50).fold(reply("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"), |reply, _| {
                reply.then(5, "x".repeat(100))
            });
        }
        json("{}")
    }));
    for _ in 0..5 {
        let mut caller = site.caller();
        std::io::Write::write_all(&mut caller.0, get("/openai/v1/long").as_bytes()).unwrap();
        std::io::Read::read_exact(&mut caller.0, &mut [0; 150]).unwrap();
        drop(caller);
        assert_eq!(site.send(get("/openai/v1/models")).text(), "{}");
    }
}

#[test]
fn a_name_that_leads_inside_is_not_dialled() {
    for host in ["127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "::1"] {
        let site = Site::with(Double::new(|_| json("{}")), |setting| {
            setting.upstream.host = host.into();
            setting.upstream.private = false;
            setting.upstream.transport = Transport::Tls;
        });
        let answer = site.send(get("/openai/v1/models"));
        assert_eq!((answer.status, answer.refused()), (502, Some("upstream_address")), "{host}");
        assert_eq!(site.upstream.connections(), 0);
    }
}

#[test]
fn plain_http_goes_to_loopback_alone_and_metadata_never() {
    for (host, transport) in [("10.255.255.1", Transport::Plain), ("169.254.169.254", Transport::PlainAnywhere)] {
        let site = Site::with(Double::new(|_| json("{}")), |setting| {
            setting.upstream.host = host.into();
            setting.upstream.transport = transport;
        });
        assert_eq!(site.send(get("/openai/v1/models")).refused(), Some("upstream_address"));
    }
}

#[test]
fn a_listener_that_is_reached_from_outside_needs_tls() {
    let site = Site::new(Double::new(|_| json("{}")));
    let config =
        keyward_gateway::Config::with_roots(([0, 0, 0, 0], 0).into(), tokio_rustls::rustls::RootCertStore::empty());
    let refused = keyward_gateway::Gateway::bind(config, std::sync::Arc::clone(&site.shared)).err().unwrap();
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
}
