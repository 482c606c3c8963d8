//! Whose account an identity is: by a link of issuer and subject, and never by a name.

use keyward_access::credential::TotpSecret;
use keyward_testing::oidc::{Provider, Signer};
use keyward_types::Timestamp;
use serde_json::{Value, json};

use super::browser::{Asked, Browser};
use super::{add, added, claims, last_names, link, person, served};
use crate::kit::{Answer, Served};

/// With the link of an invitation to the provider and back.
fn by_invitation(served: &Served, provider: &Provider, key: &Signer, login: &str, subject: &str) -> (Browser, Answer) {
    let mut browser = Browser::at(served);
    let link = link(served, login);
    let onward = browser.post("/auth/oidc/idp/link", json!({ "link": link })).is(200);
    let asked = Asked::of(onward["location"].as_str().unwrap());
    provider.give(&key.sign(&claims(provider, subject, &asked.nonce)));
    let answer = browser.back_well(provider, &asked);
    (browser, answer)
}

#[track_caller]
fn no_account(served: &Served, answer: &Answer, why: &str) {
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("No account here that is open belongs to your identity"), "{}", answer.text());
    assert_eq!(served.last_entry(), ("sign-in".into(), "denied".into()));
    assert_eq!(last_names(served)["why"], why);
}

fn user(served: &Served, login: &str) {
    served.ask("POST", "/users", Some(json!({ "login": login, "name": "" }))).is(201);
}

#[test]
fn a_mail_address_or_a_login_is_nobodys_account() {
    let (served, _) = served();
    let (provider, key) = added(&served);
    person(&served, "ada@acme.example");
    let mut browser = Browser::at(&served);
    let asked = browser.start("idp");
    let mut said = claims(&provider, "ada@acme.example", &asked.nonce);
    said["email"] = json!("ada@acme.example");
    said["email_verified"] = json!(true);
    said["preferred_username"] = json!("ada@acme.example");
    provider.give(&key.sign(&said));
    let answer = browser.back_well(&provider, &asked);
    no_account(&served, &answer, "no account");
    assert_eq!(browser.login(), None);
}

#[test]
fn an_invitation_serves_with_an_identity_instead_of_a_password() {
    let (served, _) = served();
    let (provider, key) = added(&served);
    user(&served, "grace");
    let (mut browser, answer) = by_invitation(&served, &provider, &key, "grace", "grace-there");
    assert_eq!(answer.header("location"), "/", "{}", answer.text());
    assert_eq!(browser.login().as_deref(), Some("grace"));
    assert_eq!(Browser::at(&served).through(&provider, &key, "grace-there").header("location"), "/");
    let identities = served.get("/accounts/grace/identities").is(200);
    assert_eq!((&identities["identities"][0]["by"], &identities["next"]), (&json!("invite"), &Value::Null));

    // The identity is hers: it cannot come to another account too.
    user(&served, "eve");
    let (mut eve, answer) = by_invitation(&served, &provider, &key, "eve", "grace-there");
    assert!(answer.status == 409 && answer.text().contains("belongs to another account"), "{}", answer.text());
    assert_eq!(eve.login(), None);
    // A link that is none goes nowhere.
    let nothing = eve.post("/auth/oidc/idp/link", json!({ "link": "nothing" }));
    assert_eq!(nothing.problem(401), "link");
}

#[test]
fn the_link_of_an_invitation_serves_once_with_an_identity_too() {
    let (served, _) = served();
    let (provider, key) = added(&served);
    user(&served, "grace");
    let text = link(&served, "grace");
    let (mut first, mut second) = (Browser::at(&served), Browser::at(&served));
    let go = |browser: &mut Browser| {
        let onward = browser.post("/auth/oidc/idp/link", json!({ "link": text })).is(200);
        Asked::of(onward["location"].as_str().unwrap())
    };
    let (one, two) = (go(&mut first), go(&mut second));
    provider.give(&key.sign(&claims(&provider, "grace-there", &one.nonce)));
    assert_eq!(first.back_well(&provider, &one).header("location"), "/");
    provider.give(&key.sign(&claims(&provider, "somebody-else", &two.nonce)));
    let answer = second.back_well(&provider, &two);
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert_eq!(second.login(), None);
}

#[test]
fn making_an_identity_ones_own_takes_the_password_and_ends_with_the_session() {
    let (served, _) = served();
    let (provider, key) = added(&served);
    person(&served, "ann");
    let mut browser = Browser::signed_in(&served, "ann");
    for (body, code) in [(json!({}), "conflict"), (json!({ "password": "a wrong password" }), "not_identified")] {
        let answer = browser.post("/auth/oidc/idp/identity", body);
        assert_eq!(answer.json()["code"], code, "{}", answer.text());
    }
    let onward = browser.post("/auth/oidc/idp/identity", json!({ "password": super::GOOD })).is(200);
    let asked = Asked::of(onward["location"].as_str().unwrap());
    provider.give(&key.sign(&claims(&provider, "ada-there", &asked.nonce)));
    browser.post("/auth/sign-out", json!({})).is(204);
    let answer = browser.back_well(&provider, &asked);
    assert!(answer.status == 400 && answer.text().contains("is over"), "{}", answer.text());
    no_account(&served, &Browser::at(&served).through(&provider, &key, "ada-there"), "no account");
    // No token does it for its owner.
    let token = served.ask("POST", "/auth/oidc/idp/identity", Some(json!({})));
    assert_eq!(token.problem(403), "session_needed");
}

#[test]
fn who_signed_in_at_a_provider_alone_adds_another_identity_shortly_after() {
    let (served, _) = served();
    let (provider, key) = added(&served);
    user(&served, "grace");
    let (mut browser, _) = by_invitation(&served, &provider, &key, "grace", "grace-there");
    let onward = browser.post("/auth/oidc/idp/identity", json!({})).is(200);
    let asked = Asked::of(onward["location"].as_str().unwrap());
    provider.give(&key.sign(&claims(&provider, "grace-again", &asked.nonce)));
    assert_eq!(browser.back_well(&provider, &asked).header("location"), "/#identity");
    let mine = browser.get("/auth/identities").is(200);
    assert_eq!(mine["identities"].as_array().unwrap().len(), 2);
    let id = mine["identities"].as_array().unwrap().iter().find(|one| one["subject"] == "grace-again").unwrap()["id"]
        .clone();
    browser.call("DELETE", &format!("/auth/identities/{}", id.as_str().unwrap()), None).is(200);
    no_account(&served, &Browser::at(&served).through(&provider, &key, "grace-again"), "no account");
    assert_eq!(browser.login().as_deref(), Some("grace"), "one's own session stays");
}

#[test]
fn a_disabled_account_and_an_identity_that_was_taken_away_sign_nobody_in() {
    let (served, _) = served();
    let (provider, key) = added(&served);
    user(&served, "grace");
    let (mut browser, _) = by_invitation(&served, &provider, &key, "grace", "grace-there");
    served.ask("POST", "/accounts/grace/disable", None).is(200);
    assert_eq!(browser.login(), None, "the session is dead at once");
    no_account(&served, &Browser::at(&served).through(&provider, &key, "grace-there"), "disabled");
    served.ask("POST", "/accounts/grace/enable", None).is(200);
    let mut again = Browser::at(&served);
    assert_eq!(again.through(&provider, &key, "grace-there").header("location"), "/");
    let identities = served.get("/accounts/grace/identities").is(200);
    let id = identities["identities"][0]["id"].as_str().unwrap().to_owned();
    served.ask("DELETE", &format!("/accounts/grace/identities/{id}"), None).is(200);
    assert_eq!(again.login(), None, "whoever used it is signed out");
    no_account(&served, &Browser::at(&served).through(&provider, &key, "grace-there"), "no account");
    served.ask("DELETE", "/identity-providers/idp", None).is(200);
    let start = format!("http://{}/api/v1/auth/oidc/idp/start", served.address);
    assert_eq!(again.visit(&start, "same-origin").status, 404);
}

#[test]
fn an_authenticator_here_is_asked_for_after_the_provider() {
    let (served, _) = served();
    let (provider, key) = added(&served);
    person(&served, "ann");
    let mut browser = Browser::signed_in(&served, "ann");
    let onward = browser.post("/auth/oidc/idp/identity", json!({ "password": super::GOOD })).is(200);
    let asked = Asked::of(onward["location"].as_str().unwrap());
    provider.give(&key.sign(&claims(&provider, "ada-there", &asked.nonce)));
    browser.back_well(&provider, &asked);
    let made = browser.post("/auth/second-factor", json!({ "password": super::GOOD })).is(200);
    let codes = confirm(&mut browser, made["secret"].as_str().unwrap());

    let mut other = Browser::at(&served);
    let asked = other.start("idp");
    let sealed = other.journey().clone();
    provider.give(&key.sign(&claims(&provider, "ada-there", &asked.nonce)));
    assert_eq!(other.back_well(&provider, &asked).header("location"), "/#code");
    assert_eq!(other.login(), None);
    let waiting = other.journey().clone();
    assert!(waiting != sealed, "it keeps something else from then on");
    assert_eq!(other.post("/auth/oidc-code", json!({ "code": "000000" })).problem(401), "not_identified");
    assert_eq!(other.post("/auth/oidc-code", json!({ "code": "none" })).problem(422), "code");
    let signed = other.post("/auth/oidc-code", json!({ "code": codes[0] })).is(200);
    assert_eq!((&signed["account"]["login"], &signed["session"]["second_factor"]), (&json!("ann"), &json!(true)));
    assert_eq!(other.login().as_deref(), Some("ann"));
    // Neither what came first nor what came then serves again, whatever code comes with it.
    let mut thief = Browser::at(&served);
    *thief.journey() = sealed;
    let answer = thief.back_well(&provider, &asked);
    assert!(answer.status == 400 && answer.text().contains("used already"), "{}", answer.text());
    assert_eq!(thief.post("/auth/oidc-code", json!({ "code": codes[1] })).problem(400), "strayed");
    *thief.journey() = waiting;
    assert_eq!(thief.post("/auth/oidc-code", json!({ "code": codes[1] })).problem(400), "strayed");
    assert_eq!(thief.login(), None);
}

/// Puts an authenticator in force; gives the recovery codes.
fn confirm(browser: &mut Browser, secret: &str) -> Vec<String> {
    let at = Timestamp(super::NOW * 1000);
    let code = TotpSecret::parse(secret).unwrap().code_at(at).text().expose().clone();
    let made = browser.post("/auth/second-factor/confirm", json!({ "code": code })).is(200);
    made["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

#[test]
fn who_is_vouched_for_and_has_no_account_is_counted_as_who_guesses() {
    let (served, _) = served();
    let (provider, key) = added(&served);
    let mut last = 0;
    for n in 0..40 {
        let mut browser = Browser::at(&served);
        let answer = browser.through(&provider, &key, &format!("stranger-{n}"));
        last = answer.status;
        if last != 403 {
            assert!(n >= 20, "{n} strangers");
            break;
        }
    }
    assert_eq!(last, 429, "the network has to wait");
}

#[test]
fn only_whom_the_settings_admit_is_let_in() {
    let (served, _) = served();
    let key = Signer::es256("first");
    let provider = Provider::start(&[&key]);
    add(
        &served,
        "idp",
        &provider.issuer(),
        json!({ "domains": ["acme.example"], "claims": ["groups=staff", "tid=t1"] }),
    );
    user(&served, "grace");
    let link = link(&served, "grace");
    let tries = std::cell::Cell::new(0);
    let attempt = |email: &str, verified: Value, groups: Value| {
        tries.set(tries.get() + 1);
        let mut browser = Browser::at(&served);
        let onward = browser.post("/auth/oidc/idp/link", json!({ "link": link })).is(200);
        let asked = Asked::of(onward["location"].as_str().unwrap());
        // An identity has so many tries.
        let mut said = claims(&provider, &format!("grace-{}", tries.get()), &asked.nonce);
        (said["email"], said["email_verified"], said["groups"], said["tid"]) =
            (json!(email), verified, groups, json!("t1"));
        provider.give(&key.sign(&said));
        browser.back_well(&provider, &asked)
    };
    let staff = || json!(["all", "staff"]);
    for (email, verified, groups) in [
        ("grace@evil.example", json!(true), staff()),
        ("grace@acme.example.evil.example", json!(true), staff()),
        ("grace@acme.example", json!(false), staff()),
        ("grace@acme.example", Value::Null, staff()),
        ("grace@acme.example", json!(true), json!(["all"])),
        ("grace@acme.example", json!(true), json!("staffed")),
    ] {
        let answer = attempt(email, verified, groups);
        no_account(&served, &answer, "not admitted");
    }
    assert_eq!(attempt("grace@ACME.example", json!(true), staff()).header("location"), "/");
}

/// SCIM and the provider call somebody by the same id, where an owner said so.
#[test]
fn whom_scim_brought_is_known_by_the_id_that_both_give_him() {
    let (served, _) = served();
    let key = Signer::es256("first");
    let provider = Provider::start(&[&key]);
    add(&served, "idp", &provider.issuer(), json!({ "scim_claim": "oid" }));
    served.ask("POST", "/service-accounts", Some(json!({ "login": "okta", "name": "" }))).is(201);
    let token = served.ask("POST", "/tokens", Some(json!({ "account": "okta", "scopes": ["scim"] }))).is(201);
    let bearer = format!("Bearer {}", token["text"].as_str().unwrap());
    let scim = |login: &str, id: &str| {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": login, "externalId": id,
        });
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json")];
        served.raw("POST", "/scim/v2/Users", &headers, body.to_string().as_bytes()).is(201);
    };
    let through = |subject: &str, oid: Value| {
        let mut browser = Browser::at(&served);
        let asked = browser.start("idp");
        let mut said = claims(&provider, subject, &asked.nonce);
        said["oid"] = oid;
        provider.give(&key.sign(&said));
        (browser.back_well(&provider, &asked), browser.login())
    };
    scim("grace", "id-1");
    scim("eve", "id-2");
    scim("mallory", "id-2");
    for (n, oid) in [json!("id-3"), json!("id-2"), json!(""), Value::Null, json!(["id-1"])].into_iter().enumerate() {
        let (answer, _) = through(&format!("stranger-{n}"), oid);
        no_account(&served, &answer, "no account");
    }
    let (answer, login) = through("pairwise", json!("id-1"));
    assert_eq!((answer.header("location"), login.as_deref()), ("/", Some("grace")), "{}", answer.text());
    let identities = served.get("/accounts/grace/identities").is(200);
    assert_eq!(identities["identities"][0]["by"], "scim");
    let (answer, login) = through("pairwise", json!("id-3"));
    assert_eq!((answer.header("location"), login.as_deref()), ("/", Some("grace")), "from then on by the subject");
}

/// Who may administer says who people are, and owners are above him.
#[test]
fn an_owner_signs_in_only_where_an_owner_added_the_provider() {
    let (served, _) = served();
    user(&served, "root");
    served.ask("POST", "/role-bindings", Some(json!({ "account": "root", "role": "owner" }))).is(201);
    person(&served, "admin");
    served.ask("POST", "/role-bindings", Some(json!({ "account": "admin", "role": "admin" }))).is(201);
    let key = Signer::es256("first");
    let provider = Provider::start(&[&key]);
    let mut admin = Browser::signed_in(&served, "admin");
    let new = json!({ "name": "idp", "issuer": provider.issuer(), "client_id": super::CLIENT, "allow_private": true });
    let added = admin.post("/identity-providers", new).is(201);
    assert_eq!((&added["for_owners"], &added["has_secret"]), (&json!(false), &json!(false)));
    let (mut browser, answer) = by_invitation(&served, &provider, &key, "root", "root-there");
    no_account(&served, &answer, "an owner, and the provider was added by none");
    assert_eq!(browser.login(), None);
}

#[test]
fn a_provider_is_added_by_who_administers_and_its_secret_never_comes_back() {
    let (served, _) = served();
    let (provider, _) = added(&served);
    let shown = served.get("/identity-providers").is(200).to_string();
    assert!(shown.contains("\"has_secret\":true") && !shown.contains(&super::secret()), "{shown}");
    person(&served, "ann");
    let mut ada = Browser::signed_in(&served, "ann");
    let new = json!({ "name": "mine", "issuer": provider.issuer(), "client_id": "x", "allow_private": true });
    assert_eq!(ada.post("/identity-providers", new.clone()).problem(403), "denied");
    assert_eq!(ada.get("/identity-providers").problem(403), "denied");
    assert_eq!(ada.call("DELETE", "/identity-providers/idp", None).problem(403), "denied");
    for (field, value) in [
        ("issuer", json!("http://id.example")),
        ("issuer", json!("id.example")),
        ("issuer", json!("https://id.example/?a=b")),
        ("claims", json!(["groups"])),
        ("claims", json!(["groups=*"])),
        ("ca", json!("no certificate")),
        ("name", json!("Upper")),
    ] {
        let mut wrong = new.clone();
        wrong[field] = value;
        let status = served.ask("POST", "/identity-providers", Some(wrong.clone())).status;
        assert!(matches!(status, 400 | 422), "{status}: {wrong}");
    }
    let again = json!({ "name": "idp", "issuer": provider.issuer(), "client_id": "x" });
    assert_eq!(served.ask("POST", "/identity-providers", Some(again)).problem(409), "conflict");
}
