//! Several at one file: readers beside a writer, two writers, another process, a log that does not grow for ever.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod kit;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use keyward_store::{Batch, LogEntry, Put};
use kit::{Home, keys, put};

/// The log's index is in this process alone, so that another one would not see what is committed.
#[cfg(unix)]
#[test]
fn another_process_stays_out_while_it_is_open() {
    let home = Home::with_records();
    let count = || {
        let program = "import sqlite3, sys; connection = sqlite3.connect(sys.argv[1], timeout=0); \
            print(connection.execute('SELECT count(*) FROM record').fetchone()[0])";
        let asked = std::process::Command::new("python3").args(["-c", program]).arg(home.path()).output().unwrap();
        String::from_utf8(if asked.status.success() { asked.stdout } else { asked.stderr }).unwrap()
    };
    let store = home.open();
    assert!(count().contains("database is locked"), "{}", count());
    store.commit(put("later", b"")).unwrap();
    // Nor does what others in this process close let anybody in.
    drop(store.snapshot().unwrap());
    assert!(count().contains("database is locked"), "{}", count());
    drop(store);
    assert_eq!(count().trim(), "4");
}

#[test]
fn two_writers_leave_one_dense_log() {
    const EACH: usize = 40;
    let home = Home::new();
    let (first, second) = (home.create(), home.open());
    std::thread::scope(|scope| {
        for (name, store) in [("first", &first), ("second", &second)] {
            scope.spawn(move || {
                for number in 0..EACH {
                    let name = format!("{name}/{number}");
                    let committed = store.commit(put(&name, b"")).unwrap();
                    let row = store.log(committed.first_index, 1).unwrap().remove(0);
                    assert_eq!(row.public, name.as_bytes());
                }
            });
        }
    });
    assert_eq!(first.log_head().unwrap(), second.log_head().unwrap());
    assert_eq!(first.log(0, usize::MAX).unwrap().len(), 2 * EACH);
    assert_eq!(keys(&first).unwrap().len(), 2 * EACH);
}

#[test]
fn the_write_ahead_log_starts_over() {
    let home = Home::new();
    let store = home.create();
    let stop = AtomicBool::new(false);
    let mut largest = 0;
    std::thread::scope(|scope| {
        // Somebody reads all the time.
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                keys(&store).unwrap();
            }
        });
        // 120 MiB in all.
        for number in 0..120_u32 {
            store.commit(bulk(number)).unwrap();
            largest = largest.max(fs::metadata(home.file("store.db-wal")).unwrap().len());
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(largest < 60 << 20, "the log grew to {largest} bytes");
    drop(store);
    assert_eq!(fs::metadata(home.file("store.db-wal")).unwrap().len(), 0, "closed, it is empty");
    let store = home.open();
    assert_eq!(store.log_head().unwrap().size, 120);
    assert_eq!(store.engine().check(), Ok(Vec::new()));
}

fn bulk(number: u32) -> Batch {
    let entry = LogEntry { public: number.to_be_bytes().to_vec(), private: Vec::new() };
    (0..16_u32).fold(Batch::record(entry), |batch, part| {
        let key = [number.to_be_bytes(), part.to_be_bytes()].concat();
        batch.put(Put { collection: "bulk".into(), key, value: vec![7; 1 << 16], indexes: Vec::new() })
    })
}

#[test]
fn a_snapshot_outlives_checkpoints() {
    let home = Home::with_records();
    let store = home.open();
    let snapshot = store.snapshot().unwrap();
    for number in 0..20 {
        store.commit(bulk(number)).unwrap();
    }
    store.commit(put("a", b"new")).unwrap();
    assert_eq!(snapshot.get("secret", b"a").unwrap().unwrap().value, b"the value");
    assert_eq!(snapshot.log_head().unwrap().size, 3);
    assert_eq!(snapshot.all_records().count(), 3);
    drop(snapshot);
    assert_eq!(store.get("secret", b"a").unwrap().unwrap().value, b"new");
}
