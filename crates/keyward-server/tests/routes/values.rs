use std::sync::Arc;

use serde_json::json;

use crate::kit::{Served, in_development};

fn set(served: &Served, path: &str, body: serde_json::Value) {
    served.ask("PUT", path, Some(body)).is(201);
}

#[test]
fn every_value_that_leaves_is_on_record() {
    let served = Served::start();
    set(&served, &in_development("secrets/A"), json!({ "value": "plain" }));
    let before = served.log_size();
    let headers = [("x-keyward-reason", "because of a test"), ("user-agent", "tester/1")];
    let read = served.ask_with("GET", &in_development("values/A"), &headers, None);
    assert_eq!(read.is(200)["value"], "plain");
    assert_eq!(read.header("cache-control"), "no-store");
    assert_eq!(served.log_size(), before + 1);
    let line = served.vault.log(before, 1).unwrap().remove(0);
    assert_eq!(line.entry.action.to_string(), "secret.read");
    let private = line.private.unwrap();
    assert_eq!(private.reason.as_deref(), Some("because of a test"));
    assert_eq!(private.agent.as_deref(), Some("tester/1"));
    assert_eq!(private.address.as_deref(), Some("127.0.0.1"));
}

#[test]
fn bytes_that_are_no_text_travel_in_base64() {
    let served = Served::start();
    set(&served, &in_development("secrets/RAW"), json!({ "value_base64": "/wCA" }));
    let read = served.get(&in_development("values/RAW")).is(200);
    assert_eq!(read["value_base64"], "/wCA");
    assert!(read.get("value").is_none());
}

#[test]
fn versions_are_read_by_number() {
    let served = Served::start();
    let path = in_development("secrets/A");
    set(&served, &path, json!({ "value": "one" }));
    served.ask("PUT", &path, Some(json!({ "value": "two" }))).is(200);
    let read = |query: &str| served.get(&in_development(&format!("values/A{query}")));
    assert_eq!(read("").is(200)["value"], "two");
    assert_eq!(read("?version=1").is(200)["value"], "one");
    assert_eq!(read("?version=3").problem(404), "not_found");
    for wrong in ["?version=0", "?version=-1", "?version=x", "?version=99999999999999999999"] {
        assert_eq!(read(wrong).problem(400), "bad_request", "{wrong}");
    }
}

#[test]
fn an_environment_is_read_whole_or_not_at_all() {
    let served = Served::start();
    for name in ["A", "B", "c/D"] {
        set(&served, &in_development(&format!("secrets/{name}")), json!({ "value": name }));
    }
    let before = served.log_size();
    let all = served.get(&in_development("values")).is(200);
    assert_eq!(all["values"].as_array().unwrap().len(), 3);
    assert_eq!(served.log_size(), before + 3, "one entry a value");
    let two = served.get(&in_development("values?names=A,c/D&purpose=run")).is(200);
    assert_eq!(two["values"][1]["value"], "c/D");
    assert_eq!(served.last_entry().0, "secret.run");
    let before = served.log_size();
    assert_eq!(served.get(&in_development("values?names=A,NONE")).problem(404), "not_found");
    let after: Vec<_> = served.vault.log(before, 9).unwrap();
    assert!(after.iter().all(|line| line.entry.outcome.to_string() == "not_found"), "nothing was opened");
    assert_eq!(served.get(&in_development("values?names=A,%20")).problem(400), "bad_request");
    assert_eq!(served.get(&in_development("values?purpose=fun")).problem(400), "bad_request");
}

#[test]
fn holdings_tell_who_has_it_and_end() {
    let served = Served::start();
    set(&served, &in_development("secrets/A"), json!({ "value": "v" }));
    let holding = served.get(&in_development("values/A")).is(200)["holding"].clone();
    let held = served.get(&in_development("holdings/A")).is(200);
    assert_eq!(held["holdings"][0]["kind"], "read");
    assert!(held["holdings"][0]["until"].is_null());
    assert_eq!(held["reads"][0]["n"], 1);
    let closed = served.ask("POST", "/holdings/close", Some(json!({ "ids": [holding, "unknown"] }))).is(200);
    assert_eq!(closed["closed"], 1);
    let held = served.get(&in_development("holdings/A")).is(200);
    assert!(held["holdings"][0]["until"].is_string());
}

#[test]
fn many_readers_of_one_secret_are_all_served_and_counted() {
    let served = Arc::new(Served::start());
    set(&served, &in_development("secrets/HOT"), json!({ "value": "v" }));
    let readers: Vec<_> = (0..32)
        .map(|_| {
            let served = Arc::clone(&served);
            std::thread::spawn(move || {
                for _ in 0..4 {
                    assert_eq!(served.get(&in_development("values/HOT")).is(200)["value"], "v");
                }
            })
        })
        .collect();
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    let held = served.get(&in_development("holdings/HOT")).is(200);
    assert_eq!(held["reads"][0]["n"], 128);
    let verdict = served.ask("POST", "/audit/verify", Some(json!({}))).is(200);
    assert_eq!(verdict["ok"], true, "{verdict}");
}

#[test]
fn whoever_serves_a_vault_remembers_what_was_read_of_it() {
    assert!(!keyward_testing::TestVault::new(1).vault.remembers(), "it is no command's affair");
    assert!(Served::start().vault.remembers());
}
