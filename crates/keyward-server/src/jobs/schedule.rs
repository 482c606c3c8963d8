//! When each job is due. Nothing here starts, sleeps or looks at a clock.

use keyward_types::Timestamp;

/// What is to be done how often.
#[derive(Debug)]
pub(super) struct Schedule<J> {
    slots: Vec<Slot<J>>,
}

#[derive(Debug)]
struct Slot<J> {
    job: J,
    every: i64,
    due: Timestamp,
    under_way: bool,
    failures: u32,
}

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;

impl<J: Copy + PartialEq> Schedule<J> {
    /// Each of these jobs at once, and then again after so many milliseconds.
    pub(super) fn new(jobs: impl IntoIterator<Item = (J, i64)>, now: Timestamp) -> Self {
        let slot = |(job, every)| Slot { job, every, due: now, under_way: false, failures: 0 };
        Self { slots: jobs.into_iter().map(slot).collect() }
    }

    /// The jobs that are to be started now; they count as under way. A job that still is waits for
    /// its end.
    pub(super) fn start(&mut self, now: Timestamp) -> Vec<J> {
        let mut due = Vec::new();
        for slot in &mut self.slots {
            // A clock that was set back must not keep a job from its time.
            slot.due = slot.due.min(later(now, slot.every.max(MINUTE)));
            if !slot.under_way && slot.due <= now {
                slot.under_way = true;
                due.push(slot.job);
            }
        }
        due
    }

    /// A job ended; answers how often it has failed in a row. What failed is tried again after one
    /// second, two, four and so on, and not more seldom than it is due anyway.
    pub(super) fn ended(&mut self, job: J, well: bool, now: Timestamp) -> u32 {
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.job == job) else { return 0 };
        slot.under_way = false;
        slot.failures = if well { 0 } else { slot.failures.saturating_add(1) };
        let wait = match slot.failures {
            0 => slot.every,
            n => (SECOND << (n - 1).min(20)).min(slot.every.max(MINUTE)),
        };
        slot.due = later(now, wait);
        slot.failures
    }

    /// How many milliseconds there is nothing to start.
    pub(super) fn idle(&self, now: Timestamp) -> i64 {
        let waiting = self.slots.iter().filter(|slot| !slot.under_way);
        waiting.map(|slot| (slot.due.0 - now.0).max(0)).min().unwrap_or(MINUTE)
    }

    /// Whether a job is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.slots.iter().any(|slot| slot.under_way)
    }
}

fn later(now: Timestamp, wait: i64) -> Timestamp {
    Timestamp(now.0.saturating_add(wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * SECOND)
    }

    #[test]
    fn each_job_has_its_own_time_and_runs_once_at_a_time() {
        let mut schedule = Schedule::new([("a", SECOND), ("b", MINUTE)], at(0));
        assert_eq!(schedule.start(at(0)), ["a", "b"]);
        assert!(schedule.start(at(90)).is_empty(), "both are under way still");
        assert_eq!((schedule.ended("a", true, at(1)), schedule.idle(at(1))), (0, SECOND));
        assert_eq!(schedule.start(at(2)), ["a"]);
        assert!(schedule.is_busy());
        schedule.ended("b", true, at(3));
        assert_eq!(schedule.start(at(62)), [] as [&str; 0]);
        assert_eq!(schedule.start(at(63)), ["b"]);
    }

    #[test]
    fn what_fails_is_tried_again_less_and_less_often() {
        for (every, longest) in [(SECOND, 60), (60 * MINUTE, 3600)] {
            let mut schedule = Schedule::new([("a", every)], at(0));
            let (mut now, mut waits) = (at(0), Vec::new());
            for n in 1..=16 {
                assert_eq!(schedule.start(now), ["a"]);
                assert_eq!(schedule.ended("a", false, now), n);
                let wait = schedule.idle(now);
                waits.push(wait / SECOND);
                now = later(now, wait);
            }
            assert_eq!(waits[..6], [1, 2, 4, 8, 16, 32]);
            assert_eq!(*waits.last().unwrap(), longest);
            schedule.start(now);
            assert_eq!(schedule.ended("a", true, now), 0);
            assert_eq!(schedule.idle(now), every);
        }
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nothing_from_its_time() {
        let mut schedule = Schedule::new([("a", SECOND)], at(1_000_000));
        schedule.start(at(1_000_000));
        schedule.ended("a", true, at(1_000_000));
        assert!(schedule.start(at(0)).is_empty());
        assert_eq!(schedule.start(at(60)), ["a"]);
    }
}
