//! What an engine can do that several processes ("nodes") share: agree on who does a job, and notice
//! what the others have changed. An engine that one process owns needs neither.

use std::time::{Duration, Instant};

use crate::Result;

/// The nodes at one store ([`Engine::nodes`](crate::Engine::nodes)).
pub trait Nodes: Sync {
    /// Makes `holder` the one who does `job`, for `time`, unless somebody else holds it. Time is the
    /// database's: clocks of nodes do not matter.
    ///
    /// A claim that succeeds begins a new epoch, also for the same holder, so that of two processes of
    /// one name only the later one goes on.
    fn claim(&self, job: &str, holder: &str, time: Duration) -> Result<Option<Lease>>;

    /// Holds it for `time` from now on. False when somebody else has claimed the job since.
    fn renew(&self, lease: &Lease, time: Duration) -> Result<bool>;

    /// Lets others claim the job at once.
    fn release(&self, lease: &Lease) -> Result<()>;

    /// Watches for changes from now on.
    fn watch(&self) -> Result<Box<dyn Watch>>;
}

/// The right to do a job. It counts only where it is checked: each transaction of the job must carry
/// [`Lease::expect`], as a holder that was slow may have been replaced without knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub job: String,
    /// Who does it.
    pub holder: String,
    /// Grows by one with every claim of the job.
    pub epoch: u64,
}

impl Lease {
    /// Refuses a batch once somebody else has claimed the job.
    #[must_use]
    pub fn expect(&self) -> crate::Expect {
        crate::Expect::Lease { job: self.job.clone(), epoch: self.epoch }
    }
}

/// A node's view of what changes.
pub trait Watch: Send {
    /// Waits until something may have changed, a quarter of a second at most, and says what did since
    /// the last answer. After an error the next call begins where the last answer ended.
    fn wait(&mut self) -> Result<Changes>;
}

/// What has changed, whoever changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Collections in which records were put or deleted, in order.
    pub collections: Vec<Changed>,
    /// Whether the header was replaced.
    pub header: bool,
    /// Entries in the log.
    pub size: u64,
    /// All that was committed before this moment has been reported.
    pub as_of: Instant,
}

/// What has changed in a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its name.
    pub collection: String,
    /// Keys of the records that were put or deleted, in order; `None` where they are too many to be told, and it
    /// may be any.
    pub keys: Option<Vec<Vec<u8>>>,
}
