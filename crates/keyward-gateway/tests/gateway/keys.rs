//! Which key, and what it may do.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderName};
use keyward_gateway::*;
use keyward_types::Timestamp;

use crate::support::*;

#[test]
fn a_connection_goes_on_after_a_refusal_whose_body_has_come() {
    let site = Site::new(Double::new(|_| json("{}")));
    let mut caller = site.caller();
    let refused = caller.send(post("/openai/v1/chat/completions", "{}").replace(&key(), "kwv_nobody"));
    assert_eq!((refused.status, refused.header("connection")), (401, None));
    assert_eq!(caller.send(post("/openai/v1/chat/completions", "{}")).status, 200);
    // One that is still to come is not waited for.
    let unfinished = post("/openai/v1/chat/completions", "{}").replace(&key(), "kwv_nobody").replace("{}", "{");
    let refused = caller.send(unfinished);
    assert_eq!((refused.status, refused.header("connection")), (401, Some("close")));
    assert!(caller.is_closed());
}

fn site(change: impl FnOnce(&mut Setting)) -> Site {
    Site::with(Double::new(|_| json(r#"{"ok":true}"#)), change)
}

fn with_route(change: impl FnOnce(&mut Route)) -> Site {
    site(|setting| {
        let mut route = any_route(setting);
        change(&mut route);
        setting.grant.routes = [route].into();
    })
}

fn refused(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.refused().unwrap_or_default())
}

#[test]
fn the_key_is_taken_wherever_an_sdk_puts_it_and_the_real_one_goes_on() {
    let site = site(|_| {});
    let places = [
        format!("Authorization: Bearer {}", key()),
        format!("x-api-key: {}", key()),
        format!("x-goog-api-key: {}", key()),
        format!("api-key: {}", key()),
        format!("apikey: {}", key()),
        format!("apikey: {0}\r\nAuthorization: Bearer {0}", key()),
    ];
    for place in &places {
        let answer = site.send(format!("GET /openai/v1/models?a=b%20c HTTP/1.1\r\nHost: localhost\r\n{place}\r\n\r\n"));
        assert_eq!(answer.status, 200, "{place}");
    }
    let answer = site.send(format!("GET /openai/v1/models?key={}&a=b%20c HTTP/1.1\r\nHost: localhost\r\n\r\n", key()));
    assert_eq!(answer.status, 200);
    for request in site.received() {
        assert_eq!(request.line(), "GET /base/v1/models?a=b%20c HTTP/1.1");
        assert_eq!(request.header("authorization"), Some(&*format!("Bearer {}", value())));
        assert!(!request.head.contains(&key()), "the virtual key stays here: {request:?}");
        for name in ["x-api-key", "x-goog-api-key", "api-key", "apikey"] {
            assert_eq!(request.header(name), None);
        }
    }
}

#[test]
fn what_is_no_key_is_refused_in_the_shape_of_the_sdk() {
    let site = site(|_| {});
    let of = |header: &str| site.send(format!("GET /openai/v1/models HTTP/1.1\r\nHost: localhost\r\n{header}\r\n"));
    let unknown = key().replace("Abc", "Xyz");
    for (header, wanted) in [
        ("", (401, "no_key")),
        ("Authorization: Bearer \r\n", (401, "no_key")),
        ("Authorization: Basic a2V5\r\n", (401, "malformed_key")),
        ("Authorization: Bearer sk-something\r\n", (401, "malformed_key")),
        (&format!("Authorization: Bearer {unknown}\r\n"), (401, "unknown_key")),
        (&format!("Authorization: Bearer {}\r\nx-api-key: {unknown}\r\n", key()), (400, "two_keys")),
    ] {
        let answer = of(header);
        assert_eq!(refused(&answer), wanted, "{header}");
        assert_eq!(answer.json()["error"]["code"], wanted.1);
    }
    assert!(site.received().is_empty());
    assert_eq!(site.denied(Reason::NoKey), 2);
}

#[test]
fn sql_in_a_key_is_a_key_that_is_not_known() {
    let site = site(|_| {});
    let answer = site.send("GET /openai/v1/models HTTP/1.1\r\nHost: localhost\r\nx-api-key: kwv_' OR '1'='1\r\n\r\n");
    assert_eq!(refused(&answer), (401, "unknown_key"));
}

#[test]
fn expiry_network_origin_and_canary() {
    let answer = |change: fn(&mut Grant), header: &str| {
        let site = site(|setting| change(&mut setting.grant));
        let answer = site.send(get("/openai/v1/models").replace("\r\n\r\n", &format!("\r\n{header}\r\n")));
        (answer.status, answer.refused().map(str::to_owned))
    };
    assert_eq!(answer(|grant| grant.expires = Some(Timestamp(NOW)), ""), (401, Some("expired_key".into())));
    assert_eq!(answer(|grant| grant.expires = Some(Timestamp(NOW + 1)), "").0, 200);
    assert_eq!(
        answer(|grant| grant.networks = ["10.0.0.0/8".parse().unwrap()].into(), ""),
        (403, Some("network".into()))
    );
    assert_eq!(answer(|grant| grant.networks = ["127.0.0.0/8".parse().unwrap()].into(), "").0, 200);
    // Whoever writes his own address down is not there.
    let forged =
        answer(|grant| grant.networks = ["10.0.0.0/8".parse().unwrap()].into(), "X-Forwarded-For: 10.1.1.1\r\n");
    assert_eq!(forged.0, 403);
    assert_eq!(answer(|grant| grant.uses_left = Some(0), "").0, 429);
    let origins = |grant: &mut Grant| grant.origins = ["https://app.example".into()].into();
    assert_eq!(answer(origins, ""), (403, Some("origin".into())));
    assert_eq!(answer(origins, "Origin: https://evil.example\r\n").0, 403);
    assert_eq!(answer(origins, "Origin: https://app.example\r\n").0, 200);
    assert_eq!(answer(|_| {}, "Origin: https://app.example\r\n").0, 403, "it is no page's key");
}

#[test]
fn a_canary_rings_and_says_nothing() {
    let site = site(|setting| setting.grant.canary = true);
    let answer = site.send(get("/openai/v1/models"));
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (401, Some("unknown_key")));
    assert_eq!(site.denied(Reason::Canary), 1);
    assert!(site.received().is_empty());
}

#[test]
fn calls_models_and_maxima() {
    let site = with_route(|route| {
        route.calls = [Call { methods: [Method::POST].into(), path: Glob::path("/v1/chat/*") }].into();
        route.models = [Glob::name("gpt-4o*")].into();
        route.maxima = [("max_tokens".into(), 100)].into();
    });
    let chat = |body: &str| {
        let answer = site.chat(body);
        (answer.status, answer.refused().map(str::to_owned))
    };
    assert_eq!(chat(r#"{"model":"gpt-4o-mini","max_tokens":100}"#), (200, None));
    assert_eq!(chat(r#"{"model":"o3","max_tokens":100}"#), (403, Some("model_not_granted".into())));
    assert_eq!(chat(r#"{"max_tokens":100}"#), (403, Some("model_not_granted".into())));
    assert_eq!(chat(r#"{"model":"gpt-4o","max_tokens":101}"#), (400, Some("field".into())));
    assert_eq!(chat(r#"{"model":"gpt-4o"}"#), (400, Some("field".into())));
    assert_eq!(chat(r#"{"model":"gpt-4o","model":"o3","max_tokens":1}"#), (400, Some("body_twice".into())));
    assert_eq!(chat("model=gpt-4o"), (400, Some("body".into())));
    assert_eq!(refused(&site.send(get("/openai/v1/chat/completions"))), (403, "call_not_granted"));
    assert_eq!(refused(&site.send(post("/openai/v1/files", "{}"))), (403, "call_not_granted"));
    assert_eq!(refused(&site.send(post("/openai/v1/chat/completions/x", "{}"))), (403, "call_not_granted"));
    assert_eq!(refused(&site.send(get("/anthropic/v1/messages"))), (404, "provider"));
    assert_eq!(site.received().len(), 1);
}

#[test]
fn a_body_is_passed_on_as_it_came() {
    let site = site(|_| {});
    let body = "{ \"model\" : \"gpt-4o\",\r\n \"messages\":[ ],\"temperature\":1.0e0 , \"\\u0061\":\"\\u00e9é\"}";
    assert_eq!(site.chat(body).status, 200);
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(300_000));
    assert_eq!(site.send(post("/openai/v1/embeddings", &large)).status, 200);
    let bodies: Vec<_> = site.received().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, [body.as_bytes(), large.as_bytes()]);
}

#[test]
fn a_chunked_body_arrives_whole_and_its_trailers_stay_here() {
    let site = site(|setting| setting.upstream.interface = None);
    let request = format!(
        "PUT /openai/v1/files HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\
         Trailer: x-sum\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: {}\r\n\r\n",
        key(),
        key()
    );
    assert_eq!(site.send(request).status, 200);
    let received = &site.received()[0];
    assert_eq!(received.body, b"hello world");
    assert!(!received.head.contains(&key()));
}

#[test]
fn what_tells_of_the_caller_stays_here() {
    let site = site(|setting| {
        setting.upstream.headers = [(HeaderName::from_static("openai-project"), "p1".parse().unwrap())].into();
    });
    let headers = "Cookie: session=1\r\nX-Forwarded-Host: evil\r\nForwarded: for=1\r\nConnection: keep-alive, X-Hop\r\n\
                   X-Hop: 1\r\nTE: trailers\r\nOpenAI-Project: other\r\nAccept-Encoding: gzip\r\nReferer: http://a\r\nX-Kept: 1\r\n";
    let request = get("/openai/v1/models").replace("\r\n\r\n", &format!("\r\n{headers}\r\n"));
    assert_eq!(site.send(request).status, 200);
    let received = &site.received()[0];
    for name in ["cookie", "x-forwarded-host", "forwarded", "x-hop", "te", "referer", "connection"] {
        assert_eq!(received.header(name), None, "{received:?}");
    }
    assert_eq!(received.header("x-kept"), Some("1"));
    assert_eq!(received.header("openai-project"), Some("p1"), "the operator's word counts");
    assert_eq!(received.header("accept-encoding"), Some("identity"));
    assert_eq!(received.header("host"), Some(&*format!("127.0.0.1:{}", site.upstream.port())));
}

#[test]
fn each_form_of_injection() {
    let of = |injection: Injection| {
        let site = site(|setting| setting.upstream.injection = injection);
        let key_twice = "Authorization: x\r\n";
        assert_eq!(site.send(get("/openai/v1/a?k=1&b=2").replace(key_twice, "")).status, 200);
        site.received().remove(0)
    };
    let basic = |text: String| format!("Basic {}", data_encoding::BASE64.encode(text.as_bytes()));
    let received = of(Injection::Query("k".into()));
    assert_eq!(received.line(), "GET /base/v1/a?b=2&k=sk-real%2F0123456789%2Babcdefghijklmnop%3D%3D HTTP/1.1");
    assert_eq!(received.header("authorization"), None);
    let received = of(Injection::Header(HeaderName::from_static("x-api-key"), "".into()));
    assert_eq!((received.header("x-api-key"), received.header("authorization")), (Some(&*value()), None));
    let received = of(Injection::BasicPassword("api".into()));
    assert_eq!(received.header("authorization"), Some(&*basic(format!("api:{}", value()))));
    let received = of(Injection::BasicUser);
    assert_eq!(received.header("authorization"), Some(&*basic(format!("{}:", value()))));
    let both = Injection::Both(
        Injection::Header(HeaderName::from_static("apikey"), "".into()).into(),
        Injection::Header(AUTHORIZATION, "Bearer ".into()).into(),
    );
    let received = of(both);
    assert_eq!(received.header("apikey"), Some(&*value()));
    assert_eq!(received.header("authorization"), Some(&*format!("Bearer {}", value())));
}

#[test]
fn pages_are_let_in_by_their_origin() {
    let site = site(|setting| setting.grant.origins = ["https://app.example".into()].into());
    let preflight = |origin: &str| {
        site.send(format!(
            "OPTIONS /openai/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\
             Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization,content-type\r\n\r\n"
        ))
    };
    let answer = preflight("https://app.example");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("https://app.example")));
    assert_eq!(answer.header("access-control-allow-headers"), Some("authorization,content-type"));
    assert_eq!(preflight("https://evil.example").header("access-control-allow-origin"), None);
    let answer = site.send(get("/openai/v1/models").replace("\r\n\r\n", "\r\nOrigin: https://app.example\r\n\r\n"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(site.received()[0].header("origin"), None);
    // A page of ours may read that its key is over, and no other page anything.
    let unknown = |origin: &str| {
        let request = get("/openai/v1/models").replace(&key(), "kwv_over");
        site.send(request.replace("\r\n\r\n", &format!("\r\nOrigin: {origin}\r\n\r\n")))
    };
    let answer = unknown("https://app.example");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, Some("https://app.example")));
    assert_eq!(answer.header("access-control-expose-headers"), Some("*"));
    assert_eq!(unknown("https://evil.example").header("access-control-allow-origin"), None);
}

#[test]
fn a_revoked_key_is_dead_for_the_next_request_of_the_same_connection() {
    let site = site(|_| {});
    let mut caller = site.caller();
    assert_eq!(caller.send(get("/openai/v1/models")).status, 200);
    site.shared.publish(Snapshot::new(Timestamp(NOW), std::sync::Arc::new(lookup)));
    let answer = caller.send(get("/openai/v1/models"));
    assert_eq!(answer.status, 401);
    assert_eq!(site.received().len(), 1);
}

#[test]
fn a_rotated_key_lives_for_its_grace() {
    let site = site(|_| {});
    let upstream = Setting::of(&site.upstream).upstream;
    let mut grant = Setting::of(&site.upstream).grant;
    grant.routes = [route(&std::sync::Arc::new(upstream))].into();
    let new = *blake3::hash(b"kwv_new").as_bytes();
    let grant = std::sync::Arc::new(grant);
    let snapshot = Snapshot::new(Timestamp(NOW), std::sync::Arc::new(lookup))
        .with_key(new, std::sync::Arc::clone(&grant))
        .with_previous(hash(key().as_bytes()).unwrap(), grant, Timestamp(NOW + 1_000));
    site.shared.publish(snapshot);
    assert_eq!(site.send(get("/openai/v1/models")).status, 200);
    assert_eq!(site.send(get("/openai/v1/models").replace(&key(), "kwv_new")).status, 200);
    site.vault.now.store(NOW + 1_000, Ordering::Release);
    assert_eq!(site.send(get("/openai/v1/models")).status, 401);
    assert_eq!(site.send(get("/openai/v1/models").replace(&key(), "kwv_new")).status, 200);
}

#[test]
fn a_snapshot_that_is_too_old_is_not_believed() {
    let site = site(|setting| setting.grant.max_stale = Some(Duration::from_secs(2)));
    assert_eq!(site.send(get("/openai/v1/models")).status, 200);
    site.vault.now.store(NOW + 2_001, Ordering::Release);
    let answer = site.send(get("/openai/v1/models"));
    assert_eq!(refused(&answer), (503, "stale"));
    assert!(answer.header("retry-after").is_some());
    let still = site.shared.snapshot().still(Timestamp(NOW + 2_000));
    site.shared.publish(still);
    assert_eq!(site.send(get("/openai/v1/models")).status, 200);
}

#[test]
fn a_caller_that_waits_to_be_told_is_told_to_go_on() {
    let site = site(|_| {});
    let head = post("/openai/v1/chat/completions", "")
        .replace("Content-Length: 0", "Content-Length: 2\r\nExpect: 100-continue");
    let mut caller = site.caller();
    std::io::Write::write_all(&mut caller.0, head.as_bytes()).unwrap();
    assert_eq!(caller.interim(), "HTTP/1.1 100 Continue\r\n\r\n");
    let answer = caller.send("{}");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((site.received()[0].body.as_slice(), site.received()[0].header("expect")), (b"{}".as_slice(), None));
}
