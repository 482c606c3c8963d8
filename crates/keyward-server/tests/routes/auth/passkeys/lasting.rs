//! What becomes of a passkey: it is given up, taken away, copied, and of no use to who may not act.

use keyward_server::Config;
use serde_json::json;

use super::device::Device;
use super::{GOOD, Page, ann};
use crate::auth::{OTHER, choose, link, person};
use crate::kit::{Served, loopback};

#[test]
fn a_passkey_is_made_and_given_up_with_proof_alone_and_others_are_not_touched() {
    let served = Served::start();
    let mut device = ann(&served);
    person(&served, "eve");
    let mut page = Page::signed_in(&served, "ann");
    let id = page.ask("GET", "/auth/passkeys", None).is(200)["passkeys"][0]["id"].clone();
    let path = format!("/auth/passkeys/{}/remove", id.as_str().unwrap());
    for path in ["/auth/passkeys/begin", &path] {
        assert_eq!(page.post(path, json!({ "password": OTHER })).problem(401), "not_identified", "{path}");
    }
    let mut eve = Page::signed_in(&served, "eve");
    assert_eq!(eve.post(&path, json!({ "password": GOOD })).problem(404), "not_found");
    let mut other = Page::local(&served);
    other.sign_in(&mut device).is(200);
    assert_eq!(page.post(&path, json!({ "password": GOOD })).status, 204);
    assert_eq!(served.last_entry(), ("passkey.remove".to_owned(), "allowed".to_owned()));
    assert_eq!(other.ask("GET", "/auth/session", None).problem(401), "unauthenticated", "its session ends");
    assert_eq!(Page::local(&served).sign_in(&mut device).problem(401), "not_identified");
    Page::signed_in(&served, "ann");
}

#[test]
fn an_administrator_takes_passkeys_away_and_a_disabled_account_has_no_use_of_them() {
    let served = Served::start();
    let mut device = ann(&served);
    served.ask("POST", "/accounts/ann/disable", None).is(200);
    assert_eq!(Page::local(&served).sign_in(&mut device).problem(401), "not_identified");
    served.ask("POST", "/accounts/ann/enable", None).is(200);
    let mut page = Page::local(&served);
    page.sign_in(&mut device).is(200);
    assert_eq!(served.ask("DELETE", "/accounts/ann/passkeys", None).is(200), json!({ "removed": 1 }));
    assert_eq!(page.ask("GET", "/auth/session", None).problem(401), "unauthenticated");
    assert_eq!(Page::local(&served).sign_in(&mut device).problem(401), "not_identified");
    assert_eq!(served.ask("DELETE", "/accounts/ann/passkeys", None).is(200), json!({ "removed": 0 }));
    assert_eq!(served.ask("DELETE", "/accounts/nobody/passkeys", None).problem(404), "not_found");
}

/// As with an authenticator: who has lost it says so when the link is made.
#[test]
fn a_link_keeps_passkeys_unless_it_was_made_to_take_them_away() {
    let served = Served::start();
    let mut device = ann(&served);
    choose(&served, &link(&served, "ann"), OTHER).is(200);
    Page::local(&served).sign_in(&mut device).is(200);
    let lost = json!({ "login": "ann", "without_second_factor": true });
    let made = served.ask("POST", "/auth/links", Some(lost)).is(201);
    choose(&served, made["link"].as_str().unwrap().split_once("#link=").unwrap().1, GOOD).is(200);
    assert_eq!(Page::local(&served).sign_in(&mut device).problem(401), "not_identified");
}

/// Two devices with one key cannot both count on.
#[test]
fn a_copied_passkey_is_refused_and_that_is_on_record() {
    let served = Served::start();
    person(&served, "ann");
    let mut device = Device::counting();
    Page::signed_in(&served, "ann").add(&mut device, "key ring");
    let mut copy = device.copied();
    for _ in 0..2 {
        Page::local(&served).sign_in(&mut device).is(200);
    }
    assert_eq!(Page::local(&served).sign_in(&mut copy).problem(401), "not_identified");
    let line = served.vault.log(served.log_size() - 1, 1).unwrap().remove(0);
    assert_eq!(line.entry.action.to_string(), "sign-in");
    let private = line.private.unwrap();
    assert_eq!(private.more["why"], "copied passkey");
    assert_eq!(private.more["passkey_name"], "key ring");
    Page::local(&served).sign_in(&mut device).is(200);
}

#[test]
fn names_are_told_apart_and_a_person_has_so_many_passkeys_and_no_more() {
    let served = Served::start();
    let mut device = ann(&served);
    let mut page = Page::signed_in(&served, "ann");
    let question = page.asked_for_new();
    let excluded = &question["options"]["excludeCredentials"];
    assert_eq!(excluded.as_array().unwrap().len(), 1, "an authenticator that has one makes no second one");
    let handle = question["options"]["user"]["id"].clone();
    let credential = Device::new().create(&page.origin.clone(), &question["options"]);
    for name in ["", "  ", &"n".repeat(101), "a\u{7}b"] {
        assert_eq!(page.added(name, &question, &credential).problem(409), "conflict", "{name:?}");
    }
    page.added(" phone ", &question, &credential).is(201);
    for _ in 2..20 {
        assert_eq!(page.asked_for_new()["options"]["user"]["id"], handle, "one account, one handle");
        page.add(&mut Device::new(), "more");
    }
    let refused = page.post("/auth/passkeys/begin", json!({ "password": GOOD }));
    assert_eq!(refused.problem(409), "conflict");
    assert!(refused.json()["detail"].as_str().unwrap().contains("at most 20"));
    Page::local(&served).sign_in(&mut device).is(200);
}

/// Behind a proxy that ends TLS, under the name of the set-up: what one node asks another one hears.
#[test]
fn a_question_of_one_node_is_answered_at_another_and_once() {
    let config = || Config {
        hosts: vec!["keyward.example".into()],
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        public_url: Some("https://keyward.example".into()),
        ..loopback()
    };
    let served = Served::with(config());
    let second = served.beside(config());
    person(&served, "ann");
    let at = |served| Page {
        served,
        host: "keyward.example".into(),
        origin: "https://keyward.example".into(),
        proxy: "x-forwarded-proto: https\r\n",
        cookie: String::new(),
    };
    let mut device = Device::new();
    let mut first = at(&served).with_password("ann");
    assert_eq!(first.add(&mut device, "laptop")["site"], "keyward.example");
    let question = first.asked();
    let credential = device.get("https://keyward.example", &question["options"]);
    at(&second).shown(&question, &credential).is(200);
    for node in [&served, &second] {
        assert_eq!(at(node).shown(&question, &credential).problem(409), "conflict");
    }
    let mut local = Page::local(&served);
    assert_eq!(local.post("/auth/passkeys/sign-in/begin", json!({})).problem(409), "no_passkeys");
}
