//! How patient a rotation is.

use serde::{Deserialize, Serialize};

/// What is asked of a rotation. Times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// For how long the old value has to be silent before it ends.
    pub soak: i64,
    /// For how long it stays stopped before it ends, where it can be stopped.
    pub suspended: i64,
    /// Whether it may end although people hold it: an emergency.
    pub passes_holders: bool,
    /// Whether it ends before its successor is there. Only where somebody allowed it beforehand.
    pub kill_first: bool,
    /// Whether a keyring drops the predecessor once it is silent.
    pub contracts: bool,
    /// How long the first wait after a failure is at most, and how long any is.
    pub first_wait: i64,
    /// The same.
    pub longest_wait: i64,
    /// After how many failures a person is told.
    pub patience: u32,
    /// For how long the old value may be in use until a person is told.
    pub observes: i64,
    /// How long a call lasts at most.
    pub call: i64,
}

impl Policy {
    const SECOND: i64 = 1000;
    const HOUR: i64 = 3600 * Self::SECOND;

    /// After how many dead probes another candidate is made, and how many there are.
    pub(super) const PROBES: u32 = 5;
    pub(super) const CANDIDATES: u32 = 3;

    /// For what runs by itself in production.
    pub fn routine() -> Self {
        Self {
            soak: 24 * Self::HOUR,
            suspended: 24 * Self::HOUR,
            passes_holders: false,
            kill_first: false,
            contracts: true,
            first_wait: 2 * Self::SECOND,
            longest_wait: 5 * 60 * Self::SECOND,
            patience: 8,
            observes: 7 * 24 * Self::HOUR,
            call: 30 * Self::SECOND,
        }
    }

    /// For a leaked key: the old one ends as soon as its successor is everywhere, whoever holds it.
    pub fn emergency() -> Self {
        Self { soak: 0, suspended: 0, passes_holders: true, ..Self::routine() }
    }

    /// For a value that lives so many milliseconds: it has been silent, and is over, before its successor's
    /// turn comes. A life that ended before it began is a clock that is wrong, and changes nothing.
    #[must_use]
    pub fn within(self, life: i64) -> Self {
        let most = if life > 0 { life / 12 } else { i64::MAX };
        Self { soak: self.soak.min(most), suspended: self.suspended.min(most), ..self }
    }

    /// How long to wait after so many failures: anything up to a bound that doubles (full jitter).
    pub(super) fn wait(&self, failures: u32, roll: u32) -> i64 {
        let bound = self.first_wait.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(self.longest_wait);
        (bound.max(0) as i128 * i128::from(roll) / i128::from(u32::MAX)) as i64
    }

    /// How long it takes until nothing of what was begun can come to light any more.
    pub(super) fn settles(&self, seconds: u32) -> i64 {
        2 * self.call + i64::from(seconds) * Self::SECOND
    }
}
