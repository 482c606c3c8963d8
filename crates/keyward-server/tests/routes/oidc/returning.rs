//! Coming back: from where one did not go, twice, too late, at another provider's address.

use serde_json::json;

use super::browser::{Browser, encoded};
use super::{add, added, claims, last_names, person, served};
use crate::kit::Served;

/// `ada` signs in at `idp` as `ada-there`.
fn ada(served: &Served) -> (keyward_testing::oidc::Provider, keyward_testing::oidc::Signer) {
    let (provider, key) = added(served);
    person(served, "ann");
    let mut browser = Browser::signed_in(served, "ann");
    let onward = browser.post("/auth/oidc/idp/identity", json!({ "password": super::GOOD })).is(200);
    let asked = super::browser::Asked::of(onward["location"].as_str().unwrap());
    provider.give(&key.sign(&claims(&provider, "ada-there", &asked.nonce)));
    assert_eq!(browser.back_well(&provider, &asked).header("location"), "/#identity");
    (provider, key)
}

#[test]
fn the_answer_to_another_question_counts_for_nobody() {
    let (served, _) = served();
    let (provider, key) = ada(&served);
    let iss = encoded(&provider.issuer());
    let mut browser = Browser::at(&served);
    let first = browser.start("idp");
    let second = browser.start("idp");
    provider.give(&key.sign(&claims(&provider, "ada-there", &first.nonce)));
    for (query, words) in [
        (format!("code=c&state={}&iss={iss}", first.state), "another one was begun"),
        (format!("code=c&state=made-up&iss={iss}"), "another one was begun"),
        (format!("code=c&iss={iss}"), "no `state`"),
        (format!("state={}&iss={iss}", second.state), "no `code`"),
        (format!("code=c&code=d&state={}&iss={iss}", second.state), "twice"),
        (format!("code=c&state={}&state=x&iss={iss}", second.state), "twice"),
        (format!("code=c&error=x&state={}&iss={iss}", second.state), "no `code`"),
        (format!("code=%zz&state={}&iss={iss}", second.state), "cannot be read"),
    ] {
        let answer = browser.back("idp", &query);
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        assert!(answer.text().contains(words), "{query}: {}", answer.text());
    }
    assert!(provider.asked("/token").len() == 1, "no code was redeemed for them");
    // Another browser did not go.
    let mut other = Browser::at(&served);
    let answer = other.back("idp", &format!("code=c&state={}&iss={iss}", second.state));
    assert!(answer.status == 400 && answer.text().contains("not begun in this browser"), "{}", answer.text());
    // What it keeps is sealed.
    let mut tampered = Browser::at(&served);
    let asked = tampered.start("idp");
    let last = tampered.journey().pop().unwrap();
    tampered.journey().push(if last == 'A' { 'B' } else { 'A' });
    let answer = tampered.back_well(&provider, &asked);
    assert!(answer.status == 400 && answer.text().contains("not begun in this browser"), "{}", answer.text());
    assert_eq!((browser.login(), other.login(), tampered.login()), (None, None, None));
}

#[test]
fn an_answer_counts_once_on_every_node() {
    let (served, _) = served();
    let (provider, key) = ada(&served);
    let mut browser = Browser::at(&served);
    let asked = browser.start("idp");
    let kept = browser.journey().clone();
    // The provider is one that takes a code twice.
    provider.give(&key.sign(&claims(&provider, "ada-there", &asked.nonce)));
    let mut thief = Browser::at(&served);
    assert_eq!(browser.back_well(&provider, &asked).header("location"), "/");
    *thief.journey() = kept.clone();
    let answer = thief.back_well(&provider, &asked);
    assert!(answer.status == 400 && answer.text().contains("used already"), "{}", answer.text());
    let node = served.anew();
    let mut elsewhere = Browser::at(&node);
    *elsewhere.journey() = kept;
    let answer = elsewhere.back_well(&provider, &asked);
    assert!(answer.status == 400 && answer.text().contains("used already"), "{}", answer.text());
    assert_eq!((thief.login(), elsewhere.login()), (None, None));
}

#[test]
fn whoever_was_away_for_too_long_begins_anew() {
    let (served, clock) = served();
    let (provider, key) = ada(&served);
    let mut browser = Browser::at(&served);
    let asked = browser.start("idp");
    provider.give(&key.sign(&claims(&provider, "ada-there", &asked.nonce)));
    clock.advance(10 * 60 * 1000);
    let answer = browser.back_well(&provider, &asked);
    assert!(answer.status == 400 && answer.text().contains("ten minutes ago"), "{}", answer.text());
    clock.advance(-20 * 60 * 1000);
    let answer = browser.back_well(&provider, &asked);
    assert!(answer.status == 400, "nor does a clock that goes back bring it to life: {}", answer.text());
    assert_eq!(browser.login(), None);
}

/// One goes to one node and comes back to another.
#[test]
fn whoever_went_from_one_node_comes_back_to_another() {
    let (served, _) = served();
    let (provider, key) = ada(&served);
    let mut browser = Browser::at(&served);
    let asked = browser.start("idp");
    provider.give(&key.sign(&claims(&provider, "ada-there", &asked.nonce)));
    let node = served.anew();
    let mut there = Browser::at(&node);
    *there.journey() = browser.journey().clone();
    assert_eq!(there.back_well(&provider, &asked).header("location"), "/");
    assert_eq!(there.login().as_deref(), Some("ann"));
}

/// The mix-up attack (RFC 9207, RFC 9700 4.4): an answer of one provider at the address of another.
#[test]
fn an_answer_of_another_provider_counts_for_nobody() {
    let (served, _) = served();
    let (provider, key) = ada(&served);
    let evil = keyward_testing::oidc::Provider::start(&[&key]);
    add(&served, "evil", &evil.issuer(), json!({}));
    let mut browser = Browser::at(&served);
    let asked = browser.start("evil");
    provider.give(&key.sign(&claims(&provider, "ada-there", &asked.nonce)));
    let query = format!("code=c&state={}&iss={}", asked.state, encoded(&provider.issuer()));
    let answer = browser.back("idp", &query);
    assert!(answer.status == 400 && answer.text().contains("begun at another provider"), "{}", answer.text());
    // By its own address, with the other one's name or none where it says that it names itself.
    let answer = browser.back("evil", &query);
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(last_names(&served)["why"], "another issuer");
    let answer = browser.back("evil", &format!("code=c&state={}", asked.state));
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(evil.asked("/token").is_empty(), "the code of one is not told to the other");
    // And what the evil one signs is of the evil one, whatever subject it names.
    let answer = browser.through_at("evil", &evil, &key, "ada-there");
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("No account here"), "{}", answer.text());
    assert_eq!(browser.login(), None);
}

#[test]
fn a_provider_that_says_no_is_quoted_in_harmless_letters() {
    let (served, _) = served();
    let (provider, _) = ada(&served);
    let mut browser = Browser::at(&served);
    let asked = browser.start("idp");
    let error = encoded("access_denied<script>alert(1)</script>");
    let query = format!("error={error}&error_description=x&state={}&iss={}", asked.state, encoded(&provider.issuer()));
    let answer = browser.back("idp", &query);
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("access_denied") && !answer.text().contains("<script>"), "{}", answer.text());
    assert_eq!(last_names(&served)["why"], "refused by the provider");
}

/// Another site's page begins nothing here, and the way back is for browsers that another site sends.
#[test]
fn a_page_of_somebody_else_sends_nobody_to_a_provider() {
    let (served, _) = served();
    let (provider, _) = ada(&served);
    let url = format!("http://{}/api/v1/auth/oidc/idp/start", served.address);
    let mut browser = Browser::at(&served);
    assert_eq!(browser.visit(&url, "cross-site").status, 403);
    assert_eq!(browser.visit(&url, "same-site").status, 403);
    let answer = browser.visit(&url, "none");
    assert_eq!(answer.status, 303, "typed by the person: {}", answer.text());
    let set = answer.header("set-cookie");
    assert!(set.contains("; HttpOnly; SameSite=Lax") && set.contains("Max-Age=600;"), "{set}");
    assert!(answer.header("location").starts_with(&format!("{}/authorize?", provider.issuer())));
    assert_eq!(answer.header("cache-control"), "no-store");
    let mut signed = Browser::signed_in(&served, "ann");
    let foreign = [("sec-fetch-site", "cross-site"), ("content-type", "application/json")];
    let url = format!("http://{}/api/v1/auth/oidc/idp/identity", served.address);
    assert!(signed.send("POST", &url, &foreign, r#"{"password":"x"}"#).status >= 400);
}
