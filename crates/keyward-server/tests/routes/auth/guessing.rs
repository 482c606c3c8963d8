use keyward_server::Config;
use serde_json::json;

use super::{GOOD, OTHER, link, nobody, person, try_to_sign_in, with};
use crate::kit::{Answer, Served, loopback};

/// An answer without what differs from request to request.
fn told(answer: &Answer) -> (u16, serde_json::Value, Vec<String>) {
    let mut body = answer.json();
    body["request_id"] = json!("");
    (answer.status, body, answer.headers.iter().map(|(name, _)| name.clone()).collect())
}

/// What there is and what there is not cannot be told apart: one status, one text, and each time a
/// password is really tried. (That the way through the code is one is shown in the vault's tests.)
#[test]
fn lesson_accounts_are_not_enumerated() {
    let served = Served::start();
    person(&served, "ann");
    person(&served, "dis");
    served.ask("POST", "/users", Some(json!({ "login": "new", "name": "" }))).is(201);
    served.ask("POST", "/service-accounts", Some(json!({ "login": "ci", "name": "" }))).is(201);
    served.ask("POST", "/accounts/dis/disable", None).is(200);
    let tried = served.vault.passwords_tried();
    let wrong = try_to_sign_in(&served, "ann", OTHER);
    assert_eq!(wrong.problem(401), "not_identified");
    let others = [("nobody", OTHER), ("new", OTHER), ("dis", GOOD), ("ci", OTHER), ("Not A Login", OTHER), ("", "")];
    for (login, password) in others {
        let answer = try_to_sign_in(&served, login, password);
        assert_eq!(told(&answer), told(&wrong), "{login}");
    }
    assert_eq!(served.vault.passwords_tried() - tried, 1 + others.len() as u64);
    // A code of no form is refused before anybody is looked up, whoever it is.
    for login in ["ann", "nobody"] {
        let body = json!({ "login": login, "password": GOOD, "code": "12 34 56" });
        assert_eq!(nobody(&served, "POST", "/auth/sign-in", Some(body)).problem(422), "code");
    }
}

#[test]
fn lesson_an_account_is_locked_and_a_link_lifts_it() {
    let served = Served::start();
    person(&served, "ann");
    person(&served, "eve");
    for _ in 0..4 {
        assert_eq!(try_to_sign_in(&served, "ann", OTHER).problem(401), "not_identified");
    }
    // Three are free; from the fourth on one has to wait, whatever the password is.
    let tried = served.vault.passwords_tried();
    let refused = try_to_sign_in(&served, "ann", GOOD);
    assert_eq!(refused.problem(429), "too_many_attempts");
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=2).contains(&seconds)));
    assert_eq!(served.vault.passwords_tried(), tried, "nothing is tried");
    try_to_sign_in(&served, "eve", GOOD).is(200);
    super::choose(&served, &link(&served, "ann"), OTHER).is(200);
    try_to_sign_in(&served, "ann", OTHER).is(200);
}

/// An account that nobody has is locked like any other.
#[test]
fn lesson_a_lock_tells_nothing_either() {
    let served = Served::start();
    for _ in 0..4 {
        assert_eq!(try_to_sign_in(&served, "nobody", OTHER).problem(401), "not_identified");
    }
    assert_eq!(try_to_sign_in(&served, "nobody", OTHER).problem(429), "too_many_attempts");
}

#[test]
fn lesson_a_network_is_locked_whatever_logins_it_tries() {
    let config = Config { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..loopback() };
    let served = Served::with(config);
    person(&served, "ann");
    let from = |address: &str, login: &str, password: &str| {
        let body = json!({ "login": login, "password": password });
        with(&served, "POST", "/auth/sign-in", &[("x-forwarded-for", address)], Some(body))
    };
    for n in 0..21 {
        assert_eq!(from(&format!("192.0.2.{n}"), &format!("user{n}"), OTHER).problem(401), "not_identified");
    }
    let refused = from("192.0.2.99", "ann", GOOD);
    assert_eq!(refused.problem(429), "too_many_attempts", "the right password neither");
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1));
    from("198.51.100.1", "ann", GOOD).is(200);
}

#[test]
fn huge_and_odd_input_is_refused_and_tries_nothing() {
    let served = Served::start();
    person(&served, "ann");
    let tried = served.vault.passwords_tried();
    let sign_in = |body| nobody(&served, "POST", "/auth/sign-in", Some(body));
    assert_eq!(sign_in(json!({ "login": "ann" })).problem(422), "wrong_form");
    assert_eq!(sign_in(json!({ "login": "ann", "password": ["x"] })).problem(422), "wrong_form");
    assert_eq!(sign_in(json!({ "login": "ann", "password": GOOD, "admin": true })).problem(422), "wrong_form");
    assert_eq!(sign_in(json!({ "login": "ann", "password": GOOD, "kind": "forever" })).problem(422), "wrong_form");
    assert_eq!(sign_in(json!({ "login": "ann", "password": "x".repeat(5000) })).problem(422), "wrong_form");
    assert_eq!(served.vault.passwords_tried(), tried);
    let marker = "a marker that is nowhere";
    let odd = sign_in(json!({ "login": "ann", "password": { marker: 1 } }));
    assert!(odd.status == 422 && !odd.text().contains(marker));
}
