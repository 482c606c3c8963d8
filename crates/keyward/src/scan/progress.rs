//! How far a scan is, on a terminal.

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A line that is written over. Nothing is shown where nobody looks, and nothing of a short scan.
pub(crate) struct Progress {
    shown: bool,
    started: Instant,
    count: AtomicU64,
    /// Milliseconds after the start at which the line was last written.
    last: AtomicU64,
}

const FIRST: u64 = 700;
const EVERY: u64 = 150;

impl Progress {
    pub(crate) fn new() -> Self {
        let shown = std::io::stderr().is_terminal();
        Self { shown, started: Instant::now(), count: AtomicU64::new(0), last: AtomicU64::new(0) }
    }

    /// More has been read.
    pub(crate) fn add(&self, count: u64) {
        let count = self.count.fetch_add(count, Ordering::Relaxed) + count;
        self.show(|| format!("{count} files"));
    }

    /// So many of so many have been read.
    pub(crate) fn set(&self, read: u64, of: u64) {
        self.show(|| match of {
            0 => format!("{read} objects"),
            of => format!("{} % of {of} objects", read * 100 / of),
        });
    }

    fn show(&self, text: impl Fn() -> String) {
        if !self.shown {
            return;
        }
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = self.last.load(Ordering::Relaxed);
        let due = now >= FIRST && now >= last + EVERY;
        if due && self.last.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[Kscanning: {}", text());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown && *self.last.get_mut() > 0 {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}
