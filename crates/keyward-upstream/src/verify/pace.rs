use std::time::{Duration, Instant};

use crate::Fault;

/// How often one service is asked: a few times at once, then once in a while. Not at all while it
/// asks for patience.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the next turn is, were there no burst.
    next: Instant,
    closed_until: Option<Instant>,
}

/// Between two turns, in the long run.
const BETWEEN: Duration = Duration::from_millis(500);
/// How many turns may be taken at once.
const BURST: u32 = 10;
/// Longer than this nobody waits for a turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// For how long a service is left alone that does not say.
const PAUSE: Duration = Duration::from_secs(30);

impl Default for Pace {
    fn default() -> Self {
        Self { next: Instant::now(), closed_until: None }
    }
}

impl Pace {
    /// Takes a turn; gives how long to wait for it.
    ///
    /// # Errors
    /// `Limited` when the service is left alone, or the turn is too far away.
    pub(super) fn turn(&mut self) -> Result<Duration, Fault> {
        self.turn_at(Instant::now())
    }

    fn turn_at(&mut self, now: Instant) -> Result<Duration, Fault> {
        if let Some(until) = self.closed_until.filter(|until| *until > now) {
            return Err(Fault::Limited(Some(until - now)));
        }
        self.closed_until = None;
        let next = self.next.max(now);
        let wait = (next - now).saturating_sub(BETWEEN * (BURST - 1));
        if wait > PATIENCE {
            return Err(Fault::Limited(Some(wait)));
        }
        self.next = next + BETWEEN;
        Ok(wait)
    }

    /// Leaves the service alone for as long as it asked for, an hour at most.
    pub(super) fn close(&mut self, after: Option<Duration>) {
        let after = after.unwrap_or(PAUSE).min(Duration::from_secs(3600));
        let until = Instant::now() + after;
        self.closed_until = Some(self.closed_until.map_or(until, |before| before.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_at_once_and_then_in_turn() {
        let start = Instant::now();
        let mut pace = Pace { next: start, closed_until: None };
        let waits: Vec<Duration> = (0..12).map(|_| pace.turn_at(start).unwrap()).collect();
        assert!(waits[..10].iter().all(Duration::is_zero), "{waits:?}");
        assert_eq!(waits[10..], [BETWEEN, BETWEEN * 2]);
        assert!(pace.turn_at(start + Duration::from_secs(60)).unwrap().is_zero());
        let refused = (0..100).find_map(|_| pace.turn_at(start + Duration::from_secs(60)).err());
        assert!(matches!(refused, Some(Fault::Limited(Some(_)))), "nobody waits for ever");
    }

    #[test]
    fn a_service_that_asks_for_patience_is_left_alone() {
        let mut pace = Pace::default();
        pace.close(Some(Duration::from_secs(7)));
        pace.close(Some(Duration::from_secs(1)));
        assert!(matches!(pace.turn(), Err(Fault::Limited(Some(left))) if left > Duration::from_secs(6)));
    }
}
