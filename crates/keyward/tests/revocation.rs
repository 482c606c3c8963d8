//! Campaign: three gateways on one PostgreSQL, under load. A virtual key that is revoked at one is dead there
//! with the next request and at the others within a second, and no call fails while the secret behind the
//! keys is replaced and the callers' own key is rotated.
//!
//! `cargo xtask prove revocation` runs it at full size.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[path = "revocation/callers.rs"]
mod callers;
#[path = "cluster/line.rs"]
#[allow(dead_code, reason = "nothing is cut here")]
mod line;
#[path = "cluster/nodes.rs"]
#[allow(dead_code, reason = "nodes are not killed here")]
mod nodes;
#[path = "cluster/wire.rs"]
#[allow(dead_code, reason = "the other tests use more of it")]
mod wire;

use std::time::{Duration, Instant};

use keyward_testing::doubles::{Double, Reply, Request, Service};
use keyward_testing::postgres::Postgres;
use keyward_testing::{Seed, proof, size};
use serde_json::{Value, json};

use crate::callers::{Callers, Connection};
use crate::nodes::{Node, Vault};

const NODES: usize = 3;
/// Callers that never pause, at each gateway.
const CALLERS: usize = 2;
/// From one replacement to the next.
const EVERY: Duration = Duration::from_millis(500);
/// Until another node has heard of a new text, which its callers are then given: longer than it takes.
const HEARD: Duration = Duration::from_secs(1);

const PLACE: &str = "/api/v1/projects/shop/environments/production";

/// A service that takes whatever key it gets, and keeps the last.
#[derive(Default)]
struct Vectors {
    last: String,
}

impl Service for Vectors {
    const HOSTS: &'static [&'static str] = &["qdrant.example"];

    fn answer(&mut self, request: &Request) -> Reply {
        request.header("api-key").unwrap_or_default().clone_into(&mut self.last);
        Reply::json(200, &json!({ "result": [], "status": "ok" }))
    }
}

/// Nodes, and a service behind their gateways.
struct Site {
    nodes: Vec<Node>,
    vault: Vault,
    double: Double<Vectors>,
}

#[test]
fn three_gateways_know_within_a_second_and_no_call_fails() {
    let mut seed = Seed::of_campaign();
    println!("seed {}", seed.number());
    let (rounds, replacements) = (size("KEYWARD_REVOCATIONS", 8), size("KEYWARD_REPLACEMENTS", 4));
    let server = Postgres::start();
    let site = Site::new(&server);
    let (key, id) = site.make("the-callers");
    site.known_everywhere(&key);
    let callers = Callers::new(key);
    let mut revoked = Vec::new();
    std::thread::scope(|scope| {
        for node in &site.nodes {
            for _ in 0..CALLERS {
                let (callers, address) = (&callers, node.gateway());
                scope.spawn(move || callers.call(address));
            }
        }
        let _stop = callers.stop();
        let (site, callers, id, replaced) = (&site, &callers, &id, seed.part("replaced", 0));
        let replacing = scope.spawn(move || site.replace(callers, id, replacements, replaced));
        for round in 0..rounds {
            revoked.extend(site.revoke_one(seed.below(NODES), round));
        }
        replacing.join().unwrap();
    });
    let (calls, failures) = callers.told();
    assert!(
        failures.is_empty(),
        "{} of {calls} calls failed: {:?}",
        failures.len(),
        &failures[..failures.len().min(5)]
    );
    assert!(calls > 100 * NODES as u64, "{calls} calls are no load");
    assert_eq!(site.double.service().last, value(replacements), "the last value is in use");
    revoked.sort_unstable();
    let at = |part: f64| revoked[((revoked.len() - 1) as f64 * part).ceil() as usize];
    proof("gateways", NODES);
    proof("revocations measured at other gateways", revoked.len());
    proof("revocation effective after (median, p99, longest)", format!("{:?}, {:?}, {:?}", at(0.5), at(0.99), at(1.0)));
    proof("values and keys replaced under load, of each", replacements);
    proof("calls meanwhile", calls);
    proof("calls that failed", 0);
    assert!(at(0.99) <= Duration::from_secs(1), "revocation took {:?} at the 99th percentile", at(0.99));
}

fn value(n: u64) -> String {
    format!("the-real-one-of-the-service-{n:04}")
}

impl Site {
    fn new(server: &Postgres) -> Self {
        let vault = Vault::in_database(server);
        let unlock = format!("key_file = '{}'\n[gateway]\nlisten = '127.0.0.1:0'", vault.key_file.display());
        let start = |_| {
            let node = Node::prepare(server, &vault, &unlock);
            node.begin();
            node
        };
        let nodes: Vec<Node> = (0..NODES).map(start).collect();
        nodes.iter().for_each(Node::ready);
        let site = Self { nodes, vault, double: Double::start(Vectors::default()) };
        site.store(0, 0);
        site
    }

    fn ask(&self, at: usize, method: &str, path: &str, body: &Value) -> Value {
        // Another node may have changed the same at the same moment.
        let mut last = None;
        for _ in 0..20 {
            let answer = self.nodes[at].ask(method, path, &self.vault.token, "", Some(body)).unwrap();
            match answer.status {
                200 | 201 => return answer.body,
                _ if answer.status >= 500 || answer.code() == "raced" => {
                    last = Some(answer);
                    std::thread::sleep(Duration::from_millis(50));
                }
                _ => panic!("{method} {path}: {answer:?}"),
            }
        }
        panic!("{method} {path} is never done: {last:?}");
    }

    fn store(&self, at: usize, n: u64) {
        let body = json!({ "value": value(n), "metadata": { "provider": "qdrant" } });
        self.ask(at, "PUT", &format!("{PLACE}/secrets/VECTORS"), &body);
    }

    /// The text of a new key, and its id.
    fn make(&self, name: &str) -> (String, String) {
        let secret = json!({ "secret": "VECTORS", "upstream": self.double.url() });
        made(&self.ask(0, "POST", &format!("{PLACE}/virtual-keys"), &json!({ "name": name, "secrets": [secret] })))
    }

    fn known_everywhere(&self, key: &str) {
        for node in &self.nodes {
            let (started, mut connection) = (Instant::now(), Connection::to(node.gateway()));
            loop {
                let status = connection.ask(key).unwrap();
                if status == 200 {
                    break;
                }
                assert!(started.elapsed() < Duration::from_secs(30), "a fresh key is not known: {status}");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// From the answer to the revocation to the last call that another gateway let through.
    fn revoke_one(&self, at: usize, round: u64) -> Vec<Duration> {
        let (key, id) = self.make(&format!("one-of-many-{round}"));
        self.known_everywhere(&key);
        let mut here = Connection::to(self.nodes[at].gateway());
        assert_eq!(here.ask(&key).unwrap(), 200);
        self.ask(at, "DELETE", &format!("/api/v1/virtual-keys/{id}"), &Value::Null);
        let revoked = Instant::now();
        assert_eq!(here.ask(&key).unwrap(), 401, "the next request of the same process");
        let (key, watched) = (&*key, |node: &Node, key: &str| {
            let (mut last, mut connection) = (Duration::ZERO, Connection::to(node.gateway()));
            loop {
                match connection.ask(key).unwrap() {
                    200 => last = revoked.elapsed(),
                    401 => return last,
                    other => panic!("{other}"),
                }
                assert!(revoked.elapsed() < Duration::from_secs(30), "it is never refused");
            }
        });
        std::thread::scope(|scope| {
            let others = self.nodes.iter().enumerate().filter(|(n, _)| *n != at);
            let watching: Vec<_> = others.map(|(_, node)| scope.spawn(move || watched(node, key))).collect();
            watching.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    /// Replaces the secret and the callers' key, by turns at all nodes.
    fn replace(&self, callers: &Callers, id: &str, times: u64, mut seed: Seed) {
        for n in 1..=times {
            self.store(seed.below(NODES), n);
            let rotate = format!("/api/v1/virtual-keys/{id}/rotate");
            let (newer, _) = made(&self.ask(seed.below(NODES), "POST", &rotate, &json!({ "grace_seconds": 60 })));
            std::thread::sleep(HEARD);
            callers.have(newer);
            std::thread::sleep(EVERY);
        }
        // The last value has to be in use before the load ends.
        let started = Instant::now();
        while self.double.service().last != value(times) {
            assert!(started.elapsed() < Duration::from_secs(10), "the last value is not used");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(HEARD);
    }
}

fn made(answer: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    (text(&answer["text"]), text(&answer["virtual_key"]["id"]))
}
