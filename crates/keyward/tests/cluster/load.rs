//! Readers and writers at every node, and a ledger of what they were told: each acknowledged write,
//! each value that came.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use keyward_testing::Seed;
use serde_json::json;

use crate::nodes::{Node, Vault};

const ENVIRONMENT: &str = "/api/v1/projects/shop/environments/development";

/// What was answered, and what was tried without an answer.
#[derive(Default)]
pub(crate) struct Ledger {
    /// By name: the newest acknowledged version with its value, and what was tried since.
    written: Mutex<BTreeMap<String, Written>>,
    /// The reasons of all writes that were acknowledged.
    acknowledged: Mutex<BTreeSet<String>>,
    /// The reasons of all reads that were answered with a value.
    disclosed: Mutex<BTreeSet<String>>,
    unanswered: AtomicU64,
    stop: AtomicBool,
}

#[derive(Default)]
struct Written {
    version: u64,
    value: String,
    since: Vec<String>,
}

/// Names of each writer.
const NAMES: u64 = 8;

impl Ledger {
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Writes values at a node until it is told to stop, each name by one writer alone.
    pub(crate) fn write(&self, node: &Node, vault: &Vault, writer: usize, mut seed: Seed) {
        for number in 0.. {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let name = format!("W{writer}_{}", number % NAMES);
            let (reason, value) = (format!("w-{writer}-{number}"), format!("value {number} {:016x}", seed.bits()));
            self.written.lock().unwrap().entry(name.clone()).or_default().since.push(value.clone());
            let body = json!({ "value": value });
            let answer = node.ask("PUT", &format!("{ENVIRONMENT}/secrets/{name}"), &vault.token, &reason, Some(&body));
            match answer {
                Some(answer) if answer.status < 300 => {
                    let version = answer.body["version"].as_u64().unwrap();
                    let mut written = self.written.lock().unwrap();
                    *written.get_mut(&name).unwrap() = Written { version, value, since: vec![] };
                    self.acknowledged.lock().unwrap().insert(reason);
                }
                other => self.wait(other.map_or(0, |answer| answer.status)),
            }
        }
    }

    /// Reads what others write at a node.
    pub(crate) fn read(&self, node: &Node, vault: &Vault, reader: usize, writers: usize, mut seed: Seed) {
        for number in 0.. {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let name = format!("W{}_{}", seed.below(writers), seed.below(NAMES as usize));
            let reason = format!("r-{reader}-{number}");
            match node.ask("GET", &format!("{ENVIRONMENT}/values/{name}"), &vault.token, &reason, None) {
                Some(answer) if answer.status == 200 => {
                    assert!(answer.body["value"].as_str().unwrap().starts_with("value "), "{answer:?}");
                    self.disclosed.lock().unwrap().insert(reason);
                }
                Some(answer) if answer.status == 404 || answer.status == 403 => {}
                other => self.wait(other.map_or(0, |answer| answer.status)),
            }
        }
    }

    /// Whoever got no answer, or was told to come later, comes later.
    fn wait(&self, status: u16) {
        assert!(matches!(status, 0 | 408 | 409 | 500 | 503), "neither an answer nor a reason to come again: {status}");
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(20));
    }

    /// Everything acknowledged is there, and everything disclosed is on record. Answers the numbers of
    /// writes, reads, requests without either, and entries.
    pub(crate) fn settle(&self, node: &Node, vault: &Vault) -> (usize, usize, u64, usize) {
        let written = self.written.lock().unwrap();
        for (name, known) in written.iter().filter(|(_, known)| known.version > 0) {
            let answer =
                node.ask("GET", &format!("{ENVIRONMENT}/values/{name}"), &vault.token, "settle", None).unwrap();
            assert_eq!(answer.status, 200, "{name}: {answer:?}");
            let (version, value) = (answer.body["version"].as_u64().unwrap(), answer.body["value"].as_str().unwrap());
            if version == known.version {
                assert_eq!(value, known.value, "{name}, version {version}");
            } else {
                assert!(version > known.version, "{name}: version {} was lost: {version}", known.version);
                assert!(known.since.iter().any(|tried| tried == value), "{name}: nobody wrote this");
            }
        }
        let (entries, recorded) = recorded(node, vault);
        let (acknowledged, disclosed) = (self.acknowledged.lock().unwrap(), self.disclosed.lock().unwrap());
        for (action, reasons) in [("secret.write", &*acknowledged), ("secret.read", &*disclosed)] {
            let on_record = &recorded[action];
            let missing: Vec<_> = reasons.difference(on_record).collect();
            assert!(missing.is_empty(), "{action} without an entry: {missing:?}");
        }
        (acknowledged.len(), disclosed.len(), self.unanswered.load(Ordering::Relaxed), entries)
    }
}

/// The reasons that stand in the log, by action; what stands there twice is told.
fn recorded(node: &Node, vault: &Vault) -> (usize, BTreeMap<String, BTreeSet<String>>) {
    let (mut recorded, mut cursor, mut next_index) = (BTreeMap::<String, BTreeSet<String>>::new(), 0, 0);
    for action in ["secret.write", "secret.read"] {
        recorded.entry(action.to_owned()).or_default();
    }
    loop {
        let path = format!("/api/v1/audit?limit=1000&cursor={cursor}");
        let page = node.ask("GET", &path, &vault.token, "", None).unwrap();
        assert_eq!(page.status, 200, "{page:?}");
        for entry in page.body["entries"].as_array().unwrap() {
            assert_eq!(entry["index"].as_u64(), Some(next_index), "the log has no gaps");
            next_index += 1;
            let (action, reason) = (entry["action"].as_str().unwrap(), entry["reason"].as_str().unwrap_or_default());
            if entry["outcome"] == "allowed" && (reason.starts_with("w-") || reason.starts_with("r-")) {
                // What a write opens of earlier versions, so that the scanner knows them, is an entry each, and
                // once more where the write had to begin anew.
                let opens_inside = action == "secret.use";
                let new = recorded.entry(action.to_owned()).or_default().insert(reason.to_owned());
                assert!(new || opens_inside, "{action} {reason} was carried out twice");
            }
        }
        match page.body["next"].as_str() {
            Some(next) => cursor = next.parse().unwrap(),
            None => return (usize::try_from(next_index).unwrap(), recorded),
        }
    }
}
