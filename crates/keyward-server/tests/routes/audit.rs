use serde_json::json;

use crate::kit::{Served, in_development};

#[test]
fn the_log_is_read_in_pages() {
    let served = Served::start();
    for n in 0..5 {
        served.ask("PUT", &in_development(&format!("secrets/S{n}")), Some(json!({ "value": "v" }))).is(201);
    }
    let (mut cursor, mut seen) = (String::from("0"), Vec::new());
    loop {
        let page = served.get(&format!("/audit?limit=3&cursor={cursor}")).is(200);
        seen.extend(page["entries"].as_array().unwrap().iter().map(|entry| entry["index"].as_u64().unwrap()));
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, (0..served.log_size()).collect::<Vec<_>>());
    assert_eq!(served.get("/audit?cursor=x").problem(400), "bad_request");
    assert_eq!(served.get("/audit?limit=1001").problem(400), "bad_request");
}

#[test]
fn the_log_is_verified_and_its_entries_proven() {
    let served = Served::start();
    let checkpoint = served.get("/audit/checkpoint").is(200)["checkpoint"].as_str().unwrap().to_owned();
    served.ask("PUT", &in_development("secrets/A"), Some(json!({ "value": "v" }))).is(201);
    let verdict = served.ask("POST", "/audit/verify", Some(json!({ "against": checkpoint }))).is(200);
    assert_eq!(verdict["ok"], true, "{verdict}");
    assert_eq!(verdict["entries"], served.log_size());
    assert!(served.get("/audit/proof/0").is(200)["proof"].as_str().unwrap().contains("tlog-proof"));
    let size = served.log_size();
    assert_eq!(served.get(&format!("/audit/proof/{size}")).problem(404), "not_found");
    assert_eq!(served.get("/audit/proof/-1").problem(400), "bad_request");
}
