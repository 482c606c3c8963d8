//! Signing in over HTTP: as a browser does it, as programs do, and as who should not.

mod devices;
mod foreign_pages;
mod guessing;
mod links;
mod passkeys;
mod second_factor;
mod sessions;

use serde_json::{Value, json};

use crate::kit::{Answer, Served};

const GOOD: &str = "nine violet herons argue";
const OTHER: &str = "seven rusty anchors sing";

/// A browser at one server: it keeps the cookie, and says from which page it asks.
struct Browser<'a> {
    served: &'a Served,
    cookie: String,
}

/// A person with the password [`GOOD`].
fn person(served: &Served, login: &str) {
    served.ask("POST", "/users", Some(json!({ "login": login, "name": "" }))).is(201);
    choose(served, &link(served, login), GOOD).is(200);
}

/// What stands behind `#link=` in a fresh link for somebody.
fn link(served: &Served, login: &str) -> String {
    let made = served.ask("POST", "/auth/links", Some(json!({ "login": login }))).is(201);
    let link = made["link"].as_str().unwrap();
    let (page, link) = link.split_once("/#link=").unwrap();
    assert_eq!(page, format!("http://{}", served.address));
    link.to_owned()
}

fn choose(served: &Served, link: &str, password: &str) -> Answer {
    nobody(served, "POST", "/auth/links/use", Some(json!({ "link": link, "password": password })))
}

/// A request of a program that shows nothing.
fn nobody(served: &Served, method: &str, path: &str, body: Option<Value>) -> Answer {
    with(served, method, path, &[], body)
}

fn with(served: &Served, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
    let mut headers = headers.to_vec();
    if body.is_some() {
        headers.push(("content-type", "application/json"));
    }
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    served.raw(method, &format!("/api/v1{path}"), &headers, &body)
}

fn try_to_sign_in(served: &Served, login: &str, password: &str) -> Answer {
    nobody(served, "POST", "/auth/sign-in", Some(json!({ "login": login, "password": password })))
}

impl<'a> Browser<'a> {
    fn at(served: &'a Served) -> Self {
        Self { served, cookie: String::new() }
    }

    fn signed_in(served: &'a Served, login: &str) -> Self {
        let mut browser = Self::at(served);
        browser.ask("POST", "/auth/sign-in", Some(json!({ "login": login, "password": GOOD }))).is(200);
        browser
    }

    /// A call that a page of this server makes.
    fn ask(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let origin = format!("http://{}", self.served.address);
        self.ask_from(method, path, &[("origin", &origin), ("sec-fetch-site", "same-origin")], body)
    }

    fn ask_from(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let mut headers = headers.to_vec();
        let cookie = self.cookie.clone();
        if !cookie.is_empty() {
            headers.push(("cookie", &cookie));
        }
        let answer = with(self.served, method, path, &headers, body);
        if let Some((_, set)) = answer.headers.iter().find(|(name, _)| name == "set-cookie") {
            let pair = set.split(';').next().unwrap();
            self.cookie = if set.contains("Max-Age=0") { String::new() } else { pair.to_owned() };
        }
        answer
    }

    fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }
}
