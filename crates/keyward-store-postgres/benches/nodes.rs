//! Durable commits a second through one head of the log, by one node and by three, and what the tree
//! and the signature cost inside the transaction. Server, nodes and callers share the machine.
//!
//! `cargo bench -p keyward-store-postgres --bench nodes [-- --seconds 2 --rounds 3]`

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ed25519_dalek::{Signer, SigningKey};
use keyward_store::conformance::KeyedMac;
use keyward_store::{Batch, LogEntry, LogHead, Put, Store};
use keyward_store_postgres::{Address, Postgres};
use keyward_testing::postgres::Postgres as Server;
use sha2::{Digest, Sha256};

fn main() {
    let (mut round, mut rounds) = (Duration::from_secs(2), 3);
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(name) = arguments.next() {
        let value = arguments.next().expect("a value after each option");
        match name.as_str() {
            "--seconds" => round = Duration::from_secs_f64(value.parse().expect("a number")),
            "--rounds" => rounds = value.parse().expect("a number"),
            _ => panic!("unknown option {name}"),
        }
    }
    println!("one 512 B record and one 512 B log entry a commit; {rounds} rounds of {round:?}, medians\n");
    println!(
        "| nodes | callers | commits/s | without tree and signature | batches a group | p50 µs | p99 µs | µs of tree and signature a group |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let server = Server::start();
    for (nodes, callers) in [(1, 1), (1, 64), (1, 256), (3, 64), (3, 256)] {
        let address: Address = server.fresh().parse().expect("an address");
        drop(Postgres::create(&address, || 0).expect("a store"));
        let stores: Vec<Store> = (0..nodes).map(|_| open(&address, Arc::new(Frontier::new()))).collect();
        let bare: Vec<Store> = (0..nodes).map(|_| open(&address, Arc::new(Nothing))).collect();
        let (mut signed, mut unsigned) = (Vec::new(), Vec::new());
        GROUPS.store(0, Ordering::Relaxed);
        NANOSECONDS.store(0, Ordering::Relaxed);
        let mut made = 0.0;
        for _ in 0..rounds {
            let run = run(&stores, callers, round);
            made += run.rate * round.as_secs_f64();
            signed.push(run);
            unsigned.push(self::run(&bare, callers, round));
        }
        let of = |runs: &[Run], field: fn(&Run) -> f64| median(runs.iter().map(field).collect());
        let groups = GROUPS.load(Ordering::Relaxed) as f64;
        println!(
            "| {nodes} | {callers} | {:.0} | {:.0} | {:.1} | {:.0} | {:.0} | {:.0} |",
            of(&signed, |run| run.rate),
            of(&unsigned, |run| run.rate),
            made / groups,
            of(&signed, |run| run.p50),
            of(&signed, |run| run.p99),
            NANOSECONDS.load(Ordering::Relaxed) as f64 / 1e3 / groups,
        );
    }
}

struct Run {
    rate: f64,
    p50: f64,
    p99: f64,
}

fn run(stores: &[Store], callers: usize, time: Duration) -> Run {
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let mut latencies: Vec<f64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|caller| {
                let (store, stop) = (&stores[caller % stores.len()], &stop);
                scope.spawn(move || {
                    let mut latencies = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let start = Instant::now();
                        commit(store);
                        latencies.push(start.elapsed().as_secs_f64() * 1e6);
                    }
                    latencies
                })
            })
            .collect();
        std::thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().flat_map(|thread| thread.join().expect("no caller panics")).collect()
    });
    let elapsed = start.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize];
    Run { rate: latencies.len() as f64 / elapsed, p50: at(0.5), p99: at(0.99) }
}

fn commit(store: &Store) {
    // Keys are random ids: neighbours in time are none in the tree.
    let key = Sha256::digest(KEYS.fetch_add(1, Ordering::Relaxed).to_be_bytes())[..16].to_vec();
    let entry = LogEntry { public: vec![b'p'; 384], private: vec![b's'; 128] };
    let put = Put { collection: "secret".into(), key, value: vec![7; 496], indexes: Vec::new() };
    store.commit(Batch::record(entry).put(put)).expect("commit");
}

fn open(address: &Address, head: Arc<dyn LogHead>) -> Store {
    Store::open(Box::new(Postgres::open(address, || 0).expect("it opens")), Arc::new(KeyedMac(7)), head)
}

/// The cost of a real head: two hashes an entry, one Ed25519 signature a group, a state of 1 KiB.
struct Frontier(SigningKey);

impl Frontier {
    fn new() -> Self {
        Self(SigningKey::from_bytes(&[7; 32]))
    }
}

impl LogHead for Frontier {
    fn extend(&self, _: Option<&[u8]>, first_index: u64, public: &[&[u8]]) -> Result<Vec<u8>, String> {
        let start = Instant::now();
        let mut root = first_index.to_be_bytes().to_vec();
        for entry in public {
            let leaf = Sha256::digest(entry);
            root = Sha256::new().chain_update(&root).chain_update(leaf).finalize().to_vec();
        }
        let mut state = self.0.sign(&[&[b'n'; 128][..], &root].concat()).to_bytes().to_vec();
        state.resize(1024, 7);
        GROUPS.fetch_add(1, Ordering::Relaxed);
        NANOSECONDS.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        Ok(state)
    }
}

struct Nothing;

impl LogHead for Nothing {
    fn extend(&self, _: Option<&[u8]>, _: u64, _: &[&[u8]]) -> Result<Vec<u8>, String> {
        Ok(vec![7; 1024])
    }
}

static KEYS: AtomicU64 = AtomicU64::new(0);
static GROUPS: AtomicU64 = AtomicU64::new(0);
static NANOSECONDS: AtomicU64 = AtomicU64::new(0);

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
