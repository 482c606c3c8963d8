//! What the log costs a commit (goal: 40 µs and 1 µs an entry), and how fast it is verified:
//! medians, in a log of a million entries. `cargo xtask bench audit` writes them down.
#![allow(clippy::print_stdout, reason = "a bench reports on standard output")]

use std::hint::black_box;
use std::time::Instant;

use keyward_audit::checkpoint::origin;
use keyward_audit::note::Ed25519Signer;
use keyward_audit::private::commit;
use keyward_audit::{Action, Entry, Hash, Integrator, Outcome, RecordChange, Verifier};
use keyward_store::LogRow;

/// An entry of about 500 bytes, as a write of a secret leaves it.
fn entry(n: u64) -> Entry {
    let time = "2026-11-23T21:43:00.123Z";
    let commit = commit(&[5; 32], &n.to_be_bytes());
    let mut entry = Entry::new(Action::SecretWrite, Outcome::Allowed, "p_00000000000000", "v", time, commit);
    entry.project = Some("pr_0000000000000".into());
    entry.environment = Some("en_0000000000000".into());
    entry.secret = Some("se_0000000000000".into());
    entry.version = Some(n);
    let key = (n % 100_000).to_be_bytes().to_vec();
    entry.records = vec![RecordChange { collection: "head".into(), hash: Some(Hash::of(&key)), key }];
    entry
}

fn integrator() -> Integrator<Ed25519Signer> {
    Integrator::new(Ed25519Signer::new(&origin("v"), &[1; 32]).expect("a good name"))
}

fn log(count: u64) -> (Vec<LogRow>, Vec<u8>) {
    let public = |n| entry(n).canonical().expect("a good entry");
    let rows: Vec<_> = (0..count).map(|index| LogRow { index, public: public(index), private: Vec::new() }).collect();
    let leaves: Vec<&[u8]> = rows.iter().map(|row| row.public.as_slice()).collect();
    let head = integrator().extend(None, 0, &leaves).expect("a new log");
    (rows, head)
}

fn main() {
    let (rows, head) = log(1_000_000);
    let size = rows.len() as u64;
    println!("bench-table-begin");
    println!("| work | entries | µs | µs an entry |\n| --- | --- | --- | --- |");
    for count in [1usize, 64, 256] {
        let leaves: Vec<&[u8]> = rows[..count].iter().map(|row| row.public.as_slice()).collect();
        let integrator = integrator();
        let mut state = integrator.extend(Some(&head), size, &[]).expect("the head is authentic");
        let mut at = size;
        let time = median(501, || {
            state = integrator.extend(Some(&state), at, &leaves).expect("it goes on");
            at += count as u64;
        });
        print("extend, head known", count, time);
    }
    let leaf = [rows[0].public.as_slice()];
    let anew = integrator();
    let time = median(501, || {
        black_box(anew.extend(Some(&head), size, &leaf).expect("the head is authentic"));
    });
    print("extend, head read anew", 1, time);
    let made: Vec<Entry> = (0..1_000).map(entry).collect();
    let time = median(51, || made.iter().for_each(|entry| drop(black_box(entry.canonical()))));
    print("canonical form", made.len(), time);
    let keys = integrator().keys().to_vec();
    let rows: Vec<LogRow> = rows.into_iter().take(100_000).collect();
    let (_, head) = log(100_000);
    let time = median(5, || assert!(Verifier::new(&keys).log(&rows, Some(&head)).holds()));
    print("verify", rows.len(), time);
    println!("bench-table-end");
}

/// The time in the middle, in microseconds.
fn median(rounds: usize, mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[rounds / 2]
}

fn print(work: &str, entries: usize, time: f64) {
    println!("| {work} | {entries} | {time:.1} | {:.2} |", time / entries as f64);
}
