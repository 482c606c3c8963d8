//! Leavers, newcomers and access reviews over HTTP.

use serde_json::{Value, json};

use crate::kit::{Served, in_development};

fn person(served: &Served, login: &str, role: &str) -> String {
    served.ask("POST", "/users", Some(json!({ "login": login, "name": login }))).is(201);
    let role = json!({ "account": login, "role": role, "project": "shop" });
    served.ask("POST", "/role-bindings", Some(role)).is(201);
    crate::scim::of_person(served, login)
}

fn with(served: &Served, token: &str, method: &str, path: &str, body: Option<Value>) -> crate::kit::Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    served.raw(method, &format!("/api/v1{path}"), &headers, &body)
}

#[test]
fn who_leaves_is_out_and_what_he_read_is_worked_off() {
    let served = Served::start();
    let eve = person(&served, "eve", "developer");
    served
        .ask(
            "PUT",
            &in_development("secrets/DB"),
            Some(json!({ "value": "a value that she reads", "metadata": { "kind": "password" } })),
        )
        .is(201);
    with(&served, &eve, "GET", &in_development("values/DB"), None).is(200);
    let plan = served.get("/offboardings/eve").is(200);
    assert!(plan["disabled_at"].is_null() && plan["plan"]["rotate"].as_array().unwrap().len() == 1, "{plan}");
    with(&served, &eve, "GET", "/whoami", None).is(200);
    let done = served.ask("POST", "/offboardings", Some(json!({ "login": "eve" }))).is(201);
    assert!(done["disabled_at"].is_string());
    assert_eq!(with(&served, &eve, "GET", "/whoami", None).problem(401), "unauthenticated");
    let settle = |body: Value| served.ask("POST", "/offboardings/eve/settle", Some(body));
    let name = "shop/development/DB";
    assert_eq!(settle(json!({ "name": name, "settlement": "dismissed" })).problem(400), "bad_request");
    assert_eq!(settle(json!({ "name": name, "settlement": "perhaps" })).problem(400), "bad_request");
    assert_eq!(settle(json!({ "name": "nothing", "settlement": "done" })).problem(404), "not_found");
    let settled = settle(json!({ "name": name, "settlement": "dismissed", "reason": "it is a test" })).is(200);
    assert_eq!((&settled["state"], &settled["reason"]), (&json!("dismissed"), &json!("it is a test")));
    assert_eq!(settle(json!({ "name": name, "settlement": "reopened" })).is(200)["state"], "todo");
    assert_eq!(settle(json!({ "name": name, "settlement": "done" })).is(200)["state"], "done");
    assert_eq!(served.get("/offboardings/nobody").problem(404), "not_found");
}

#[test]
fn who_comes_has_a_checklist() {
    let served = Served::start();
    served.ask("POST", "/users", Some(json!({ "login": "ann", "name": "Ann" }))).is(201);
    let begin = |body: Value| served.ask("POST", "/onboardings", Some(body));
    assert_eq!(begin(json!({ "login": "ann", "template": "king" })).problem(400), "bad_request");
    assert_eq!(begin(json!({ "login": "ann", "template": "developer" })).problem(400), "bad_request");
    let begun = begin(json!({ "login": "ann", "template": "developer", "project": "shop" })).is(201);
    assert_eq!((&begun["complete"], begun["items"].as_array().unwrap().len()), (&json!(false), 5));
    let shown = served.get("/onboardings/ann").is(200);
    assert_eq!(shown["items"][1]["step"], "second-factor");
    let ann = crate::scim::of_person(&served, "ann");
    let said = with(&served, &ann, "POST", "/onboardings/ann/confirm", Some(json!({ "said": "policy" })));
    assert_eq!(said.problem(409), "conflict", "a person says this, not a token");
    let other = served.ask("POST", "/onboardings/ann/confirm", Some(json!({ "said": "leak_contact" })));
    assert_eq!(other.problem(403), "denied");
    assert_eq!(served.get("/onboardings/nobody").problem(404), "not_found");
}

#[test]
fn a_review_is_answered_line_by_line() {
    let served = Served::start();
    let eve = person(&served, "eve", "developer");
    let may = || with(&served, &eve, "GET", &in_development("secrets"), None).status;
    assert_eq!(may(), 200);
    assert_eq!(served.get("/reviews/newest").problem(404), "not_found");
    assert_eq!(served.ask("POST", "/reviews", Some(json!({ "days": 0 }))).problem(400), "bad_request");
    let review = served.ask("POST", "/reviews", Some(json!({ "days": 14 }))).is(201);
    let line = review["lines"].as_array().unwrap().iter().find(|line| line["account"] == "eve").unwrap();
    let (id, number) = (review["id"].as_str().unwrap(), line["number"].as_u64().unwrap());
    let decide = |body: Value| served.ask("POST", &format!("/reviews/newest/lines/{number}/decide"), Some(body));
    assert_eq!(decide(json!({ "decision": "narrow" })).problem(400), "bad_request");
    assert_eq!(decide(json!({ "decision": "keep" })).is(200)["answer"], "kept");
    let before = served.log_size();
    assert_eq!(decide(json!({ "decision": "remove" })).is(200)["answer"], "removed");
    assert_eq!(may(), 403);
    let told: Vec<String> =
        served.vault.log(before, 9).unwrap().iter().map(|line| line.entry.action.to_string()).collect();
    assert_eq!(told[..2], ["review.decide", "role.revoke"], "the answer and what it does are one change");
    let restore = |id: &str| served.ask("POST", &format!("/reviews/{id}/lines/{number}/restore"), None);
    assert_eq!(restore("newest").is(200)["answer"], "restored");
    assert_eq!(may(), 200);
    assert_eq!(restore(id).problem(400), "bad_request", "there is nothing to restore any more");
    assert_eq!(decide(json!({ "decision": "narrow", "to": "auditor" })).is(200)["answer"], "narrowed");
    assert_eq!(served.get(&format!("/reviews/{id}")).is(200)["state"], "open");
    assert_eq!(served.get("/reviews/1999-01-01").problem(404), "not_found");
    assert_eq!(served.ask("POST", "/reviews/close-due", None).is(200)["removed"], 0);
    let own =
        review["lines"].as_array().unwrap().iter().find(|line| line["role"] == "owner").unwrap()["number"].clone();
    let himself =
        served.ask("POST", &format!("/reviews/newest/lines/{own}/decide"), Some(json!({ "decision": "keep" })));
    assert_eq!(himself.problem(403), "denied");
    assert!(served.vault.verify(None).unwrap().faults.is_empty());
}
