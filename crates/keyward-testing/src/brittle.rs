//! An engine that stops committing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use keyward_store::{Batch, Committed, Engine, Error, LogHead, Nodes, Reads, RecordMac, Result};

/// An engine in front of another. While its switch is on, every commit is refused as by a full
/// disk, and reading works.
pub struct Brittle<E> {
    inner: E,
    switch: Switch,
}

/// Turns the fault on and off: how many commits are let through still.
#[derive(Clone, Debug)]
pub struct Switch(Arc<AtomicI64>);

impl Default for Switch {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MAX)))
    }
}

impl<E: Engine> Brittle<E> {
    /// Puts `switch` in front of an engine.
    pub fn new(inner: E, switch: &Switch) -> Self {
        Self { inner, switch: switch.clone() }
    }
}

impl Switch {
    /// From now on every commit fails, or none does.
    pub fn fail(&self, on: bool) {
        self.0.store(if on { 0 } else { i64::MAX }, Ordering::Relaxed);
    }

    /// Every commit fails after the next `n`.
    pub fn fail_after(&self, n: i64) {
        self.0.store(n, Ordering::Relaxed);
    }

    fn check(&self) -> Result<()> {
        let left =
            |left: i64| if left == i64::MAX { Some(left) } else { left.checked_sub(1).filter(|left| *left >= 0) };
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left) {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::Full),
        }
    }
}

impl<E: Engine> Engine for Brittle<E> {
    fn apply(&self, batches: &[Batch], mac: &dyn RecordMac, head: &dyn LogHead) -> Vec<Result<Committed>> {
        match self.switch.check() {
            Ok(()) => self.inner.apply(batches, mac, head),
            Err(error) => batches.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    fn snapshot(&self) -> Result<Box<dyn Reads + '_>> {
        self.inner.snapshot()
    }

    fn put_meta(&self, name: &str, value: Option<&[u8]>) -> Result<()> {
        self.switch.check()?;
        self.inner.put_meta(name, value)
    }

    fn backup_to(&self, path: &Path) -> Result<()> {
        self.inner.backup_to(path)
    }

    fn load(&self, source: &dyn Reads) -> Result<()> {
        self.switch.check()?;
        self.inner.load(source)
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        self.inner.nodes()
    }

    fn check(&self) -> Result<Vec<String>> {
        self.inner.check()
    }
}

reads_of_inner!(Brittle);
