//! Answers that are none, each wrong in one thing alone.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::device::{Device, base64url};
use super::{Page, ann};
use crate::auth::person;
use crate::kit::Served;

/// What the log says of the newest refusal.
fn why(served: &Served) -> String {
    let line = served.vault.log(served.log_size() - 1, 1).unwrap().remove(0);
    assert_eq!((line.entry.action.to_string(), line.entry.outcome.to_string()), ("sign-in".into(), "denied".into()));
    line.private.unwrap().more["why"].clone()
}

fn bytes(credential: &Value, part: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(credential["response"][part].as_str().unwrap().as_bytes()).unwrap()
}

fn with(credential: &Value, part: &str, bytes: &[u8]) -> Value {
    let mut changed = credential.clone();
    changed["response"][part] = base64url(bytes).into();
    changed
}

/// What a browser signs at `navigator.credentials.get`.
fn client_data(page: &Page<'_>, question: &Value) -> Value {
    let challenge = &question["options"]["challenge"];
    json!({ "type": "webauthn.get", "challenge": challenge, "origin": page.origin, "crossOrigin": false })
}

#[test]
fn what_is_not_signed_for_this_page_and_this_question_signs_nobody_in() {
    let served = Served::start();
    let mut device = ann(&served);
    let mut page = Page::local(&served);
    let question = page.asked();
    let data = client_data(&page, &question);
    let changed = |field: &str, value: Value| {
        let mut data = data.clone();
        data[field] = value;
        data
    };
    let other = page.asked()["options"]["challenge"].clone();
    for (domain, data, said) in [
        ("localhost", changed("origin", "http://localhost:1".into()), "passkey on another page"),
        ("localhost", changed("origin", "https://evil.example".into()), "passkey on another page"),
        ("localhost", changed("crossOrigin", true.into()), "passkey on another page"),
        ("evil.example", data.clone(), "passkey for another domain"),
        ("localhost", changed("challenge", other), "passkey for another challenge"),
        ("localhost", changed("type", "webauthn.create".into()), "malformed passkey"),
    ] {
        // Each by itself: what was counted before must not be the reason.
        lift(&served);
        let credential = device.sign(domain, &data);
        assert_eq!(page.shown(&question, &credential).problem(401), "not_identified", "{said}");
        assert_eq!(why(&served), said);
    }
    lift(&served);
    page.shown(&question, &device.sign("localhost", &data)).is(200);
}

#[test]
fn what_is_not_signed_by_the_key_of_its_owner_who_is_there_signs_nobody_in() {
    let served = Served::start();
    let mut device = ann(&served);
    let mut page = Page::local(&served);
    let question = page.asked();
    let credential = device.get(&page.origin.clone(), &question["options"]);
    let flipped = |part: &str, at: usize, bit: u8| {
        let mut bytes = bytes(&credential, part);
        bytes[at] ^= bit;
        with(&credential, part, &bytes)
    };
    let length = bytes(&credential, "signature").len();
    let signature = "wrong signature of a passkey";
    for (credential, said) in [
        (flipped("signature", length - 1, 1), signature),
        (with(&credential, "signature", &[]), signature),
        // The count, which is signed.
        (flipped("authenticatorData", 36, 1), signature),
        (flipped("userHandle", 0, 1), "passkey of another account"),
    ] {
        lift(&served);
        assert_eq!(page.shown(&question, &credential).problem(401), "not_identified", "{said}");
        assert_eq!(why(&served), said);
    }
    lift(&served);
    let mut unverified = question["options"].clone();
    unverified["userVerification"] = "discouraged".into();
    let credential = device.get(&page.origin.clone(), &unverified);
    assert_eq!(page.shown(&question, &credential).problem(401), "not_identified");
    assert_eq!(why(&served), "passkey without user verification");
}

#[test]
fn a_passkey_that_is_not_known_here_signs_nobody_in() {
    let served = Served::start();
    person(&served, "ann");
    let mut page = Page::signed_in(&served, "ann");
    let mut device = Device::new();
    let question = page.asked_for_new();
    device.create(&page.origin.clone(), &question["options"]);
    assert_eq!(Page::local(&served).sign_in(&mut device).problem(401), "not_identified", "it was never added");
    assert_eq!(why(&served), "unknown passkey");
}

#[test]
fn a_question_is_answered_once_for_what_it_was_asked_and_by_who_was_asked() {
    let served = Served::start();
    let mut device = ann(&served);
    person(&served, "eve");
    let (mut ann, mut eve) = (Page::signed_in(&served, "ann"), Page::signed_in(&served, "eve"));
    let question = ann.asked_for_new();
    let made = Device::new().create(&ann.origin.clone(), &question["options"]);
    assert_eq!(eve.added("hers", &question, &made).problem(409), "conflict", "another's question");
    let mut again = Page::signed_in(&served, "ann");
    assert_eq!(again.added("mine", &question, &made).problem(409), "conflict", "another session's");
    ann.added("mine", &question, &made).is(201);
    assert_eq!(ann.added("mine", &question, &made).problem(409), "conflict", "answered");
    let hers = eve.asked_for_new();
    assert_eq!(eve.added("hers", &hers, &made).problem(422), "passkey", "an answer to another question");
    let sign_in = ann.asked();
    assert_eq!(ann.added("mine", &sign_in, &made).problem(409), "conflict", "asked to sign in");
    let credential = device.get(&ann.origin.clone(), &sign_in["options"]);
    assert_eq!(Page::local(&served).shown(&hers, &credential).problem(409), "conflict", "asked to make one");
    Page::local(&served).shown(&sign_in, &credential).is(200);
    assert_eq!(Page::local(&served).shown(&sign_in, &credential).problem(409), "conflict", "answered");
    let mut broken = sign_in.clone();
    for ceremony in ["", "nothing", &sign_in["ceremony"].as_str().unwrap()[1..]] {
        broken["ceremony"] = ceremony.into();
        assert_eq!(Page::local(&served).shown(&broken, &credential).problem(409), "conflict", "{ceremony:?}");
    }
}

#[test]
fn a_new_passkey_is_taken_of_this_page_verified_and_with_a_key_that_was_asked_for() {
    let served = Served::start();
    person(&served, "ann");
    let mut page = Page::signed_in(&served, "ann");
    let question = page.asked_for_new();
    let asked = |field: &str, value: Value| {
        let mut options = question["options"].clone();
        options[field] = value;
        options
    };
    let here = page.origin.clone();
    let unverified = json!({ "residentKey": "required", "userVerification": "discouraged" });
    for (origin, options, says) in [
        ("http://localhost:1", question["options"].clone(), "not of this server"),
        ("https://evil.example", asked("rp", json!({ "id": "evil.example", "name": "evil" })), "not of this server"),
        (&here, asked("challenge", base64url(&[7; 16]).into()), "another question"),
        (&here, asked("authenticatorSelection", unverified), "did not"),
        // ML-DSA-44, which no browser was asked for.
        (&here, asked("pubKeyCredParams", json!([{ "type": "public-key", "alg": -48 }])), ""),
    ] {
        let credential = Device::new().create(origin, &options);
        let refused = page.added("mine", &question, &credential);
        assert_eq!(refused.problem(422), "passkey", "{origin} {says}");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(says), "{detail}");
    }
    let good = Device::new().create(&here, &question["options"]);
    let object = bytes(&good, "attestationObject");
    for length in [0, 1, 40, object.len() / 2, object.len() - 1] {
        let cut = with(&good, "attestationObject", &object[..length]);
        assert_eq!(page.added("mine", &question, &cut).problem(422), "passkey", "{length} bytes");
    }
    let mut longer = object.clone();
    longer.push(0);
    assert_eq!(page.added("mine", &question, &with(&good, "attestationObject", &longer)).problem(422), "passkey");
    page.added("mine", &question, &good).is(201);
}

#[test]
fn what_is_no_answer_at_all_is_said_to_be_none_and_counts_for_nothing() {
    let served = Served::start();
    let mut device = ann(&served);
    let mut page = Page::local(&served);
    let question = page.asked();
    let good = device.get(&page.origin.clone(), &question["options"]);
    let mut spelled = good.clone();
    spelled["rawId"] = "another".into();
    let mut nameless = good.clone();
    nameless["response"].as_object_mut().unwrap().remove("userHandle");
    let before = served.log_size();
    for credential in [json!({}), json!({ "response": {} }), spelled, nameless, json!([1]), json!("text")] {
        for _ in 0..10 {
            assert_eq!(page.shown(&question, &credential).problem(422), "passkey", "{credential}");
        }
    }
    assert_eq!(served.log_size(), before, "nobody fills the log with what cannot be read");
    let huge = json!({ "ceremony": "c".repeat(2 << 20), "credential": {} });
    assert_eq!(page.post("/auth/passkeys/sign-in", huge).problem(413), "too_large");
    assert_eq!(page.post("/auth/passkeys/sign-in", json!({ "ceremony": 1 })).problem(422), "wrong_form");
    page.shown(&question, &good).is(200);
}

/// What names a passkey of somebody is looked at, and counted when it is none.
#[test]
fn what_is_cut_short_signs_nobody_in() {
    let served = Served::start();
    let mut device = ann(&served);
    let mut page = Page::local(&served);
    let question = page.asked();
    let good = device.get(&page.origin.clone(), &question["options"]);
    let (data, client) = (bytes(&good, "authenticatorData"), bytes(&good, "clientDataJSON"));
    for credential in [
        with(&good, "authenticatorData", &data[..36]),
        with(&good, "authenticatorData", &[]),
        with(&good, "clientDataJSON", &client[..client.len() - 1]),
        with(&good, "clientDataJSON", b"not JSON"),
    ] {
        lift(&served);
        assert_eq!(page.shown(&question, &credential).problem(401), "not_identified", "{credential}");
        assert_eq!(why(&served), "malformed passkey");
    }
    lift(&served);
    page.shown(&question, &good).is(200);
}

/// Wrong passkeys are counted as wrong passwords are, and the right one waits then, too.
#[test]
fn wrong_passkeys_make_an_account_wait_as_wrong_passwords_do() {
    let served = Served::start();
    let mut device = ann(&served);
    let mut page = Page::local(&served);
    let question = page.asked();
    let credential = device.get(&page.origin.clone(), &question["options"]);
    let wrong = with(&credential, "signature", &[1; 70]);
    for _ in 0..4 {
        assert_eq!(page.shown(&question, &wrong).problem(401), "not_identified");
    }
    let waits = page.shown(&question, &credential);
    assert_eq!(waits.problem(429), "too_many_attempts");
    assert!(waits.header("retry-after").parse::<u64>().unwrap() >= 1);
    let question = page.asked();
    assert!(question["ceremony"].is_string(), "others at this network are asked still");
}

/// Lifts what is counted for `ann`, as a person does who signs in with his password.
fn lift(served: &Served) {
    Page::signed_in(served, "ann");
}
