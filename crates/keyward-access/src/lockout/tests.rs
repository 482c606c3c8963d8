use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp(1_795_000_000_000);
const BOTH: [Limits; 2] = [Limits::ACCOUNT, Limits::NETWORK];

fn wrong(times: u32, limits: &Limits) -> Attempts {
    (0..times).fold(Attempts::default(), |state, _| state.next(Attempt::Wrong, limits, START))
}

#[test]
fn the_first_mistakes_are_free_and_then_each_costs_twice_the_last() {
    let waits: Vec<i64> = (1..=13).map(|times| wrong(times, &Limits::ACCOUNT).wait_ms / SECOND).collect();
    assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 16, 32, 900, 1800, 3600, 3600]);
    assert_eq!(wrong(5000, &Limits::ACCOUNT).wait_ms, HOUR);
    assert_eq!(wrong(20, &Limits::NETWORK).wait_ms, 0);
    assert!(wrong(30, &Limits::NETWORK).is_locked(&Limits::NETWORK, START));
}

#[test]
fn a_lock_ends_by_itself() {
    let locked = wrong(10, &Limits::ACCOUNT);
    assert_eq!(locked.wait(START), Some(Timestamp(START.0 + 15 * MINUTE)));
    assert!(locked.is_locked(&Limits::ACCOUNT, START));
    let after = Timestamp(START.0 + 15 * MINUTE);
    assert_eq!(locked.wait(after), None);
    assert!(!locked.is_stale(&Limits::ACCOUNT, after), "what was wrong is remembered longer");
    assert!(locked.is_stale(&Limits::ACCOUNT, Timestamp(START.0 + 10 * HOUR)));
}

#[test]
fn being_right_clears_an_account_and_not_a_network() {
    assert_eq!(wrong(9, &Limits::ACCOUNT).next(Attempt::Right, &Limits::ACCOUNT, START).failures, 0);
    assert_eq!(wrong(9, &Limits::NETWORK).next(Attempt::Right, &Limits::NETWORK, START).failures, 9);
}

#[test]
fn asking_while_it_is_not_the_time_changes_nothing() {
    let state = wrong(7, &Limits::ACCOUNT);
    assert_eq!(state.next(Attempt::Refused, &Limits::ACCOUNT, Timestamp(START.0 + 100)), state);
}

#[test]
fn a_network_is_what_one_subscriber_has() {
    for (address, network) in [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::1", "0:0:0:0::/64"),
    ] {
        assert_eq!(neighbourhood(address.parse().unwrap()), network);
    }
}

fn limits() -> impl Strategy<Value = Limits> {
    prop::sample::select(&BOTH[..])
}

fn event() -> impl Strategy<Value = Attempt> {
    prop::sample::select(&[Attempt::Wrong, Attempt::Right, Attempt::Refused][..])
}

proptest! {
    /// Whoever guesses as often as he may, and rests as he likes, gets so many guesses and no more.
    #[test]
    fn guesses_are_bounded(limits in limits(), rests in prop::collection::vec(0i64..40 * MINUTE, 1..300)) {
        let (mut state, mut now, mut guesses) = (Attempts::default(), START, 0i64);
        for rest in rests {
            now = Timestamp(now.0 + rest);
            if let Some(until) = state.wait(now) {
                now = until;
            }
            state = state.next(Attempt::Wrong, &limits, now);
            guesses += 1;
            let bound = i64::from(limits.lock_after) + 1 + (now.0 - START.0) / limits.lock.min(limits.leak);
            prop_assert!(guesses <= bound, "{guesses} guesses, {bound} are the bound");
        }
    }

    /// The clock may jump wherever it likes: nobody waits longer than the longest wait from the
    /// moment at which he asks, and asking again always comes to an end.
    #[test]
    fn nobody_is_shut_out_for_ever(
        limits in limits(),
        steps in prop::collection::vec((event(), -400 * HOUR..400 * HOUR), 1..60),
    ) {
        let (mut state, mut now) = (Attempts::default(), START);
        for (event, jump) in steps {
            now = Timestamp(now.0 + jump);
            let event = if state.wait(now).is_some() { Attempt::Refused } else { event };
            state = state.next(event, &limits, now);
            if let Some(until) = state.wait(now) {
                prop_assert!(until.0 - now.0 <= limits.longest);
                prop_assert!(state.wait(until).is_none(), "who waits until then may try");
            }
        }
    }

    /// A clock that goes back neither shortens a wait nor forgets anything.
    #[test]
    fn a_clock_that_goes_back_forgives_nothing(limits in limits(), times in 1u32..60, back in 0i64..400 * HOUR) {
        let state = wrong(times, &limits);
        let earlier = Timestamp(START.0 - back);
        prop_assert_eq!(state.wait(earlier).map(|until| until.0 - earlier.0).unwrap_or(0), state.wait_ms);
        prop_assert_eq!(state.next(Attempt::Wrong, &limits, earlier).failures, times + 1);
    }

    /// One more wrong try never makes the wait shorter.
    #[test]
    fn waits_only_grow(limits in limits(), times in 0u32..80) {
        prop_assert!(wrong(times, &limits).wait_ms <= wrong(times + 1, &limits).wait_ms);
    }
}
