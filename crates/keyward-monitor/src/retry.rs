//! When a sink that failed is tried again.

use std::time::Duration;

/// When a sink that failed is tried again: exponential back-off with full jitter (Brooker,
/// "Exponential Backoff and Jitter", 2015), so that many alerts and many nodes do not come back at
/// the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The longest wait after the first failure.
    pub base: Duration,
    /// The longest wait after any.
    pub cap: Duration,
    /// After how many failures of one alert its sink counts as dead.
    pub attempts: u32,
    /// The longest wait between tries of a dead sink.
    pub probe: Duration,
    /// How long one delivery may take before the sink counts as dead.
    pub patience: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(60),
            attempts: 8,
            probe: Duration::from_secs(300),
            patience: Duration::from_secs(60),
        }
    }
}

/// No sink can ask to be left alone for longer.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

impl Retry {
    /// The wait after `failures` failures in a row (at least one). `roll` is uniform over `u32`.
    pub(crate) fn wait(&self, failures: u32, asked: Option<Duration>, roll: u32) -> Duration {
        let doubled = self.base.saturating_mul(1 << failures.saturating_sub(1).min(30));
        let jittered = scaled(doubled.min(self.cap), roll);
        jittered.max(asked.unwrap_or_default().min(LONGEST_ASKED))
    }

    /// The wait before a dead sink is tried: between half and all of `probe`.
    pub(crate) fn wait_dead(&self, asked: Option<Duration>, roll: u32) -> Duration {
        let half = self.probe / 2;
        (half + scaled(half, roll)).max(asked.unwrap_or_default().min(LONGEST_ASKED))
    }
}

fn scaled(longest: Duration, roll: u32) -> Duration {
    longest.mul_f64(f64::from(roll) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_are_jittered_from_nothing() {
        let retry = Retry::default();
        let longest: Vec<u64> = (1..10).map(|n| retry.wait(n, None, u32::MAX).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(retry.wait(5, None, 0), Duration::ZERO);
        assert_eq!(retry.wait(u32::MAX, None, u32::MAX), retry.cap);
        assert_eq!(retry.wait_dead(None, 0), retry.probe / 2);
        assert_eq!(retry.wait_dead(None, u32::MAX), retry.probe);
    }

    #[test]
    fn what_the_other_side_asks_for_is_kept_within_an_hour() {
        let retry = Retry::default();
        assert_eq!(retry.wait(1, Some(Duration::from_secs(90)), 0), Duration::from_secs(90));
        assert_eq!(retry.wait(1, Some(Duration::MAX), 0), LONGEST_ASKED);
    }
}
