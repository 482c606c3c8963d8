//! A server that opens its vault with a slot which needs nobody: when it is asked to, and by itself
//! where it could not when it started, because what holds the key did not answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use keyward_client::{Code, Failure, Result, SealInfo};

use super::{Gate, Trying};
use crate::stop::Stop;

/// Why it is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Somebody wants it.
    Asked,
    /// It has not been open yet. What somebody has sealed stays so until somebody wants otherwise.
    Starting,
}

/// Between tries; twice as long after each.
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);
/// How soon a server that ends is noticed.
const NOTICED: Duration = Duration::from_millis(250);

impl Gate {
    /// Opens the vault with a slot of the node's own. May block.
    ///
    /// # Errors
    /// [`Code::Locked`] when the slot does not open it now; [`Code::Conflict`] when there is none, or the
    /// server is open.
    pub(crate) fn open_alone(self: &Arc<Self>, agent: &str, when: When) -> Result<SealInfo> {
        let keyhole = self.keyhole()?;
        {
            let mut unsealing = self.unsealing();
            if self.is_open() || (when == When::Starting && self.was_open.load(Ordering::Acquire)) {
                return Err(Failure::new(Code::Conflict, "the server is open: it needs nothing"));
            }
            if unsealing.is_trying() {
                return Err(Failure::new(Code::Unavailable, "the vault is being opened at this moment"));
            }
            unsealing.begin();
        }
        // Nobody else opens it meanwhile.
        let _trying = Trying(self);
        let vault = keyhole.open_alone()?.ok_or_else(|| {
            Failure::new(Code::Conflict, "`[unlock]` names no slot that opens the vault without somebody")
                .hint("`kms = true` names one of AWS KMS; `keyward unseal` without more takes shares")
        })?;
        vault.record_start(agent, &keyhole.node())?;
        self.open(vault)?;
        self.unsealing().finish();
        tracing::warn!("the server is unsealed");
        Ok(SealInfo { sealed: false, given: 0, threshold: self.threshold() })
    }

    /// Where a slot that needs nobody did not open the vault, tries it again until it does, somebody
    /// else opens the vault, or the server ends.
    pub(crate) fn open_when_it_can(self: &Arc<Self>, stop: &Stop) -> std::io::Result<()> {
        let has_slot = self.keyhole.as_ref().is_some_and(|keyhole| keyhole.opens_alone());
        if self.is_open() || !has_slot {
            return Ok(());
        }
        let (gate, stop) = (Arc::clone(self), stop.clone());
        let tries = move || {
            let mut wait = FIRST;
            while paused(wait, &stop) {
                match gate.open_alone("keyward", When::Starting) {
                    Ok(_) => return,
                    Err(failure) if failure.code == Code::Conflict => return,
                    Err(failure) => tracing::warn!(reason = %failure.message, "the server stays sealed for now"),
                }
                wait = (wait * 2).min(LONGEST);
            }
        };
        std::thread::Builder::new().name("keyward-opening".into()).spawn(tries).map(drop)
    }
}

/// Waits; `false` when the server ends meanwhile.
fn paused(wait: Duration, stop: &Stop) -> bool {
    let started = Instant::now();
    while started.elapsed() < wait {
        if stop.is_stopped() {
            return false;
        }
        std::thread::sleep(NOTICED.min(wait));
    }
    !stop.is_stopped()
}
