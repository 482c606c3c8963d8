//! What a provider signs, or answers, and is not believed.

use std::time::{Duration, Instant};

use keyward_testing::oidc::{Reply, Signer, hs256, unsigned};
use serde_json::json;

use super::browser::Browser;
use super::{NOW, added, claims, last_names, link, person, secret, served};
use crate::kit::{Answer, Served};

/// Somebody who signs in at `idp` as `subject`: `grace`, by an invitation.
fn linked(served: &Served, provider: &keyward_testing::oidc::Provider, key: &Signer, subject: &str) {
    served.ask("POST", "/users", Some(json!({ "login": "grace", "name": "" }))).is(201);
    let mut browser = Browser::at(served);
    let link = link(served, "grace");
    let onward = browser.post("/auth/oidc/idp/link", json!({ "link": link })).is(200);
    let asked = super::browser::Asked::of(onward["location"].as_str().unwrap());
    provider.give(&key.sign(&claims(provider, subject, &asked.nonce)));
    let back = browser.back_well(provider, &asked);
    assert_eq!(back.header("location"), "/", "{}", back.text());
}

/// A page, for the person in front of the browser, of this status; nobody is signed in.
#[track_caller]
fn refused(browser: &mut Browser, answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(answer.header("content-security-policy").contains("default-src 'none'"));
    assert!(answer.text().contains(words), "{}", answer.text());
    assert_eq!(browser.login(), None);
}

#[test]
fn what_is_not_signed_as_it_has_to_be_is_nobodys() {
    let (served, _) = served();
    let (provider, key) = added(&served);
    linked(&served, &provider, &key, "grace-there");
    let other = Signer::es256("somebody else's").called("first");
    let unknown = Signer::es256("unknown");
    let good = |nonce: &str| claims(&provider, "grace-there", nonce);
    let with = |nonce: &str, name: &str, value: serde_json::Value| {
        let mut claims = good(nonce);
        claims[name] = value;
        claims
    };
    let hs = json!({ "alg": "HS256", "typ": "JWT", "kid": "first" });
    let public = key.jwk()["x"].as_str().unwrap().as_bytes().to_vec();
    type Made<'a> = Box<dyn Fn(&str) -> String + 'a>;
    let cases: Vec<(&str, Made<'_>)> = vec![
        ("algorithm", Box::new(|nonce| unsigned(&good(nonce)))),
        ("algorithm", Box::new(|nonce| hs256(&hs, &good(nonce), secret().as_bytes()))),
        ("algorithm", Box::new(|nonce| hs256(&hs, &good(nonce), &public))),
        ("signature", Box::new(|nonce| other.sign(&good(nonce)))),
        ("unknown key", Box::new(|nonce| unknown.sign(&good(nonce)))),
        ("issuer", Box::new(|nonce| key.sign(&with(nonce, "iss", json!("http://127.0.0.1:1"))))),
        ("issuer", Box::new(|nonce| key.sign(&with(nonce, "iss", json!(format!("{}/", provider.issuer())))))),
        ("audience", Box::new(|nonce| key.sign(&with(nonce, "aud", json!("another-client"))))),
        ("audience", Box::new(|nonce| key.sign(&with(nonce, "aud", json!(["keyward", "another-client"]))))),
        ("audience", Box::new(|nonce| key.sign(&with(nonce, "azp", json!("another-client"))))),
        ("nonce", Box::new(|_| key.sign(&good("another nonce")))),
        ("nonce", Box::new(|nonce| key.sign(&with(nonce, "nonce", json!(null))))),
        ("expired", Box::new(|nonce| key.sign(&with(nonce, "exp", json!(NOW - 1))))),
        ("expired", Box::new(|nonce| key.sign(&with(nonce, "iat", json!(NOW - 3600))))),
        ("not valid yet", Box::new(|nonce| key.sign(&with(nonce, "iat", json!(NOW + 3600))))),
        ("not valid yet", Box::new(|nonce| key.sign(&with(nonce, "nbf", json!(NOW + 3600))))),
        ("access token", Box::new(|nonce| key.sign(&with(nonce, "at_hash", json!(key.at_hash("another one")))))),
        ("subject", Box::new(|nonce| key.sign(&with(nonce, "sub", json!(""))))),
        ("no token", Box::new(|_| "a.b.c".to_owned())),
        ("no token", Box::new(|_| "one part".to_owned())),
        ("no token", Box::new(|nonce| format!("{}{}", key.sign(&good(nonce)), "A".repeat(20_000)))),
    ];
    for (n, (why, made)) in cases.into_iter().enumerate() {
        // A network has so many tries.
        let mut browser = Browser::from(&served, &format!("198.51.{n}.7"));
        let asked = browser.start("idp");
        provider.give(&made(&asked.nonce));
        let answer = browser.back_well(&provider, &asked);
        refused(&mut browser, &answer, 403, "is not believed");
        assert_eq!(served.last_entry(), ("sign-in".into(), "denied".into()), "{why}");
        let names = last_names(&served);
        assert_eq!((names["why"].as_str(), names["identity_provider"].as_str()), (why, "idp"), "{}", answer.text());
    }
    let mut browser = Browser::at(&served);
    let asked = browser.start("idp");
    provider.give(&key.sign(&with(&asked.nonce, "at_hash", json!(key.at_hash("an access token")))));
    assert_eq!(browser.back_well(&provider, &asked).header("location"), "/", "and the right one is");
}

#[test]
fn a_key_that_the_provider_took_since_is_fetched_once_in_a_while() {
    let (served, _) = served();
    let (provider, key) = added(&served);
    linked(&served, &provider, &key, "grace-there");
    let before = provider.asked("/keys").len();
    let second = Signer::ed25519("second");
    provider.publish(&[&second]);
    let mut browser = Browser::at(&served);
    assert_eq!(browser.through(&provider, &second, "grace-there").header("location"), "/");
    assert_eq!(provider.asked("/keys").len(), before + 1);
    let old = Browser::at(&served).through(&provider, &key, "grace-there");
    assert_eq!(old.status, 403, "the old key is dead with it");
    for n in 0..5 {
        let unknown = Signer::es256(&format!("made up {n}"));
        assert_eq!(Browser::at(&served).through(&provider, &unknown, "grace-there").status, 403);
    }
    assert_eq!(provider.asked("/keys").len(), before + 1, "nobody makes us ask by sending what nobody signed");
}

#[test]
fn a_code_goes_to_the_provider_with_all_that_shows_whose_it_is() {
    let (served, _) = served();
    let (provider, key) = added(&served);
    linked(&served, &provider, &key, "grace-there");
    let mut browser = Browser::at(&served);
    let asked = browser.start("idp");
    provider.give(&key.sign(&claims(&provider, "grace-there", &asked.nonce)));
    browser.back_well(&provider, &asked);
    let request = provider.asked("/token").pop().unwrap();
    let verifier = request.body.split("code_verifier=").nth(1).unwrap().split('&').next().unwrap();
    use sha2::Digest as _;
    let challenge = data_encoding::BASE64URL_NOPAD.encode(&sha2::Sha256::digest(verifier.as_bytes()));
    assert_eq!(challenge, asked.challenge);
    let redirect = super::browser::encoded(&format!("http://{}/api/v1/auth/oidc/idp/callback", served.address));
    let redirect = redirect.replace("%2D", "-").replace("%2E", ".");
    assert!(request.body.contains(&format!("redirect_uri={redirect}")), "{}", request.body);
    assert!(request.body.contains("grant_type=authorization_code&code=a-code&"));
    assert!(request.headers["authorization"].starts_with("Basic ") && !request.body.contains(&secret()));
}

#[test]
fn a_provider_that_answers_oddly_or_not_at_all_signs_nobody_in() {
    let (served, _) = served();
    let (provider, key) = added(&served);
    person(&served, "ann");
    let html = |status| Reply::Answer(status, vec!["content-type: text/html".into()], b"<h1>oh</h1>".to_vec());
    let away = |to: &str| Reply::Answer(302, vec![format!("location: {to}")], Vec::new());
    let json = |body: serde_json::Value| Reply::Answer(200, Vec::new(), body.to_string().into_bytes());
    let elsewhere = keyward_testing::oidc::Provider::start(&[&key]);
    for (n, (status, reply)) in [
        (502, Reply::Answer(500, Vec::new(), Vec::new())),
        (502, html(200)),
        (502, html(404)),
        (502, Reply::Endless(200)),
        (502, Reply::Endless(400)),
        (502, away(&format!("{}/token", elsewhere.issuer()))),
        (502, json(json!({ "access_token": "but no ID token" }))),
        (502, json(json!([1, 2]))),
        (502, Reply::Answer(401, Vec::new(), br#"{"error":"invalid_client"}"#.to_vec())),
        (403, Reply::Answer(400, Vec::new(), br#"{"error":"invalid_grant"}"#.to_vec())),
    ]
    .into_iter()
    .enumerate()
    {
        let mut browser = Browser::from(&served, &format!("198.51.{n}.7"));
        let asked = browser.start("idp");
        provider.reply("/token", reply.clone());
        let answer = browser.back_well(&provider, &asked);
        refused(&mut browser, &answer, status, "identity provider");
        assert!(answer.body.len() < 8192 && !answer.text().contains("<h1>oh"), "{reply:?}");
    }
    assert!(elsewhere.asked("/token").is_empty(), "no redirect is followed");
}

#[test]
fn a_discovery_document_that_leads_astray_is_not_followed() {
    let (served, _) = served();
    let key = Signer::es256("first");
    let good = keyward_testing::oidc::Provider::start(&[&key]);
    for (name, field, value) in [
        ("another-issuer", "issuer", json!(good.issuer())),
        ("file", "jwks_uri", json!("file:///etc/passwd")),
        ("foreign-in-the-clear", "jwks_uri", json!("http://192.0.2.1/keys")),
        ("relative", "token_endpoint", json!("/token")),
        ("link-local", "jwks_uri", json!("https://169.254.169.254/latest")),
        ("nowhere-to-go", "authorization_endpoint", json!("javascript:alert(1)")),
        ("no-keys", "jwks_uri", json!(format!("{}/nothing", good.issuer()))),
    ] {
        let provider = keyward_testing::oidc::Provider::start(&[&key]);
        let mut document = provider.document();
        document[field] = value;
        provider.answer("/.well-known/openid-configuration", &document);
        super::add(&served, name, &provider.issuer(), json!({}));
        let url = format!("http://{}/api/v1/auth/oidc/{name}/start", served.address);
        let mut browser = Browser::at(&served);
        let answer = browser.visit(&url, "same-origin");
        refused(&mut browser, &answer, 502, "identity provider");
    }
    // What is no browser gets a problem, as of every call.
    let path = "/api/v1/auth/oidc/no-keys/start";
    assert_eq!(served.raw("GET", path, &[], b"").problem(502), "provider_odd");
    // A private address is not spoken to where nobody said that it may be.
    super::add(&served, "private", &good.issuer(), json!({ "allow_private": false }));
    let answer = served.raw("GET", "/api/v1/auth/oidc/private/start", &[], b"");
    assert_eq!(answer.problem(502), "provider_unreachable");
    assert!(answer.text().contains("--allow-private") && good.asked("/.well-known/openid-configuration").is_empty());
}

#[test]
fn a_provider_that_is_down_is_said_to_be_and_left_alone_for_a_moment() {
    let (served, _) = served();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    super::add(&served, "down", &format!("http://{nobody}"), json!({}));
    let start = |name: &str| served.raw("GET", &format!("/api/v1/auth/oidc/{name}/start"), &[], b"");
    assert_eq!(start("down").problem(502), "provider_unreachable");
    let key = Signer::es256("first");
    let slow = keyward_testing::oidc::Provider::start(&[&key]);
    slow.reply("/.well-known/openid-configuration", Reply::Silence(Duration::from_secs(60)));
    super::add(&served, "slow", &slow.issuer(), json!({}));
    let began = Instant::now();
    assert_eq!(start("slow").problem(502), "provider_unreachable");
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
    let again = Instant::now();
    assert_eq!(start("slow").problem(502), "provider_unreachable");
    assert!(again.elapsed() < Duration::from_secs(2), "it is not asked again at once");
    // Who has a password signs in meanwhile.
    person(&served, "ann");
    assert_eq!(Browser::signed_in(&served, "ann").login().as_deref(), Some("ann"));
}
