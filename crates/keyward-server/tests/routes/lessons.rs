//! The field's mistakes that an API can repeat (the list is in the design, `security.md`), each with
//! a test that would fail if we did. Elsewhere: smuggled requests and canonical names in
//! `bad_input.rs`, other tenants' objects in `matrix/`, codes and links in `sign_in.rs`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kit::{Answer, Served, in_development};

fn with(served: &Served, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    served.raw(method, &format!("/api/v1{path}"), &headers, &body)
}

fn token(served: &Served, body: Value) -> String {
    served.ask("POST", "/tokens", Some(body)).is(201)["text"].as_str().unwrap().to_owned()
}

fn put(served: &Served, name: &str, body: Value) {
    let status = served.ask("PUT", &in_development(&format!("secrets/{name}")), Some(body)).status;
    assert!(matches!(status, 200 | 201), "{status}");
}

#[test]
fn a_list_is_no_way_around_a_deny() {
    let served = Served::start();
    put(&served, "OPEN", json!({ "value": "an open value" }));
    put(&served, "SALARIES", json!({ "value": "a closed value", "metadata": { "tags": ["payroll"] } }));
    let text = r#"forbid (principal, action, resource is Secret) when { resource.tags.contains("payroll") };"#;
    served.ask("PUT", "/policies/no-payroll", Some(json!({ "text": text }))).is(200);
    let other = token(&served, json!({ "scopes": ["read:shop/*"] }));
    for path in ["secrets", "secrets?prefix=SAL", "secrets?tag=payroll", "names", "values", "values?names=OPEN"] {
        let answer = with(&served, &other, "GET", &in_development(path), None);
        assert!(!answer.text().contains("SALARIES") && !answer.text().contains("a closed value"), "{path}");
    }
    let found = with(&served, &other, "GET", "/search?name=a", None);
    assert!(!found.text().contains("SALARIES"), "{}", found.text());
    for path in
        ["secrets/SALARIES", "versions/SALARIES", "holdings/SALARIES", "values/SALARIES", "values?names=SALARIES"]
    {
        let answer = with(&served, &other, "GET", &in_development(path), None);
        assert!(matches!(answer.status, 403 | 404), "{path}: {}", answer.text());
    }
    assert!(with(&served, &other, "GET", &in_development("values"), None).text().contains("an open value"));
}

#[test]
fn names_are_no_patterns() {
    let served = Served::start();
    put(&served, "A", json!({ "value": "v" }));
    for scope in ["read:sh*p/development/*", "read:shop/*/A*", "read:shop/development/A,read:*", "read:shop/+/A"] {
        let answer = served.ask("POST", "/tokens", Some(json!({ "scopes": [scope] })));
        assert!((400..500).contains(&answer.status), "{scope}: {}", answer.text());
    }
    for name in ["*", "a*", "a,b", "a+b", "${user}", "{{name}}", "a/*"] {
        let answer = served.ask("POST", "/projects", Some(json!({ "name": name })));
        assert_eq!(answer.problem(422), "wrong_form", "{name}");
    }
}

#[test]
fn no_value_is_in_the_log_whatever_way_it_came() {
    let served = Served::start();
    let marker = "marker-4711-of-the-lessons";
    put(&served, "A", json!({ "value": marker }));
    put(&served, "B", json!({ "value_base64": data_encoding::BASE64.encode(marker.as_bytes()) }));
    served.ask("POST", "/match/candidates", Some(json!({ "candidates": [{ "value": marker }] }))).is(200);
    served.ask("PUT", &in_development("secrets/C"), Some(json!({ "value": [marker] }))).problem(422);
    served.get(&in_development("values/A")).is(200);
    let log = served.get("/audit?limit=1000").text();
    let metrics = served.raw("GET", "/metrics", &[], b"").text();
    let base64 = data_encoding::BASE64.encode(marker.as_bytes());
    for text in [log, metrics] {
        assert!(!text.is_empty() && !text.contains(marker) && !text.contains(&base64));
    }
}

#[test]
fn raw_headers_stay_out_of_the_log_and_the_metrics() {
    let served = Served::start();
    let headers = [("cookie", "a=marker-header-0815"), ("x-api-key", "marker-header-0815")];
    served.ask_with("PUT", &in_development("secrets/A"), &headers, Some(json!({ "value": "v" }))).is(201);
    assert!(!served.get("/audit?limit=1000").text().contains("marker-header-0815"));
    let text = served.raw("GET", "/metrics", &[], b"").text();
    assert!(!text.contains("marker-header-0815") && !text.contains(&served.token));
}

/// What a stranger may call: only what makes a somebody of him, and it is listed here by name.
#[test]
fn nothing_powerful_is_open_to_strangers() {
    let document = keyward_server::openapi();
    let mut open: Vec<&str> = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            if operation["security"].as_array().is_some_and(|ways| ways.iter().any(|way| *way == json!({}))) {
                open.push(path);
            }
            for word in ["rekey", "generate-root", "backup", "slot"] {
                assert!(!path.contains(word), "{path} is for the vault's own machine");
            }
        }
    }
    // Of a sealed server nobody can be asked who he is: `/unseal` is the one call by which somebody
    // changes anything who was not identified.
    let known = [
        "/auth/device/authorization",
        "/auth/device/token",
        "/auth/links/look",
        "/auth/links/use",
        "/auth/oidc",
        "/auth/oidc-code",
        "/auth/oidc/{provider}/callback",
        "/auth/oidc/{provider}/link",
        "/auth/oidc/{provider}/start",
        "/auth/passkeys/sign-in",
        "/auth/passkeys/sign-in/begin",
        "/auth/sign-in",
        "/auth/workload",
        "/seal",
        "/unseal",
    ];
    open.sort_unstable();
    assert_eq!(open, known);
}

#[test]
fn no_token_is_made_on_the_way_to_an_error() {
    let served = Served::start();
    served.get("/whoami").is(200);
    let count = || served.get("/tokens?limit=1000").is(200)["tokens"].as_array().unwrap().len();
    let before = (count(), served.log_size());
    for body in [
        json!({ "scopes": ["nonsense"] }),
        json!({ "scopes": ["read:nothing/*"] }),
        json!({ "scopes": ["read:shop/*", "nonsense"] }),
        json!({ "networks": ["10.0.0.0/99"] }),
        json!({ "account": "nobody" }),
        json!({ "expires_at": "2001-01-01T00:00:00Z" }),
        json!({ "expires_at": "tomorrow" }),
        json!({ "uses": 0 }),
        json!({ "uses": -1 }),
        json!({ "name": "x", "role": "owner" }),
        json!({ "name": "x", "owner": "victim" }),
    ] {
        let answer = served.ask("POST", "/tokens", Some(body.clone()));
        assert!((400..500).contains(&answer.status), "{body}: {}", answer.text());
        assert!(!answer.text().contains("\"text\""), "{body}");
    }
    assert_eq!((count(), served.log_size()), before);
}

#[test]
fn a_token_is_never_wider_than_its_maker() {
    let served = Served::start();
    put(&served, "A", json!({ "value": "v" }));
    let narrow = token(&served, json!({ "scopes": ["read:shop/development/*"], "read_only": true }));
    for body in [
        json!({}),
        json!({ "scopes": [] }),
        json!({ "scopes": ["*:*"] }),
        json!({ "scopes": ["read:shop/*"] }),
        json!({ "scopes": ["read:shop/development/*"], "read_only": false }),
    ] {
        let made = with(&served, &narrow, "POST", "/tokens", Some(body.clone()));
        if made.status != 201 {
            assert!((400..500).contains(&made.status), "{body}: {}", made.text());
            continue;
        }
        let child = made.json()["text"].as_str().unwrap().to_owned();
        let production = "/projects/shop/environments/production/values/A";
        assert_eq!(with(&served, &child, "GET", production, None).status, 403, "{body}");
        let write = with(&served, &child, "PUT", &in_development("secrets/A"), Some(json!({ "value": "w" })));
        assert_eq!(write.status, 403, "{body}");
    }
    // Nor by the other ways to more.
    for (path, body) in [
        ("/break-glass", json!({ "project": "shop", "seconds": 600, "reason": "mine now" })),
        ("/role-bindings", json!({ "account": "ada", "role": "owner" })),
        ("/auth/links", json!({ "login": "ada" })),
    ] {
        let answer = with(&served, &narrow, "POST", path, Some(body));
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.text());
    }
}

#[test]
fn quotes_and_statements_are_names_like_others_and_refused() {
    let served = Served::start();
    put(&served, "A", json!({ "value": "v" }));
    for name in ["A'--", "A%27%20OR%20%271%27=%271", "A%22;DROP%20TABLE%20record;--", "A%3BSELECT"] {
        assert_eq!(served.get(&in_development(&format!("values/{name}"))).status, 400, "{name}");
    }
    for path in ["/findings/x'%20OR%201=1--", "/search?name=%27%20OR%20%271", "/tokens?cursor=%27"] {
        let answer = served.get(path);
        assert!(answer.status < 500, "{path}: {}", answer.text());
    }
    served.get(&in_development("values/A")).is(200);
}

#[test]
fn deep_and_wide_json_costs_little() {
    let served = Served::start();
    let started = Instant::now();
    let deep = format!("{{\"value\":{}\"v\"{}}}", "[".repeat(400_000), "]".repeat(400_000));
    let wide = format!("{{{}\"value\":\"v\"}}", "\"k\":0,".repeat(150_000));
    let many = format!("{{\"candidates\":[{}{{\"value\":\"v\"}}]}}", "{\"value\":\"v\"},".repeat(60_000));
    let bearer = format!("Bearer {}", served.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    for body in [&deep, &wide] {
        let path = format!("/api/v1{}", in_development("secrets/A"));
        let answer = served.raw("PUT", &path, &headers, body.as_bytes());
        assert!((400..500).contains(&answer.status), "{}", answer.status);
    }
    let answer = served.raw("POST", "/api/v1/match/candidates", &headers, many.as_bytes());
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn other_protocols_are_no_way_in() {
    let served = Served::start();
    let bearer = format!("authorization: Bearer {}\r\n", served.token);
    let send = |text: &str| served.send(text.as_bytes());
    let connect = send("CONNECT 169.254.169.254:443 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert!((400..500).contains(&connect.status), "{}", connect.status);
    let absolute = send(&format!(
        "GET http://169.254.169.254/latest HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{bearer}\r\n"
    ));
    assert!((400..500).contains(&absolute.status), "{}", absolute.status);
    for protocol in ["h2c", "websocket"] {
        let upgraded = send(&format!(
            "GET /api/v1/whoami HTTP/1.1\r\nhost: localhost\r\nconnection: close, upgrade\r\nupgrade: {protocol}\r\n{bearer}\r\n"
        ));
        assert_ne!(upgraded.status, 101, "{protocol}");
    }
}

/// A tag names a state and is no oracle for a value: equal values have different ones.
#[test]
fn an_entity_tag_tells_nothing_of_the_value() {
    let served = Served::start();
    put(&served, "A", json!({ "value": "one and the same" }));
    put(&served, "B", json!({ "value": "one and the same" }));
    let tag = |name: &str| served.get(&in_development(&format!("secrets/{name}"))).header("etag").to_owned();
    assert!(!tag("A").is_empty() && tag("A") != tag("B"));
}

#[test]
fn somebody_elses_holding_is_not_closed() {
    let served = Served::start();
    put(&served, "A", json!({ "value": "v" }));
    let holding = served.get(&in_development("values?names=A&purpose=run")).is(200)["values"][0]["holding"].clone();
    assert!(holding.is_string());
    served.ask("POST", "/service-accounts", Some(json!({ "login": "ci", "name": "CI" }))).is(201);
    let other = token(&served, json!({ "account": "ci" }));
    let close = |token: &str| with(&served, token, "POST", "/holdings/close", Some(json!({ "ids": [holding] })));
    assert_eq!(close(&other).is(200)["closed"], 0);
    assert_eq!(close(&served.token).is(200)["closed"], 1);
}
