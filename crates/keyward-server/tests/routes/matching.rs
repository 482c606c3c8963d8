use serde_json::json;

use crate::kit::{Served, in_development};

#[test]
fn candidates_are_recognised_and_nothing_is_opened() {
    let served = Served::start();
    let value = format!("v{}", "4711-correct-horse".repeat(2));
    served
        .ask("PUT", &in_development("secrets/A"), Some(json!({ "value": value, "metadata": { "kind": "api-key" } })))
        .is(201);
    let before = served.log_size();
    let candidates = json!({ "candidates": [{ "value": "something else" }, { "value": value }] });
    let matches = served.ask("POST", "/match/candidates", Some(candidates)).is(200);
    assert!(matches["matches"][0].is_null());
    assert_eq!(matches["matches"][1]["name"], "A");
    assert_eq!(served.log_size(), before + 1);
    assert_eq!(served.last_entry(), ("secret.match".into(), "allowed".into()));
    let many = json!({ "candidates": vec![json!({ "value": "x" }); 1001] });
    assert_eq!(served.ask("POST", "/match/candidates", Some(many)).problem(400), "bad_request");
}

#[test]
fn the_bundle_is_what_the_vault_makes() {
    let served = Served::start();
    let bundle = served.get("/match/bundle");
    assert_eq!((bundle.status, bundle.header("content-type")), (200, "application/octet-stream"));
    assert!(keyward_vault::MatchBundle::from_bytes(&bundle.body).is_ok());
}
