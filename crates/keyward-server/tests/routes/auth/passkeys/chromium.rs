//! A real browser on the real page, with a virtual authenticator of its own: what a person does by
//! hand. It is driven by the DevTools protocol over its pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::{GOOD, person};
use crate::kit::Served;

struct Chromium {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Value,
    number: u64,
    _profile: tempfile::TempDir,
}

/// Longer than a browser takes to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

impl Chromium {
    fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        // The protocol's two pipes are 3 and 4; a shell puts them there.
        let script = "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut process = Command::new("sh")
            .args(["-c", script, "chromium", "--headless=new", "--remote-debugging-pipe", "--no-sandbox"])
            .args(["--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--disable-background-networking"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut browser = Self { process, to, from, session: Value::Null, number: 0, _profile: profile };
        let page = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached = browser.call("Target.attachToTarget", json!({ "targetId": page["targetId"], "flatten": true }));
        browser.session = attached["sessionId"].clone();
        browser
    }

    /// One call of the protocol.
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let mut call = json!({ "id": self.number, "method": method, "params": params });
        if !self.session.is_null() {
            call["sessionId"] = self.session.clone();
        }
        self.to.write_all(format!("{call}\0").as_bytes()).expect("chromium runs (`apt-get install chromium`)");
        loop {
            let mut text = Vec::new();
            self.from.read_until(0, &mut text).unwrap();
            assert_eq!(text.pop(), Some(0), "chromium has ended at {method}; is it installed (`chromium` in Debian)?");
            let said: Value = serde_json::from_slice(&text).unwrap();
            if said["id"] == self.number {
                assert!(said["error"].is_null(), "{method}: {said}");
                return said["result"].clone();
            }
        }
    }

    /// What an expression is on the page.
    fn see(&mut self, expression: &str) -> Value {
        let asked =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        let seen = self.call("Runtime.evaluate", asked);
        assert!(seen["exceptionDetails"].is_null(), "{expression}: {seen}");
        seen["result"]["value"].clone()
    }

    /// Waits until an expression is true on the page.
    #[track_caller]
    fn wait(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.see(&format!("Boolean({expression})")) != true {
            if begun.elapsed() > PATIENCE {
                let text = self.see("document.body.innerText");
                panic!("`{expression}` does not come:\n{}", text.as_str().unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
        self.wait(&format!("location.href.startsWith({url:?}) && document.readyState === 'complete'"));
    }

    fn says(&mut self, text: &str) {
        self.wait(&format!("document.getElementById('said').textContent.includes({text:?})"));
    }

    fn fill(&mut self, id: &str, text: &str) {
        self.see(&format!("document.getElementById({id:?}).value = {text:?}"));
    }

    fn click(&mut self, selector: &str) {
        self.see(&format!("document.querySelector({selector:?}).click()"));
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
    browser.says("You are signed in");
    browser.fill("passkey-name", "laptop of a test");
    browser.fill("passkey-password", GOOD);
    browser.click("#passkey-form button");
    browser.says("The passkey signs you in from now on");
    let row = "[...document.querySelectorAll('#passkeys tr')]";
    // The page says so first, and asks for the list then.
    browser.wait(&format!("{row}.map((row) => row.cells[0].textContent).join() === 'laptop of a test'"));
    let held = browser.call("WebAuthn.getCredentials", json!({ "authenticatorId": device }));
    assert_eq!(held["credentials"][0]["rpId"], "localhost");
    assert_eq!(held["credentials"][0]["isResidentCredential"], true);

    browser.click("#sign-out");
    browser.says("You are signed out");
    browser.click("#passkey-sign-in");
    browser.says("You are signed in");
    assert_eq!(browser.see("document.getElementById('who-name').textContent"), "ann");

    // The owner is not recognised: nobody is signed in, and the page says so.
    browser.click("#sign-out");
    browser.says("You are signed out");
    browser.call("WebAuthn.setUserVerified", json!({ "authenticatorId": device, "isUserVerified": false }));
    browser.click("#passkey-sign-in");
    browser.wait("document.getElementById('passkey-sign-in-error').textContent !== ''");
    browser.call("WebAuthn.setUserVerified", json!({ "authenticatorId": device, "isUserVerified": true }));
    browser.click("#passkey-sign-in");
    browser.says("You are signed in");

    browser.wait(&format!("{row}.length === 1"));
    browser.fill("passkey-password", GOOD);
    browser.click("#passkeys button");
    browser.says("The passkey is given up");
    browser.wait(&format!("{row}.length === 0"));
    browser.click("#sign-out");
    browser.says("You are signed out");
    browser.click("#passkey-sign-in");
    browser.wait("document.getElementById('passkey-sign-in-error').textContent.includes('not known here')");
}
