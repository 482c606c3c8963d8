//! Reading connections. Single reads share a few, and wait for each other: a connection is half a megabyte
//! and takes as long to open as some tens of reads do, and a hundred callers at once need no hundred of them.
//! A snapshot, whose reader may take his time, has one of its own.

use std::num::NonZeroUsize;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use keyward_store::Result;
use rusqlite::Connection;

use crate::connection;

/// Idle reading connections to one database.
pub(crate) struct Readers {
    path: PathBuf,
    mapped: bool,
    state: Mutex<State>,
    /// A single read has ended.
    ended: Condvar,
    /// So many single reads are under way at most, and so many idle connections are kept.
    at_once: usize,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    /// Single reads that are under way.
    reading: usize,
    /// Who waits for one to end.
    waiting: usize,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let at_once = processors.clamp(FEWEST, MOST);
        Self { path, mapped: false, state: Mutex::default(), ended: Condvar::new(), at_once }
    }

    /// From now on connections read through a mapping of the file. Those that were opened before
    /// have read little yet, and are opened anew.
    pub(crate) fn map_file(&mut self) {
        self.mapped = true;
        self.state().idle.clear();
    }

    /// A connection for one read, which comes back here when it is dropped. Whoever has one takes no
    /// second, or all could wait for each other.
    pub(crate) fn for_one_read(&self) -> Result<Reading<'_>> {
        let mut state = self.state();
        while state.reading >= self.at_once {
            state.waiting += 1;
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        state.reading += 1;
        let idle = state.idle.pop();
        drop(state);
        // Where none can be opened, the turn is given up with this.
        let mut reading = Reading { connection: idle, readers: self, single: true };
        if reading.connection.is_none() {
            reading.connection = Some(connection::reader(&self.path, self.mapped)?);
        }
        Ok(reading)
    }

    /// A connection for as long as somebody wants to see the same, which waits for nobody.
    pub(crate) fn for_snapshot(&self) -> Result<Reading<'_>> {
        let idle = self.state().idle.pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connection::reader(&self.path, self.mapped)?,
        };
        Ok(Reading { connection: Some(connection), readers: self, single: false })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reading connection on loan.
pub(crate) struct Reading<'a> {
    connection: Option<Connection>,
    readers: &'a Readers,
    single: bool,
}

impl Deref for Reading<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("only the drop takes it")
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        // A snapshot ends with its loan; a connection that cannot end one is not lent again.
        let again = self
            .connection
            .take()
            .filter(|connection| connection.is_autocommit() || connection.execute_batch("ROLLBACK").is_ok());
        let mut state = self.readers.state();
        let (kept, spare) = if state.idle.len() < self.readers.at_once { (again, None) } else { (None, again) };
        state.idle.extend(kept);
        state.reading -= usize::from(self.single);
        // To wake somebody is a call of the system, also where nobody waits.
        let wake = self.single && state.waiting > 0;
        drop(state);
        if wake {
            self.readers.ended.notify_one();
        }
        // To close one takes a while.
        drop(spare);
    }
}

/// Also where there is one processor: reads wait for the disk as well.
const FEWEST: usize = 4;
const MOST: usize = 32;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    fn with_readers(test: impl FnOnce(&Readers)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (x BLOB) STRICT;").unwrap();
        test(&Readers::new(path));
    }

    #[test]
    fn many_callers_share_a_few_connections() {
        with_readers(|readers| {
            let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            thread::scope(|scope| {
                for _ in 0..16 * readers.at_once {
                    scope.spawn(|| {
                        let reading = readers.for_one_read().unwrap();
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::sleep(Duration::from_millis(2));
                        now.fetch_sub(1, Ordering::SeqCst);
                        drop(reading);
                    });
                }
            });
            assert!(most.load(Ordering::SeqCst) <= readers.at_once);
            let state = readers.state();
            assert_eq!((state.reading, state.waiting), (0, 0));
            assert!((1..=readers.at_once).contains(&state.idle.len()), "{}", state.idle.len());
        });
    }

    #[test]
    fn snapshots_wait_for_nobody_and_keep_nobody_waiting() {
        with_readers(|readers| {
            let many = 2 * readers.at_once;
            let snapshots: Vec<Reading<'_>> = (0..many).map(|_| readers.for_snapshot().unwrap()).collect();
            let reads: Vec<Reading<'_>> = (0..readers.at_once).map(|_| readers.for_one_read().unwrap()).collect();
            let one_more = readers.for_snapshot().unwrap();
            drop((snapshots, reads, one_more));
            assert_eq!(readers.state().idle.len(), readers.at_once, "the rest is closed");
        });
    }

    #[test]
    fn who_cannot_open_one_gives_his_turn_up() {
        let nowhere = Readers::new(PathBuf::from("/nowhere/some.db"));
        for _ in 0..=2 * nowhere.at_once {
            assert!(nowhere.for_one_read().is_err());
        }
        assert_eq!(nowhere.state().reading, 0);
    }
}
