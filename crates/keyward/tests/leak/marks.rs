//! How long it took, and whether that was in time.

use std::time::Duration;

use keyward_testing::proof;

/// What one leak took, each since the beginning of `git push`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Leak {
    /// Until the push has said which secret of the vault it is.
    pub(crate) found: Duration,
    /// Until the service takes the leaked key no more.
    pub(crate) contained: Duration,
    /// Until every target has the successor, and the vault gives it.
    pub(crate) replaced: Duration,
    /// Until keyward has asked the service about the old value, and it was dead.
    pub(crate) dead: Duration,
}

/// From so many on there is a 99th percentile.
const MANY: usize = 100;

/// Those of all leaks of one kind.
#[derive(Default)]
pub(crate) struct Marks(Vec<Leak>);

/// In seconds; that it is found within two is asked of all.
pub(crate) struct Goals {
    pub(crate) contained: Option<u64>,
    pub(crate) replaced: u64,
    pub(crate) dead: Option<u64>,
}

impl Marks {
    pub(crate) fn take(&mut self, leak: &Leak) {
        self.0.push(*leak);
    }

    /// Prints each mark, and fails where the 99th percentile is late; of few, whose 99th is their longest, where
    /// half of them are: what else the machine does counts for nothing.
    pub(crate) fn tell(&self, of: &str, goals: &Goals) {
        proof(&format!("{of}: leaks"), self.0.len());
        self.tell_one(of, "found, by name and version", |leak| leak.found, Some(2));
        self.tell_one(of, "contained", |leak| leak.contained, goals.contained);
        self.tell_one(of, "replaced at 10 targets", |leak| leak.replaced, Some(goals.replaced));
        self.tell_one(of, "old value proven dead", |leak| leak.dead, goals.dead);
    }

    fn tell_one(&self, of: &str, what: &str, mark: impl Fn(&Leak) -> Duration, goal: Option<u64>) {
        let mut all: Vec<Duration> = self.0.iter().map(mark).collect();
        all.sort_unstable();
        let (half, most, longest) = (rank(&all, 50), rank(&all, 99), rank(&all, 100));
        let asked = goal.map_or_else(String::new, |goal| format!(" (goal: {goal} s)"));
        let seconds = |time: Duration| format!("{:.2}", time.as_secs_f64());
        let told = format!("{} / {} / {} s{asked}", seconds(half), seconds(most), seconds(longest));
        proof(&format!("{of}: {what}, p50 / p99 / longest"), told);
        let judged = if all.len() < MANY { half } else { most };
        assert!(is_in_time(judged, goal), "{of}: {what}: {judged:?}, and {goal:?} s were the goal");
    }
}

fn is_in_time(took: Duration, goal: Option<u64>) -> bool {
    goal.is_none_or(|goal| took <= Duration::from_secs(goal))
}

/// The value that so many of a hundred do not pass: the nearest rank.
fn rank(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent).div_ceil(100);
    sorted[place.saturating_sub(1)]
}

#[test]
fn the_nearest_rank_is_one_of_the_values() {
    let all: Vec<Duration> = (1..=100).map(Duration::from_secs).collect();
    assert_eq!((rank(&all, 50).as_secs(), rank(&all, 99).as_secs(), rank(&all, 100).as_secs()), (50, 99, 100));
    assert_eq!(rank(&all[..3], 99).as_secs(), 3);
    let (late, goal) = (Duration::from_millis(2001), Some(2));
    assert!(!is_in_time(late, goal) && is_in_time(Duration::from_secs(2), goal) && is_in_time(late, None));
}
