use serde_json::{Value, json};

use crate::kit::{Served, in_development};

fn put(served: &Served, name: &str, body: Value) -> Value {
    let answer = served.ask("PUT", &in_development(&format!("secrets/{name}")), Some(body));
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
    answer.json()
}

#[test]
fn a_value_is_stored_and_described() {
    let served = Served::start();
    let path = in_development("secrets/DATABASE_URL");
    let address = format!("postgres://app:{}@db/app", "a-word");
    let first = served.ask("PUT", &path, Some(json!({ "value": address })));
    let stored = first.is(201);
    assert_eq!((&stored["change"], &stored["version"]), (&json!("added"), &json!(1)));
    assert_eq!(stored["kind"], "connection-string");
    let body = json!({ "value": address });
    assert_eq!(served.ask("PUT", &path, Some(body)).is(200)["change"], "unchanged");
    let shown = served.get(&path);
    assert_eq!(shown.is(200)["version"], 1);
    assert_eq!(shown.header("etag"), first.header("etag"));
    assert!(!shown.text().contains("postgres://"), "metadata holds no value");
}

#[test]
fn a_name_has_parts() {
    let served = Served::start();
    put(&served, "team/billing/STRIPE.KEY", json!({ "value": "v" }));
    let path = in_development("secrets/team/billing/STRIPE.KEY");
    assert_eq!(served.get(&path).is(200)["name"], "team/billing/STRIPE.KEY");
    assert_eq!(served.get(&in_development("secrets/team/billing")).problem(404), "not_found");
}

#[test]
fn metadata_is_changed_and_cleared() {
    let served = Served::start();
    put(&served, "A", json!({ "value": "v", "metadata": { "owner": "ada", "tags": ["x"], "kind": "password" } }));
    let path = in_development("secrets/A");
    let change = json!({ "owner": null, "expires_at": "2030-01-01T00:00:00Z", "description": "for tests" });
    let changed = served.ask("PATCH", &path, Some(change)).is(200);
    assert!(changed["owner"].is_null());
    assert_eq!(changed["expires_at"], "2030-01-01T00:00:00.000Z");
    assert_eq!((&changed["kind"], &changed["tags"]), (&json!("password"), &json!(["x"])));
    assert_eq!(changed["version"], 1, "no new version");
    for wrong in [json!({ "expires_at": "tomorrow" }), json!({ "max_versions": 0 })] {
        assert!(matches!(served.ask("PATCH", &path, Some(wrong)).status, 400 | 409));
    }
    for wrong in [json!({ "kind": "nonsense" }), json!({ "tags": "x" }), json!({ "colour": 1 }), json!([])] {
        assert_eq!(served.ask("PATCH", &path, Some(wrong)).problem(422), "wrong_form");
    }
}

#[test]
fn a_list_is_filtered_and_paged() {
    let served = Served::start();
    for (name, kind, tag) in [("a/ONE", "password", "red"), ("a/TWO", "config", "red"), ("b/ONE", "password", "blue")] {
        put(&served, name, json!({ "value": name, "metadata": { "kind": kind, "tags": [tag] } }));
    }
    let names = |query: &str| -> Vec<String> {
        let list = served.get(&in_development(&format!("secrets?{query}"))).is(200);
        list["secrets"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(""), ["a/ONE", "a/TWO", "b/ONE"]);
    assert_eq!(names("prefix=a/"), ["a/ONE", "a/TWO"]);
    assert_eq!(names("kind=password&tag=red"), ["a/ONE"]);
    assert_eq!(names("owner=nobody"), Vec::<String>::new());
    let page = served.get(&in_development("secrets?limit=2")).is(200);
    let next = page["next"].as_str().unwrap();
    assert_eq!(names(&format!("limit=2&cursor={next}")), ["b/ONE"]);
    served.ask("DELETE", &in_development("secrets/b/ONE"), None).is(200);
    assert_eq!(names("prefix=b"), Vec::<String>::new());
    assert_eq!(names("prefix=b&deleted=true"), ["b/ONE"]);
}

#[test]
fn names_are_found_wherever_they_lie() {
    let served = Served::start();
    put(&served, "team/STRIPE_KEY", json!({ "value": "a" }));
    served
        .ask("PUT", "/projects/shop/environments/production/secrets/stripe.token", Some(json!({ "value": "b" })))
        .is(201);
    put(&served, "OTHER", json!({ "value": "c" }));
    let found = served.get("/search?name=stripe").is(200);
    let paths: Vec<_> = found["secrets"].as_array().unwrap().iter().map(|hit| hit["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["shop/development/team/STRIPE_KEY", "shop/production/stripe.token"]);
    let found = served.get("/search?name=stripe&environment=production").is(200);
    assert_eq!(found["secrets"].as_array().unwrap().len(), 1);
    assert_eq!(served.get("/search?name=").problem(400), "bad_request");
    assert_eq!(served.get("/search").problem(400), "bad_request");
}

#[test]
fn of_two_who_saw_the_same_state_one_gets_through() {
    let served = Served::start();
    let path = in_development("secrets/SHARED");
    let create =
        |value: &str| served.ask_with("PUT", &path, &[("if-none-match", "*")], Some(json!({ "value": value })));
    let tag = create("first").header("etag").to_owned();
    assert!(tag.len() > 10, "{tag}");
    assert_eq!(create("second").problem(412), "stale");
    let change = |method: &str, path: &str, tag: &str, body: Option<Value>| {
        served.ask_with(method, path, &[("if-match", tag)], body)
    };
    let second = change("PUT", &path, &tag, Some(json!({ "value": "second" })));
    second.is(200);
    assert_eq!(change("PUT", &path, &tag, Some(json!({ "value": "third" }))).problem(412), "stale");
    assert_eq!(change("PATCH", &path, &tag, Some(json!({ "owner": "bob" }))).problem(412), "stale");
    assert_eq!(change("DELETE", &path, &tag, None).problem(412), "stale");
    let rollback = in_development("rollback/SHARED");
    assert_eq!(change("POST", &rollback, &tag, Some(json!({ "version": 1 }))).problem(412), "stale");
    assert_eq!(change("POST", &rollback, second.header("etag"), Some(json!({ "version": 1 }))).is(200)["version"], 1);
    assert_eq!(change("PUT", &in_development("secrets/NEW"), "*", Some(json!({ "value": "x" }))).problem(412), "stale");
    assert_eq!(change("DELETE", &path, "no quotes", None).problem(400), "bad_request");
}

#[test]
fn whoever_has_a_state_is_not_sent_it_again() {
    let served = Served::start();
    let tag = put(&served, "A", json!({ "value": "v" }))["tag"].as_str().unwrap().to_owned();
    let path = in_development("secrets/A");
    let known = format!("\"{tag}\"");
    let again = served.ask_with("GET", &path, &[("if-none-match", &known)], None);
    assert_eq!((again.status, again.body.len()), (304, 0));
    served.ask("PATCH", &path, Some(json!({ "owner": "ada" }))).is(200);
    served.ask_with("GET", &path, &[("if-none-match", &known)], None).is(200);
}

#[test]
fn what_was_deleted_comes_back() {
    let served = Served::start();
    put(&served, "A", json!({ "value": "v" }));
    let path = in_development("secrets/A");
    assert!(served.ask("DELETE", &path, None).is(200)["version"].is_null());
    assert_eq!(served.ask("DELETE", &path, None).problem(409), "conflict");
    assert_eq!(served.get(&in_development("values/A")).problem(404), "not_found");
    assert_eq!(served.ask("POST", &in_development("undelete/A"), None).is(200)["version"], 1);
    assert_eq!(served.get(&in_development("values/A")).is(200)["value"], "v");
    assert_eq!(served.ask("DELETE", &in_development("secrets/NONE"), None).problem(404), "not_found");
}

#[test]
fn values_have_a_limit() {
    let served = Served::start();
    let path = in_development("secrets/BIG");
    let at_limit = json!({ "value": "v".repeat(64 * 1024) });
    served.ask("PUT", &path, Some(at_limit)).is(201);
    let above = json!({ "value": "v".repeat(64 * 1024 + 1) });
    assert_eq!(served.ask("PUT", &path, Some(above)).problem(413), "too_large");
}
