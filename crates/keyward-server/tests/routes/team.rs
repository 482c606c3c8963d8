//! Accounts, groups, roles, policies and tokens over HTTP, and what a token's holder may then do.

use serde_json::{Value, json};

use crate::kit::{Answer, Served, in_development};

fn token(served: &Served, body: Value) -> String {
    let made = served.ask("POST", "/tokens", Some(body)).is(201);
    made["text"].as_str().unwrap().to_owned()
}

/// A request under `/api/v1` with another token than the owner's.
fn with(served: &Served, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    served.raw(method, &format!("/api/v1{path}"), &headers, &body)
}

#[test]
fn a_narrow_token_does_what_its_scope_says() {
    let served = Served::start();
    served.ask("PUT", &in_development("secrets/A"), Some(json!({ "value": "v" }))).is(201);
    served.ask("PUT", "/projects/shop/environments/production/secrets/A", Some(json!({ "value": "p" }))).is(201);
    let narrow = token(&served, json!({ "name": "ci", "scopes": ["read:shop/development/*"] }));
    assert_eq!(with(&served, &narrow, "GET", &in_development("values/A"), None).is(200)["value"], "v");
    for (method, path, body) in [
        ("GET", "/projects/shop/environments/production/values/A".to_owned(), None),
        ("GET", "/projects/shop/environments/nowhere/values/A".to_owned(), None),
        ("PUT", in_development("secrets/A"), Some(json!({ "value": "w" }))),
        ("GET", "/audit".to_owned(), None),
        ("POST", "/users".to_owned(), Some(json!({ "login": "eve", "name": "Eve" }))),
    ] {
        let answer = with(&served, &narrow, method, &path, body);
        assert_eq!(answer.problem(403), "denied", "{method} {path}");
        assert_eq!(served.last_entry().1, "denied", "{method} {path}");
    }
    // What it makes is no wider than it is.
    let wider = with(&served, &narrow, "POST", "/tokens", Some(json!({ "scopes": ["read:shop/production/*"] })));
    assert!((400..500).contains(&wider.status), "{}", wider.text());
}

#[test]
fn a_revoked_token_is_dead_at_once() {
    let served = Served::start();
    let made = served.ask("POST", "/tokens", Some(json!({ "name": "once" }))).is(201);
    let (text, id) = (made["text"].as_str().unwrap(), made["token"]["id"].as_str().unwrap());
    with(&served, text, "GET", "/whoami", None).is(200);
    assert_eq!(served.ask("DELETE", &format!("/tokens/{id}"), None).is(200)["state"], "revoked");
    assert_eq!(with(&served, text, "GET", "/whoami", None).problem(401), "unauthenticated");
    assert_eq!(served.ask("DELETE", "/tokens/unknown", None).problem(404), "not_found");
    let listed = served.get("/tokens");
    assert!(!listed.text().contains(text), "a list holds no token's text");
}

#[test]
fn a_limited_token_is_used_as_often_as_it_says() {
    let served = Served::start();
    let twice = token(&served, json!({ "uses": 2 }));
    with(&served, &twice, "GET", "/whoami", None).is(200);
    // One request is one use, also where the caller is needed twice.
    let bearer = format!("Bearer {twice}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), ("idempotency-key", "k")];
    served.raw("POST", "/api/v1/projects", &headers, br#"{"name":"blog"}"#).is(201);
    assert_eq!(with(&served, &twice, "GET", "/whoami", None).problem(401), "unauthenticated");
}

#[test]
fn people_get_accounts_groups_and_roles() {
    let served = Served::start();
    let made = served.ask("POST", "/users", Some(json!({ "login": "bob", "name": "Bob" }))).is(201);
    assert_eq!((&made["kind"], &made["login"]), (&json!("person"), &json!("bob")));
    assert_eq!(served.ask("POST", "/users", Some(json!({ "login": "bob", "name": "B" }))).problem(409), "conflict");
    assert_eq!(served.ask("POST", "/users", Some(json!({ "login": "Bob", "name": "B" }))).problem(422), "wrong_form");
    served.ask("POST", "/service-accounts", Some(json!({ "login": "ci", "name": "CI" }))).is(201);
    assert_eq!(served.get("/accounts?kind=service").is(200)["accounts"].as_array().unwrap().len(), 1);
    served.ask("POST", "/groups", Some(json!({ "name": "team" }))).is(201);
    assert_eq!(served.ask("PUT", "/groups/team/members/bob", None).is(200)["members"], json!(["bob"]));
    let role = json!({ "group": "team", "role": "developer", "project": "shop", "environment": "development" });
    let binding = served.ask("POST", "/role-bindings", Some(role)).is(201);
    assert_eq!(binding["role"], "developer");
    let question = |operation: &str| {
        let asked =
            json!({ "account": "bob", "operation": operation, "project": "shop", "environment": "development" });
        served.ask("POST", "/policy-test", Some(asked)).is(200)["allowed"].clone()
    };
    assert_eq!((question("read"), question("administer")), (json!(true), json!(false)));
    served.ask("DELETE", &format!("/role-bindings/{}", binding["id"].as_str().unwrap()), None).is(200);
    assert_eq!(question("read"), json!(false));
    assert_eq!(served.ask("DELETE", "/groups/team/members/bob", None).is(200)["members"], json!([]));
    assert!(served.ask("POST", "/accounts/bob/disable", None).is(200)["disabled_at"].is_string());
    assert!(served.ask("POST", "/accounts/bob/enable", None).is(200)["disabled_at"].is_null());
    assert_eq!(served.ask("POST", "/accounts/nobody/disable", None).problem(404), "not_found");
    let both = json!({ "group": "team", "account": "bob", "role": "ci" });
    assert_eq!(served.ask("POST", "/role-bindings", Some(both)).problem(400), "bad_request");
}

#[test]
fn policies_are_checked_before_they_count() {
    let served = Served::start();
    let put = |text: &str| served.ask("PUT", "/policies/no-writes", Some(json!({ "text": text })));
    assert_eq!(put("this is no policy").problem(400), "bad_request");
    put("forbid (principal, action == Action::\"write\", resource);").is(200);
    assert_eq!(served.get("/policies").is(200)["policies"][0]["name"], "no-writes");
    let other = token(&served, json!({}));
    let denied = with(&served, &other, "PUT", &in_development("secrets/A"), Some(json!({ "value": "v" })));
    assert_eq!(denied.problem(403), "denied", "deny wins, also over the owner's token");
    served.ask("DELETE", "/policies/no-writes", None).is(200);
    with(&served, &other, "PUT", &in_development("secrets/A"), Some(json!({ "value": "v" }))).is(201);
}
