//! The value that was put in never comes back, whatever the upstream does.

use std::io::Write;

use keyward_gateway::{End, Reason};
use keyward_types::forms::forms;

use crate::support::*;

/// Nothing of the value in any form, nor more than half of it.
fn assert_clean(answer: &Answer) {
    for form in forms(value().as_bytes()) {
        let text = [answer.head.as_bytes(), &answer.body].concat();
        assert!(!text.windows(form.bytes.len()).any(|window| window == &**form.bytes), "{:?}", form.kind);
    }
}

#[test]
fn every_form_in_a_body_at_every_split() {
    for form in forms(value().as_bytes()) {
        let body = [b"{\"error\":\"".as_slice(), &form.bytes, b"\"}"].concat();
        let stars = body.len();
        let site = Site::new(Double::new(move |request| {
            let split: usize = request.line().split(['/', ' ']).nth(4).unwrap().parse().unwrap();
            let head =
                format!("HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
            let (first, second) = body.split_at(split);
            reply([head.as_bytes(), first].concat()).then(2, second)
        }));
        let mut caller = site.caller();
        for split in (0..=stars).step_by(7) {
            let answer = caller.send(get(&format!("/openai/v1/{split}")));
            assert_eq!((answer.status, answer.body.len()), (400, stars), "{:?} {split}", form.kind);
            assert_clean(&answer);
            assert!(answer.text().contains("****"));
        }
    }
}

#[test]
fn headers_their_names_and_the_reason() {
    let site = Site::new(Double::new(|request| {
        let name = value().replace(['/', '+', '='], "");
        let echo = request.header("authorization").unwrap().to_owned();
        reply(format!(
            "HTTP/1.1 200 {}\r\nX-Echo: {echo}\r\nx-{name}: 1\r\nLocation: /a?key={}\r\nContent-Length: 0\r\n\r\n",
            value(),
            value().replace('/', "%2F").replace('+', "%2B").replace('=', "%3D")
        ))
    }));
    let answer = site.send(get("/openai/v1/models"));
    assert_eq!(answer.status, 200);
    assert_clean(&answer);
    assert!(answer.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", answer.head);
    assert_eq!(answer.header("x-echo"), Some(&*format!("Bearer {}", "*".repeat(value().len()))));
}

#[test]
fn a_name_of_a_header_that_is_the_value_is_dropped() {
    let plain = "abcdefghij0123456789";
    let site =
        Site::new(Double::new(move |_| reply(format!("HTTP/1.1 200 OK\r\n{plain}: 1\r\nContent-Length: 0\r\n\r\n"))));
    *site.vault.lease.lock().unwrap() = Some(std::sync::Arc::new(lease(plain, keyward_types::Version::FIRST)));
    assert!(!site.send(get("/openai/v1/models")).head.contains(plain));
}

#[test]
fn an_answer_that_breaks_off_within_the_value_does_not_give_it_away() {
    let site = Site::new(Double::new(|_| {
        let almost = &value()[..value().len() - 1];
        reply(format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nkey: {almost}")).closing()
    }));
    let answer = site.send(get("/openai/v1/models"));
    assert!(!answer.text().contains(&value()[..value().len() / 2 + 1]), "{}", answer.text());
}

#[test]
fn a_coded_answer_is_looked_into() {
    let coded = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let site = Site::new(Double::new(move |request| {
        let (coding, body) = match request.line().split(['/', ' ']).nth(4).unwrap() {
            "echo" => ("gzip", coded(&format!("{{\"error\":\"{}\"}}", value()))),
            "plain" => ("gzip", coded(r#"{"usage":{"prompt_tokens":3,"completion_tokens":4}}"#)),
            "lie" => ("gzip", value().into_bytes()),
            _ => ("zstd", vec![1, 2, 3]),
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        reply([head.as_bytes(), &body].concat())
    }));
    let answer = site.send(get("/openai/v1/echo"));
    assert_eq!((answer.status, answer.refused()), (502, Some("upstream_echo")));
    assert_eq!(site.records(1)[0].end, End::Stopped);
    assert_eq!(site.send(get("/openai/v1/lie")).status, 502);
    let answer = site.send(get("/openai/v1/other"));
    assert_eq!((answer.status, answer.refused()), (502, Some("upstream_coding")));
    let answer = site.send(get("/openai/v1/plain"));
    assert_eq!((answer.status, answer.header("content-encoding")), (200, Some("gzip")));
    let mut decoder = flate2::write::GzDecoder::new(Vec::new());
    decoder.write_all(&answer.body).unwrap();
    assert_eq!(decoder.finish().unwrap(), br#"{"usage":{"prompt_tokens":3,"completion_tokens":4}}"#);
    assert_eq!(site.records(4)[3].counts.output, 4, "it is metered too");
    assert_eq!(site.denied(Reason::Echo), 2);
}

#[test]
fn a_redirect_is_neither_followed_nor_passed_on() {
    for status in [301, 302, 303, 307, 308] {
        let site = Site::new(Double::new(move |request| {
            let key = request.header("authorization").unwrap_or_default().to_owned();
            reply(format!("HTTP/1.1 {status} X\r\nLocation: http://evil.example/?{key}\r\nContent-Length: 0\r\n\r\n"))
        }));
        let answer = site.send(get("/openai/v1/models"));
        assert_eq!((answer.status, answer.refused()), (502, Some("upstream_redirect")));
        assert_eq!((answer.header("location"), site.received().len()), (None, 1));
    }
    let site = Site::new(Double::new(|_| reply("HTTP/1.1 304 X\r\nETag: \"a\"\r\n\r\n")));
    assert_eq!(site.send(get("/openai/v1/models")).status, 304);
}

#[test]
fn what_an_upstream_may_not_say_to_a_browser() {
    let site = Site::new(Double::new(|_| {
        reply(
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nAlt-Svc: h3=\":443\"\r\nAccess-Control-Allow-Origin: *\r\n\
             Refresh: 0; url=http://evil\r\nClear-Site-Data: \"*\"\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Kept: 1\r\n\
             Content-Length: 0\r\n\r\n",
        )
    }));
    let answer = site.send(get("/openai/v1/models"));
    for name in ["set-cookie", "alt-svc", "access-control-allow-origin", "refresh", "clear-site-data", "x-hop"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert_eq!(answer.header("x-kept"), Some("1"));
}
