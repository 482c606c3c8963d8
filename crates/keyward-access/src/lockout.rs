//! How often somebody may be wrong: a pure state machine, one state an account and one a network.
//!
//! What holds here, and is shown by properties below:
//!
//! - Who is wrong whenever he may be gets `lock_after` tries, and then one each `lock` or `leak`,
//!   whichever is shorter.
//! - Nobody is shut out for longer than `longest`, whatever the clock does.
//! - Being right clears an account, and never a network: else one account of one's own would pay
//!   for guessing at all others.

use std::net::IpAddr;

use keyward_types::{Record, Timestamp};
use serde::{Deserialize, Serialize};

/// How wrong somebody was of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempts {
    /// Wrong tries that are not forgotten yet.
    pub failures: u32,
    /// When the last of them was.
    pub since: Timestamp,
    /// For how long after it nothing is tried, in milliseconds.
    pub wait_ms: i64,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// A wrong password or code.
    Wrong,
    /// The right one.
    Right,
    /// Nothing was tried, since it was not the time.
    Refused,
}

/// What a machine goes by. Times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wrong tries that cost nothing.
    pub free: u32,
    /// The wait after the next one; it doubles with each.
    pub delay: i64,
    /// Wrong tries after which the wait is `lock`.
    pub lock_after: u32,
    /// The first long wait; it doubles with each further wrong try.
    pub lock: i64,
    /// The longest wait.
    pub longest: i64,
    /// In this time one wrong try is forgotten.
    pub leak: i64,
    /// Whether being right forgets all of them.
    pub forgives: bool,
}

/// Attempts as the store keeps them. Under a keyed hash: neither what was typed as a login nor from
/// where can be read from it, and a login that nobody has is counted like any other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptsRecord {
    /// A sort, `account` or `network` among them, `/` and the hash.
    pub of: String,
    /// How things stand.
    pub attempts: Attempts,
}

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

impl Limits {
    /// For one login: three tries, then 1 to 32 seconds, then 15 minutes to an hour.
    pub const ACCOUNT: Self =
        Self { free: 3, delay: SECOND, lock_after: 10, lock: 15 * MINUTE, longest: HOUR, leak: HOUR, forgives: true };
    /// For one network, behind which many people may sit.
    pub const NETWORK: Self = Self {
        free: 20,
        delay: SECOND,
        lock_after: 30,
        lock: 15 * MINUTE,
        longest: HOUR,
        leak: MINUTE,
        forgives: false,
    };

    fn wait_after(&self, failures: u32) -> i64 {
        let doubled =
            |first: i64, times: u32| first.saturating_mul(1i64.checked_shl(times.min(40)).unwrap_or(i64::MAX));
        let wait = match failures {
            few if few <= self.free => 0,
            some if some < self.lock_after => doubled(self.delay, some - self.free - 1),
            many => doubled(self.lock, many - self.lock_after),
        };
        wait.min(self.longest)
    }
}

impl Default for Attempts {
    fn default() -> Self {
        Self { failures: 0, since: Timestamp(0), wait_ms: 0 }
    }
}

impl Attempts {
    /// Until when nothing is tried; `None`: now is the time.
    pub fn wait(&self, now: Timestamp) -> Option<Timestamp> {
        let left = self.settled(now).wait_ms;
        (left > 0).then(|| Timestamp(now.0.saturating_add(left)))
    }

    /// Whether the last wait was a long one.
    pub fn is_locked(&self, limits: &Limits, now: Timestamp) -> bool {
        self.failures >= limits.lock_after && self.wait(now).is_some()
    }

    /// How things stand after `event`.
    #[must_use]
    pub fn next(self, event: Attempt, limits: &Limits, now: Timestamp) -> Self {
        match event {
            Attempt::Wrong => {
                let failures = self.leaked(limits, now).failures.saturating_add(1);
                Self { failures, since: now, wait_ms: limits.wait_after(failures) }
            }
            Attempt::Right if limits.forgives => Self { since: now, ..Self::default() },
            Attempt::Right => self,
            // After the clock jumped back, the wait is counted from the new time on.
            Attempt::Refused if now < self.since => Self { since: now, ..self },
            Attempt::Refused => self,
        }
    }

    /// Whether it says nothing any more.
    pub fn is_stale(&self, limits: &Limits, now: Timestamp) -> bool {
        self.leaked(limits, now).failures == 0 && self.wait(now).is_none()
    }

    /// The wait that is left at `now`; all of it when the clock jumped back.
    fn settled(self, now: Timestamp) -> Self {
        let passed = now.0.saturating_sub(self.since.0).max(0);
        Self { wait_ms: self.wait_ms.saturating_sub(passed).max(0), ..self }
    }

    fn leaked(self, limits: &Limits, now: Timestamp) -> Self {
        let passed = now.0.saturating_sub(self.since.0).max(0);
        let forgotten = u32::try_from(passed / limits.leak).unwrap_or(u32::MAX);
        Self { failures: self.failures.saturating_sub(forgotten), ..self }
    }
}

/// The network that an address counts for: the /24 or, in IPv6, the /64, which is what one
/// subscriber has. IPv4 in IPv6 clothes counts as the IPv4 that it is.
pub fn neighbourhood(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

impl AttemptsRecord {
    /// What accounts are counted under.
    pub const ACCOUNT: &'static str = "account";
    /// What networks are counted under.
    pub const NETWORK: &'static str = "network";

    /// Whether it says nothing any more.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let limits = match self.of.starts_with(Self::NETWORK) {
            true => Limits::NETWORK,
            false => Limits::ACCOUNT,
        };
        self.attempts.is_stale(&limits, now)
    }
}

impl Record for AttemptsRecord {
    const COLLECTION: &'static str = "attempts";

    fn key(&self) -> Vec<u8> {
        self.of.as_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests;
