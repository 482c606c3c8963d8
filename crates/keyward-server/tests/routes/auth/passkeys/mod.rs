//! Passkeys over HTTP, with an authenticator that we did not write and with a real browser.

mod bad_answers;
mod chromium;
mod device;
mod lasting;

use serde_json::{Value, json};

use self::device::Device;
use super::{GOOD, person};
use crate::kit::{Answer, Served};

/// A page of a server as a browser has it open, under a name.
struct Page<'a> {
    served: &'a Served,
    host: String,
    origin: String,
    /// What a proxy in front of the server adds.
    proxy: &'static str,
    cookie: String,
}

impl<'a> Page<'a> {
    /// `http://localhost`, where passkeys are without a `public_url`.
    fn local(served: &'a Served) -> Self {
        let host = format!("localhost:{}", served.address.port());
        Self { served, origin: format!("http://{host}"), host, proxy: "", cookie: String::new() }
    }

    /// The same, with the password [`GOOD`].
    fn signed_in(served: &'a Served, login: &str) -> Self {
        Self::local(served).with_password(login)
    }

    fn with_password(mut self, login: &str) -> Self {
        self.post("/auth/sign-in", json!({ "login": login, "password": GOOD })).is(200);
        self
    }

    fn post(&mut self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, Some(body))
    }

    fn ask(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let cookie = if self.cookie.is_empty() { String::new() } else { format!("cookie: {}\r\n", self.cookie) };
        let Self { host, origin, proxy, .. } = self;
        let text = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\n{proxy}{cookie}connection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = self.served.send(text.as_bytes());
        if let Some((_, set)) = answer.headers.iter().find(|(name, _)| name == "set-cookie") {
            self.cookie = set.split(';').next().unwrap().to_owned();
        }
        answer
    }

    /// Asks for a new passkey.
    fn asked_for_new(&mut self) -> Value {
        self.post("/auth/passkeys/begin", json!({ "password": GOOD })).is(200)
    }

    /// Makes one on this device.
    fn add(&mut self, device: &mut Device, name: &str) -> Value {
        let question = self.asked_for_new();
        let credential = device.create(&self.origin, &question["options"]);
        self.added(name, &question, &credential).is(201)
    }

    fn added(&mut self, name: &str, question: &Value, credential: &Value) -> Answer {
        let body = json!({ "name": name, "ceremony": question["ceremony"], "credential": credential });
        self.post("/auth/passkeys", body)
    }

    /// Asks for any passkey.
    fn asked(&mut self) -> Value {
        self.post("/auth/passkeys/sign-in/begin", json!({})).is(200)
    }

    /// Signs in with the passkey of a device.
    fn sign_in(&mut self, device: &mut Device) -> Answer {
        let question = self.asked();
        let credential = device.get(&self.origin, &question["options"]);
        self.shown(&question, &credential)
    }

    fn shown(&mut self, question: &Value, credential: &Value) -> Answer {
        let body = json!({ "ceremony": question["ceremony"], "credential": credential });
        self.post("/auth/passkeys/sign-in", body)
    }
}

/// `ann` with a passkey on a device.
fn ann(served: &Served) -> Device {
    person(served, "ann");
    let mut device = Device::new();
    Page::signed_in(served, "ann").add(&mut device, "laptop");
    device
}

#[test]
fn a_passkey_signs_its_owner_in_and_counts_as_both_factors() {
    let served = Served::start();
    person(&served, "ann");
    let mut device = Device::new();
    let mut page = Page::signed_in(&served, "ann");
    let made = page.add(&mut device, "laptop");
    assert_eq!((&made["name"], &made["site"]), (&json!("laptop"), &json!("localhost")));
    assert_eq!(served.last_entry(), ("passkey.add".to_owned(), "allowed".to_owned()));
    let mut elsewhere = Page::local(&served);
    let signed = elsewhere.sign_in(&mut device).is(200);
    assert_eq!((&signed["account"]["login"], &signed["session"]["second_factor"]), (&json!("ann"), &json!(true)));
    assert_eq!(served.last_entry(), ("sign-in".to_owned(), "allowed".to_owned()));
    let listed = elsewhere.ask("GET", "/auth/passkeys", None).is(200);
    assert_eq!((&listed["passkeys"][0]["id"], &listed["next"]), (&made["id"], &Value::Null));
    assert!(listed["passkeys"][0]["last_used"].is_string());
    let accounts = served.get("/accounts").is(200);
    let ann = accounts["accounts"].as_array().unwrap().iter().find(|account| account["login"] == "ann").unwrap();
    assert_eq!(ann["passkeys"], 1);
}

/// `keyward login` shows a code, and whoever signed in with a passkey lets it in.
#[test]
fn who_signs_in_with_a_passkey_lets_devices_in_and_programs_get_a_token() {
    let served = Served::start();
    let mut device = ann(&served);
    let mut page = Page::local(&served);
    page.sign_in(&mut device).is(200);
    let grant = page.post("/auth/device/authorization", json!({})).is(200);
    page.post("/auth/device/decision", json!({ "user_code": grant["user_code"], "approve": true })).is(200);
    let let_in = page.post("/auth/device/token", json!({ "device_code": grant["device_code"] })).is(200);
    assert_eq!(let_in["account"], "ann");
    let question = page.asked();
    let credential = device.get(&page.origin.clone(), &question["options"]);
    let body = json!({ "ceremony": question["ceremony"], "credential": credential, "kind": "device" });
    let signed = page.post("/auth/passkeys/sign-in", body).is(200);
    assert!(signed["token"].is_string() && signed["session"]["kind"] == "device");
}

#[test]
fn a_bare_address_has_no_passkeys_and_is_told_where_they_are() {
    let served = Served::start();
    person(&served, "ann");
    let mut page = Page::local(&served);
    page.host = served.address.to_string();
    page.origin = format!("http://{}", page.host);
    let answer = page.post("/auth/passkeys/sign-in/begin", json!({}));
    assert_eq!(answer.problem(409), "no_passkeys");
    let local = format!("http://localhost:{}", served.address.port());
    assert_eq!(answer.json()["hint"], format!("open {local}"));
    let mut page = page.with_password("ann");
    assert_eq!(page.post("/auth/passkeys/begin", json!({ "password": GOOD })).problem(409), "no_passkeys");
}
