//! A browser as far as signing in goes: it keeps cookies by host and follows where it is sent.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;

use serde_json::Value;

use super::{Provider, Signer, claims};
use crate::kit::{Answer, Served};

/// A browser with a page of one server open.
pub(super) struct Browser {
    server: String,
    /// By host and name.
    cookies: BTreeMap<(String, String), String>,
    /// From where it comes.
    address: String,
}

/// A question that a browser goes to a provider with.
pub(super) struct Asked {
    pub(super) address: String,
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) challenge: String,
}

impl Browser {
    pub(super) fn at(served: &Served) -> Self {
        Self::from(served, "198.51.100.7")
    }

    /// One that comes from this address.
    pub(super) fn from(served: &Served, address: &str) -> Self {
        Self { server: format!("http://{}", served.address), cookies: BTreeMap::new(), address: address.to_owned() }
    }

    pub(super) fn signed_in(served: &Served, login: &str) -> Self {
        let mut browser = Self::at(served);
        let given = serde_json::json!({ "login": login, "password": super::GOOD });
        browser.post("/auth/sign-in", given).is(200);
        browser
    }

    /// The page makes a call.
    pub(super) fn post(&mut self, path: &str, body: Value) -> Answer {
        self.call("POST", path, Some(body))
    }

    pub(super) fn get(&mut self, path: &str) -> Answer {
        self.call("GET", path, None)
    }

    pub(super) fn call(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let (url, origin) = (format!("{}/api/v1{path}", self.server), self.server.clone());
        let mut headers = vec![("sec-fetch-site", "same-origin"), ("origin", origin.as_str())];
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.send(method, &url, &headers, &body)
    }

    /// A link is followed, from a page of the server or one of somebody else.
    pub(super) fn visit(&mut self, url: &str, site: &str) -> Answer {
        self.send("GET", url, &[("sec-fetch-site", site), ("accept", "text/html,*/*")], "")
    }

    /// A form of another page is sent.
    pub(super) fn submit(&mut self, url: &str, form: &str) -> Answer {
        self.send("POST", url, &[("content-type", "application/x-www-form-urlencoded")], form)
    }

    /// Goes to a provider to sign in.
    pub(super) fn start(&mut self, provider: &str) -> Asked {
        let url = format!("{}/api/v1/auth/oidc/{provider}/start", self.server);
        let answer = self.visit(&url, "same-origin");
        assert_eq!(answer.status, 303, "{}", answer.text());
        Asked::of(answer.header("location"))
    }

    /// Comes back from a provider, which sends it by a page of its own.
    pub(super) fn back(&mut self, provider: &str, query: &str) -> Answer {
        let url = format!("{}/api/v1/auth/oidc/{provider}/callback?{query}", self.server);
        self.visit(&url, "cross-site")
    }

    /// The same with what a good provider sends along.
    pub(super) fn back_well(&mut self, provider: &Provider, asked: &Asked) -> Answer {
        self.back("idp", &format!("code=a-code&state={}&iss={}", asked.state, encoded(&provider.issuer())))
    }

    /// The whole way at a provider that vouches for somebody.
    pub(super) fn through(&mut self, provider: &Provider, key: &Signer, subject: &str) -> Answer {
        self.through_at("idp", provider, key, subject)
    }

    pub(super) fn through_at(&mut self, name: &str, provider: &Provider, key: &Signer, subject: &str) -> Answer {
        let asked = self.start(name);
        provider.give(&key.sign(&claims(provider, subject, &asked.nonce)));
        self.back(name, &format!("code=a-code&state={}&iss={}", asked.state, encoded(&provider.issuer())))
    }

    /// Whether it is signed in, and as whom.
    pub(super) fn login(&mut self) -> Option<String> {
        let answer = self.get("/auth/session");
        (answer.status == 200).then(|| answer.json()["account"]["login"].as_str().unwrap_or_default().to_owned())
    }

    /// What it keeps of a sign-in that is under way.
    pub(super) fn journey(&mut self) -> &mut String {
        let server = self.server.trim_start_matches("http://").to_owned();
        self.cookies.entry((server, "keyward-journey".to_owned())).or_default()
    }

    pub(super) fn send(&mut self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let (host, path) = parts(url);
        let mut text =
            format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nuser-agent: browser\r\n");
        headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
        text.push_str(&format!("x-forwarded-for: {}\r\n", self.address));
        // What is `Strict` stays behind where another site began the request.
        let strict = headers.contains(&("sec-fetch-site", "cross-site"));
        let kept = self.cookies.iter().filter(|((of, name), _)| *of == host && !(strict && name == "keyward"));
        let cookies: Vec<String> = kept.map(|((_, name), value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            text.push_str(&format!("cookie: {}\r\n", cookies.join("; ")));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        let mut stream = TcpStream::connect(&host).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let answer = Answer::read(&mut stream);
        for (_, set) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            match set.contains("Max-Age=0") || value.is_empty() {
                true => drop(self.cookies.remove(&(host.clone(), name.to_owned()))),
                false => drop(self.cookies.insert((host.clone(), name.to_owned()), value.to_owned())),
            }
        }
        answer
    }
}

impl Asked {
    pub(super) fn of(address: &str) -> Self {
        let of = |name: &str| {
            let query = address.split_once('?').unwrap().1;
            let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            found.unwrap_or_else(|| panic!("no `{name}` in {address}")).to_owned()
        };
        let (state, nonce, challenge) = (of("state"), of("nonce"), of("code_challenge"));
        assert_eq!((of("response_type").as_str(), of("code_challenge_method").as_str()), ("code", "S256"));
        Self { address: address.to_owned(), state, nonce, challenge }
    }
}

/// Host with port, and path with query.
fn parts(url: &str) -> (String, String) {
    let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("not on this machine: {url}"));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    (host.to_owned(), format!("/{path}"))
}

pub(super) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
