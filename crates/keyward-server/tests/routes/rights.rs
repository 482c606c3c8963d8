//! A narrow caller over HTTP: what he may not know looks like what is not there.

use keyward_access::{Caller, Grant, Identity};
use keyward_types::{Operation, Timestamp};
use serde_json::json;

use crate::kit::{Served, in_development};

/// May read in `shop/development`, and list there.
fn reader() -> Served {
    Served::for_caller(|vault| {
        let scope = vault.scope(&"shop".parse().unwrap(), &"development".parse().unwrap()).unwrap();
        let mut identity = Identity::owner("user:reader".parse().unwrap(), "R".into(), Timestamp(0));
        identity.grants = vec![Grant {
            operations: vec![Operation::Read, Operation::List],
            project: Some(scope.project.id),
            environment: Some(scope.environment.id),
        }];
        Caller::identified(&identity)
    })
}

#[test]
fn a_narrow_caller_sees_his_part_alone() {
    let served = reader();
    let projects = served.get("/projects").is(200);
    let environments = projects["projects"][0]["environments"].as_array().unwrap();
    assert_eq!(environments.len(), 1, "{projects}");
    served.get(&in_development("secrets")).is(200);
    assert_eq!(served.get("/whoami").is(200)["principal"], "user:reader");
}

#[test]
fn what_he_may_not_know_looks_like_what_is_not_there() {
    let served = reader();
    let there = "/projects/shop/environments/production/values/A";
    let nowhere = "/projects/shop/environments/nowhere/values/A";
    let foreign = "/projects/nothing/environments/production/values/A";
    let details: Vec<_> = [there, nowhere, foreign]
        .iter()
        .map(|path| {
            let answer = served.get(path);
            assert_eq!(answer.problem(403), "denied", "{path}");
            assert_eq!(served.last_entry().1, "denied", "{path}");
            answer.json()["detail"].clone()
        })
        .collect();
    assert!(details.iter().all(|detail| *detail == details[0]), "{details:?}");
}

#[test]
fn he_may_not_change_or_oversee_anything() {
    let served = reader();
    for (method, path, body) in [
        ("PUT", in_development("secrets/A"), Some(json!({ "value": "v" }))),
        ("POST", "/projects".into(), Some(json!({ "name": "mine" }))),
        ("PATCH", "/projects/shop".into(), Some(json!({ "name": "mine" }))),
        ("PATCH", "/projects/nothing".into(), Some(json!({ "name": "mine" }))),
        ("DELETE", "/projects/shop".into(), None),
        ("POST", "/projects/shop/environments".into(), Some(json!({ "name": "mine" }))),
        ("DELETE", "/projects/shop/environments/development".into(), None),
        ("GET", "/audit".into(), None),
        ("GET", "/audit/checkpoint".into(), None),
        ("GET", "/audit/proof/0".into(), None),
        ("POST", "/audit/verify".into(), Some(json!({}))),
        ("GET", "/match/bundle".into(), None),
        ("POST", "/match/candidates".into(), Some(json!({ "candidates": [{ "value": "x" }] }))),
    ] {
        let before = served.log_size();
        assert_eq!(served.ask(method, &path, body).problem(403), "denied", "{method} {path}");
        assert!(served.log_size() > before, "{method} {path}: a person who was denied is on record");
        assert_eq!(served.last_entry().1, "denied", "{method} {path}");
    }
}
