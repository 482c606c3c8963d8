use keyward_access::credential::TotpSecret;
use keyward_types::Timestamp;
use serde_json::{Value, json};

use super::{Browser, GOOD, OTHER, choose, link, nobody, person};
use crate::kit::{Answer, Served};

const STEP: i64 = 30_000;

/// An authenticator app, with the clock of the server's vault, which stands still here.
struct App(TotpSecret, Timestamp);

impl App {
    /// The code `steps` after the present one. The server takes one on either side, so that three
    /// codes can be used without waiting; each is used once.
    fn code(&self, steps: i64) -> String {
        let at = Timestamp(self.1.0 + steps * STEP);
        self.0.code_at(at).text().expose().clone()
    }
}

/// Sets an authenticator up; the app and the recovery codes.
fn enrol(browser: &mut Browser<'_>) -> (App, Vec<String>) {
    let begun = browser.ask("POST", "/auth/second-factor", Some(json!({ "password": GOOD }))).is(200);
    let secret = begun["secret"].as_str().unwrap();
    assert!(begun["uri"].as_str().unwrap().starts_with("otpauth://totp/keyward:ann?secret="));
    let who = browser.get("/auth/session").is(200);
    assert_eq!(who["second_factor"]["waiting"], true);
    let now = who["session"]["created_at"].as_str().unwrap().parse().unwrap();
    let app = App(TotpSecret::parse(secret).unwrap(), now);
    let confirm = |browser: &mut Browser<'_>, code: &str| {
        browser.ask("POST", "/auth/second-factor/confirm", Some(json!({ "code": code })))
    };
    assert_eq!(confirm(browser, "12345").problem(422), "code");
    assert_eq!(confirm(browser, &app.code(100)).problem(409), "conflict");
    let codes = confirm(browser, &app.code(-1)).is(200);
    let codes = codes["recovery_codes"].as_array().unwrap().iter();
    (app, codes.map(|code| code.as_str().unwrap().to_owned()).collect())
}

fn sign_in(served: &Served, password: &str, code: Option<&str>) -> Answer {
    let mut body = json!({ "login": "ann", "password": password });
    if let Some(code) = code {
        body["code"] = Value::from(code);
    }
    nobody(served, "POST", "/auth/sign-in", Some(body))
}

#[test]
fn a_code_is_asked_for_beside_the_right_password_alone() {
    let served = Served::start();
    person(&served, "ann");
    let (mut ann, mut other) = (Browser::signed_in(&served, "ann"), Browser::signed_in(&served, "ann"));
    let (app, codes) = enrol(&mut ann);
    assert_eq!(codes.len(), 10);
    assert_eq!(other.get("/auth/session").problem(401), "unauthenticated", "the others end");
    let who = ann.get("/auth/session").is(200);
    assert_eq!(who["second_factor"], json!({ "authenticator": true, "waiting": false, "recovery_codes": 10 }));
    assert_eq!(who["session"]["second_factor"], true);
    assert_eq!(sign_in(&served, GOOD, None).problem(401), "second_factor");
    assert_eq!(sign_in(&served, OTHER, None).problem(401), "not_identified", "a wrong password tells of no factor");
    assert_eq!(sign_in(&served, OTHER, Some(&app.code(0))).problem(401), "not_identified");
    assert_eq!(sign_in(&served, GOOD, Some(&app.code(0))).is(200)["session"]["second_factor"], true);
}

/// Of the field: one code in two spellings was taken twice.
#[test]
fn lesson_codes_serve_once_in_every_spelling() {
    let served = Served::start();
    person(&served, "ann");
    let mut ann = Browser::signed_in(&served, "ann");
    let (app, codes) = enrol(&mut ann);
    let code = app.code(0);
    sign_in(&served, GOOD, Some(&code)).is(200);
    assert_eq!(sign_in(&served, GOOD, Some(&code)).problem(401), "not_identified");
    for spelled in [format!("{} {}", &code[..3], &code[3..]), format!(" {code}"), format!("{code} ")] {
        assert_eq!(sign_in(&served, GOOD, Some(&spelled)).problem(422), "code", "{spelled:?}");
    }
    sign_in(&served, GOOD, Some(&codes[0])).is(200);
    let again = codes[0].to_lowercase().replace('-', " ");
    assert_eq!(sign_in(&served, GOOD, Some(&again)).problem(401), "not_identified");
}

#[test]
fn what_proves_a_person_is_changed_with_proof_alone() {
    let served = Served::start();
    person(&served, "ann");
    let mut ann = Browser::signed_in(&served, "ann");
    let (_, codes) = enrol(&mut ann);
    let without = || Some(json!({ "password": GOOD }));
    for path in ["/auth/second-factor", "/auth/second-factor/remove", "/auth/recovery-codes"] {
        assert_eq!(ann.ask("POST", path, without()).problem(401), "second_factor", "{path}");
    }
    let with = |code: &str| Some(json!({ "password": GOOD, "code": code }));
    let renewed = ann.ask("POST", "/auth/recovery-codes", with(&codes[0])).is(200);
    assert_eq!(ann.ask("POST", "/auth/recovery-codes", with(&codes[1])).problem(401), "not_identified");
    let fresh = renewed["recovery_codes"][0].as_str().unwrap();
    assert_eq!(ann.ask("POST", "/auth/second-factor/remove", with(fresh)).status, 204);
    sign_in(&served, GOOD, None).is(200);
}

/// A link for a new password keeps the authenticator; one that takes it away says so when it is made.
#[test]
fn a_link_does_not_go_around_the_authenticator() {
    let served = Served::start();
    person(&served, "ann");
    let (app, _) = enrol(&mut Browser::signed_in(&served, "ann"));
    let link = link(&served, "ann");
    assert_eq!(choose(&served, &link, OTHER).problem(401), "second_factor");
    let with = |code: &str| Some(json!({ "link": link, "password": OTHER, "code": code }));
    assert_eq!(nobody(&served, "POST", "/auth/links/use", with("000000")).problem(401), "link_or_code");
    nobody(&served, "POST", "/auth/links/use", with(&app.code(0))).is(200);
    let lost = json!({ "login": "ann", "without_second_factor": true });
    let made = served.ask("POST", "/auth/links", Some(lost)).is(201);
    let lost = made["link"].as_str().unwrap().split_once("#link=").unwrap().1;
    choose(&served, lost, GOOD).is(200);
    sign_in(&served, GOOD, None).is(200);
}
