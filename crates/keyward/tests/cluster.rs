//! Three nodes on one PostgreSQL, under load, while nodes are killed, the database crashes,
//! connections break and a node loses the database: nothing acknowledged is lost, nothing is disclosed
//! without an entry, there is one log without gaps, and what is revoked is dead.
//!
//! `cargo xtask prove cluster` runs it at full size.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[path = "cluster/line.rs"]
mod line;
#[path = "cluster/load.rs"]
mod load;
#[path = "cluster/nodes.rs"]
mod nodes;
#[path = "cluster/revocation.rs"]
mod revocation;
#[path = "cluster/signing_in.rs"]
mod signing_in;
#[path = "cluster/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use keyward_testing::postgres::Postgres;
use keyward_testing::{Seed, proof, size};
use load::Ledger;
use nodes::{Node, Vault};

/// What is done to the nodes and the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// A node is ended by `SIGKILL`, and started again.
    Kill,
    /// The database crashes and starts again.
    Crash,
    /// All connections of all nodes are ended by the server.
    Terminate,
    /// All connections of one node break.
    Cut,
    /// A node does not reach the database: it is refused.
    Refuse,
    /// A node does not reach the database: nothing comes back.
    Silence,
}

const FAULTS: [Fault; 6] = [Fault::Kill, Fault::Crash, Fault::Terminate, Fault::Cut, Fault::Refuse, Fault::Silence];

const NODES: usize = 3;
/// Of each, at each node.
const WORKERS: usize = 3;

/// Times, and what the leases said.
#[derive(Default)]
struct Seen {
    revocations: Vec<Duration>,
    parted: Vec<Duration>,
    faults: BTreeMap<Fault, u64>,
    leaders: BTreeMap<(String, u64), String>,
}

#[test]
fn three_nodes_keep_their_word_through_every_fault() {
    let seed = Seed::of_campaign();
    println!("seed {}", seed.number());
    let rounds = size("KEYWARD_ROUNDS", 6);
    let server = Postgres::start();
    let vault = Vault::in_database(&server);
    let nodes: Vec<Node> = (0..NODES).map(|_| Node::start(&server, &vault)).collect();
    nodes.iter().for_each(Node::ready);
    let (ledger, mut seen) = (Ledger::default(), Seen::default());
    std::thread::scope(|scope| {
        for worker in 0..NODES * WORKERS {
            let (ledger, vault, node) = (&ledger, &vault, &nodes[worker % NODES]);
            let (writes, reads) = (seed.part("write", worker as u64), seed.part("read", worker as u64));
            scope.spawn(move || ledger.write(node, vault, worker, writes));
            scope.spawn(move || ledger.read(node, vault, worker, NODES * WORKERS, reads));
        }
        // Whatever fails, the load ends.
        let _stop = Stop(&ledger);
        let mut seed = seed.part("faults", 0);
        for round in 0..rounds {
            for _ in 0..size("KEYWARD_REVOCATIONS", 2) {
                seen.revocations.extend(revocation::measure(&nodes, seed.below(NODES), &vault));
            }
            // Each kind comes once before the second time.
            let fault = FAULTS[(round as usize) % FAULTS.len()];
            println!("round {round}: {fault:?}");
            seen.make(fault, &nodes, &server, &vault, &mut seed);
            nodes.iter().for_each(Node::ready);
            seen.look_at_leases(&server, &vault);
        }
    });
    nodes.iter().for_each(Node::ready);
    let (writes, reads, unanswered, entries) = ledger.settle(&nodes[0], &vault);
    verify(&nodes, &server, &vault);
    assert!(writes > 20 && reads > 20, "there was load: {writes} writes, {reads} reads");
    seen.tell();
    proof("acknowledged writes, none lost", writes);
    proof("values that came, each with its entry", reads);
    proof("requests that were told to come again or got no answer", unanswered);
    proof("entries in one log without gaps that verifies", entries);
}

/// A new root, which one node makes, is followed by the others, and not by one whose slot is gone.
#[test]
fn a_new_root_is_followed_by_whoever_has_a_slot() {
    let server = Postgres::shared();
    let vault = Vault::in_database(server);
    let by_key_file = Node::start(server, &vault);
    let passphrase = "a passphrase that nobody would guess in a hurry";
    by_key_file.run(&["slot", "add", "passphrase"], passphrase.as_bytes());
    let file = vault.file("passphrase", passphrase);
    let by_passphrase = Node::prepare(server, &vault, &format!("passphrase_file = '{}'", file.display()));
    by_passphrase.begin();
    by_passphrase.ready();

    by_passphrase.run(&["rekey"], b"");
    // Keys that are wrapped from now on are wrapped under the new root, at whichever node.
    let made = |node: &Node, project: &str| {
        let body = serde_json::json!({ "name": project, "environments": ["development"] });
        let path = format!("/api/v1/projects/{project}/environments/development/secrets/KEPT");
        let value = serde_json::json!({ "value": format!("of {project}") });
        let one = node.ask("POST", "/api/v1/projects", &vault.token, "", Some(&body)).unwrap();
        // It may have been refused for the header that the node had not seen yet.
        let one = if one.status == 409 {
            node.ask("POST", "/api/v1/projects", &vault.token, "", Some(&body)).unwrap()
        } else {
            one
        };
        assert_eq!(one.status, 201, "{one:?}");
        assert_eq!(node.ask("PUT", &path, &vault.token, "", Some(&value)).unwrap().status, 201);
    };
    made(&by_key_file, "first");
    made(&by_passphrase, "second");
    for node in [&by_key_file, &by_passphrase] {
        node.kill();
        node.begin();
        node.ready();
        for project in ["first", "second"] {
            let path = format!("/api/v1/projects/{project}/environments/development/values/KEPT");
            let answer = node.ask("GET", &path, &vault.token, "", None).unwrap();
            assert_eq!(answer.body["value"], format!("of {project}"), "{answer:?}");
        }
    }

    let slots: serde_json::Value = serde_json::from_str(&by_passphrase.run(&["slot", "list", "--json"], b"")).unwrap();
    let of_key_file = slots["slots"].as_array().unwrap().iter().find(|slot| slot["kind"] == "key-file").unwrap();
    by_passphrase.run(&["slot", "remove", of_key_file["id"].as_str().unwrap(), "--yes"], b"");
    assert_eq!(by_key_file.status("/readyz", ""), 200, "until there is a new root it has this one");
    by_passphrase.run(&["rekey"], b"");
    let started = Instant::now();
    while by_key_file.status("/readyz", "") == 200 {
        assert!(started.elapsed() < Duration::from_secs(5), "a node without a slot goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
    let refused = by_key_file.ask("GET", "/api/v1/whoami", &vault.token, "", None).unwrap();
    assert_eq!((refused.status, refused.code()), (503, "sealed"));
    assert_eq!(by_passphrase.status("/api/v1/whoami", &vault.token), 200);
    let log = by_passphrase.run(&["audit", "log", "--json"], b"");
    assert!(log.contains("vault.lock") && log.contains("its slot was removed"), "{log}");
    by_passphrase.run(&["audit", "verify"], b"");
}

/// Where a project may be used from is set at one node, and counts at the others as soon as a revoked
/// token is dead there.
#[test]
fn networks_of_a_project_count_at_every_node() {
    let server = Postgres::shared();
    let vault = Vault::in_database(server);
    let nodes: Vec<Node> = (0..2).map(|_| Node::start(server, &vault)).collect();
    nodes.iter().for_each(Node::ready);
    let names = "/api/v1/projects/shop/environments/development/names";
    // Both remember what was decided.
    nodes.iter().for_each(|node| assert_eq!(node.status(names, &vault.token), 200));
    let limit = |networks: &[&str]| {
        let body = serde_json::json!({ "networks": networks, "force": true });
        nodes[0].ask("PATCH", "/api/v1/projects/shop", &vault.token, "", Some(&body)).unwrap()
    };
    assert_eq!(limit(&["192.0.2.0/24"]).status, 200);
    let set = Instant::now();
    assert_eq!(nodes[0].status(names, &vault.token), 403, "at once where it was set");
    while nodes[1].status(names, &vault.token) == 200 {
        assert!(set.elapsed() < nodes::MAX_STALE, "another node goes on for longer than it may");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(nodes[1].status(names, &vault.token), 403);
    proof("milliseconds until another node kept to a project's networks", set.elapsed().as_millis() as u64);
    // Who runs a node holds the keys, and lifts it.
    nodes[1].run(&["project", "edit", "shop", "--no-networks"], b"");
    let lifted = Instant::now();
    while nodes[0].status(names, &vault.token) != 200 {
        assert!(lifted.elapsed() < Duration::from_secs(10), "it is never lifted");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn who_went_to_a_provider_from_one_process_comes_back_to_another() {
    let server = Postgres::shared();
    let vault = Vault::in_database(server);
    let nodes: Vec<Node> = (0..2).map(|_| Node::start(server, &vault)).collect();
    nodes.iter().for_each(Node::ready);
    signing_in::by_two_nodes(&nodes[0], &nodes[1], &vault);
}

struct Stop<'a>(&'a Ledger);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Seen {
    fn make(&mut self, fault: Fault, nodes: &[Node], server: &Postgres, vault: &Vault, seed: &mut Seed) {
        *self.faults.entry(fault).or_default() += 1;
        let one = seed.below(NODES);
        match fault {
            Fault::Kill => {
                nodes[one].kill();
                std::thread::sleep(Duration::from_millis(seed.below(500) as u64));
                nodes[one].begin();
            }
            Fault::Crash => server.crash(),
            Fault::Terminate => {
                let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'keyward'";
                server.sql(&vault.schema, sql);
            }
            Fault::Cut => nodes[one].line.cut(),
            Fault::Refuse | Fault::Silence => {
                self.parted.push(revocation::parted(nodes, one, fault == Fault::Silence, vault));
            }
        }
    }

    /// An epoch of a job has one leader.
    fn look_at_leases(&mut self, server: &Postgres, vault: &Vault) {
        let rows = server.sql(&vault.schema, "SELECT job || '|' || epoch || '|' || holder FROM lease");
        for row in rows.lines().filter(|row| !row.is_empty()) {
            let mut parts = row.splitn(3, '|');
            let (job, epoch, holder) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
            let known = self.leaders.entry((job.to_owned(), epoch.parse().unwrap())).or_insert_with(|| holder.into());
            assert_eq!(known, holder, "two leaders of `{job}` in epoch {epoch}");
        }
    }

    fn tell(&mut self) {
        self.revocations.sort_unstable();
        let at = |part: f64| self.revocations[((self.revocations.len() - 1) as f64 * part).ceil() as usize];
        let (median, p99, longest) = (at(0.5), at(0.99), at(1.0));
        for (fault, n) in &self.faults {
            proof(&format!("faults: {fault:?}").to_lowercase(), n);
        }
        proof("revocations measured at other nodes", self.revocations.len());
        proof("revocation effective after (median, p99, longest)", format!("{median:?}, {p99:?}, {longest:?}"));
        proof("revoked token let in by a node without database for at most", format!("{:?}", self.parted.iter().max()));
        proof("leaders of jobs seen, one an epoch", self.leaders.len());
        assert!(p99 <= Duration::from_secs(1), "revocation took {p99:?} at the 99th percentile");
    }
}

/// The log and the store verify, and all nodes see the same.
fn verify(nodes: &[Node], server: &Postgres, vault: &Vault) {
    let started = Instant::now();
    let body = serde_json::json!({});
    let verdict = nodes[0].ask("POST", "/api/v1/audit/verify", &vault.token, "", Some(&body)).unwrap();
    assert_eq!((verdict.status, &verdict.body["ok"]), (200, &true.into()), "{verdict:?}");
    proof("the log and the store verified in", format!("{:.1} s", started.elapsed().as_secs_f64()));
    let dense = server.sql(&vault.schema, "SELECT count(*) = max(idx) + 1 AND min(idx) = 0 FROM log");
    assert_eq!(dense, "t", "the log is dense");
    let checkpoints: Vec<_> = nodes
        .iter()
        .map(|node| node.ask("GET", "/api/v1/audit/checkpoint", &vault.token, "", None).unwrap().body)
        .collect();
    assert!(checkpoints.iter().all(|other| *other == checkpoints[0]), "one log: {checkpoints:?}");
}
