//! Durable commits a second, beside the floor: a raw append and `fdatasync` of the same bytes by the
//! same number of callers. Rounds are interleaved, since disks are noisy; figures are medians.
//!
//! `cargo bench -p keyward-store-sqlite --bench commit [-- --seconds 2 --rounds 5 --callers 1,64]`

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use keyward_store::{Batch, KeyRange, LogEntry, LogHead, Put, RecordMac, Store, mac_input};
use keyward_store_sqlite::Sqlite;
use sha2::{Digest, Sha256};

fn main() {
    let options = Options::parse();
    println!("one 512 B record and one 512 B log entry a commit; floor: append of 1,024 B and fdatasync");
    println!("{} rounds of {:?}, medians\n", options.rounds, options.round);
    println!(
        "| callers | floor/s | ours/s | ratio | floor p50 µs | ours p50 µs | ratio | p99 µs | CPU µs floor, ours | batches a group | best/s floor, ours |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for &callers in &options.callers {
        compare(callers, &options);
    }
    println!();
    scan(&options);
    open(&options);
}

struct Options {
    callers: Vec<usize>,
    rounds: usize,
    round: Duration,
    folder: Option<PathBuf>,
}

impl Options {
    fn parse() -> Self {
        let mut options =
            Self { callers: vec![1, 16, 64, 256], rounds: 5, round: Duration::from_secs(2), folder: None };
        let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
        while let Some(name) = arguments.next() {
            let value = arguments.next().expect("a value after each option");
            match name.as_str() {
                "--callers" => {
                    options.callers =
                        value.split(',').filter(|n| *n != "0").map(|n| n.parse().expect("a number")).collect()
                }
                "--rounds" => options.rounds = value.parse().expect("a number"),
                "--seconds" => options.round = Duration::from_secs_f64(value.parse().expect("a number")),
                "--folder" => options.folder = Some(value.into()),
                _ => panic!("unknown option {name}"),
            }
        }
        options
    }

    fn folder(&self) -> tempfile::TempDir {
        match &self.folder {
            Some(folder) => tempfile::tempdir_in(folder),
            None => tempfile::tempdir(),
        }
        .expect("a folder for the run")
    }
}

fn compare(callers: usize, options: &Options) {
    let folder = options.folder();
    let store = store(&folder.path().join("bench.db"));
    let (mut floors, mut ours, mut rates, mut latencies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let keys = AtomicU64::new(0);
    GROUPS.store(0, Ordering::Relaxed);
    // A store in use has seen a checkpoint or two.
    run(callers, options.round / 2, |thread| commit(&store, thread, &keys));
    for _ in 0..options.rounds {
        let floor = floor(callers, options.round, folder.path());
        let own = run(callers, options.round, |thread| commit(&store, thread, &keys));
        rates.push(own.rate / floor.rate);
        latencies.push(own.p50 / floor.p50);
        floors.push(floor);
        ours.push(own);
    }
    let entries = store.log_head().expect("read").size;
    let median_of = |runs: &[Run], field: fn(&Run) -> f64| median(runs.iter().map(field).collect());
    println!(
        "| {callers} | {:.0} | {:.0} | {:.2} | {:.0} | {:.0} | {:.2} | {:.0} | {:.0}, {:.0} | {:.1} | {:.0}, {:.0} |",
        median_of(&floors, |run| run.rate),
        median_of(&ours, |run| run.rate),
        median(rates),
        median_of(&floors, |run| run.p50),
        median_of(&ours, |run| run.p50),
        median(latencies),
        median_of(&ours, |run| run.p99),
        median_of(&floors, |run| run.cpu),
        median_of(&ours, |run| run.cpu),
        entries as f64 / GROUPS.load(Ordering::Relaxed) as f64,
        floors.iter().map(|run| run.rate).fold(0.0, f64::max),
        ours.iter().map(|run| run.rate).fold(0.0, f64::max),
    );
}

fn floor(callers: usize, time: Duration, folder: &Path) -> Run {
    let path = folder.join("floor");
    let open = || OpenOptions::new().create(true).append(true).open(&path).expect("the floor's file");
    let files: Vec<File> = (0..callers).map(|_| open()).collect();
    let run = run(callers, time, |thread| {
        (&files[thread]).write_all(&[7; 1024]).expect("append");
        files[thread].sync_data().expect("flush");
    });
    std::fs::remove_file(&path).expect("the floor's file goes");
    run
}

fn commit(store: &Store, thread: usize, keys: &AtomicU64) {
    let number = keys.fetch_add(1, Ordering::Relaxed);
    // Keys are random ids: neighbours in time are none in the tree.
    let key = Sha256::digest(number.to_be_bytes())[..16].to_vec();
    let value = vec![thread as u8; 512 - key.len()];
    let entry = LogEntry { public: vec![b'p'; 384], private: vec![b's'; 128] };
    let put = Put { collection: "secret".into(), key, value, indexes: Vec::new() };
    store.commit(Batch::record(entry).put(put)).expect("commit");
}

/// What all threads did in the time.
struct Run {
    rate: f64,
    p50: f64,
    p99: f64,
    /// Microseconds of this process's CPU a commit; the kernel's own threads are not in it.
    cpu: f64,
}

fn run(callers: usize, time: Duration, work: impl Fn(usize) + Sync) -> Run {
    let (stop, work) = (AtomicBool::new(false), &work);
    let (start, cpu) = (Instant::now(), cpu_ticks());
    let mut latencies: Vec<f64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|thread| {
                let stop = &stop;
                scope.spawn(move || {
                    let mut latencies = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let start = Instant::now();
                        work(thread);
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
    let cpu = (cpu_ticks() - cpu) * 1e4 / latencies.len() as f64;
    latencies.sort_by(f64::total_cmp);
    assert!(!latencies.is_empty(), "no caller got its turn");
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize];
    Run { rate: latencies.len() as f64 / elapsed, p50: at(0.5), p99: at(0.99), cpu }
}

/// User and system time of this process in hundredths of a second (proc(5)).
fn cpu_ticks() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum()
}

fn scan(options: &Options) {
    const RECORDS: u32 = 10_000;
    let folder = options.folder();
    let store = store(&folder.path().join("scan.db"));
    let batch = Batch::record(LogEntry { public: vec![1], private: Vec::new() });
    let batch = (0..RECORDS).fold(batch, |batch, number| {
        let key = Sha256::digest(number.to_be_bytes())[..16].to_vec();
        batch.put(Put { collection: "secret".into(), key, value: vec![7; 600], indexes: Vec::new() })
    });
    store.commit(batch).expect("commit");
    let path = folder.path().join("scan.db");
    let scanned = |store: &Store| {
        let start = Instant::now();
        let found = store.scan("secret", &KeyRange::all(), None, usize::MAX).expect("scan");
        assert_eq!(found.len(), RECORDS as usize);
        start.elapsed().as_secs_f64() * 1e3
    };
    let warm: Vec<f64> = (0..31).map(|_| scanned(&store)).collect();
    drop(store);
    let cold: Vec<f64> = (0..31).map(|_| scanned(&self::store(&path))).collect();
    println!("scan of 10,000 records of 600 B with their MACs, median (best of 31), ms:");
    println!(
        "  again {:.1} ({:.1}), first in a process {:.1} ({:.1})",
        median(warm.clone()),
        best(&warm),
        median(cold.clone()),
        best(&cold)
    );
}

fn open(options: &Options) {
    let folder = options.folder();
    let path = folder.path().join("open.db");
    let keys = AtomicU64::new(0);
    let mut times: [Vec<f64>; 4] = Default::default();
    {
        let store = store(&path);
        for _ in 0..2_000 {
            commit(&store, 0, &keys);
        }
    }
    for _ in 0..31 {
        let mut lap = Instant::now();
        let mut took = |step: usize| {
            times[step].push(lap.elapsed().as_secs_f64() * 1e3);
            lap = Instant::now();
        };
        let store = store(&path);
        took(0);
        store.log_head().expect("read");
        took(1);
        commit(&store, 0, &keys);
        took(2);
        drop(store);
        took(3);
    }
    let [opened, read, committed, closed] = times.map(median);
    println!("open {opened:.2} ms, first read {read:.2} ms, first commit {committed:.2} ms, close {closed:.2} ms");
}

fn store(path: &Path) -> Store {
    let engine = if path.exists() { Sqlite::open(path, || 0) } else { Sqlite::create(path, || 0) };
    let engine = engine.expect("a database");
    Store::open(
        Box::new(engine),
        Arc::new(HmacSha256(Hmac::new_from_slice(&[7; 32]).expect("any length"))),
        Arc::new(Frontier(SigningKey::from_bytes(&[7; 32]))),
    )
}

/// What the vault uses: HMAC-SHA256, its key schedule kept.
struct HmacSha256(Hmac<Sha256>);

impl RecordMac for HmacSha256 {
    fn mac(
        &self,
        collection: &str,
        key: &[u8],
        generation: u64,
        value: &[u8],
        indexes: &[(String, Vec<u8>)],
    ) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac_input(collection, key, generation, value, indexes, |part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

/// The cost of a real head: a hash an entry and one in the tree above it, one Ed25519 signature a
/// group, a state of 1 KiB.
struct Frontier(SigningKey);

impl LogHead for Frontier {
    fn extend(&self, _: Option<&[u8]>, first_index: u64, public: &[&[u8]]) -> Result<Vec<u8>, String> {
        GROUPS.fetch_add(1, Ordering::Relaxed);
        let mut root = first_index.to_be_bytes().to_vec();
        for entry in public {
            let leaf = Sha256::digest(entry);
            root = Sha256::new().chain_update(&root).chain_update(leaf).finalize().to_vec();
        }
        let note = [&[b'n'; 128][..], &root].concat();
        let mut state = self.0.sign(&note).to_bytes().to_vec();
        state.resize(1024, 7);
        Ok(state)
    }
}

/// Transactions so far.
static GROUPS: AtomicU64 = AtomicU64::new(0);

fn best(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
