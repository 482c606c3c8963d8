//! WebSockets: who may open one, what passes, what does not, and when they end.

use std::time::{Duration, Instant};

use keyward_gateway::*;
use keyward_types::{Timestamp, Version};

use crate::socket_ends::*;
use crate::support::*;

const REALTIME: &str = "/openai/v1/realtime?model=gpt-realtime";

fn bearer() -> String {
    format!("Authorization: Bearer {}\r\n", key())
}

#[test]
fn only_a_whole_handshake_opens_one() {
    let socket = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    let nonce = |text: &str| format!("Sec-WebSocket-Key: {text}\r\n");
    let good = nonce("AAECAwQFBgcICQoLDA0ODw==");
    let site = Socketed::new(|_| {});
    for (line, headers, status, refused) in [
        ("POST", format!("{socket}{good}"), 400, "upgrade"),
        ("GET", format!("{socket}{good}Content-Length: 1\r\n"), 400, "upgrade"),
        ("GET", format!("{socket}{good}Transfer-Encoding: chunked\r\n"), 400, "upgrade"),
        ("GET", format!("{socket}{good}Upgrade: websocket\r\n"), 400, "upgrade"),
        ("GET", socket.to_owned(), 400, "upgrade"),
        ("GET", format!("{socket}{good}{good}"), 400, "upgrade"),
        ("GET", format!("{socket}{}", nonce("AAECAwQF")), 400, "upgrade"),
        ("GET", format!("{socket}{}", nonce("not base64!")), 400, "upgrade"),
        ("GET", format!("{socket}{good}").replace("websocket\r", "websocket, h2c\r"), 400, "upgrade"),
        ("GET", format!("{socket}{good}").replace("websocket\r", "h2c\r"), 400, "upgrade"),
        ("GET", format!("{socket}{good}").replace(": Upgrade", ": keep-alive"), 400, "upgrade"),
        ("GET", format!("{socket}{good}").replace(": Upgrade", ": Upgrade, Authorization"), 400, "upgrade"),
        ("GET", format!("{socket}{good}").replace(": 13", ": 8"), 426, "websocket_version"),
    ] {
        let mut caller = site.site.caller();
        let answer = caller.send(format!("{line} {REALTIME} HTTP/1.1\r\nHost: localhost\r\n{}{headers}\r\n", bearer()));
        assert_eq!((answer.status, answer.refused()), (status, Some(refused)), "{line} {headers}");
        assert!(caller.is_closed(), "{headers}");
        assert!(status != 426 || answer.header("sec-websocket-version") == Some("13"));
    }
    assert!(site.peer.heads().is_empty());
}

#[test]
fn the_key_is_taken_from_every_place_and_the_real_one_put_in() {
    let site = Socketed::new(|_| {});
    let in_protocol = format!("Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{}, beta.v1\r\n", key());
    let in_query = format!("{REALTIME}&key={}", key());
    for (target, headers) in
        [(REALTIME, bearer()), (REALTIME, in_protocol.clone()), (&in_query, String::new()), (&in_query, in_protocol)]
    {
        let named = headers.contains("Protocol");
        let more = "Sec-WebSocket-Extensions: permessage-deflate\r\nCookie: a=b\r\n";
        let mut socket = site.open(target, &format!("{headers}{more}"));
        assert_eq!(socket.head.contains("sec-websocket-protocol: realtime"), named, "{}", socket.head);
        assert!(!socket.head.to_lowercase().contains("extensions"));
        socket.text("hello");
        assert_eq!(socket.frame(), (true, TEXT, b"hello".to_vec()));
        socket.close();
    }
    for head in site.peer.heads() {
        assert!(head.starts_with("GET /base/v1/realtime?model=gpt-realtime HTTP/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("authorization: Bearer {}", value())), "{head}");
        let lower = head.to_lowercase();
        assert!(!head.contains("kwv_") && !lower.contains("extensions") && !lower.contains("cookie"), "{head}");
        assert!(!lower.contains("insecure"), "{head}");
    }
    let twice = format!("{}Sec-WebSocket-Protocol: openai-insecure-api-key.kwv_other\r\n", bearer());
    assert_eq!(site.refused(REALTIME, &twice), (400, "two_keys".into()));
    assert_eq!(site.refused(REALTIME, ""), (401, "no_key".into()));
    assert_eq!(site.peer.heads().len(), 4);
}

#[test]
fn frames_go_both_ways_and_are_recorded_as_one_call() {
    let site = Socketed::new(|_| {});
    let mut socket = site.open(REALTIME, &bearer());
    for length in [0, 1, 125, 126, 65_535, 65_536, 1_000_000] {
        let payload: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        socket.send(true, BINARY, &payload);
        assert_eq!(socket.message(), (BINARY, payload), "{length}");
    }
    socket.send(false, TEXT, b"one ");
    socket.send(true, PING, b"still?");
    socket.send(true, 0, b"two");
    let mut kinds = [socket.frame(), socket.frame()];
    kinds.sort_by_key(|(_, code, _)| *code);
    assert_eq!(kinds[0], (true, TEXT, b"one two".to_vec()));
    assert_eq!(kinds[1], (true, PONG, b"still?".to_vec()));
    socket.close();
    let record = site.site.records(1)[0];
    let sum = [1, 125, 126, 65_535, 65_536, 1_000_000, 7].iter().sum::<u64>();
    assert_eq!((record.end, record.status), (End::Whole, 101));
    assert_eq!((record.bytes_in, record.bytes_out), (sum, sum));
    assert_eq!((record.truth, record.counts), (Truth::Exact, Counts::default()), "no usage was told, and none was due");
}

#[test]
fn an_echoed_key_is_masked_over_all_frames_of_its_message() {
    let site = Socketed::new(|_| {});
    let mut socket = site.open(REALTIME, &bearer());
    let value = value();
    let text = format!("{{\"said\":\"{value}\"}}");
    let masked = text.replace(&value, &"*".repeat(value.len())).into_bytes();
    for split in 0..=text.len() {
        let (first, second) = text.split_at(split);
        socket.text(&format!("raw:{}", hex(&[frame(false, TEXT, first), frame(true, 0, second)].concat())));
        assert_eq!(socket.message(), (TEXT, masked.clone()), "split at {split}");
    }
    let pieces: Vec<u8> = text
        .bytes()
        .enumerate()
        .flat_map(|(at, byte)| frame(false, if at == 0 { BINARY } else { 0 }, [byte]))
        .collect();
    socket.text(&format!("raw:{}", hex(&[&pieces[..], &frame(true, 0, "")].concat())));
    assert_eq!(socket.message(), (BINARY, masked));
    socket.text(&format!("raw:{}", hex(&frame(true, PING, &value))));
    assert_eq!(socket.frame(), (true, PING, "*".repeat(value.len()).into_bytes()));
    socket.close();
    assert_eq!(site.site.records(1)[0].redacted as usize, text.len() + 2);
}

#[test]
fn a_message_does_not_wait_for_the_next_one() {
    let site = Socketed::new(|_| {});
    let mut socket = site.open(REALTIME, &bearer());
    // It ends as the key begins.
    socket.text("the rest: sk-real");
    assert_eq!(socket.frame(), (true, TEXT, b"the rest: sk-real".to_vec()));
    socket.close();
}

#[test]
fn an_answer_that_opens_something_else_is_none() {
    let good =
        |head: &str| format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}", accept(head));
    let answers: [fn(String) -> String; 7] = [
        |good| good.replace("Accept: ", "Accept: A"),
        |good| format!("{good}\r\nSec-WebSocket-Extensions: permessage-deflate"),
        |good| format!("{good}\r\nSec-WebSocket-Protocol: graphql-ws"),
        |good| good.replace("websocket\r", "h2c\r"),
        |good| good.replace("Connection", "X-Connection"),
        |good| format!("{good}\r\nUpgrade: websocket"),
        |good| good.replace("Sec-WebSocket-Accept", "X-Accept"),
    ];
    for (number, answer) in answers.into_iter().enumerate() {
        let peer = Peer::new(move |head| format!("HTTP/1.1 101 Said\r\n{}\r\n\r\n", answer(good(head))));
        let site = Socketed::at(peer, |_| {});
        assert_eq!(site.refused(REALTIME, &bearer()), (502, "upstream_answer".into()), "{number}");
        let record = site.site.records(1)[0];
        assert_eq!((record.cost, record.counts), (0, Counts::default()));
        wait(|| (site.peer.open() == 0).then_some(()));
    }
}

#[test]
fn who_is_not_let_in_upstream_is_told_as_ever() {
    let body = r#"{"error":{"code":"invalid_model"}}"#;
    let peer = Peer::new(move |_| {
        format!("HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    let site = Socketed::at(peer, |_| {});
    let answer = site.site.send(opening(REALTIME, &bearer()));
    assert_eq!((answer.status, answer.text()), (400, body.to_owned()));
    assert_eq!(site.site.records(1)[0].status, 400);
}

#[test]
fn limits_hold_as_long_as_it_stands() {
    let site = Socketed::new(|setting| setting.grant.parallel = Some(1));
    let socket = site.open(REALTIME, &bearer());
    assert_eq!(site.refused(REALTIME, &bearer()), (429, "parallel".into()));
    drop(socket);
    wait(|| (site.peer.open() == 0).then_some(()));
    wait(|| (site.site.records(1).len() == 1).then_some(()));
    site.open(REALTIME, &bearer()).close();
    let ends: Vec<End> = site.site.records(2).iter().map(|record| record.end).collect();
    assert_eq!(ends, [End::HungUp, End::Whole]);
}

#[test]
fn rules_about_models_and_numbers_hold_before_anything_is_said() {
    let narrow = |change: fn(&mut Route)| {
        Socketed::new(move |setting| {
            let mut route = any_route(setting);
            change(&mut route);
            setting.grant.routes = [route].into();
        })
    };
    let site = narrow(|route| route.models = [Glob::name("gpt-realtime*")].into());
    site.open(REALTIME, &bearer()).close();
    for query in ["", "?model=gpt-4o", "?model=gpt-realtime&model=gpt-4o", "?model=gpt-realtime&m%6fdel=gpt-4o", "?x=1"]
    {
        let refused = site.refused(&format!("/openai/v1/realtime{query}"), &bearer());
        assert_eq!(refused, (403, "model_not_granted".into()), "{query}");
    }
    let site = narrow(|route| route.maxima = [("max_tokens".into(), 10)].into());
    assert_eq!(site.refused(REALTIME, &bearer()), (400, "field".into()));
}

#[test]
fn a_key_that_is_gone_closes_it_within_a_second() {
    type Change = fn(&Socketed);
    let changes: [(Change, &str); 4] = [
        (|site| site.site.shared.publish(Snapshot::new(Timestamp(NOW), std::sync::Arc::new(lookup))), "not known"),
        (|site| *site.site.vault.lease.lock().unwrap() = None, "may not be used"),
        (|site| site.site.vault.now.store(NOW + 31_000, std::sync::atomic::Ordering::Release), "has not heard"),
        (
            |site| {
                let renewed = lease(&value(), Version::FIRST).renewed(Timestamp(NOW));
                *site.site.vault.lease.lock().unwrap() = Some(std::sync::Arc::new(renewed));
            },
            "may not be used",
        ),
    ];
    for (change, why) in changes {
        let site = Socketed::new(|_| {});
        let mut socket = site.open(REALTIME, &bearer());
        socket.text("before");
        socket.frame();
        let began = Instant::now();
        change(&site);
        let (_, code, payload) = socket.frame();
        let said = String::from_utf8_lossy(&payload[2..]).into_owned();
        assert!(code == CLOSE && said.contains(why), "{said}");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        wait(|| (site.peer.open() == 0).then_some(()));
        assert_eq!(site.site.records(1)[0].end, End::Stopped);
    }
}

/// What a realtime API says when an answer is whole.
fn done(input: u64, output: u64) -> String {
    serde_json::json!({ "type": "response.done", "event_id": "e", "response": { "id": "r", "status": "completed",
        "usage": { "total_tokens": input + output, "input_tokens": input, "output_tokens": output,
            "input_token_details": { "text_tokens": input, "audio_tokens": 0, "cached_tokens": 3 },
            "output_token_details": { "text_tokens": output, "audio_tokens": 0 } } } })
    .to_string()
}

#[test]
fn what_was_used_is_added_up_and_exact() {
    let site = Socketed::new(|_| {});
    let mut socket = site.open(REALTIME, &bearer());
    for (input, output) in [(10, 20), (100, 200)] {
        socket.text(r#"{"type":"response.output_text.delta","delta":"a word"}"#);
        socket.frame();
        socket.text(&done(input, output));
        socket.frame();
    }
    socket.close();
    let record = site.site.records(1)[0];
    let counts = Counts { input: 110, output: 220, cached: 6, ..Counts::default() };
    assert_eq!((record.truth, record.counts, record.model.as_str()), (Truth::Exact, counts, "gpt-realtime"));

    let mut socket = site.open(REALTIME, &bearer());
    socket.text(&done(10, 20));
    socket.frame();
    for _ in 0..7 {
        socket.text(r#"{"type":"response.output_text.delta","delta":"word"}"#);
        socket.frame();
    }
    drop(socket);
    let record = site.site.records(2)[1];
    let counts = Counts { input: 10, output: 27, cached: 3, ..Counts::default() };
    assert_eq!((record.truth, record.counts, record.end), (Truth::Estimated, counts, End::HungUp));
}

#[test]
fn a_budget_is_reserved_ahead_and_ends_it() {
    let budget = Budget { id: BudgetId::from_bytes([3; 16]), unit: Unit::Tokens };
    let site = Socketed::new(move |setting| setting.grant.budgets = [budget].into());
    site.site.vault.left.store(20_000, std::sync::atomic::Ordering::Release);
    let mut socket = site.open(REALTIME, &bearer());
    let mut used = 0;
    let closed = loop {
        socket.text(&done(1_000, 1_000));
        match socket.frame() {
            (_, CLOSE, payload) => break payload,
            _ => used += 2_000,
        }
        assert!(used <= 20_000, "it went on beyond its budget");
        // What it says next is asked for when this one has been reserved for.
        std::thread::sleep(Duration::from_millis(30));
    };
    assert_eq!(closed[..2], 1008u16.to_be_bytes());
    assert!(String::from_utf8_lossy(&closed).contains("budget"));
    assert!((10_000..=20_000).contains(&used), "{used}");
    assert_eq!(site.site.denied(Reason::Budget), 1);
    let record = site.site.records(1)[0];
    assert_eq!((record.end, record.truth), (End::Stopped, Truth::Exact));
    assert_eq!(site.refused(REALTIME, &bearer()), (429, "budget".into()));
}

#[test]
fn silence_ends_it() {
    let site = Socketed::new(|_| {});
    let mut socket = site.open(REALTIME, &bearer());
    let began = Instant::now();
    let (_, code, payload) = socket.frame();
    assert_eq!((code, &payload[..2]), (CLOSE, &1001u16.to_be_bytes()[..]));
    assert!((700..3_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!(site.site.denied(Reason::SocketIdle), 1);
}

#[test]
fn a_gateway_that_stops_says_so() {
    let mut site = Socketed::new(|_| {});
    let mut socket = site.open(REALTIME, &bearer());
    site.site.stop(Duration::from_secs(5));
    let (_, code, payload) = socket.frame();
    assert_eq!((code, &payload[..2]), (CLOSE, &1001u16.to_be_bytes()[..]));
    assert_eq!(site.site.records(1)[0].end, End::Stopped);
}

#[test]
fn what_is_no_frame_ends_it() {
    let mask = [1, 2, 3, 4];
    for (bytes, reason) in [
        (frame(true, TEXT, "unmasked"), Reason::Framing),
        (masked(0xc1, mask, b"compressed"), Reason::Framing),
        (masked(0x83, mask, b"no such code"), Reason::Framing),
        (masked(0x80, mask, b"goes on with nothing"), Reason::Framing),
        (masked(0x09, mask, b"a ping in parts"), Reason::Framing),
        (vec![0x82, 0xfe, 0, 5, 1, 2, 3, 4, 0, 0, 0, 0, 0], Reason::Framing),
        ([&[0x82, 0xff][..], &(1u64 << 62).to_be_bytes(), &mask].concat(), Reason::TooLarge),
    ] {
        let site = Socketed::new(|_| {});
        let mut socket = site.open(REALTIME, &bearer());
        socket.raw(&bytes);
        let (_, code, payload) = socket.frame();
        let status = if reason == Reason::Framing { 1002u16 } else { 1009 };
        assert_eq!((code, &payload[..2]), (CLOSE, &status.to_be_bytes()[..]), "{bytes:?}");
        assert_eq!(site.site.denied(reason), 1);
        wait(|| (site.peer.open() == 0).then_some(()));
    }
    // The upstream's own.
    for bytes in [masked(0x81, mask, b"masked"), frame(true, 0x41, "compressed"), frame(true, 0, "of nothing")] {
        let site = Socketed::new(|_| {});
        let mut socket = site.open(REALTIME, &bearer());
        socket.text(&format!("raw:{}", hex(&bytes)));
        let (_, code, payload) = socket.frame();
        assert_eq!((code, &payload[..2]), (CLOSE, &1011u16.to_be_bytes()[..]), "{bytes:?}");
    }
}

#[test]
fn who_takes_nothing_holds_up_the_other_side() {
    let site = Socketed::new(|setting| setting.config.times.idle = Duration::from_secs(30));
    let mut socket = site.open(REALTIME, &bearer());
    socket.text("flood");
    std::thread::sleep(Duration::from_millis(500));
    let written = site.peer.written();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(site.peer.written(), written, "it went on writing");
    assert!(written < 64 << 20, "{written}");
    drop(socket);
    wait(|| (site.peer.open() == 0).then_some(()));
}
