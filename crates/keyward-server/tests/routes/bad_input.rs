//! What bad input gets: a precise 4xx, nothing half done, nothing leaked.

use serde_json::json;

use crate::kit::{Served, in_development};

fn put(served: &Served, body: &[u8]) -> crate::kit::Answer {
    let bearer = format!("Bearer {}", served.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    served.raw("PUT", &format!("/api/v1{}", in_development("secrets/A")), &headers, body)
}

#[test]
fn bodies_that_are_no_json_of_this_form() {
    let served = Served::start();
    // The first use of a token leaves an entry of its own.
    served.get("/whoami").is(200);
    let before = served.log_size();
    let deep = "[".repeat(200_000);
    let objects = "{\"value\":".repeat(100_000);
    for body in ["", "{", "nonsense", "{\"value\": \"a\"} trailing", deep.as_str(), objects.as_str(), "\u{feff}{}"] {
        let answer = put(&served, body.as_bytes());
        assert!(matches!(answer.status, 400 | 422), "{}: {}", &body[..body.len().min(20)], answer.text());
        answer.problem(answer.status);
    }
    assert_eq!(put(&served, b"{\"value\": \"\xff\xfe\"}").problem(400), "malformed_json");
    for body in [
        json!({ "value": 1 }),
        json!({ "value": null, "extra": 1 }),
        json!([]),
        json!("text"),
        json!({ "value": "a", "metadata": { "rotate_every_days": -1 } }),
    ] {
        assert_eq!(put(&served, body.to_string().as_bytes()).problem(422), "wrong_form", "{body}");
    }
    let twice = br#"{"value":"a","value":"b"}"#;
    assert_eq!(put(&served, twice).problem(422), "wrong_form");
    for body in [json!({}), json!({ "value": "a", "value_base64": "YQ==" }), json!({ "value_base64": "a" })] {
        assert_eq!(put(&served, body.to_string().as_bytes()).problem(400), "bad_request", "{body}");
    }
    assert_eq!(served.log_size(), before);
    assert_eq!(served.get(&in_development("secrets/A")).problem(404), "not_found");
}

#[test]
fn a_value_in_a_wrong_place_does_not_come_back() {
    let served = Served::start();
    let marker = "marker-4711-never-to-be-repeated";
    for body in [json!({ "value": { "x": marker } }), json!({ "metadata": marker }), json!(marker), json!([marker])] {
        let answer = put(&served, body.to_string().as_bytes());
        assert_eq!(answer.problem(422), "wrong_form");
        assert!(!answer.text().contains(marker), "{}", answer.text());
    }
}

#[test]
fn bodies_that_are_too_large() {
    let served = Served::start();
    let large = json!({ "value": "v".repeat(2 << 20) }).to_string();
    assert_eq!(put(&served, large.as_bytes()).problem(413), "too_large");
    // Announced and not sent: refused without waiting for it.
    let head = format!(
        "PUT /api/v1{} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 999999999\r\n\r\n",
        in_development("secrets/A"),
        served.token
    );
    assert_eq!(served.send(head.as_bytes()).problem(413), "too_large");
}

#[test]
fn names_are_not_repaired() {
    let served = Served::start();
    served.ask("PUT", &in_development("secrets/Key"), Some(json!({ "value": "v" }))).is(201);
    for name in ["key", "KEY", "Key.", "Key-"] {
        assert_eq!(served.get(&in_development(&format!("values/{name}"))).problem(404), "not_found", "{name}");
    }
    for name in ["Key%20", "%20Key", "K%D0%B5y", "Key%00", "a%3Ab", "Key%0a", "a*", "%2a", "%FF"] {
        assert_eq!(served.get(&in_development(&format!("values/{name}"))).status, 400, "{name}");
    }
    for path in
        ["values/../values/Key", "values/./Key", "values//Key", "values/a%2FKey", "values/%2e%2e/Key", "values/Key/"]
    {
        assert_eq!(served.get(&in_development(path)).status, 400, "{path}");
    }
    for path in ["/projects/Shop", "/projects/SHOP", "/projects/sh0p"] {
        assert_eq!(served.get(path).problem(404), "not_found", "{path}");
    }
}

#[test]
fn other_types_methods_and_addresses() {
    let served = Served::start();
    let bearer = format!("Bearer {}", served.token);
    let path = format!("/api/v1{}", in_development("secrets/A"));
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        assert_eq!(served.raw("PUT", &path, &headers, b"{}").problem(415), "media_type", "{kind}");
    }
    let answer = served.ask("POST", "/whoami", Some(json!({})));
    assert_eq!(answer.problem(405), "method");
    assert!(answer.header("allow").contains("GET"), "{:?}", answer.headers);
    assert_eq!(served.get("/nothing/here").problem(404), "no_route");
    assert_eq!(served.raw("GET", "/nothing", &[], b"").problem(404), "no_route");
    assert_eq!(served.raw("BREW", "/api/v1/whoami", &[], b"").problem(405), "method");
}

#[test]
fn foreign_hosts_are_refused() {
    let served = Served::start();
    let ask = |host: &str| {
        let text = format!(
            "GET /api/v1/whoami HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
            served.token
        );
        served.send(text.as_bytes())
    };
    ask("localhost").is(200);
    ask("127.0.0.1:8200").is(200);
    for foreign in ["evil.example", "localhost.evil.example:8200", "localhost@evil.example"] {
        assert_eq!(ask(foreign).problem(421), "host", "{foreign}");
    }
}

#[test]
fn requests_cannot_be_smuggled() {
    let served = Served::start();
    for framing in [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: -1\r\n",
        "content-length: 1 1\r\n",
        "transfer-encoding: gzip\r\ncontent-length: 1\r\n",
        "transfer-encoding: chunked, identity\r\n",
    ] {
        let text = format!(
            "POST /api/v1/projects HTTP/1.1\r\nhost: localhost\r\n{framing}\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
        );
        let answer = served.send(text.as_bytes());
        assert_eq!(answer.status, 400, "{framing}: {}", answer.text());
        assert!(!answer.text().contains("HTTP/1.1 200"), "{framing}");
    }
}
