//! `audit verify`: is the log what was signed, and are the records what the log says?
//!
//! One pass over the log checks each entry's form and place, recomputes the tree and compares its
//! root with every checkpoint that is at hand: the stored head's, those in entries, those kept
//! outside the store. The same pass replays the entries: the last state that each record was left
//! in must be the state it is found in. Memory grows with the number of records, not of entries.
//!
//! What is found is a list of [`Fault`]s, each naming the entry or record.

mod chain;
mod fault;
mod replay;
mod source;

use keyward_store::Reader;
use zeroize::Zeroizing;

use crate::merkle::Frontier;
use crate::note::VerifierKey;
use crate::{Checkpoint, Entry};

pub use fault::{Fault, Outside};
pub use source::{Log, Present, PresentRecord, Records};

use chain::Chain;
use replay::Replay;

/// What a log is verified with.
#[derive(Clone, Copy)]
pub struct Verifier<'a> {
    keys: &'a [VerifierKey],
    against: &'a [String],
    open: Option<OpenPrivate<'a>>,
    unlogged: &'a [&'a str],
    base: &'a Frontier,
    reads: Option<&'a [ReadCounter]>,
}

/// Opens the sealed private part beside an entry: salt and JSON, none when its subject was erased.
pub type OpenPrivate<'a> = &'a dyn Fn(&Entry, &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, String>;

/// A counter of disclosures as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadCounter {
    /// Id of who read.
    pub principal: String,
    /// Id of the secret.
    pub secret: String,
    /// Version of the secret.
    pub version: u64,
    /// How many times.
    pub count: u64,
}

/// The outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Index of the first entry: 0, unless closed epochs were dropped.
    pub first: u64,
    /// Number of the log's entries, dropped ones included.
    pub size: u64,
    /// Number of records compared.
    pub records: u64,
    /// The head's checkpoint, when it is authentic.
    pub checkpoint: Option<Checkpoint>,
    /// What is wrong, at most [`MAX_FAULTS`]; nothing when the log holds.
    pub faults: Vec<Fault>,
    /// How many further faults there were.
    pub more: u64,
}

/// So many faults are listed; the rest is counted.
pub const MAX_FAULTS: usize = 1000;

impl<'a> Verifier<'a> {
    /// Trusts these keys: the log's present one first, then former generations.
    pub fn new(keys: &'a [VerifierKey]) -> Verifier<'a> {
        Verifier { keys, against: &[], open: None, unlogged: &[], base: &EMPTY, reads: None }
    }

    /// Compares with checkpoints (signed notes) that were kept outside the store.
    #[must_use]
    pub fn against(self, checkpoints: &'a [String]) -> Self {
        Verifier { against: checkpoints, ..self }
    }

    /// Opens the private parts and checks them against their commitments.
    #[must_use]
    pub fn open_private(self, open: OpenPrivate<'a>) -> Self {
        Verifier { open: Some(open), ..self }
    }

    /// Leaves out collections whose changes are recorded without a hash.
    #[must_use]
    pub fn unlogged(self, collections: &'a [&'a str]) -> Self {
        Verifier { unlogged: collections, ..self }
    }

    /// Begins after dropped epochs, whose entries are represented by the tree's edge there.
    #[must_use]
    pub fn base(self, base: &'a Frontier) -> Self {
        Verifier { base, ..self }
    }

    /// Compares the entries of disclosures with the store's counters.
    #[must_use]
    pub fn reads(self, counters: &'a [ReadCounter]) -> Self {
        Verifier { reads: Some(counters), ..self }
    }

    /// Verifies a log alone. `head` is the stored head's state, as [`crate::Integrator`] left it.
    pub fn log(&self, log: &dyn Log, head: Option<&[u8]>) -> Report {
        self.run(log, head, None)
    }

    /// Verifies a log and compares the records with it.
    pub fn log_and_records(&self, log: &dyn Log, head: Option<&[u8]>, records: &dyn Records) -> Report {
        self.run(log, head, Some(records))
    }

    /// Verifies a store: log, records, their MACs and their indexes. Give it a snapshot when the
    /// store is in use.
    ///
    /// # Errors
    /// When the store's head cannot be read.
    pub fn store(&self, reader: &Reader<'_>) -> keyward_store::Result<Report> {
        let head = reader.log_head()?;
        let mut report = self.run(reader, head.state.as_deref(), Some(reader));
        if head.size != report.size {
            report.add(Fault::Size { entries: report.size, counted: head.size });
        }
        match reader.index_defects() {
            Ok(defects) => defects.into_iter().for_each(|defect| report.add(Fault::Index(defect))),
            Err(why) => report.add(Fault::RecordsUnreadable { why: why.to_string() }),
        }
        Ok(report)
    }

    fn run(&self, log: &dyn Log, head: Option<&[u8]>, records: Option<&dyn Records>) -> Report {
        let first = self.base.size();
        let mut report = Report { first, size: first, records: 0, checkpoint: None, faults: Vec::new(), more: 0 };
        let mut replay = Replay::new(self);
        let mut chain = Chain::new(self, head, &mut report);
        for row in log.entries() {
            let row = match row {
                Ok(row) => row,
                Err(why) => {
                    report.add(Fault::Unreadable { why });
                    break;
                }
            };
            if let Some(entry) = chain.check(&row, &mut report) {
                replay.take(row.index, &entry);
            }
        }
        chain.finish(log, &mut report);
        if let Some(records) = records {
            replay = replay.compare(log, records, &mut report);
        }
        if let Some(counters) = self.reads {
            replay.compare_reads(counters, &mut report);
        }
        report
    }
}

impl Report {
    /// Whether nothing is wrong.
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }

    fn add(&mut self, fault: Fault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        } else {
            self.more += 1;
        }
    }
}

static EMPTY: Frontier = Frontier::new();

#[cfg(test)]
mod tests;
