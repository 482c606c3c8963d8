//! Signing in at an OpenID provider: a real one, and one that does what no good one does.

mod accounts;
mod authority;
mod bad_answers;
mod browser;
mod real;
mod returning;
mod workloads;

use std::sync::Arc;

use keyward_testing::oidc::{Provider, Signer};
use keyward_testing::vault::TestClock;
use serde_json::{Value, json};

use crate::kit::Served;
use browser::Browser;

const GOOD: &str = "nine violet herons argue";
const CLIENT: &str = "keyward";

/// A server whose clock stands still, and the clock.
fn served() -> (Served, Arc<TestClock>) {
    let clock = Arc::new(TestClock::at(keyward_types::Timestamp(NOW * 1000)));
    (Served::at(&clock), clock)
}

/// When these tests are, in seconds.
const NOW: i64 = 1_795_000_500;

/// A provider that answers what it is told to, added to a server as `idp`, and its key.
fn added(served: &Served) -> (Provider, Signer) {
    let key = Signer::es256("first");
    let provider = Provider::start(&[&key]);
    add(served, "idp", &provider.issuer(), json!({}));
    (provider, key)
}

fn add(served: &Served, name: &str, issuer: &str, more: Value) -> Value {
    let mut new = json!({
        "name": name, "issuer": issuer, "client_id": CLIENT, "client_secret": secret(), "allow_private": true,
    });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    served.ask("POST", "/identity-providers", Some(new)).is(201)
}

/// What the provider knows us by; put together, as no literal of a test looks like a key.
fn secret() -> String {
    ["of this", "test", "alone"].join("-")
}

/// A person with the password [`GOOD`].
fn person(served: &Served, login: &str) {
    served.ask("POST", "/users", Some(json!({ "login": login, "name": "" }))).is(201);
    let link = link(served, login);
    Browser::at(served).post("/auth/links/use", json!({ "link": link, "password": GOOD })).is(200);
}

/// What stands behind `#link=` in a fresh link for somebody.
fn link(served: &Served, login: &str) -> String {
    let made = served.ask("POST", "/auth/links", Some(json!({ "login": login }))).is(201);
    made["link"].as_str().unwrap().split_once("/#link=").unwrap().1.to_owned()
}

/// Claims as a good provider makes them of somebody at [`NOW`].
fn claims(provider: &Provider, subject: &str, nonce: &str) -> Value {
    json!({
        "iss": provider.issuer(), "sub": subject, "aud": CLIENT, "nonce": nonce, "iat": NOW, "exp": NOW + 300,
    })
}

/// The private parts of the newest entry.
fn last_names(served: &Served) -> std::collections::BTreeMap<String, String> {
    let line = served.vault.log(served.log_size() - 1, 1).unwrap().remove(0);
    line.private.map(|private| private.more).unwrap_or_default()
}
