//! An engine that stops at a commit, for whoever kills the process there.

use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use keyward_store::{Batch, Committed, Engine, LogHead, Nodes, Reads, RecordMac, Result};

/// An engine in front of another, which says [`HERE`] at the commit with this number and goes on no
/// more: the process is to be killed then.
pub struct Halting<E> {
    inner: E,
    left: AtomicI64,
    edge: Edge,
}

/// On which side of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// It was not made: what was done before it is on no record.
    Before,
    /// It was made: what it says is being done was not begun.
    After,
}

/// What is said on standard output there.
pub const HERE: &str = "here";

impl<E: Engine> Halting<E> {
    /// Stops at the `n`th commit from now on; 0: never.
    pub fn at(inner: E, n: i64, edge: Edge) -> Self {
        Self { inner, left: AtomicI64::new(n), edge }
    }

    fn halt() -> ! {
        let mut out = std::io::stdout().lock();
        // Whoever does not read it any more kills it all the same.
        let _ = writeln!(out, "{HERE}").and_then(|()| out.flush());
        loop {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }
}

impl<E: Engine> Engine for Halting<E> {
    fn apply(&self, batches: &[Batch], mac: &dyn RecordMac, head: &dyn LogHead) -> Vec<Result<Committed>> {
        let here = self.left.fetch_sub(1, Ordering::Relaxed) == 1;
        if here && self.edge == Edge::Before {
            Self::halt();
        }
        let applied = self.inner.apply(batches, mac, head);
        if here {
            Self::halt();
        }
        applied
    }

    fn snapshot(&self) -> Result<Box<dyn Reads + '_>> {
        self.inner.snapshot()
    }

    fn put_meta(&self, name: &str, value: Option<&[u8]>) -> Result<()> {
        self.inner.put_meta(name, value)
    }

    fn backup_to(&self, path: &Path) -> Result<()> {
        self.inner.backup_to(path)
    }

    fn load(&self, source: &dyn Reads) -> Result<()> {
        self.inner.load(source)
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        self.inner.nodes()
    }

    fn check(&self) -> Result<Vec<String>> {
        self.inner.check()
    }
}

reads_of_inner!(Halting);
