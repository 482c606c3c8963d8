//! A token is made at one node, used at the others, and revoked: how long is it good for anything?

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::nodes::{MAX_STALE, Node, Vault};

/// A token that all nodes know.
struct Token {
    id: String,
    text: String,
}

const WHOAMI: &str = "/api/v1/whoami";

impl Token {
    fn make(node: &Node, vault: &Vault) -> Self {
        let made: Value = loop {
            // A token that is made with a token lives no longer than that.
            let body = json!({ "name": "one of many", "expires_at": vault.expires_at });
            match node.ask("POST", "/api/v1/tokens", &vault.token, "", Some(&body)) {
                Some(answer) if answer.status == 201 => break answer.body,
                Some(answer) if answer.status < 500 && answer.code() != "raced" => panic!("{answer:?}"),
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self { id: text(&made["token"]["id"]), text: text(&made["text"]) }
    }

    /// Until this node has let it in, and remembers it.
    fn use_at(&self, node: &Node) {
        let started = Instant::now();
        while node.status(WHOAMI, &self.text) != 200 {
            assert!(started.elapsed() < Duration::from_secs(60), "a fresh token is not known");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn revoke(&self, node: &Node, vault: &Vault) -> Instant {
        loop {
            let path = format!("/api/v1/tokens/{}", self.id);
            match node.ask("DELETE", &path, &vault.token, "", None) {
                Some(answer) if answer.status == 200 => return Instant::now(),
                // It was revoked by an attempt whose answer was lost.
                Some(answer) if answer.status == 409 => return Instant::now(),
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// From the answer to the revocation to the last time that another node let the token in.
pub(crate) fn measure(nodes: &[Node], at: usize, vault: &Vault) -> Vec<Duration> {
    let token = Token::make(&nodes[at], vault);
    let others: Vec<&Node> = nodes.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, node)| node).collect();
    others.iter().for_each(|node| token.use_at(node));
    let revoked = token.revoke(&nodes[at], vault);
    let watched = |node: &Node| {
        let mut last = Duration::ZERO;
        loop {
            let status = node.status(WHOAMI, &token.text);
            match status {
                200 => last = revoked.elapsed(),
                401 => return last,
                _ => {}
            }
            assert!(revoked.elapsed() < Duration::from_secs(60), "it is never refused: {status}");
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    std::thread::scope(|scope| {
        let watched = &watched;
        let watching: Vec<_> = others.iter().map(|node| scope.spawn(move || watched(node))).collect();
        watching.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// A node that does not reach the database lets a token in no longer than `max_stale` after it was
/// revoked elsewhere, and says why it answers nothing. Answers how long that was.
pub(crate) fn parted(nodes: &[Node], parted: usize, silently: bool, vault: &Vault) -> Duration {
    let (node, other) = (&nodes[parted], &nodes[(parted + 1) % nodes.len()]);
    let token = Token::make(other, vault);
    token.use_at(node);
    node.line.part(silently);
    let (begun, revoked) = (Instant::now(), token.revoke(other, vault));
    let last = std::sync::Mutex::new(Duration::ZERO);
    std::thread::scope(|scope| {
        // Some of these are under way when the line is mended.
        for _ in 0..4 {
            scope.spawn(|| {
                while begun.elapsed() < MAX_STALE * 2 + Duration::from_millis(500) {
                    if node.status(WHOAMI, &token.text) == 200 {
                        let mut last = last.lock().unwrap();
                        *last = revoked.elapsed().max(*last);
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
        }
        std::thread::sleep((MAX_STALE + Duration::from_millis(700)).saturating_sub(begun.elapsed()));
        let answer = node.ask("GET", WHOAMI, &vault.token, "", None).expect("it answers that it cannot answer");
        assert_eq!((answer.status, answer.code()), (503, "stale"), "{answer:?}");
        assert!(answer.body["hint"].is_string());
        assert_eq!((node.status("/healthz", ""), node.status("/readyz", "")), (200, 503));
        std::thread::sleep((MAX_STALE * 2).saturating_sub(begun.elapsed()));
        node.line.mend();
    });
    node.ready();
    let started = Instant::now();
    while node.status(WHOAMI, &token.text) != 401 {
        assert!(started.elapsed() < Duration::from_secs(60), "the node learned nothing");
    }
    let last = *last.lock().unwrap();
    assert!(last <= MAX_STALE, "a revoked token was let in {last:?} after its revocation");
    last
}
