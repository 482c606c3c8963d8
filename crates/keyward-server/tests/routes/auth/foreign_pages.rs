//! A page of somebody else, open in the browser of a person who is signed in.

use keyward_server::Config;
use serde_json::json;

use super::{Browser, GOOD, person};
use crate::kit::{Served, loopback};

/// What a browser sends along with a form, a script or a picture of another page.
const FOREIGN: &[&[(&str, &str)]] = &[
    &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
    &[("origin", "https://evil.example")],
    // A frame in a sandbox, a redirect, a data: address.
    &[("origin", "null")],
    &[("sec-fetch-site", "cross-site")],
    // Another port of this machine: the same site to a browser, and it sends the cookie along.
    &[("origin", "http://127.0.0.1:3000"), ("sec-fetch-site", "same-site")],
    &[("origin", "http://localhost:3000")],
];

#[test]
fn lesson_cross_site_request_forgery() {
    let served = Served::start();
    person(&served, "ann");
    served.ask("POST", "/role-bindings", Some(json!({ "account": "ann", "role": "admin" }))).is(201);
    let mut ann = Browser::signed_in(&served, "ann");
    let before = served.log_size();
    // With nothing that says from where, no browser of today asks; whoever does is refused as well.
    for headers in FOREIGN.iter().copied().chain([&[][..]]) {
        for (method, path, body) in [
            ("POST", "/projects", Some(json!({ "name": "blog" }))),
            ("PUT", "/projects/shop/environments/development/secrets/A", Some(json!({ "value": "theirs" }))),
            ("POST", "/auth/sign-out", None),
            ("DELETE", "/auth/sessions", None),
            ("POST", "/auth/device/decision", Some(json!({ "user_code": "BCDF-GHJK", "approve": true }))),
        ] {
            assert_eq!(
                ann.ask_from(method, path, headers, body).problem(403),
                "cross_site",
                "{method} {path} {headers:?}"
            );
        }
    }
    for headers in FOREIGN {
        assert_eq!(ann.ask_from("GET", "/whoami", headers, None).problem(403), "cross_site", "{headers:?}");
    }
    assert_eq!(served.log_size(), before, "nothing was done");
    ann.ask("POST", "/projects", Some(json!({ "name": "blog" }))).is(201);
}

/// A form can send no JSON, but it can send what looks like it.
#[test]
fn lesson_forms_that_look_like_json() {
    let served = Served::start();
    person(&served, "ann");
    served.ask("POST", "/role-bindings", Some(json!({ "account": "ann", "role": "admin" }))).is(201);
    let ann = Browser::signed_in(&served, "ann");
    let origin = format!("http://{}", served.address);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let headers = [("cookie", ann.cookie.as_str()), ("origin", &origin), ("content-type", kind)];
        let answer = served.raw("POST", "/api/v1/projects", &headers, br#"{"name":"blog"}"#);
        assert_eq!(answer.problem(403), "cross_site", "{kind}");
    }
}

/// Nobody is signed in from a page of somebody else, where he would work in that one's account.
#[test]
fn lesson_login_forgery() {
    let served = Served::start();
    person(&served, "eve");
    for headers in FOREIGN {
        let mut victim = Browser::at(&served);
        let body = json!({ "login": "eve", "password": GOOD });
        assert_eq!(victim.ask_from("POST", "/auth/sign-in", headers, Some(body)).problem(403), "cross_site");
        assert_eq!(victim.cookie, "");
    }
    let form = served.raw(
        "POST",
        "/api/v1/auth/sign-in",
        &[("content-type", "text/plain")],
        json!({ "login": "eve", "password": GOOD }).to_string().as_bytes(),
    );
    assert_eq!((form.problem(415).as_str(), form.header("set-cookie")), ("media_type", ""));
}

/// Tokens are no cookies: no page can make a browser send one.
#[test]
fn a_token_serves_from_everywhere() {
    let served = Served::start();
    for headers in FOREIGN {
        served.ask_with("GET", "/whoami", headers, None).is(200);
    }
}

/// Where TLS ends before this process, the address is the one that the browser knows.
#[test]
fn behind_a_proxy_the_page_is_the_one_that_the_browser_sees() {
    let config = Config { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..loopback() };
    let served = Served::with(config);
    person(&served, "ann");
    let mut ann = Browser::at(&served);
    let origin = format!("https://{}", served.address);
    let proxied = [("x-forwarded-proto", "https"), ("x-forwarded-for", "192.0.2.7"), ("origin", origin.as_str())];
    let answer = ann.ask_from("POST", "/auth/sign-in", &proxied, Some(json!({ "login": "ann", "password": GOOD })));
    assert_eq!(answer.is(200)["session"]["network"], "192.0.2.0/24");
    assert!(ann.cookie.starts_with("__Host-keyward=") && answer.header("set-cookie").ends_with("; Secure"));
    ann.ask_from("GET", "/auth/session", &proxied, None).is(200);
    assert_eq!(ann.ask_from("POST", "/auth/sign-out", &proxied[..2], None).problem(403), "cross_site");
    assert_eq!(ann.ask_from("POST", "/auth/sign-out", &proxied, None).status, 204);
}
