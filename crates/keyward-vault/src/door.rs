//! What a process remembers at the door, beside what the store knows: whose turn it is, what was
//! refused without being tried, and when devices asked.

use std::collections::{HashMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use keyward_access::DeviceLogin;
use keyward_types::Timestamp;

/// The door of one vault in one process.
#[derive(Default)]
pub(crate) struct Door {
    turns: Mutex<Turns>,
    ended: Condvar,
    refusals: Mutex<HashMap<Refusal, Refused>>,
    polls: Mutex<HashMap<String, Poll>>,
}

#[derive(Default)]
struct Turns {
    running: HashSet<String>,
    waiting: Vec<String>,
    tried: u64,
}

/// The right to try one password. One an account, so that guesses side by side do not slip past
/// the count of them; few in all, since each takes memory.
pub(crate) struct Turn<'a> {
    door: &'a Door,
    account: String,
}

/// What is counted together: an account (or nobody's), a network, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Refusal {
    pub(crate) account: String,
    pub(crate) network: String,
    pub(crate) why: &'static str,
}

struct Refused {
    minute: i64,
    untold: u64,
}

struct Poll {
    at: Timestamp,
    interval: i64,
}

/// Passwords that are tried at a time: Argon2's memory for each, and there are few cores.
const AT_ONCE: usize = 2;
/// Tries that wait for their turn, in all and for one account.
const WAITING: usize = 64;
const WAITING_FOR_ONE: usize = 4;
/// Refusals that are told apart; beyond, they are counted as one.
const TOLD_APART: usize = 4096;
/// Devices whose last question is remembered.
const POLLS: usize = DeviceLogin::IN_ALL;
const MINUTE: i64 = 60 * 1000;

impl Door {
    /// Waits for a turn; `None` when too many wait already.
    pub(crate) fn turn(&self, account: &str) -> Option<Turn<'_>> {
        let mut turns = lock(&self.turns);
        let for_this = turns.waiting.iter().filter(|waiting| *waiting == account).count();
        if turns.waiting.len() >= WAITING || for_this >= WAITING_FOR_ONE {
            return None;
        }
        turns.waiting.push(account.to_owned());
        while turns.running.len() >= AT_ONCE || turns.running.contains(account) {
            turns = self.ended.wait(turns).unwrap_or_else(PoisonError::into_inner);
        }
        let place = turns.waiting.iter().position(|waiting| waiting == account);
        turns.waiting.swap_remove(place.expect("it was put there and only this takes it away"));
        turns.running.insert(account.to_owned());
        turns.tried += 1;
        Some(Turn { door: self, account: account.to_owned() })
    }

    /// How many turns there were.
    pub(crate) fn tried(&self) -> u64 {
        lock(&self.turns).tried
    }

    /// Counts a refusal. The number that is to be told now; `None` when one of its sort was told in
    /// this minute and this one will be told with the next.
    pub(crate) fn refuse(&self, refusal: &Refusal, now: Timestamp) -> Option<u64> {
        let mut refusals = lock(&self.refusals);
        let minute = now.0.div_euclid(MINUTE);
        if refusals.len() >= TOLD_APART {
            refusals.retain(|_, refused| refused.untold > 0 || refused.minute == minute);
        }
        let key = match refusals.len() >= TOLD_APART && !refusals.contains_key(refusal) {
            true => Refusal { account: MANY.into(), network: MANY.into(), why: refusal.why },
            false => refusal.clone(),
        };
        let refused = refusals.entry(key).or_insert(Refused { minute: minute - 1, untold: 0 });
        refused.untold += 1;
        if refused.minute == minute {
            return None;
        }
        refused.minute = minute;
        Some(std::mem::take(&mut refused.untold))
    }

    /// What was counted in minutes that are over and is not told yet; from now on it counts as told.
    pub(crate) fn untold(&self, now: Timestamp) -> Vec<(Refusal, u64)> {
        let mut refusals = lock(&self.refusals);
        let minute = now.0.div_euclid(MINUTE);
        let over: Vec<(Refusal, u64)> = refusals
            .iter_mut()
            .filter(|(_, refused)| refused.minute != minute && refused.untold > 0)
            .map(|(refusal, refused)| (refusal.clone(), std::mem::take(&mut refused.untold)))
            .collect();
        refusals.retain(|_, refused| refused.minute == minute);
        over
    }

    /// Whether a device asks too soon after its last question (RFC 8628, 3.5: each time it does,
    /// it has to wait five seconds longer).
    pub(crate) fn asks_too_soon(&self, device: &str, now: Timestamp) -> bool {
        let mut polls = lock(&self.polls);
        if polls.len() >= POLLS {
            polls.retain(|_, poll| (0..DeviceLogin::LASTS).contains(&now.0.saturating_sub(poll.at.0)));
        }
        let Some(last) = polls.get_mut(device) else {
            polls.insert(device.to_owned(), Poll { at: now, interval: DeviceLogin::INTERVAL });
            return false;
        };
        let passed = now.0.saturating_sub(last.at.0);
        let soon = (0..last.interval).contains(&passed);
        last.at = now;
        if soon {
            last.interval += DeviceLogin::INTERVAL;
        }
        soon
    }
}

/// What stands for accounts and networks that are not told apart any more.
const MANY: &str = "many";

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.door.turns).running.remove(&self.account);
        self.door.ended.notify_all();
    }
}

/// A panic in between leaves counts, and those may be wrong by one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn refusal(network: &str) -> Refusal {
        Refusal { account: "user:ada".into(), network: network.into(), why: "wait" }
    }

    #[test]
    fn one_account_is_tried_once_at_a_time() {
        let (door, inside, most) = (Door::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let turn = door.turn("ada");
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(std::time::Duration::from_millis(5));
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(turn);
                });
            }
        });
        assert_eq!((most.into_inner(), door.tried()), (1, 4));
    }

    #[test]
    fn who_floods_one_account_is_sent_away_and_others_are_not() {
        let door = Door::default();
        let turn = door.turn("ada").unwrap();
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..WAITING_FOR_ONE).map(|_| scope.spawn(|| door.turn("ada").is_some())).collect();
            while lock(&door.turns).waiting.len() < WAITING_FOR_ONE {
                std::thread::yield_now();
            }
            assert!(door.turn("ada").is_none());
            assert!(door.turn("eve").is_some());
            drop(turn);
            assert!(waiting.into_iter().all(|one| one.join().unwrap()));
        });
    }

    #[test]
    fn refusals_are_told_once_a_minute_and_none_is_lost() {
        let (door, at) = (Door::default(), |seconds: i64| Timestamp(seconds * 1000));
        assert_eq!(door.refuse(&refusal("a"), at(0)), Some(1));
        assert_eq!(door.refuse(&refusal("a"), at(1)), None);
        assert_eq!(door.refuse(&refusal("b"), at(2)), Some(1));
        assert_eq!(door.refuse(&refusal("a"), at(59)), None);
        assert!(door.untold(at(59)).is_empty());
        assert_eq!(door.refuse(&refusal("a"), at(60)), Some(3));
        assert_eq!(door.refuse(&refusal("a"), at(61)), None);
        assert_eq!(door.untold(at(120)), [(refusal("a"), 1)]);
        assert!(door.untold(at(180)).is_empty());
    }

    #[test]
    fn refusals_take_bounded_memory_and_are_all_counted() {
        let door = Door::default();
        let told: u64 = (0..2 * TOLD_APART).filter_map(|i| door.refuse(&refusal(&i.to_string()), Timestamp(0))).sum();
        let untold: u64 = door.untold(Timestamp(MINUTE)).iter().map(|(_, count)| count).sum();
        assert_eq!(told + untold, 2 * TOLD_APART as u64);
        assert!(told <= TOLD_APART as u64 + 1);
    }

    #[test]
    fn a_device_that_hurries_waits_longer() {
        let (door, at) = (Door::default(), |seconds: i64| Timestamp(seconds * 1000));
        let asks: Vec<bool> = [0, 5, 6, 15, 31, 20].map(|seconds| door.asks_too_soon("d", at(seconds))).into();
        assert_eq!(asks, [false, false, true, true, false, false], "and a clock that goes back holds nobody up");
    }
}
