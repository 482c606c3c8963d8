//! Who does the work that a vault needs done by itself. Of the processes at one store one *leads*:
//! on an engine that one process owns it is that process, on one that several share it is whoever
//! holds the lease. Each change of such work is refused once somebody else has taken over.

use std::time::Duration;

use keyward_access::{Caller, SystemTask};
use keyward_store::{Expect, Lease};

use crate::actor::Actor;
use crate::{Error, Vault};

/// The right to do the vault's own work. Made by [`Vault::lead`] alone, so that such work cannot
/// be called for without it. It may be over: that is found out at the next change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead(Option<Lease>);

/// The name of the lease.
const JOB: &str = "jobs";

impl Vault {
    /// Takes the lead for `time`, unless another process has it. `holder` has to be unlike the name
    /// of every other process.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn lead(&self, holder: &str, time: Duration) -> Result<Option<Lead>, Error> {
        match self.store.engine().nodes() {
            None => Ok(Some(Lead(None))),
            Some(nodes) => Ok(nodes.claim(JOB, holder, time)?.map(|lease| Lead(Some(lease)))),
        }
    }

    /// Keeps the lead for `time` from now on. False when somebody else has it.
    ///
    /// # Errors
    /// When the store does not answer; then it may last or not.
    pub fn keep_lead(&self, lead: &Lead, time: Duration) -> Result<bool, Error> {
        match (&lead.0, self.store.engine().nodes()) {
            (Some(lease), Some(nodes)) => Ok(nodes.renew(lease, time)?),
            _ => Ok(true),
        }
    }

    /// Lets another process take the lead at once.
    ///
    /// # Errors
    /// When the store does not answer; then the lead ends by itself.
    pub fn give_up_lead(&self, lead: &Lead) -> Result<(), Error> {
        match (&lead.0, self.store.engine().nodes()) {
            (Some(lease), Some(nodes)) => Ok(nodes.release(lease)?),
            _ => Ok(()),
        }
    }
}

impl Lead {
    /// How often the lead was taken, where several processes can take it.
    pub fn epoch(&self) -> Option<u64> {
        self.0.as_ref().map(|lease| lease.epoch)
    }

    /// What each change of the leader's work expects.
    pub(crate) fn expect(&self) -> Option<Expect> {
        self.0.as_ref().map(Lease::expect)
    }
}

impl Actor {
    /// keyward itself at a task, as the one who leads. `agent` is the program.
    pub fn task(task: SystemTask, lead: &Lead, agent: impl Into<String>) -> Self {
        Self { lead: Some(lead.clone()), ..Self::new(Caller::system(task), agent) }
    }
}
