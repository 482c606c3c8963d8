//! A stored key's own service is asked whether it lives.

use std::sync::OnceLock;

use keyward_access::{Caller, Grant, Identity};
use keyward_testing::doubles::{Double, OpenAi};
use keyward_types::{Operation, Timestamp};
use serde_json::json;

use crate::kit::{Served, in_development};

/// One service for all tests of this process, and its key.
fn service() -> &'static (Double<OpenAi>, String) {
    static SERVICE: OnceLock<(Double<OpenAi>, String)> = OnceLock::new();
    SERVICE.get_or_init(|| {
        let (service, _, key) = OpenAi::new();
        let double = Double::start(service);
        keyward_client::hosts_are_at(&double.hosts()).unwrap();
        (double, key)
    })
}

/// Somebody who may do this in `shop/development`.
fn served_for(operations: &[Operation]) -> Served {
    let operations = operations.to_vec();
    Served::for_caller(move |vault| {
        let scope = vault.scope(&"shop".parse().unwrap(), &"development".parse().unwrap()).unwrap();
        let mut identity = Identity::owner("user:operator".parse().unwrap(), "O".into(), Timestamp(0));
        let operations = operations.clone();
        let (project, environment) = (Some(scope.project.id), Some(scope.environment.id));
        identity.grants = vec![Grant { operations, project, environment }];
        Caller::identified(&identity)
    })
}

#[test]
fn who_may_use_a_key_and_not_read_it_may_ask_about_it() {
    let (double, key) = service();
    let served = served_for(&[Operation::Use, Operation::List, Operation::Write]);
    served.ask("PUT", &in_development("secrets/OPENAI_API_KEY"), Some(json!({ "value": key }))).is(201);
    let before = served.log_size();
    let answer = served.ask("POST", &in_development("verify/OPENAI_API_KEY"), Some(json!({})));
    assert_eq!(
        answer.is(200),
        json!({ "name": "OPENAI_API_KEY", "version": 1, "environment": "development", "provider": "openai",
            "verified": "valid", "why": "200", "identity": null })
    );
    assert_eq!(served.log_size(), before + 1);
    assert_eq!(served.last_entry(), ("secret.use".into(), "allowed".into()));
    assert!(!answer.text().contains(key));

    // Whoever says where a value goes has to be allowed to read it.
    let asked = double.seen().len();
    let elsewhere = Some(json!({ "account": { "host": "elsewhere.example" } }));
    assert_eq!(served.ask("POST", &in_development("verify/OPENAI_API_KEY"), elsewhere).problem(403), "denied");
    assert_eq!(served.last_entry().1, "denied");
    assert_eq!(double.seen().len(), asked);
}

#[test]
fn who_may_not_use_it_is_refused_and_that_is_on_record() {
    service();
    let served = served_for(&[Operation::List, Operation::Write]);
    served.ask("PUT", &in_development("secrets/A"), Some(json!({ "value": "a value" }))).is(201);
    assert_eq!(served.ask("POST", &in_development("verify/A"), Some(json!({}))).problem(403), "denied");
    assert_eq!(served.last_entry().1, "denied");
}

#[test]
fn what_cannot_be_asked_about_is_told_so() {
    service();
    let served = Served::start();
    served.ask("PUT", &in_development("secrets/PLAIN"), Some(json!({ "value": "no key of anybody" }))).is(201);
    let verify = |name: &str, body| served.ask("POST", &in_development(&format!("verify/{name}")), Some(body));
    let answer = verify("PLAIN", json!({})).is(200);
    assert_eq!((&answer["verified"], &answer["provider"]), (&json!("indeterminate"), &json!(null)));
    assert_eq!(verify("MISSING", json!({})).problem(404), "not_found");
    assert_eq!(verify("PLAIN", json!({ "version": 7 })).problem(404), "not_found");
    for wrong in [json!({ "version": 0 }), json!({ "account": [] }), json!({ "host": "x" })] {
        assert_eq!(verify("PLAIN", wrong.clone()).problem(422), "wrong_form", "{wrong}");
    }
    let many: serde_json::Map<_, _> = (0..9).map(|n| (n.to_string(), json!("x"))).collect();
    verify("PLAIN", json!({ "account": many })).problem(400);
}
