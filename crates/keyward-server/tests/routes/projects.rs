use serde_json::json;

use crate::kit::Served;

#[test]
fn projects_come_and_go() {
    let served = Served::start();
    let made = served.ask("POST", "/projects", Some(json!({ "name": "blog" }))).is(201);
    let names: Vec<_> = made["environments"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["development", "staging", "production"]);
    assert_eq!(served.ask("POST", "/projects", Some(json!({ "name": "blog" }))).problem(409), "conflict");
    let renamed = served.ask("PATCH", "/projects/blog", Some(json!({ "name": "journal" }))).is(200);
    assert_eq!(renamed["name"], "journal");
    assert_eq!(served.get("/projects/blog").problem(404), "not_found");
    assert_eq!(served.ask("DELETE", "/projects/journal", None).is(200)["secrets"], 0);
    assert_eq!(served.ask("DELETE", "/projects/journal", None).problem(404), "not_found");
}

#[test]
fn a_list_comes_in_pages() {
    let served = Served::start();
    for name in ["a", "b", "c"] {
        served.ask("POST", "/projects", Some(json!({ "name": name, "environments": [] }))).is(201);
    }
    let first = served.get("/projects?limit=3").is(200);
    assert_eq!(first["projects"].as_array().unwrap().len(), 3);
    let next = first["next"].as_str().unwrap();
    let second = served.get(&format!("/projects?limit=3&cursor={next}")).is(200);
    assert_eq!(second["projects"][0]["name"], "shop");
    assert!(second["next"].is_null());
    assert_eq!(served.get("/projects?limit=0").problem(400), "bad_request");
    assert_eq!(served.get("/projects?limit=many").problem(400), "bad_request");
    assert_eq!(served.get("/projects?unknown=1").problem(400), "bad_request");
    assert_eq!(served.get("/projects?cursor=%21").problem(400), "bad_request");
}

#[test]
fn environments_are_added_and_removed() {
    let served = Served::start();
    let path = "/projects/shop/environments";
    let new = json!({ "name": "preview", "parent": "development" });
    assert_eq!(served.ask("POST", path, Some(new.clone())).is(201)["parent"], "development");
    assert_eq!(served.ask("POST", path, Some(new)).problem(409), "conflict");
    let orphan = json!({ "name": "x", "parent": "nowhere" });
    assert_eq!(served.ask("POST", path, Some(orphan)).problem(404), "not_found");
    assert_eq!(served.get(path).is(200)["environments"].as_array().unwrap().len(), 3);
    served.ask("PUT", &format!("{path}/preview/secrets/A"), Some(json!({ "value": "kept" }))).is(201);
    assert_eq!(served.ask("DELETE", &format!("{path}/preview"), None).problem(409), "conflict");
    let gone = served.ask("DELETE", &format!("{path}/preview?with_secrets=true"), None).is(200);
    assert_eq!(gone["secrets"], 1);
    // `development` lost its child and may go too.
    served.ask("DELETE", &format!("{path}/development"), None).is(200);
}
