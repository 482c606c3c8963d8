//! A real browser on the real page, with a virtual authenticator of its own: what a person does by
//! hand.

use keyward_testing::chromium::Chromium;
use serde_json::{Value, json};

use super::super::{GOOD, person};
use crate::kit::Served;

/// Waits until the page says so.
#[track_caller]
fn says(browser: &mut Chromium, text: &str) {
    browser.wait(&format!("document.getElementById('said').textContent.includes({text:?})"));
}

/// Chromium's own authenticator of a laptop: it has the passkeys and knows its owner.
fn laptop(browser: &mut Chromium) -> Value {
    browser.call("WebAuthn.enable", json!({}));
    let options = json!({
        "protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal", "hasResidentKey": true,
        "hasUserVerification": true, "isUserVerified": true, "automaticPresenceSimulation": true,
    });
    browser.call("WebAuthn.addVirtualAuthenticator", json!({ "options": options }))["authenticatorId"].clone()
}

#[test]
fn a_person_adds_a_passkey_on_the_page_and_signs_in_with_it_in_chromium() {
    let served = Served::start();
    person(&served, "ann");
    let mut browser = Chromium::start();
    let device = laptop(&mut browser);
    browser.open(&format!("http://localhost:{}/", served.address.port()));
    browser.wait("!document.getElementById('sign-in').hidden");
    browser.fill("login", "ann");
    browser.fill("password", GOOD);
    browser.click("#sign-in-form button");
    says(&mut browser, "You are signed in");
    browser.fill("passkey-name", "laptop of a test");
    browser.fill("passkey-password", GOOD);
    browser.click("#passkey-form button");
    says(&mut browser, "The passkey signs you in from now on");
    let row = "[...document.querySelectorAll('#passkeys tr')]";
    // The page says so first, and asks for the list then.
    browser.wait(&format!("{row}.map((row) => row.cells[0].textContent).join() === 'laptop of a test'"));
    let held = browser.call("WebAuthn.getCredentials", json!({ "authenticatorId": device }));
    assert_eq!(held["credentials"][0]["rpId"], "localhost");
    assert_eq!(held["credentials"][0]["isResidentCredential"], true);

    browser.click("#sign-out");
    says(&mut browser, "You are signed out");
    browser.click("#passkey-sign-in");
    says(&mut browser, "You are signed in");
    assert_eq!(browser.see("document.getElementById('who-name').textContent"), "ann");

    // The owner is not recognised: nobody is signed in, and the page says so.
    browser.click("#sign-out");
    says(&mut browser, "You are signed out");
    browser.call("WebAuthn.setUserVerified", json!({ "authenticatorId": device, "isUserVerified": false }));
    browser.click("#passkey-sign-in");
    browser.wait("document.getElementById('passkey-sign-in-error').textContent !== ''");
    browser.call("WebAuthn.setUserVerified", json!({ "authenticatorId": device, "isUserVerified": true }));
    browser.click("#passkey-sign-in");
    says(&mut browser, "You are signed in");

    browser.wait(&format!("{row}.length === 1"));
    browser.fill("passkey-password", GOOD);
    browser.click("#passkeys button");
    says(&mut browser, "The passkey is given up");
    browser.wait(&format!("{row}.length === 0"));
    browser.click("#sign-out");
    says(&mut browser, "You are signed out");
    browser.click("#passkey-sign-in");
    browser.wait("document.getElementById('passkey-sign-in-error').textContent.includes('not known here')");
}
