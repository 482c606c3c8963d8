//! Reads that are under way. Who reads a version counts it in a row of its own, and each count
//! follows on the one before: of many who read the same at once, one alone would get through. So what
//! is under way is remembered: the next count follows on it before it is durable, and is committed
//! after it, as batches are taken in the order in which they were handed over. Where one fails, those
//! that followed on it do too, and are tried again by their callers.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::records::{Reads, Row};

/// The counts that are under way, by the keys of their rows.
pub(crate) struct Counting {
    lanes: Vec<Mutex<Lane>>,
    chains: AtomicU64,
}

/// Rows that are under way, by their keys.
type Lane = HashMap<Vec<u8>, Ahead>;

/// A row as it will be.
struct Ahead {
    reads: Reads,
    generation: u64,
    under_way: usize,
    /// Which series of counts it belongs to: after a failure another one begins.
    chain: u64,
}

/// The right to count reads of some rows, in the order in which it was given.
pub(crate) struct Turn<'a> {
    counting: &'a Counting,
    lanes: Vec<(usize, MutexGuard<'a, Lane>)>,
    counted: HashMap<Vec<u8>, Row<Reads>>,
}

/// Counts that were handed over to be committed.
pub(crate) struct Counted(Vec<(Vec<u8>, u64)>);

const LANES: usize = 64;

impl Default for Counting {
    fn default() -> Self {
        Self { lanes: (0..LANES).map(|_| Mutex::default()).collect(), chains: AtomicU64::new(0) }
    }
}

impl Counting {
    /// Waits for whoever prepares counts of the same rows; nobody waits in here for the store.
    pub(crate) fn turn<'a>(&'a self, keys: impl Iterator<Item = Vec<u8>>) -> Turn<'a> {
        // In one order, so that no two wait for each other.
        let lanes: BTreeSet<usize> = keys.map(|key| lane(&key)).collect();
        let lanes = lanes.into_iter().map(|lane| (lane, self.lane(lane))).collect();
        Turn { counting: self, lanes, counted: HashMap::new() }
    }

    /// Counts that were committed, or not.
    pub(crate) fn settle(&self, counted: &Counted, committed: bool) {
        for (key, chain) in &counted.0 {
            let mut ahead = self.lane(lane(key));
            let Some(row) = ahead.get_mut(key).filter(|row| row.chain == *chain) else { continue };
            row.under_way -= 1;
            if row.under_way == 0 || !committed {
                ahead.remove(key);
            }
        }
    }

    fn lane(&self, lane: usize) -> MutexGuard<'_, Lane> {
        self.lanes[lane].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// The row as it will be when what is under way is durable; `None` where nothing is.
    pub(crate) fn ahead(&self, key: &[u8]) -> Option<Row<Reads>> {
        let row = self.lanes.iter().find(|(at, _)| *at == lane(key)).and_then(|(_, ahead)| ahead.get(key))?;
        Some(Row { record: row.reads.clone(), generation: row.generation })
    }

    /// These counts make the rows so.
    pub(crate) fn count(&mut self, counted: HashMap<Vec<u8>, Row<Reads>>) {
        self.counted = counted;
    }

    /// Its counts are handed over: whoever comes next follows on them. [`Counting::settle`] has to
    /// be told what became of them, and waits until this turn is over.
    pub(crate) fn hand_over(&mut self) -> Counted {
        let mut counted = Vec::new();
        for (key, Row { record: reads, generation }) in std::mem::take(&mut self.counted) {
            let Some((_, ahead)) = self.lanes.iter_mut().find(|(at, _)| *at == lane(&key)) else { continue };
            let before = ahead.get(&key).map(|row| (row.under_way, row.chain));
            let (under_way, chain) =
                before.unwrap_or_else(|| (0, self.counting.chains.fetch_add(1, Ordering::Relaxed)));
            counted.push((key.clone(), chain));
            ahead.insert(key, Ahead { reads, generation, under_way: under_way + 1, chain });
        }
        Counted(counted)
    }

    /// They were not handed over after all.
    pub(crate) fn take_back(&mut self, counted: &Counted) {
        for (key, chain) in &counted.0 {
            let Some((_, ahead)) = self.lanes.iter_mut().find(|(at, _)| *at == lane(key)) else { continue };
            // Others follow on what was before them, which is not kept: they begin anew.
            if ahead.get(key).is_some_and(|row| row.chain == *chain) {
                ahead.remove(key);
            }
        }
    }
}

/// A secret's id is random; the key ends with it and the version.
fn lane(key: &[u8]) -> usize {
    key.iter().rev().take(24).fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte))) % LANES
}
