//! Virtual keys over HTTP, and who gets at them.

use serde_json::{Value, json};

use crate::kit::Served;

fn shop() -> Served {
    let served = Served::start();
    let body = json!({ "value": "what the service knows us by, 42", "metadata": { "provider": "openai" } });
    served.ask("PUT", "/projects/shop/environments/production/secrets/CHAT_KEY", Some(body));
    served
}

const KEYS: &str = "/projects/shop/environments/production/virtual-keys";

fn chat() -> Value {
    json!({ "name": "chat", "secrets": [{ "secret": "CHAT_KEY" }], "rules": { "rpm": 60, "budgets": ["5usd/day"] } })
}

#[test]
fn a_key_is_made_shown_replaced_and_revoked() {
    let served = shop();
    let made = served.ask("POST", KEYS, Some(chat())).is(201);
    let (id, text) = (made["virtual_key"]["id"].as_str().unwrap(), made["text"].as_str().unwrap());
    assert!(text.starts_with("kwv_") && text[4..].starts_with(id));
    assert!(served.vault.live_keys().unwrap().by_id(id).is_some());
    let list = served.get("/virtual-keys");
    assert!(!list.text().contains(&text[16..46]), "a list shows no text");
    assert_eq!(list.is(200)["virtual_keys"][0]["rules"]["budgets"], json!(["5usd/day"]));
    let detail = served.get(&format!("/virtual-keys/{id}")).is(200);
    let budget = json!([{ "budget": "5usd/day", "amount": 5_000_000, "used": 0 }]);
    assert_eq!((&detail["budgets"], &detail["children"]), (&budget, &json!(0)));
    let child = json!({ "seconds": 60, "subject": "visitor-7" });
    let child = served.ask("POST", &format!("/virtual-keys/{id}/children"), Some(child)).is(201);
    assert_eq!((&child["virtual_key"]["parent"], &child["virtual_key"]["subject"]), (&json!(id), &json!("visitor-7")));
    let renewed = served.ask("POST", &format!("/virtual-keys/{id}/rotate"), Some(json!({}))).is(200);
    assert_ne!(renewed["text"], made["text"]);
    assert_eq!(served.ask("DELETE", &format!("/virtual-keys/{id}"), None).is(200)["state"], "revoked");
    assert!(served.vault.live_keys().unwrap().is_empty(), "its child with it");
    assert_eq!(served.ask("DELETE", &format!("/virtual-keys/{id}"), None).problem(409), "conflict");
}

#[test]
fn what_is_no_key_is_refused_with_the_reason() {
    let served = shop();
    let with = |change: Value| {
        let mut body = chat();
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        served.ask("POST", KEYS, Some(body))
    };
    let (many, one) = (json!([]), "CHAT_KEY");
    for (status, change) in [
        (400, json!({ "rules": { "budgets": ["5usd"] } })),
        (400, json!({ "rules": { "allow": ["CONNECT /"] } })),
        (400, json!({ "rules": { "origins": ["*"] } })),
        (400, json!({ "secrets": [{ "secret": one, "upstream": "http://169.254.169.254" }] })),
        (422, json!({ "rules": { "rpn": 1 } })),
        (422, json!({ "rules": [] })),
        (422, json!({ "name": "Chat Key" })),
        (409, json!({ "secrets": many })),
        (409, json!({ "secrets": [{ "secret": one, "provider": "nobody" }] })),
        (409, json!({ "secrets": [{ "secret": one, "provider": "qdrant" }] })),
        (409, json!({ "rules": { "rpm": 0 } })),
        (404, json!({ "secrets": [{ "secret": "NOTHING" }] })),
    ] {
        let answer = with(change.clone());
        assert_eq!(answer.status, status, "{change}: {}", answer.text());
    }
    assert!(served.vault.live_keys().unwrap().is_empty());
}

#[test]
fn a_virtual_key_is_no_key_to_the_control_api() {
    let served = shop();
    let made = served.ask("POST", KEYS, Some(chat())).is(201);
    let bearer = format!("Bearer {}", made["text"].as_str().unwrap());
    for path in ["/whoami", "/virtual-keys", "/usage?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z"] {
        let answer = served.raw("GET", &format!("/api/v1{path}"), &[("authorization", &bearer)], b"");
        assert_eq!(answer.status, 401, "{path}: {}", answer.text());
    }
}

#[test]
fn usage_is_of_whole_days_in_their_order() {
    let served = shop();
    let used = served.get("/usage?from=2026-11-01T00:00:00Z&to=2026-11-30T00:00:00Z").is(200);
    assert_eq!((&used["usage"], &used["next"]), (&json!([]), &Value::Null));
    for query in [
        "?from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z",
        "?from=yesterday&to=today",
        "",
        "?from=2026-11-01T00:00:00Z",
    ] {
        assert_eq!(served.get(&format!("/usage{query}")).status, 400, "{query}");
    }
}
