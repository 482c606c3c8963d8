//! How fast: the generic cell rate algorithm (ITU-T I.371, annex A), as one number that is compared
//! and swapped.
//!
//! A limit of N a minute lets N through at once and then one every N-th of a minute; in no minute are
//! there more than twice N, and in the long run N.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const MINUTE: u64 = 60_000_000_000;

/// The theoretical arrival time after `cost` cells, in nanoseconds of whatever clock `now` is of.
///
/// # Errors
/// How long to wait, in nanoseconds, where there is no room for them now.
pub fn next(arrival: u64, now: u64, per_minute: u32, cost: u64) -> Result<u64, u64> {
    let interval = MINUTE / u64::from(per_minute.max(1));
    let wanted = interval.saturating_mul(cost);
    let then = arrival.max(now).saturating_add(wanted);
    // One who asks for more than a minute's worth waits until the minute is empty, and not for ever.
    let limit = now.saturating_add(MINUTE.max(wanted));
    if then <= limit { Ok(then) } else { Err(then - limit) }
}

/// One limit's state, shared by all cores.
#[derive(Debug, Default)]
pub(crate) struct Gcra(AtomicU64);

impl Gcra {
    /// Takes `cost` cells, or says how long to wait.
    pub(crate) fn take(&self, now: u64, per_minute: u32, cost: u64) -> Result<(), Duration> {
        let mut arrival = self.0.load(Ordering::Relaxed);
        loop {
            let then = next(arrival, now, per_minute, cost).map_err(Duration::from_nanos)?;
            match self.0.compare_exchange_weak(arrival, then, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(other) => arrival = other,
            }
        }
    }

    /// Corrects what was taken by what it really was.
    pub(crate) fn correct(&self, per_minute: u32, taken: u64, real: u64) {
        let interval = MINUTE / u64::from(per_minute.max(1));
        let by = interval.saturating_mul(taken.abs_diff(real));
        let change =
            |arrival: u64| Some(if real > taken { arrival.saturating_add(by) } else { arrival.saturating_sub(by) });
        // It always gives something, so that this never fails.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_minutes_worth_at_once_and_then_one_by_one() {
        let gcra = Gcra::default();
        let now = 1_000 * MINUTE;
        assert!((0..60).all(|_| gcra.take(now, 60, 1).is_ok()));
        assert_eq!(gcra.take(now, 60, 1), Err(Duration::from_secs(1)));
        assert!(gcra.take(now + MINUTE / 60, 60, 1).is_ok());
        assert!(gcra.take(now + MINUTE / 60, 60, 1).is_err());
    }

    #[test]
    fn what_was_not_used_is_given_back() {
        let gcra = Gcra::default();
        assert!(gcra.take(MINUTE, 1_000, 900).is_ok());
        assert!(gcra.take(MINUTE, 1_000, 900).is_err());
        gcra.correct(1_000, 900, 10);
        assert!(gcra.take(MINUTE, 1_000, 900).is_ok());
    }

    #[test]
    fn one_call_above_the_limit_passes_when_nothing_else_did() {
        let gcra = Gcra::default();
        assert!(gcra.take(MINUTE, 100, 250).is_ok());
        assert!(gcra.take(MINUTE, 100, 1).is_err());
    }

    proptest! {
        #[test]
        fn no_minute_has_twice_its_number(
            per_minute in 1u32..200,
            gaps in proptest::collection::vec(0u64..2_000_000_000, 1..400),
        ) {
            let (gcra, mut now, mut passed) = (Gcra::default(), MINUTE, Vec::new());
            for gap in gaps {
                now += gap;
                if gcra.take(now, per_minute, 1).is_ok() {
                    passed.push(now);
                }
            }
            for (i, start) in passed.iter().enumerate() {
                let within = passed[i..].iter().take_while(|at| **at < start + MINUTE).count();
                prop_assert!(within <= 2 * per_minute as usize, "{within} of {per_minute}");
            }
        }
    }
}
