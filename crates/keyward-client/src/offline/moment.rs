//! What this machine can tell of time. Its wall clock may be set back, so that two things are kept
//! beside it: the latest moment that was seen, and how long the machine had been up.

use keyward_types::{Clock, Timestamp};
use serde::{Deserialize, Serialize};

use crate::SystemClock;

/// Tells the time, and how long the machine has been up.
pub(super) trait Moments: Send + Sync {
    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// For how long it has been up, where the system says so.
    fn up(&self) -> Option<Up>;
}

/// One life of a machine, and how far into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Up {
    /// Names the life.
    pub(super) boot: String,
    /// Seconds since its beginning, sleep included.
    pub(super) seconds: u64,
}

/// The real ones.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SystemMoments;

impl Moments for SystemMoments {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn up(&self) -> Option<Up> {
        // proc(5): seconds with a fraction, by a clock that nobody sets.
        let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let seconds = uptime.split(['.', ' ']).next()?.parse().ok()?;
        Some(Up { boot: boot.trim().to_owned(), seconds })
    }
}

/// How long something serves: from when it was read until the server's end for it, both by this
/// machine's clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Span {
    pub(super) read: Timestamp,
    pub(super) until: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    up: Option<Up>,
}

impl Span {
    /// From now on, for as long as the server says by its own clock.
    pub(super) fn new(moments: &dyn Moments, server_now: Timestamp, server_until: Timestamp) -> Self {
        let read = moments.now();
        let lasts = server_until.0.saturating_sub(server_now.0).max(0);
        Self { read, until: Timestamp(read.0.saturating_add(lasts)), up: moments.up() }
    }

    /// Whether it serves still, by either clock.
    pub(super) fn serves(&self, moments: &dyn Moments) -> bool {
        let lasts = self.until.0 - self.read.0;
        let by_uptime = match (&self.up, moments.up()) {
            (Some(then), Some(now)) if then.boot == now.boot => {
                let passed = now.seconds.saturating_sub(then.seconds).saturating_mul(1000);
                i64::try_from(passed).is_ok_and(|passed| passed < lasts)
            }
            _ => true,
        };
        by_uptime && moments.now() < self.until
    }
}

/// A clock is corrected by so much now and then, in milliseconds.
const CORRECTION: i64 = 60_000;

/// Whether the clock stands behind what was seen before.
pub(super) fn was_set_back(seen: Timestamp, moments: &dyn Moments) -> bool {
    moments.now().0.saturating_add(CORRECTION) < seen.0
}
