//! A person at an OpenID provider, whose browser reaches now one node and now another: what is kept of
//! his way is kept by the browser, sealed, and that it is over is in the database.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use keyward_client::SystemClock;
use keyward_testing::oidc::{Provider, Signer};
use keyward_types::Clock as _;
use serde_json::{Value, json};

use crate::nodes::{Node, Vault};
use crate::wire::send;

/// What the nodes are called by whoever comes by a balancer in front of them.
const HOST: &str = "localhost:8443";

/// One answer to a browser.
struct Page {
    status: u16,
    head: String,
    body: String,
}

/// Goes to the provider from one node and comes back to the other, with an invitation's link.
pub(crate) fn by_two_nodes(one: &Node, other: &Node, vault: &Vault) {
    let key = Signer::es256("first");
    let provider = Provider::start(&[&key]);
    let secret = ["of this", "test", "alone"].join("-");
    let ask = |path: &str, body: Value| {
        let answer = one.ask("POST", &format!("/api/v1{path}"), &vault.token, "", Some(&body)).unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body
    };
    ask("/users", json!({ "login": "ann", "name": "" }));
    let of_provider = json!({ "client_id": "keyward", "client_secret": secret, "allow_private": true });
    let new = json!({ "name": "idp", "issuer": provider.issuer() });
    let merged = new.as_object().unwrap().iter().chain(of_provider.as_object().unwrap());
    ask("/identity-providers", merged.map(|(name, value)| (name.clone(), value.clone())).collect());
    let made = ask("/auth/links", json!({ "login": "ann" }));
    let link = made["link"].as_str().unwrap().split_once("#link=").unwrap().1;

    let body = json!({ "link": link }).to_string();
    let onward = visit(one.address(), "POST", "/auth/oidc/idp/link", "same-origin", "", &body);
    assert_eq!(onward.status, 200, "{}", onward.body);
    let location: Value = serde_json::from_str(&onward.body).unwrap();
    let location = location["location"].as_str().unwrap();
    let journey = onward.cookie("keyward-journey").expect("what is kept of the way");
    let now = SystemClock.now().0 / 1000;
    let claims = json!({
        "iss": provider.issuer(), "sub": "ann-there", "aud": "keyward", "nonce": of(location, "nonce"),
        "iat": now, "exp": now + 300,
    });
    provider.give(&key.sign(&claims));

    let issuer = provider.issuer().replace(':', "%3A").replace('/', "%2F");
    let back = format!("/auth/oidc/idp/callback?code=a-code&state={}&iss={issuer}", of(location, "state"));
    let started = Instant::now();
    // What was just set up at one node is known at the other in a moment.
    let arrived = loop {
        let page = visit(other.address(), "GET", &back, "cross-site", &journey, "");
        if page.status == 303 || started.elapsed() > Duration::from_secs(5) {
            break page;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!((arrived.status, arrived.header("location")), (303, Some("/")), "{}", arrived.body);
    let session = arrived.cookie("keyward").expect("a session");
    let known = |node: &Node| visit(node.address(), "GET", "/auth/session", "same-origin", &session, "");
    assert!(known(other).body.contains("\"ann\""));
    while known(one).status != 200 {
        assert!(started.elapsed() < Duration::from_secs(10), "the session is not known where it did not begin");
        std::thread::sleep(Duration::from_millis(20));
    }

    // The provider is one that takes a code twice; the way is over at every node.
    for node in [one, other] {
        let again = visit(node.address(), "GET", &back, "cross-site", &journey, "");
        assert!(again.status == 400 && again.body.contains("used already"), "{}: {}", again.status, again.body);
    }
}

/// One request of a browser.
fn visit(node: SocketAddr, method: &str, path: &str, site: &str, cookie: &str, body: &str) -> Page {
    let origin = format!("http://{HOST}");
    let mut headers = vec![("sec-fetch-site", site), ("accept", "*/*")];
    if !body.is_empty() {
        headers.extend([("content-type", "application/json"), ("origin", &origin)]);
    }
    if !cookie.is_empty() {
        headers.push(("cookie", cookie));
    }
    let answer = send(node, HOST, method, &format!("/api/v1{path}"), &headers, body);
    let (status, head, body) = answer.expect("it answers");
    Page { status, head, body }
}

/// A parameter of an address.
fn of<'a>(address: &'a str, name: &str) -> &'a str {
    let query = address.split_once('?').unwrap().1;
    let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(of, _)| *of == name);
    found.unwrap_or_else(|| panic!("no `{name}` in {address}")).1
}

impl Page {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// `NAME=VALUE` as it was set.
    fn cookie(&self, name: &str) -> Option<String> {
        let set = self.head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        let pairs = set.filter_map(|line| line.split(';').next());
        pairs
            .into_iter()
            .find(|pair| pair.starts_with(&format!("{name}=")) && pair.len() > name.len() + 1)
            .map(str::to_owned)
    }
}
