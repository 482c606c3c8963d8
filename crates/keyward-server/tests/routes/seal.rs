use std::sync::{Arc, Mutex};

use keyward_client::{Bytes, Desk, Failure, LocalDesk, NewSlotInfo, Occasion};
use keyward_server::{Keyhole, Server, Tokens};
use keyward_vault::{Credential, Share, Vault};
use serde_json::{Value, json};

use crate::kit::{Served, loopback};

/// A vault in a file, with a slot of two of three shares.
struct Hole {
    path: std::path::PathBuf,
    held: Arc<Mutex<Option<Arc<Vault>>>>,
}

impl Keyhole for Hole {
    fn node(&self) -> String {
        "a.example".into()
    }

    fn threshold(&self) -> Result<Option<u8>, Failure> {
        Ok(Some(2))
    }

    fn open(&self, shares: &[Share]) -> Result<Arc<Vault>, Failure> {
        let engine = keyward_store_sqlite::Sqlite::open(&self.path, || 0).unwrap();
        let vault = Vault::unlock(Box::new(engine), &Credential::Shares(shares), keyward_testing::vault::tools());
        Ok(Arc::new(vault?))
    }

    fn opened(&self, vault: &Arc<Vault>) {
        *self.held.lock().unwrap() = Some(Arc::clone(vault));
    }

    fn sealed(&self) {
        self.held.lock().unwrap().take();
    }
}

/// A server with the shares of its vault; `sealed` from the beginning or open.
struct Sealed {
    served: Served,
    shares: Vec<Share>,
    held: Arc<Mutex<Option<Arc<Vault>>>>,
}

impl Sealed {
    fn start(sealed: bool) -> Self {
        let (held, shares) = (Arc::default(), Share::generate(&keyward_client::SystemRandom, 3, 2).unwrap());
        let served = Served::made(|vault, path| {
            let desk = LocalDesk::new(Arc::clone(&vault), Occasion { agent: "test".into(), reason: None }).unwrap();
            let lines: Vec<String> = shares.iter().map(|share| share.text().expose().clone()).collect();
            let slot = NewSlotInfo::Shamir(Bytes::new(lines.join("\n").into_bytes()));
            desk.add_slot(slot, "2 of 3 shares".into()).unwrap();
            let hole = Hole { path: path.to_owned(), held: Arc::clone(&held) };
            let vault = (!sealed).then_some(vault);
            Server::bind_gated(vault, hole, Tokens, loopback(), None).unwrap()
        });
        Self { served, shares, held }
    }

    fn give(&self, share: &str) -> crate::kit::Answer {
        let body = json!({ "share": share }).to_string();
        let headers = [("content-type", "application/json"), ("user-agent", "curl/8")];
        self.served.raw("POST", "/api/v1/unseal", &headers, body.as_bytes())
    }

    fn give_ours(&self, n: usize) -> crate::kit::Answer {
        self.give(self.shares[n].text().expose())
    }

    fn vault(&self) -> Option<Arc<Vault>> {
        self.held.lock().unwrap().clone()
    }
}

fn state(answer: &Value) -> (bool, u64, u64) {
    let number = |name: &str| answer[name].as_u64().unwrap();
    (answer["sealed"].as_bool().unwrap(), number("given"), number("threshold"))
}

#[test]
fn shares_open_a_sealed_server_one_after_the_other() {
    let server = Sealed::start(true);
    assert_eq!(state(&server.served.raw("GET", "/api/v1/seal", &[], b"").is(200)), (true, 0, 2));
    assert_eq!(state(&server.give_ours(2).is(200)), (true, 1, 2));
    assert_eq!(state(&server.give_ours(2).is(200)), (true, 1, 2), "the same share is no second one");
    assert!(server.vault().is_none());
    assert_eq!(state(&server.give_ours(0).is(200)), (false, 0, 2));
    assert_eq!(server.give_ours(1).problem(409), "conflict");
    let vault = server.vault().unwrap();
    let line = vault.log(vault.log_size().unwrap() - 1, 1).unwrap().remove(0);
    assert_eq!((line.entry.action.as_str(), line.entry.principal.as_str()), ("vault.unlock", "system:seal"));
    let private = line.private.unwrap();
    assert_eq!((private.agent.as_deref(), private.address.as_deref()), (Some("curl/8"), Some("127.0.0.1")));
    assert_eq!(private.more["node"], "a.example");
    server.served.get("/whoami").is(200);
}

#[test]
fn a_sealed_server_says_so_and_nothing_else() {
    let server = Sealed::start(true);
    let document = keyward_server::openapi();
    let mut calls = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().map(|method| method.to_ascii_uppercase()) {
            if path == "/unseal" || (path == "/seal" && method == "GET") {
                continue;
            }
            let answer = server.served.ask(&method, &path.replace(['{', '}'], ""), Some(json!({})));
            assert_eq!(answer.problem(503), "sealed", "{method} {path}");
            assert!(answer.json()["hint"].is_string() && answer.header("retry-after") == "5");
            calls += 1;
        }
    }
    assert!(calls > 25);
    let page = server.served.raw("GET", "/", &[], b"");
    assert!(page.status == 503 && page.text().contains("This server is sealed"), "{}", page.text());
    assert!(page.header("content-type").starts_with("text/html") && page.header("retry-after") == "5");
    assert_eq!(server.served.raw("GET", "/style.css", &[], b"").status, 200);
    for path in ["/app.js", "/api/v1/openapi.json", "/nothing", "/readyz"] {
        assert_eq!(server.served.raw("GET", path, &[], b"").problem(503), "sealed", "{path}");
    }
    server.served.raw("GET", "/healthz", &[], b"").is(200);
    let metrics = server.served.raw("GET", "/metrics", &[], b"");
    assert!(metrics.status == 200 && metrics.text().contains("\nkeyward_sealed 1\n"), "{}", metrics.text());
}

#[test]
fn which_share_was_wrong_is_not_told() {
    let server = Sealed::start(true);
    // Of another vault's slot: well formed, and nothing tells it apart before a set is whole.
    let foreign = Share::generate(&keyward_client::SystemRandom, 2, 2).unwrap();
    server.give_ours(0).is(200);
    assert_eq!(state(&server.give(foreign[0].text().expose()).is(200)), (true, 1, 2));
    let refused = server.give(foreign[1].text().expose());
    assert_eq!(refused.problem(403), "denied");
    assert!(!refused.text().contains("KWS") && refused.text().contains("none of them is kept"), "{}", refused.text());
    for wrong in ["", "KWS-1234", &server.shares[0].text().expose().replace('-', "")[..40]] {
        let answer = server.give(wrong);
        assert_eq!(answer.problem(400), "bad_request");
        assert!(wrong.is_empty() || !answer.text().contains(wrong), "{}", answer.text());
    }
    // What others gave is in nobody's way, and the refused set is on record once there is a key.
    server.give_ours(1).is(200);
    let vault = server.vault().unwrap();
    let lines = vault.log(vault.log_size().unwrap() - 2, 2).unwrap();
    let told: Vec<_> = lines.iter().map(|line| (line.entry.action.as_str(), line.entry.outcome.as_str())).collect();
    assert_eq!(told, [("vault.unlock", "allowed"), ("vault.unlock", "denied")]);
    assert_eq!(lines[1].entry.count, Some(1));
}

#[test]
fn shares_are_taken_so_often_and_no_more() {
    let server = Sealed::start(true);
    let answers: Vec<u16> = (0..25).map(|_| server.give("KWS-nothing").status).collect();
    assert_eq!((answers[0], answers[24]), (400, 429));
    let refused = server.give_ours(0);
    assert_eq!((refused.problem(429).as_str(), refused.header("retry-after")), ("too_often", "60"));
    assert_eq!(server.give(&"x".repeat(5000)).status, 429);
}

#[test]
fn who_may_administer_seals_it_and_its_keys_are_gone() {
    let server = Sealed::start(false);
    assert_eq!(state(&server.served.raw("GET", "/api/v1/seal", &[], b"").is(200)), (false, 0, 2));
    assert_eq!(server.served.raw("POST", "/api/v1/seal", &[], b"").problem(401), "unauthenticated");
    let weak = Arc::downgrade(&server.vault().unwrap());
    let kept = server.served.connect();
    assert!(state(&server.served.ask("POST", "/seal", None).is(200)).0);
    drop(kept);
    assert_eq!(server.served.get("/whoami").problem(503), "sealed");
    let started = std::time::Instant::now();
    // The test holds it, too.
    while weak.strong_count() > 1 {
        assert!(started.elapsed().as_secs() < 10, "somebody holds the vault still");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    server.give_ours(0).is(200);
    server.give_ours(1).is(200);
    let vault = server.vault().unwrap();
    let lines = vault.log(vault.log_size().unwrap() - 2, 2).unwrap();
    let told: Vec<_> = lines.iter().map(|line| line.entry.action.as_str()).collect();
    assert_eq!(told, ["vault.lock", "vault.unlock"]);
    server.served.get("/whoami").is(200);
}

#[test]
fn a_server_that_nothing_would_unseal_is_not_sealed() {
    let served = Served::start();
    let answer = served.ask("POST", "/seal", None);
    assert_eq!(answer.problem(409), "conflict");
    served.get("/whoami").is(200);
    let body = json!({ "share": "KWS" }).to_string();
    let given = served.raw("POST", "/api/v1/unseal", &[("content-type", "application/json")], body.as_bytes());
    assert_eq!(given.status, 400);
}
