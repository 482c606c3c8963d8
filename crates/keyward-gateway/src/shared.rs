//! What all cores share, and none of them waits for.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use keyward_types::Clock;

use crate::budget::{Budgets, Purses};
use crate::grant::VirtualKeyId;
use crate::lease::Leases;
use crate::rate::Gcra;
use crate::snapshot::Snapshot;
use crate::usage::UsageSink;

/// The gateway's other side: keys, leases, budgets, records and the time.
pub struct Shared {
    snapshot: ArcSwap<Snapshot>,
    pub(crate) leases: Arc<dyn Leases>,
    pub(crate) usage: Arc<dyn UsageSink>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) purses: Purses,
    lives: Mutex<HashMap<VirtualKeyId, Arc<Live>>>,
    began: Instant,
}

/// What is counted of one key while it is used, whatever snapshot it is in.
#[derive(Default)]
pub(crate) struct Live {
    pub(crate) requests: Gcra,
    pub(crate) tokens: Gcra,
    pub(crate) under_way: AtomicU32,
}

/// One of the requests that a key has under way.
pub(crate) struct UnderWay(Arc<Live>);

impl Shared {
    /// Takes the other side.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(
        snapshot: Snapshot,
        leases: Arc<dyn Leases>,
        budgets: Arc<dyn Budgets>,
        usage: Arc<dyn UsageSink>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        Ok(Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            leases,
            usage,
            purses: Purses::new(budgets, Arc::clone(&clock))?,
            clock,
            lives: Mutex::default(),
            began: Instant::now(),
        })
    }

    /// Puts a newer snapshot in the place of the present one: the next request is judged by it.
    pub fn publish(&self, snapshot: Snapshot) {
        let number = snapshot.number;
        if self.snapshot.swap(Arc::new(snapshot)).number == number {
            return;
        }
        // What no core has seen lately has no count that matters.
        self.lives.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, live| Arc::strong_count(live) > 1);
    }

    /// The present snapshot.
    pub fn snapshot(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// Nanoseconds on a clock that never goes back.
    pub(crate) fn nanos(&self) -> u64 {
        // Far from zero, so that a limit may lie in the past.
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX / 2) + (1 << 40)
    }

    /// The counts of a key. Asked once for a key and core, not for a request.
    pub(crate) fn live(&self, id: VirtualKeyId) -> Arc<Live> {
        let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lives.entry(id).or_default())
    }
}

impl Live {
    /// Begins a request, where fewer than `most` are under way.
    pub(crate) fn begin(self: &Arc<Self>, most: Option<u32>) -> Option<UnderWay> {
        let most = most.unwrap_or(u32::MAX);
        let next = |now: u32| (now < most).then(|| now.saturating_add(1));
        self.under_way.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).ok()?;
        Some(UnderWay(Arc::clone(self)))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}
