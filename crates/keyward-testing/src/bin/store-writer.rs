//! A process that writes to a store until it is stopped or killed, for the campaigns in
//! `tests/durability`. It says on standard output what became of each batch, one line a batch.
//!
//! `store-writer obey DB` takes commands on standard input, one a line: `open`, `commit NAME`,
//! `read NAME`, `backup PATH`, `close`. `store-writer flood DB THREADS` commits as fast as it can:
//! each thread its batches in order, from where the store says that it stopped.

use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keyward_store::conformance::{HashChain, KeyedMac};
use keyward_store::{Batch, Committed, Error, LogEntry, Put, Result, Store};
use keyward_store_sqlite::Sqlite;
use keyward_store_sqlite::lock::Lock;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().expect("usage: store-writer obey DB | flood DB THREADS");
    let (work, path) = (next(), PathBuf::from(next()));
    match work.as_str() {
        "obey" => obey(&path),
        "flood" => flood(&path, next().parse().expect("a number of threads")),
        other => panic!("unknown work `{other}`"),
    }
}

fn obey(path: &Path) {
    let mut store = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("commands are text");
        let (command, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let done = match command {
            "open" => open(path).map(|opened| {
                store = Some(opened);
                String::new()
            }),
            "close" => {
                store = None;
                Ok(String::new())
            }
            _ => with(store.as_ref().expect("open comes first"), command, argument),
        };
        match done {
            Ok(said) => say(&format!("ok {said}")),
            Err(error) => say(&format!("refused {error}")),
        }
    }
}

fn with(store: &Store, command: &str, argument: &str) -> Result<String> {
    Ok(match command {
        "commit" => commit(store, argument, argument)?.first_index.to_string(),
        "read" => store.get("name", argument.as_bytes())?.map_or("nothing".into(), |_| "it".into()),
        "backup" => {
            store.backup_to(Path::new(argument))?;
            String::new()
        }
        other => panic!("unknown command `{other}`"),
    })
}

fn flood(path: &Path, threads: usize) {
    let folder = path.parent().expect("a file in a folder");
    let _lock = Lock::acquire(folder, Duration::from_secs(10)).expect("a dead lock blocks nobody");
    let store = open(path).expect("whatever happened before, it opens");
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let store = &store;
            scope.spawn(move || write(store, thread));
        }
    });
}

/// Commits one batch after the other: a new record, and the thread's own one anew. Reads both back.
fn write(store: &Store, thread: usize) -> ! {
    let own = format!("thread {thread}");
    let last = store.get("thread", own.as_bytes()).expect("it verifies").map_or(0, |record| record.generation);
    for number in last + 1.. {
        let name = format!("{thread}/{number}");
        loop {
            match commit(store, &name, &own) {
                Ok(committed) => break say(&format!("ok {thread} {number} {}", committed.first_index)),
                Err(error) => say(&format!("refused {thread} {number} {error}")),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let record = store.get("thread", own.as_bytes()).expect("it verifies").expect("it was committed");
        assert_eq!((record.generation, &record.value[..]), (number, name.as_bytes()));
        assert!(store.get("name", name.as_bytes()).expect("it verifies").is_some());
    }
    unreachable!("numbers do not end");
}

fn commit(store: &Store, name: &str, own: &str) -> Result<Committed> {
    let entry = LogEntry { public: name.into(), private: vec![b'p'; 200] };
    let indexes = vec![("own".into(), own.into())];
    let new = Put { collection: "name".into(), key: name.into(), value: vec![b'v'; 300], indexes };
    let changed = Put {
        collection: "thread".into(),
        key: own.into(),
        value: name.into(),
        indexes: vec![("last".into(), name.into())],
    };
    store.commit(Batch::record(entry).put(new).put(changed))
}

fn open(path: &Path) -> Result<Store> {
    let engine = match Sqlite::open(path, || 0) {
        Err(Error::NotFound { .. }) => Sqlite::create(path, || 0)?,
        opened => opened?,
    };
    Ok(Store::open(Box::new(engine), Arc::new(KeyedMac(7)), Arc::new(HashChain)))
}

/// One line in one write, so that a kill cuts none in two.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // The reader may be gone before us.
    let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
}
