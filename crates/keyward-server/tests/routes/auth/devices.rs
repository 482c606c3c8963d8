use serde_json::{Value, json};

use super::{Browser, nobody, person, with};
use crate::kit::{Answer, Served};

fn begin(served: &Served) -> Value {
    let headers = [("user-agent", "keyward/test login on laptop")];
    with(served, "POST", "/auth/device/authorization", &headers, Some(json!({}))).is(200)
}

fn poll(served: &Served, device: &Value) -> Answer {
    nobody(served, "POST", "/auth/device/token", Some(json!({ "device_code": device["device_code"] })))
}

/// The error where RFC 6749 has it, and the problem where all others are.
#[track_caller]
fn assert_error(answer: &Answer, error: &str) {
    assert_eq!(answer.problem(400), error);
    assert_eq!(answer.json()["error"], error);
}

fn decide(person: &mut Browser<'_>, device: &Value, approve: bool) -> Answer {
    person.ask("POST", "/auth/device/decision", Some(json!({ "user_code": device["user_code"], "approve": approve })))
}

#[test]
fn a_device_is_let_in_by_a_person_who_saw_what_it_is() {
    let served = Served::start();
    person(&served, "ann");
    let device = begin(&served);
    assert_eq!((&device["expires_in"], &device["interval"]), (&json!(600), &json!(5)));
    let page = format!("http://{}/#device", served.address);
    let code = device["user_code"].as_str().unwrap();
    assert_eq!(device["verification_uri"], page);
    assert_eq!(device["verification_uri_complete"], format!("{page}={code}"));
    let mut ann = Browser::signed_in(&served, "ann");
    let typed = code.to_lowercase().replace('-', " ");
    let seen = ann.ask("POST", "/auth/device/look", Some(json!({ "user_code": typed }))).is(200);
    assert_eq!((&seen["agent"], &seen["network"]), (&json!("keyward/test login on laptop"), &json!("127.0.0.0/24")));
    decide(&mut ann, &device, true).is(200);
    let answer = poll(&served, &device);
    let let_in = answer.is(200);
    assert_eq!((&let_in["token_type"], &let_in["account"]), (&json!("Bearer"), &json!("ann")));
    assert_eq!((&let_in["expires_in"], answer.header("cache-control")), (&json!(30 * 86_400), "no-store"));
    let bearer = format!("Bearer {}", let_in["access_token"].as_str().unwrap());
    let who = with(&served, "GET", "/auth/session", &[("authorization", &bearer)], None).is(200);
    assert_eq!((&who["account"]["login"], &who["session"]["kind"]), (&json!("ann"), &json!("device")));
    assert_error(&poll(&served, &device), "expired_token");
}

#[test]
fn a_device_waits_and_one_that_hurries_waits_longer() {
    let served = Served::start();
    let device = begin(&served);
    assert_error(&poll(&served, &device), "authorization_pending");
    assert_error(&poll(&served, &device), "slow_down");
    for none in ["", "nonsense", &served.token] {
        assert_error(&poll(&served, &json!({ "device_code": none })), "expired_token");
    }
}

#[test]
fn a_device_that_is_refused_stays_outside() {
    let served = Served::start();
    person(&served, "ann");
    let device = begin(&served);
    let mut ann = Browser::signed_in(&served, "ann");
    decide(&mut ann, &device, false).is(200);
    assert_error(&poll(&served, &device), "access_denied");
    assert_eq!(decide(&mut ann, &device, true).problem(404), "not_found", "the decision stands");
}

/// Who types codes until one fits is stopped, and so is who asks for too many.
#[test]
fn lesson_codes_of_devices_are_not_guessed() {
    let served = Served::start();
    person(&served, "ann");
    let mut ann = Browser::signed_in(&served, "ann");
    let guess =
        |ann: &mut Browser<'_>, code: &str| ann.ask("POST", "/auth/device/look", Some(json!({ "user_code": code })));
    assert_eq!(guess(&mut ann, "AEIO-UAEI").problem(422), "code");
    for _ in 0..4 {
        assert_eq!(guess(&mut ann, "BCDF-GHJK").problem(404), "not_found");
    }
    assert_eq!(guess(&mut ann, "BCDF-GHJK").problem(429), "too_many_attempts");
    for _ in 0..16 {
        begin(&served);
    }
    let full = nobody(&served, "POST", "/auth/device/authorization", Some(json!({})));
    assert_eq!((full.problem(503).as_str(), full.header("retry-after")), ("busy", "5"));
}

/// A session that ended lets nobody in afterwards.
#[test]
fn a_device_comes_in_as_long_as_the_session_that_let_it_in_lives() {
    let served = Served::start();
    person(&served, "ann");
    let device = begin(&served);
    let mut ann = Browser::signed_in(&served, "ann");
    decide(&mut ann, &device, true).is(200);
    assert_eq!(ann.ask("POST", "/auth/sign-out", None).status, 204);
    assert_error(&poll(&served, &device), "expired_token");
}
