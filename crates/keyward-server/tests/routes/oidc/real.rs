//! The main path, at npm's `oidc-provider`: its own pages, driven as a browser drives them.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use keyward_client::SystemClock;
use keyward_testing::vault::TestClock;
use keyward_types::Clock as _;
use serde_json::json;

use super::browser::{Asked, Browser};
use super::{add, last_names, link, person, secret};
use crate::kit::{Answer, Served};

/// A real provider, until the test ends.
struct Real {
    issuer: String,
    child: Child,
    /// It ends when these are closed, however the test ends.
    _life: (ChildStdin, BufReader<ChildStdout>),
}

impl Real {
    #[expect(clippy::disallowed_methods, reason = "a test asks its runner where the provider is")]
    fn for_server(served: &Served, name: &str, auth_method: &str) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let installed = std::env::var_os("KEYWARD_OIDC_PROVIDER").map(PathBuf::from);
        let installed = installed.unwrap_or_else(|| here.join("../../.cache/keyward-dev/oidc"));
        let there = installed.join("node_modules/oidc-provider").is_dir();
        assert!(there, "there is no oidc-provider in {}: `cargo xtask test tests` installs it", installed.display());
        let settings = json!({
            "redirect_uri": format!("http://{}/api/v1/auth/oidc/{name}/callback", served.address),
            "client_secret": secret(), "auth_method": auth_method,
        });
        let mut child = Command::new(std::env::var_os("KEYWARD_NODE").unwrap_or_else(|| "node".into()))
            .arg(here.join("tests/oidc-provider/provider.mjs"))
            .arg(installed.canonicalize().unwrap())
            .arg(settings.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let (mut issuer, mut said) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
        said.read_line(&mut issuer).unwrap();
        let life = (child.stdin.take().unwrap(), said);
        Self { issuer: issuer.trim().to_owned(), child, _life: life }
    }

    /// Signs somebody in on the provider's pages and says yes there, until it sends the browser back.
    fn sign_in(&self, browser: &mut Browser, asked: &Asked, login: &str) -> Answer {
        let mut address = asked.address.clone();
        for _ in 0..12 {
            let answer = browser.visit(&address, "cross-site");
            let answer = match answer.status {
                302 | 303 => answer,
                200 => {
                    let page = answer.text();
                    let prompt = if page.contains("value=\"login\"") { "login" } else { "consent" };
                    browser.submit(&address, &format!("prompt={prompt}&login={login}&password=anything"))
                }
                status => panic!("{status} at {address}: {}", answer.text()),
            };
            let onward = answer.header("location");
            if !onward.starts_with('/') && !onward.starts_with(&self.issuer) {
                return browser.visit(onward, "cross-site");
            }
            address = if onward.starts_with('/') { format!("{}{onward}", self.issuer) } else { onward.to_owned() };
        }
        panic!("the provider sends the browser round and round");
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server whose clock stands at the present moment, as a real provider goes by that.
fn served_now() -> Served {
    Served::at(&Arc::new(TestClock::at(SystemClock.now())))
}

#[test]
fn a_person_makes_an_identity_his_own_and_signs_in_by_it() {
    let served = served_now();
    let real = Real::for_server(&served, "acme", "client_secret_basic");
    add(&served, "acme", &real.issuer, json!({ "client_id": "keyward-RS256", "title": "Acme" }));
    person(&served, "ann");
    let mut browser = Browser::signed_in(&served, "ann");
    let shown = json!({ "password": super::GOOD });
    let onward = browser.post("/auth/oidc/acme/identity", shown).is(200);
    let asked = Asked::of(onward["location"].as_str().unwrap());
    let back = real.sign_in(&mut browser, &asked, "ada-at-acme");
    assert_eq!((back.status, back.header("location")), (303, "/#identity"), "{}", back.text());
    let mine = browser.get("/auth/identities").is(200);
    assert_eq!(mine["identities"][0]["subject"], "ada-at-acme");

    let mut other = Browser::at(&served);
    let page = other.get("/auth/oidc").is(200);
    assert_eq!(page["providers"], json!([{ "name": "acme", "title": "Acme" }]));
    let asked = other.start("acme");
    let back = real.sign_in(&mut other, &asked, "ada-at-acme");
    assert_eq!((back.status, back.header("location")), (303, "/"), "{}", back.text());
    assert_eq!(served.last_entry(), ("sign-in".into(), "allowed".into()));
    let names = last_names(&served);
    assert_eq!((names["issuer"].as_str(), names["subject"].as_str()), (real.issuer.as_str(), "ada-at-acme"));
    assert_eq!(other.login().as_deref(), Some("ann"));
    assert_eq!(*other.journey(), "", "nothing of it is kept");
    // A change shows that the session is one like any other.
    other.post("/auth/sign-out", json!({})).is(204);
    assert_eq!(other.login(), None);
}

/// Each of the algorithms that count, and the secret in the form.
#[test]
fn every_algorithm_that_counts_is_taken_from_a_real_provider() {
    let served = served_now();
    let real = Real::for_server(&served, "acme", "client_secret_post");
    person(&served, "ann");
    for (n, algorithm) in ["RS256", "PS256", "ES256", "EdDSA"].iter().enumerate() {
        let name = "acme";
        if n > 0 {
            served.ask("DELETE", "/identity-providers/acme", None).is(200);
        }
        add(&served, name, &real.issuer, json!({ "client_id": format!("keyward-{algorithm}") }));
        if n == 0 {
            served.ask("POST", "/users", Some(json!({ "login": "grace", "name": "" }))).is(201);
            let mut browser = Browser::at(&served);
            let link = link(&served, "grace");
            let onward = browser.post("/auth/oidc/acme/link", json!({ "link": link })).is(200);
            let asked = Asked::of(onward["location"].as_str().unwrap());
            let back = real.sign_in(&mut browser, &asked, "grace-at-acme");
            assert_eq!(back.header("location"), "/", "{algorithm}: {}", back.text());
            continue;
        }
        let mut browser = Browser::at(&served);
        let asked = browser.start(name);
        let back = real.sign_in(&mut browser, &asked, "grace-at-acme");
        assert_eq!(back.header("location"), "/", "{algorithm}: {}", back.text());
        assert_eq!(browser.login().as_deref(), Some("grace"), "{algorithm}");
    }
}

/// `keyward login` goes on where the person who approves it signed in at a provider.
#[test]
fn who_signed_in_at_a_provider_lets_a_device_in() {
    let served = served_now();
    let real = Real::for_server(&served, "acme", "client_secret_basic");
    add(&served, "acme", &real.issuer, json!({ "client_id": "keyward-ES256" }));
    served.ask("POST", "/users", Some(json!({ "login": "grace", "name": "" }))).is(201);
    let mut browser = Browser::at(&served);
    let link = link(&served, "grace");
    let onward = browser.post("/auth/oidc/acme/link", json!({ "link": link })).is(200);
    let asked = Asked::of(onward["location"].as_str().unwrap());
    assert_eq!(real.sign_in(&mut browser, &asked, "grace-at-acme").header("location"), "/");
    let device =
        served.raw("POST", "/api/v1/auth/device/authorization", &[("content-type", "application/json")], b"{}");
    let device = device.is(200);
    let decision = json!({ "user_code": device["user_code"], "approve": true });
    browser.post("/auth/device/decision", decision).is(200);
    let body = json!({ "device_code": device["device_code"] }).to_string();
    let headers = [("content-type", "application/json")];
    let let_in = served.raw("POST", "/api/v1/auth/device/token", &headers, body.as_bytes()).is(200);
    assert_eq!(let_in["account"], "grace");
}
