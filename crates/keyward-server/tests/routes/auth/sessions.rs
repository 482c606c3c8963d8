use keyward_types::token::{PlainToken, TokenKind};
use serde_json::json;

use super::{Browser, GOOD, OTHER, nobody, person, try_to_sign_in, with};
use crate::kit::{Served, in_development};

#[test]
fn a_person_signs_in_and_the_whole_api_knows_him() {
    let served = Served::start();
    person(&served, "ann");
    served.ask("POST", "/role-bindings", Some(json!({ "account": "ann", "role": "developer" }))).is(201);
    served.ask("PUT", &in_development("secrets/A"), Some(json!({ "value": "v" }))).is(201);
    served.ask("PUT", "/projects/shop/environments/production/secrets/A", Some(json!({ "value": "p" }))).is(201);
    let mut ann = Browser::signed_in(&served, "ann");
    let who = ann.get("/auth/session").is(200);
    assert_eq!((&who["account"]["login"], &who["session"]["kind"]), (&json!("ann"), &json!("browser")));
    assert_eq!(who["second_factor"], json!({ "authenticator": false, "waiting": false, "recovery_codes": 0 }));
    assert_eq!(ann.get("/whoami").is(200)["principal"], who["account"]["principal"]);
    assert_eq!(ann.get(&in_development("values/A")).is(200)["value"], "v");
    ann.ask("PUT", &in_development("secrets/B"), Some(json!({ "value": "w" }))).is(201);
    assert_eq!(ann.get("/projects/shop/environments/production/values/A").problem(403), "denied");
}

#[test]
fn a_browsers_session_is_in_its_cookie_and_nowhere_else() {
    let served = Served::start();
    person(&served, "ann");
    let answer = try_to_sign_in(&served, "ann", GOOD);
    let said = answer.is(200);
    let cookie = answer.header("set-cookie");
    let token = cookie.strip_prefix("keyward=").and_then(|rest| rest.split(';').next()).unwrap();
    assert!(token.starts_with("kwu_") && !answer.text().contains(&token[16..]) && said["token"].is_null());
    assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"), "{cookie}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(nobody(&served, "GET", "/auth/session", None).problem(401), "unauthenticated");
}

#[test]
fn a_program_gets_its_session_as_a_token() {
    let served = Served::start();
    person(&served, "ann");
    let body = json!({ "login": "ann", "password": GOOD, "kind": "device" });
    let answer = nobody(&served, "POST", "/auth/sign-in", Some(body));
    let said = answer.is(200);
    assert_eq!((answer.header("set-cookie"), &said["session"]["kind"]), ("", &json!("device")));
    let bearer = format!("Bearer {}", said["token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(with(&served, "GET", "/auth/session", &headers, None).is(200)["account"]["login"], "ann");
    assert_eq!(with(&served, "POST", "/auth/sign-out", &headers, None).status, 204);
    assert_eq!(with(&served, "GET", "/whoami", &headers, None).problem(401), "unauthenticated");
}

#[test]
fn who_signs_out_is_signed_out_here_and_on_the_server() {
    let served = Served::start();
    person(&served, "ann");
    let mut ann = Browser::signed_in(&served, "ann");
    let kept = ann.cookie.clone();
    assert_eq!(ann.ask("POST", "/auth/sign-out", None).status, 204);
    assert_eq!(ann.cookie, "", "the browser forgets it");
    ann.cookie = kept;
    assert_eq!(ann.get("/auth/session").problem(401), "unauthenticated");
    assert_eq!(ann.ask("POST", "/auth/sign-out", None).problem(401), "unauthenticated");
}

/// Whoever gets his own session, or one that he made up, into somebody's browser is not signed in
/// along with him.
#[test]
fn lesson_session_fixation() {
    let served = Served::start();
    person(&served, "ann");
    person(&served, "eve");
    let made_up = PlainToken::generate(TokenKind::Session, &keyward_testing::vault::SystemRandom).unwrap();
    let eves = Browser::signed_in(&served, "eve").cookie;
    for planted in [format!("keyward={}", made_up.expose()), eves] {
        let mut ann = Browser { served: &served, cookie: planted.clone() };
        ann.ask("POST", "/auth/sign-in", Some(json!({ "login": "ann", "password": GOOD }))).is(200);
        assert_ne!(ann.cookie, planted);
        assert_eq!(ann.get("/auth/session").is(200)["account"]["login"], "ann");
        let mut thief = Browser { served: &served, cookie: planted };
        assert_eq!(thief.get("/auth/session").problem(401), "unauthenticated", "what was planted is dead");
    }
    let mut ann = Browser::signed_in(&served, "ann");
    let both = format!("{}; keyward={}", ann.cookie, made_up.expose());
    ann.cookie = both;
    assert_eq!(ann.get("/auth/session").problem(401), "unauthenticated", "of two cookies neither counts");
}

#[test]
fn one_ends_ones_own_sessions_and_nobody_elses() {
    let served = Served::start();
    person(&served, "ann");
    person(&served, "eve");
    let (mut first, mut second) = (Browser::signed_in(&served, "ann"), Browser::signed_in(&served, "ann"));
    let mut eve = Browser::signed_in(&served, "eve");
    let listed = first.get("/auth/sessions").is(200);
    let sessions = listed["sessions"].as_array().unwrap();
    let others: Vec<_> = sessions.iter().filter(|session| session["current"] == false).collect();
    assert_eq!((sessions.len(), others.len()), (2, 1));
    let id = others[0]["id"].as_str().unwrap();
    assert_eq!(eve.ask("DELETE", &format!("/auth/sessions/{id}"), None).problem(404), "not_found");
    assert_eq!(first.ask("DELETE", &format!("/auth/sessions/{id}"), None).is(200)["ended"], 1);
    assert_eq!(second.get("/auth/session").problem(401), "unauthenticated");
    let third = Browser::signed_in(&served, "ann").cookie;
    assert_eq!(first.ask("DELETE", "/auth/sessions", None).is(200)["ended"], 2);
    for cookie in [first.cookie.clone(), third] {
        assert_eq!(Browser { served: &served, cookie }.get("/auth/session").problem(401), "unauthenticated");
    }
    eve.get("/auth/session").is(200);
}

#[test]
fn a_new_password_ends_every_other_session() {
    let served = Served::start();
    person(&served, "ann");
    let (mut here, mut there) = (Browser::signed_in(&served, "ann"), Browser::signed_in(&served, "ann"));
    let change = |old: &str, new: &str| Some(json!({ "password": old, "new": new }));
    assert_eq!(
        here.ask("PUT", "/auth/password", change(OTHER, "four quiet engines sleep")).problem(401),
        "not_identified"
    );
    assert_eq!(here.ask("PUT", "/auth/password", change(GOOD, "password12")).problem(422), "weak_password");
    assert_eq!(here.ask("PUT", "/auth/password", change(GOOD, OTHER)).status, 204);
    here.get("/auth/session").is(200);
    assert_eq!(there.get("/auth/session").problem(401), "unauthenticated");
    assert_eq!(try_to_sign_in(&served, "ann", GOOD).problem(401), "not_identified");
    try_to_sign_in(&served, "ann", OTHER).is(200);
}

#[test]
fn a_session_ends_with_its_account() {
    let served = Served::start();
    person(&served, "ann");
    let mut ann = Browser::signed_in(&served, "ann");
    ann.get("/whoami").is(200);
    served.ask("POST", "/accounts/ann/disable", None).is(200);
    assert_eq!(ann.get("/whoami").problem(401), "unauthenticated");
    assert_eq!(ann.get("/auth/session").problem(401), "unauthenticated");
}

/// However much a token may: how its owner signs in is not for it.
#[test]
fn no_token_changes_how_its_owner_signs_in() {
    let served = Served::start();
    // A token's first use is on record.
    served.get("/whoami").is(200);
    let before = served.log_size();
    for (method, path, body) in [
        ("GET", "/auth/session", None),
        ("GET", "/auth/sessions", None),
        ("DELETE", "/auth/sessions", None),
        ("PUT", "/auth/password", Some(json!({ "password": GOOD, "new": OTHER }))),
        ("POST", "/auth/second-factor", Some(json!({ "password": GOOD }))),
        ("POST", "/auth/device/decision", Some(json!({ "user_code": "BCDF-GHJK", "approve": true }))),
    ] {
        assert_eq!(served.ask(method, path, body).problem(403), "session_needed", "{method} {path}");
    }
    assert_eq!(served.log_size(), before);
}

/// A one-time link or a device's code opens nothing by itself, and neither does a token in a cookie.
#[test]
fn what_is_for_something_else_is_nobody() {
    let served = Served::start();
    person(&served, "ann");
    let link = super::link(&served, "ann");
    let bearer = format!("Bearer {link}");
    assert_eq!(with(&served, "GET", "/whoami", &[("authorization", &bearer)], None).problem(401), "unauthenticated");
    let cookie = format!("keyward={}", served.token);
    assert_eq!(with(&served, "GET", "/whoami", &[("cookie", &cookie)], None).problem(401), "unauthenticated");
}

#[test]
fn no_answer_of_signing_in_is_kept_for_a_repetition() {
    let served = Served::start();
    person(&served, "ann");
    let sign_in = || {
        let body = json!({ "login": "ann", "password": GOOD, "kind": "device" });
        with(&served, "POST", "/auth/sign-in", &[("idempotency-key", "4711")], Some(body))
    };
    let (first, again) = (sign_in(), sign_in());
    assert_ne!(first.is(200)["token"], again.is(200)["token"]);
    assert_eq!(again.header("idempotency-replayed"), "");
}
