use serde_json::{Value, json};

use crate::kit::Served;

fn fingerprint(n: u8) -> String {
    format!("kwf1:{}", format!("{n:02x}").repeat(16))
}

fn report(served: &Served, n: u8) -> Value {
    let found = json!({ "fingerprint": fingerprint(n), "rule": "some-rule", "path": "src/a.py", "line": 12 });
    let reported = served.ask("POST", "/findings", Some(json!({ "source": "shop", "findings": [found] }))).is(200);
    reported["findings"][0].clone()
}

#[test]
fn findings_are_kept_and_decided_on() {
    let served = Served::start();
    let first = report(&served, 1);
    assert_eq!(first["state"], "open");
    assert_eq!(report(&served, 1)["id"], first["id"], "the same finding is kept once");
    report(&served, 2);
    assert_eq!(served.get("/findings").is(200)["findings"].as_array().unwrap().len(), 2);
    let path = format!("/findings/{}", first["id"].as_str().unwrap());
    let decide = |state: &str| served.ask("PATCH", &path, Some(json!({ "state": state, "note": "looked at" })));
    assert_eq!(decide("fixed").is(200)["note"], "looked at");
    assert_eq!(served.get("/findings?state=open").is(200)["findings"].as_array().unwrap().len(), 1);
    assert_eq!(report(&served, 1)["state"], "open", "what was fixed and is found again is open again");
    decide("false-positive").is(200);
    assert_eq!(report(&served, 1)["state"], "false-positive", "what is no secret stays none");
    assert_eq!(served.get(&path).is(200)["state"], "false-positive");
    assert_eq!(decide("nonsense").problem(422), "wrong_form");
    assert_eq!(served.get("/findings/unknown").problem(404), "not_found");
    assert_eq!(served.ask("PATCH", "/findings/unknown", Some(json!({ "state": "fixed" }))).problem(404), "not_found");
}

#[test]
fn a_value_in_the_fingerprints_place_is_not_kept() {
    let served = Served::start();
    // The first use of a token leaves an entry of its own.
    served.get("/whoami").is(200);
    let before = served.log_size();
    for wrong in ["", "kwf1:", "a-value-that-somebody-sent", "kwf1:zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"] {
        let found = json!({ "fingerprint": wrong, "rule": "r", "path": "p" });
        let answer = served.ask("POST", "/findings", Some(json!({ "source": "shop", "findings": [found] })));
        assert_eq!(answer.problem(409), "conflict", "{wrong}");
    }
    assert_eq!(served.log_size(), before);
}

#[test]
fn a_token_for_matching_reports_and_does_not_list() {
    let served = Served::start();
    let made = served.ask("POST", "/tokens", Some(json!({ "scopes": ["match:*"] }))).is(201);
    let bearer = format!("Bearer {}", made["text"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let found = json!({ "fingerprint": fingerprint(3), "rule": "r", "path": "p" });
    let body = json!({ "source": "ci", "findings": [found] }).to_string();
    served.raw("POST", "/api/v1/findings", &headers, body.as_bytes()).is(200);
    assert_eq!(served.last_entry(), ("finding.report".into(), "allowed".into()));
    assert_eq!(served.raw("GET", "/api/v1/findings", &headers, b"").problem(403), "denied");
}
