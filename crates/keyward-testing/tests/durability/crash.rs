//! `SIGKILL` at random moments: every acknowledged batch is there.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use keyward_store_sqlite::lock::Lock;
use keyward_testing::{Seed, proof, size};

use crate::{check, child};

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let kills = size("KEYWARD_CRASHES", 25);
    let seed = Seed::of_campaign();
    let mut acknowledged = 0;
    let mut kill = 0;
    while kill < kills {
        // A database lives through ten kills; also its making is interrupted.
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("store.db");
        let mut batches = Batches::default();
        for _ in 0..10.min(kills - kill) {
            let seed = seed.part("kill", kill);
            run_and_kill(&database, seed.clone(), &mut batches);
            assert_eq!(Lock::owner(folder.path()), Ok(None), "a dead lock is no lock");
            if database.exists() {
                batches.compare(&check::sound(&database));
            } else {
                assert!(batches.indexes.is_empty(), "kill {kill}: acknowledged, and no database");
            }
            kill += 1;
        }
        acknowledged += batches.indexes.len();
    }
    assert!(acknowledged > 0 || kills < 10, "no batch was ever acknowledged: the kills come too early");
    proof("kills", kills);
    proof("acknowledged", acknowledged);
}

fn run_and_kill(database: &Path, mut seed: Seed, batches: &mut Batches) {
    let threads = *seed.choose(&[1, 2, 8, 32]);
    let mut child = child::flood(database, threads).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (first, began) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        for line in lines {
            said.push(line.unwrap());
            // Nobody waits for it when the child is killed while it starts.
            let _ = first.send(());
        }
        said
    });
    if !seed.once_in(5) {
        began.recv().unwrap();
    }
    std::thread::sleep(Duration::from_micros(seed.below(40_000) as u64));
    child.kill().unwrap();
    child.wait().unwrap();
    for line in reader.join().unwrap() {
        batches.note(&line);
    }
}

/// Acknowledged batches by name, with the index of their entry.
#[derive(Default)]
struct Batches {
    indexes: BTreeMap<String, usize>,
}

impl Batches {
    fn note(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let ["ok", thread, number, index] = words[..] else { panic!("a healthy disk refuses nothing: {line}") };
        let before = self.indexes.insert(format!("{thread}/{number}"), index.parse().unwrap());
        assert_eq!(before, None, "`{line}` was acknowledged before: its commit had been lost");
    }

    fn compare(&self, log: &[String]) {
        for (name, &index) in &self.indexes {
            assert_eq!(log.get(index), Some(name), "what was acknowledged lies where it was said to lie");
        }
        let mut numbers = BTreeMap::<&str, u64>::new();
        for entry in log {
            let (thread, number) = entry.split_once('/').unwrap();
            let last = numbers.entry(thread).or_default();
            *last += 1;
            assert_eq!(number, last.to_string(), "thread {thread} has each number once, in order");
        }
    }
}
