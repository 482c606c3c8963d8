use serde_json::json;

use super::{Browser, GOOD, OTHER, choose, link, nobody, person, try_to_sign_in, with};
use crate::kit::Served;

#[test]
fn a_newcomer_chooses_a_password_by_a_link() {
    let served = Served::start();
    served.ask("POST", "/users", Some(json!({ "login": "ann", "name": "Ann" }))).is(201);
    let link = link(&served, "ann");
    let holder = nobody(&served, "POST", "/auth/links/look", Some(json!({ "link": link }))).is(200);
    assert_eq!(holder, json!({ "login": "ann", "name": "Ann" }));
    assert_eq!(choose(&served, &link, "ann ann ann").problem(422), "weak_password");
    choose(&served, &link, GOOD).is(200);
    try_to_sign_in(&served, "ann", GOOD).is(200);
}

#[test]
fn lesson_a_link_is_not_replayed() {
    let served = Served::start();
    person(&served, "ann");
    let (first, second) = (link(&served, "ann"), link(&served, "ann"));
    assert_eq!(choose(&served, &first, OTHER).problem(401), "link", "a new link ends the one before");
    choose(&served, &second, OTHER).is(200);
    for used in [&first, &second] {
        assert_eq!(choose(&served, used, GOOD).problem(401), "link");
        assert_eq!(nobody(&served, "POST", "/auth/links/look", Some(json!({ "link": used }))).problem(401), "link");
    }
    try_to_sign_in(&served, "ann", OTHER).is(200);
    assert_eq!(try_to_sign_in(&served, "ann", GOOD).problem(401), "not_identified");
    for none in ["", "kwo_", "nonsense", &served.token] {
        assert_eq!(choose(&served, none, GOOD).problem(401), "link");
    }
}

#[test]
fn a_link_ends_what_sessions_there_were() {
    let served = Served::start();
    person(&served, "ann");
    let mut ann = Browser::signed_in(&served, "ann");
    let link = link(&served, "ann");
    ann.get("/auth/session").is(200);
    choose(&served, &link, OTHER).is(200);
    assert_eq!(ann.get("/auth/session").problem(401), "unauthenticated");
}

#[test]
fn links_are_made_by_who_administers_accounts_and_gives_all_his_rights() {
    let served = Served::start();
    person(&served, "ann");
    let ask = |login: &str| Some(json!({ "login": login }));
    let mut ann = Browser::signed_in(&served, "ann");
    assert_eq!(ann.ask("POST", "/auth/links", ask("ann")).problem(403), "denied");
    assert_eq!(nobody(&served, "POST", "/auth/links", ask("ann")).problem(401), "unauthenticated");
    let narrow = served.ask("POST", "/tokens", Some(json!({ "scopes": ["*:*"], "read_only": true }))).is(201);
    let bearer = format!("Bearer {}", narrow["text"].as_str().unwrap());
    let refused = with(&served, "POST", "/auth/links", &[("authorization", &bearer)], ask("ann"));
    assert!(matches!(refused.status, 403 | 409), "{}", refused.text());
    served.ask("POST", "/service-accounts", Some(json!({ "login": "ci", "name": "" }))).is(201);
    assert_eq!(served.ask("POST", "/auth/links", ask("ci")).problem(409), "conflict");
    assert_eq!(served.ask("POST", "/auth/links", ask("nobody")).problem(404), "not_found");
}

#[test]
fn an_admin_makes_no_link_for_an_owner() {
    let served = Served::start();
    person(&served, "ann");
    served.ask("POST", "/role-bindings", Some(json!({ "account": "ann", "role": "admin" }))).is(201);
    served.ask("POST", "/users", Some(json!({ "login": "bob", "name": "" }))).is(201);
    let mut ann = Browser::signed_in(&served, "ann");
    ann.ask("POST", "/auth/links", Some(json!({ "login": "bob" }))).is(201);
    let refused = ann.ask("POST", "/auth/links", Some(json!({ "login": "ada" })));
    assert!(matches!(refused.status, 403 | 409), "{}", refused.text());
}
