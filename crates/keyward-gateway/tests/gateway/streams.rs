//! Events reach the caller when they come, and are counted as they pass.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use keyward_gateway::{Counts, End, Interface, Shape, Truth};

use crate::support::*;

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

fn event(word: &str) -> String {
    format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{word}\"}}}}],\"usage\":null}}\n\n")
}

const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":5}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn five(pause: u64) -> Double {
    Double::new(move |request| {
        let mut reply = reply(HEAD);
        for word in ["one", "two", "three", "four", "five"] {
            reply = reply.then(pause, chunk(&event(word)));
        }
        let asked = String::from_utf8_lossy(&request.body).contains("\"include_usage\":true");
        if asked {
            reply = reply.then(0, chunk(USAGE));
        }
        reply.then(0, chunk(DONE)).then(0, "0\r\n\r\n")
    })
}

#[test]
fn each_event_comes_at_once_and_the_extra_one_does_not() {
    let site = Site::new(five(100));
    let mut caller = site.caller();
    caller.0.write_all(post("/openai/v1/chat/completions", r#"{"model":"m","stream":true}"#).as_bytes()).unwrap();
    let (began, mut seen, mut arrivals) = (Instant::now(), String::new(), Vec::new());
    let mut buffer = [0; 4096];
    while !seen.contains("[DONE]") {
        let length = caller.0.read(&mut buffer).unwrap();
        assert!(length > 0);
        seen.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        while arrivals.len() < seen.matches("delta").count() {
            arrivals.push(began.elapsed());
        }
    }
    assert_eq!(arrivals.len(), 5);
    for (i, at) in arrivals.iter().enumerate() {
        let due = Duration::from_millis(100 * (i as u64 + 1));
        assert!(*at >= due && *at < due + Duration::from_millis(95), "event {i} came after {at:?}");
    }
    assert!(!seen.contains("prompt_tokens"), "the caller did not ask for it");
    let record = site.records(1)[0];
    assert_eq!(record.counts, Counts { input: 8, output: 5, ..Counts::default() });
    assert_eq!((record.truth, record.end), (Truth::Exact, End::Whole));
    let body: serde_json::Value = serde_json::from_slice(&site.received()[0].body).unwrap();
    assert_eq!(body, serde_json::json!({ "model": "m", "stream": true, "stream_options": { "include_usage": true } }));
}

#[test]
fn whoever_asks_for_the_usage_gets_it() {
    let site = Site::new(five(0));
    let body = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#;
    let answer = site.chat(body);
    assert_eq!(answer.text(), ["one", "two", "three", "four", "five"].map(event).concat() + USAGE + DONE);
    assert_eq!(site.received()[0].body, body.as_bytes());
}

#[test]
fn a_stream_that_the_caller_leaves_is_read_on_for_a_moment_and_then_estimated() {
    let site = Site::with(five(250), |setting| setting.config.times.read_on = Duration::ZERO);
    let mut caller = site.caller();
    caller.0.write_all(post("/openai/v1/chat/completions", r#"{"model":"m","stream":true}"#).as_bytes()).unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 4096];
    while !seen.contains("three") {
        let length = caller.0.read(&mut buffer).unwrap();
        seen.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    drop(caller);
    let record = site.records(1)[0];
    assert_eq!((record.truth, record.end), (Truth::Estimated, End::HungUp));
    assert!((3..=4).contains(&record.counts.output), "{record:?}");
    assert!(record.counts.input > 0);
    wait(|| (site.upstream.open() == 0).then_some(()));
}

#[test]
fn anthropic_streams_are_counted_and_passed_on_as_they_are() {
    let text = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n\
                event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":12}}\n\n";
    let site = Site::with(
        Double::new(move |_| {
            let pieces = text.as_bytes().chunks(11).map(|piece| chunk(std::str::from_utf8(piece).unwrap()));
            pieces.fold(reply(HEAD), |reply, piece| reply.then(1, piece)).then(0, "0\r\n\r\n")
        }),
        |setting| {
            setting.upstream.interface = Some(Interface::Anthropic);
            setting.upstream.shape = Shape::Anthropic;
        },
    );
    let answer = site.send(post("/openai/v1/messages", r#"{"model":"c","max_tokens":5,"stream":true}"#));
    assert_eq!(answer.text(), text);
    assert_eq!(site.records(1)[0].counts, Counts { input: 9, output: 12, ..Counts::default() });
}

#[test]
fn an_echo_across_events_and_chunks_is_masked_without_delay() {
    let site = Site::new(Double::new(|_| {
        let text = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n", value());
        let pieces = text.as_bytes().chunks(5).map(|piece| chunk(std::str::from_utf8(piece).unwrap()));
        pieces.fold(reply(HEAD), |reply, piece| reply.then(1, piece)).then(0, "0\r\n\r\n")
    }));
    let answer = site.chat(r#"{"model":"m","stream":true}"#);
    assert!(answer.whole && answer.text().contains(&"*".repeat(value().len())), "{answer:?}");
    assert!(!answer.text().contains(&value()));
}
