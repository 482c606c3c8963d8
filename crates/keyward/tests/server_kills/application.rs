//! An application that connects all the time with what its file says.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use keyward_dotenv::Dialect;

use crate::database::Database;
use crate::shop::Secret;

/// It works while this is done; gives that, and how often it connected.
pub(crate) fn works<T>(database: &Database, secret: &Secret, done: impl FnOnce() -> T) -> (T, u64) {
    let (over, connections) = (AtomicBool::new(false), AtomicU64::new(0));
    let result = std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                connects(database, secret);
                connections.fetch_add(1, Ordering::Relaxed);
            }
        });
        let _stop = Stop(&over);
        let result = done();
        over.store(true, Ordering::Relaxed);
        client.join().unwrap();
        result
    });
    (result, connections.into_inner())
}

/// What it has read may have been replaced before it comes to the database: then it reads again, as
/// applications do that were turned away once.
fn connects(database: &Database, secret: &Secret) {
    let read = what_is_read(&secret.file);
    if database.connects(&read) {
        return;
    }
    let again = what_is_read(&secret.file);
    assert!(again != read, "{}: what the file says, and goes on to say, does not work", secret.name);
    assert!(database.connects(&again), "{}: what the file says now does not work", secret.name);
}

pub(crate) fn what_is_read(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let parsed = keyward_dotenv::parse(&text, Dialect::Node, &|_| None).unwrap();
    parsed.value("DATABASE_URL").unwrap().to_owned()
}

/// Ends it, whatever fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
