use serde_json::json;

use crate::kit::{Served, in_development};

#[test]
fn a_change_with_a_key_is_carried_out_once() {
    let served = Served::start();
    let headers = [("idempotency-key", "4711")];
    let make = || served.ask_with("POST", "/projects", &headers, Some(json!({ "name": "blog" })));
    let first = make();
    let before = served.log_size();
    let again = make();
    assert_eq!(first.is(201), again.is(201));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    assert_ne!(first.header("x-request-id"), again.header("x-request-id"));
    assert_eq!(served.log_size(), before);
    let other = served.ask_with("POST", "/projects", &headers, Some(json!({ "name": "other" })));
    assert_eq!(other.problem(422), "key_reused");
}

#[test]
fn an_answer_is_not_given_to_somebody_else() {
    let served = Served::start();
    let headers = [("idempotency-key", "4711"), ("content-type", "application/json")];
    let path = format!("/api/v1{}", in_development("secrets/A"));
    let body = json!({ "value": "v" });
    served.ask_with("PUT", &in_development("secrets/A"), &headers[..1], Some(body.clone())).is(201);
    let answer = served.raw("PUT", &path, &headers, body.to_string().as_bytes());
    assert_eq!(answer.problem(401), "unauthenticated");
}

#[test]
fn what_failed_may_be_tried_again() {
    let served = Served::start();
    let headers = [("idempotency-key", "a-key")];
    let rename = || served.ask_with("PATCH", "/projects/blog", &headers, Some(json!({ "name": "journal" })));
    assert_eq!(rename().problem(404), "not_found");
    served.ask("POST", "/projects", Some(json!({ "name": "blog" }))).is(201);
    rename().is(200);
    assert_eq!(rename().is(200)["name"], "journal", "and then is not carried out twice");
}

#[test]
fn keys_have_a_form() {
    let served = Served::start();
    for key in ["", "with space", &"x".repeat(129)] {
        let answer = served.ask_with("POST", "/projects", &[("idempotency-key", key)], Some(json!({ "name": "b" })));
        assert_eq!(answer.problem(400), "bad_request", "{key}");
    }
}
