//! A provider account that fails is left alone for a while, by every rotation that needs it.

use keyward_types::Timestamp;

/// The circuit breaker of one account: closed, open until a moment, or open for one try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    open_until: Option<Timestamp>,
    trying: bool,
}

/// How many failures in a row open it.
const OPENS_AT: u32 = 5;
/// How long it stays open the first time, and at most, in milliseconds.
const FIRST: i64 = 30_000;
const LONGEST: i64 = 15 * 60_000;

impl Breaker {
    /// Whether a call may be made now. Once the time is over one may, and the others wait for its end.
    pub fn lets(&mut self, now: Timestamp) -> bool {
        match self.open_until {
            None => true,
            // A clock that was set back must not keep it open for ever.
            Some(until) if now >= until || until.0.saturating_sub(now.0) > LONGEST => {
                let first = !self.trying;
                self.trying = true;
                first
            }
            Some(_) => false,
        }
    }

    /// A call ended: the account was reached and understood us, or not.
    pub fn ended(&mut self, well: bool, now: Timestamp) {
        self.trying = false;
        if well {
            *self = Self::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if let Some(over) = self.failures.checked_sub(OPENS_AT) {
            let lasts = (FIRST << over.min(10)).min(LONGEST);
            self.open_until = Some(Timestamp(now.0.saturating_add(lasts)));
        }
    }

    /// Until when no call is made.
    pub fn open_until(&self) -> Option<Timestamp> {
        self.open_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_five_failures_and_lets_one_try() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.ended(false, Timestamp(0));
            assert!(breaker.lets(Timestamp(0)));
        }
        breaker.ended(false, Timestamp(0));
        assert!(!breaker.lets(Timestamp(FIRST - 1)));
        assert!(breaker.lets(Timestamp(FIRST)) && !breaker.lets(Timestamp(FIRST)), "one tries, the others wait");
        breaker.ended(false, Timestamp(FIRST));
        assert_eq!(breaker.open_until(), Some(Timestamp(3 * FIRST)), "twice as long");
        assert!(breaker.lets(Timestamp(3 * FIRST)));
        breaker.ended(true, Timestamp(3 * FIRST));
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_open() {
        let mut breaker = Breaker::default();
        (0..5).for_each(|_| breaker.ended(false, Timestamp(1_000_000_000)));
        assert!(breaker.lets(Timestamp(0)));
    }
}
