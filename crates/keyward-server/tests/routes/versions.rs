use serde_json::json;

use crate::kit::{Served, in_development};

fn two_versions(served: &Served) {
    let path = in_development("secrets/A");
    served.ask("PUT", &path, Some(json!({ "value": "one" }))).is(201);
    served.ask("PUT", &path, Some(json!({ "value": "two" }))).is(200);
}

#[test]
fn versions_are_listed_and_made_active() {
    let served = Served::start();
    two_versions(&served);
    let versions = served.get(&in_development("versions/A")).is(200);
    assert_eq!(versions["versions"][1]["labels"], json!(["active"]));
    let rollback = |version: serde_json::Value| {
        served.ask("POST", &in_development("rollback/A"), Some(json!({ "version": version })))
    };
    assert_eq!(rollback(json!(1)).is(200)["version"], 1);
    assert_eq!(rollback(json!(1)).problem(409), "conflict");
    assert_eq!(rollback(json!(9)).problem(404), "not_found");
    for wrong in [json!(0), json!(-1), json!("1"), json!(1.5), json!(null)] {
        assert_eq!(rollback(wrong).problem(422), "wrong_form");
    }
}

#[test]
fn a_destroyed_version_is_gone() {
    let served = Served::start();
    two_versions(&served);
    let destroy = || served.ask("POST", &in_development("destroy/A"), Some(json!({ "version": 1 })));
    assert_eq!(destroy().is(200)["versions"][0]["state"], "destroyed");
    assert_eq!(destroy().problem(404), "not_found");
    assert_eq!(served.get(&in_development("values/A?version=1")).problem(404), "not_found");
    assert_eq!(served.get(&in_development("values/A")).is(200)["value"], "two");
}
