//! Values that clients may keep for when the server is not reached, and what they tell of it.

use serde_json::json;

use crate::kit::{Served, in_development};

const DEVELOPMENT: &str = "/projects/shop/environments/development";

fn with_a_value() -> Served {
    let served = Served::start();
    served.ask("PUT", &in_development("secrets/A"), Some(json!({ "value": "one" }))).is(201);
    served
}

/// What the newest entry's private part says besides.
fn more(served: &Served) -> std::collections::BTreeMap<String, String> {
    served.vault.log(served.log_size() - 1, 1).unwrap().remove(0).private.unwrap().more
}

#[test]
fn a_value_may_be_kept_where_its_environment_allows_it_and_whoever_asks_says_so() {
    let served = with_a_value();
    let kept = in_development("values?names=A&purpose=run&offline=true");
    assert!(served.get(&kept).is(200)["values"][0].get("offline_until").is_none(), "not by default");
    let changed = served.ask("PATCH", DEVELOPMENT, Some(json!({ "offline_seconds": 60 }))).is(200);
    assert_eq!(changed["offline_seconds"], 60);
    assert_eq!(more(&served)["offline_seconds"], "60");
    assert_eq!(more(&served)["before"], "not at all");
    let plain = served.get(&in_development("values?names=A&purpose=run")).is(200);
    assert!(plain["values"][0].get("offline_until").is_none(), "not unasked");
    assert!(!more(&served).contains_key("offline_until"));
    // One name goes the quick way, all of them the other.
    for path in [kept.clone(), in_development("values?purpose=run&offline=true")] {
        let answer = served.get(&path).is(200);
        let until: keyward_types::Timestamp = answer["values"][0]["offline_until"].as_str().unwrap().parse().unwrap();
        let now: keyward_types::Timestamp = answer["now"].as_str().unwrap().parse().unwrap();
        assert!((55_000..=60_000).contains(&(until.0 - now.0)), "{answer}");
        assert_eq!(more(&served)["offline_until"], until.to_string());
    }
    // It does not end with the child.
    let holdings = served.get(&in_development("holdings/A")).is(200);
    assert!(holdings["holdings"].as_array().unwrap().iter().any(|one| one["kind"] == "read"), "{holdings}");
    served.ask("PATCH", DEVELOPMENT, Some(json!({ "offline_seconds": null }))).is(200);
    assert!(served.get(&kept).is(200)["values"][0].get("offline_until").is_none());
    for wrong in [json!({ "offline_seconds": 0 }), json!({ "offline_seconds": 2_592_001 })] {
        assert_eq!(served.ask("PATCH", DEVELOPMENT, Some(wrong)).problem(409), "conflict");
    }
    for wrong in [json!({}), json!({ "offline_seconds": -1 }), json!({ "offline_seconds": "1h" })] {
        let status = served.ask("PATCH", DEVELOPMENT, Some(wrong.clone())).status;
        assert!(matches!(status, 400 | 422), "{wrong}: {status}");
    }
}

#[test]
fn what_was_used_without_the_server_goes_on_record() {
    let served = with_a_value();
    let line = |project: &str, count: u64, first: &str| {
        json!({
            "project": project, "environment": "development", "purpose": "run", "count": count,
            "first": first, "last": "2026-01-02T00:00:00Z",
        })
    };
    let before = served.log_size();
    let report = |uses| served.ask("POST", "/offline-uses", Some(json!({ "uses": uses })));
    let two = json!([line("shop", 3, "2026-01-01T00:00:00Z"), line("nothing", 1, "2026-01-01T00:00:00Z")]);
    assert_eq!(report(two).is(200)["lines"], 2);
    assert_eq!(served.log_size(), before + 2);
    let entry = served.vault.log(before, 1).unwrap().remove(0);
    assert_eq!((entry.entry.action.to_string().as_str(), entry.entry.count), ("secret.offline", Some(3)));
    assert!(entry.entry.environment.is_some());
    assert_eq!(entry.private.unwrap().more["first"], "2026-01-01T00:00:00.000Z");
    let unknown = served.vault.log(before + 1, 1).unwrap().remove(0);
    assert!(unknown.entry.project.is_none(), "what is not there is told as it was said");
    assert_eq!(report(json!([])).is(200)["lines"], 0);
    assert_eq!(report(json!([line("shop", 0, "2026-01-01T00:00:00Z")])).problem(409), "conflict");
    assert_eq!(report(json!([line("shop", 1, "2026-02-01T00:00:00Z")])).problem(409), "conflict");
    assert_eq!(report(json!([line("shop", 1, "yesterday")])).problem(400), "bad_request");
    served.vault.verify(None).unwrap();
}
