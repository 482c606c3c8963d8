//! Shares on their way to a sealed server: gathered until a set is whole.
//!
//! Whoever reaches the server may give one, so that what is gathered is bounded in number, time and
//! rate, and no answer tells which share of a set was wrong. Shares of other slots and invented ones
//! lie beside ours and never get into a set with them: each carries the mark of its slot, which only
//! its holders know.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use keyward_vault::Share;

/// What a sealed server was given so far.
#[derive(Default)]
pub(crate) struct Unsealing {
    given: Vec<Given>,
    /// Sets that did not open the vault.
    failed: u64,
    /// A whole set is being tried.
    trying: bool,
}

/// How often it was tried, by network and by all together.
#[derive(Default)]
pub(crate) struct Tries(HashMap<Option<IpAddr>, Minute>);

struct Given {
    share: Share,
    at: Instant,
}

/// How often one network has tried in the minute that began at `since`.
struct Minute {
    since: Instant,
    n: u32,
}

/// What a share led to.
pub(crate) enum Progress {
    /// So many of its set are there, and so many are needed.
    More { given: u32, threshold: u8 },
    /// A whole set.
    Whole(Vec<Share>),
}

/// A share that was given is forgotten after so long.
const KEPT: Duration = Duration::from_secs(15 * 60);
/// Most shares at a time; of more, the oldest go. A set has 255 at most.
const MOST: usize = 512;
const A_MINUTE: Duration = Duration::from_secs(60);
/// Tries a minute from one network, and from all together.
const OF_ONE: u32 = 20;
const OF_ALL: u32 = 120;
/// So many networks are told apart.
const NETWORKS: usize = 4096;

impl Tries {
    /// Whether one more try from there is too many. A Unix socket is its own user's and is not counted.
    pub(crate) fn is_too_often(&mut self, from: Option<IpAddr>, now: Instant) -> bool {
        let Some(address) = from else { return false };
        if self.0.len() > NETWORKS {
            self.0.retain(|_, tries| now.duration_since(tries.since) < A_MINUTE);
        }
        // All together first, who are nobody's address: so a crowd fills no table.
        self.count(None, now) > OF_ALL || self.count(Some(network(address)), now) > OF_ONE
    }

    fn count(&mut self, whose: Option<IpAddr>, now: Instant) -> u32 {
        let tries = self.0.entry(whose).or_insert(Minute { since: now, n: 0 });
        if now.duration_since(tries.since) >= A_MINUTE {
            *tries = Minute { since: now, n: 0 };
        }
        tries.n = tries.n.saturating_add(1);
        tries.n
    }
}

impl Unsealing {
    /// Begins to try a set.
    pub(crate) fn begin(&mut self) {
        self.trying = true;
    }

    /// Whether a set is being tried.
    pub(crate) fn is_trying(&self) -> bool {
        self.trying
    }

    /// The set was tried, whatever came of it.
    pub(crate) fn tried(&mut self) {
        self.trying = false;
    }

    /// Takes a share in. The same one twice counts once.
    pub(crate) fn take(&mut self, share: Share, now: Instant) -> Progress {
        self.given.retain(|given| now.duration_since(given.at) < KEPT);
        // One that was given wrongly can be given again.
        self.given.retain(|given| !given.share.belongs_with(&share) || given.share.complements(&share));
        if self.given.len() >= MOST {
            self.given.remove(0);
        }
        self.given.push(Given { share: share.clone(), at: now });
        let set = self.set_of(&share);
        match set.len() >= usize::from(share.threshold()) {
            true => Progress::Whole(set),
            false => Progress::More { given: count(&set), threshold: share.threshold() },
        }
    }

    /// How far the set of the last share is, which is forgotten when its time is over.
    pub(crate) fn given(&mut self, now: Instant) -> u32 {
        self.given.retain(|given| now.duration_since(given.at) < KEPT);
        self.given.last().map_or(0, |last| count(&self.set_of(&last.share)))
    }

    /// A whole set did not open the vault: none of it is kept.
    pub(crate) fn refuse(&mut self, set: &[Share]) {
        self.failed += 1;
        self.given.retain(|given| !set.iter().any(|share| share.belongs_with(&given.share)));
    }

    /// The vault is open: nothing is kept.
    pub(crate) fn finish(&mut self) {
        self.given.clear();
        self.failed = 0;
    }

    /// Sets that failed since the vault was open last.
    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    fn set_of(&self, share: &Share) -> Vec<Share> {
        self.given.iter().map(|given| &given.share).filter(|given| given.belongs_with(share)).cloned().collect()
    }
}

fn count(set: &[Share]) -> u32 {
    u32::try_from(set.len()).unwrap_or(u32::MAX)
}

/// Whoever has one address has his neighbours': those of an IPv6 network are one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use keyward_client::SystemRandom;

    use super::*;

    fn shares(n: u8, threshold: u8) -> Vec<Share> {
        Share::generate(&SystemRandom, n, threshold).unwrap()
    }

    fn more(progress: &Progress) -> Option<u32> {
        match progress {
            Progress::More { given, .. } => Some(*given),
            Progress::Whole(_) => None,
        }
    }

    #[test]
    fn a_set_is_whole_once_enough_different_shares_are_there() {
        let (now, ours) = (Instant::now(), shares(5, 3));
        let mut unsealing = Unsealing::default();
        assert_eq!(more(&unsealing.take(ours[0].clone(), now)), Some(1));
        assert_eq!(more(&unsealing.take(ours[0].clone(), now)), Some(1), "the same one");
        // Somebody's invention of another slot lies beside it.
        assert_eq!(more(&unsealing.take(shares(2, 2)[0].clone(), now)), Some(1));
        assert_eq!(more(&unsealing.take(ours[3].clone(), now)), Some(2));
        assert_eq!(unsealing.given(now), 2);
        let Progress::Whole(set) = unsealing.take(ours[4].clone(), now) else { panic!("three are enough") };
        assert_eq!(set.len(), 3);
        unsealing.refuse(&set);
        assert_eq!(more(&unsealing.take(ours[1].clone(), now)), Some(1), "nothing of a refused set is kept");
        assert_eq!(unsealing.failed(), 1);
        unsealing.finish();
        assert_eq!((unsealing.failed(), unsealing.given(now)), (0, 0));
    }

    #[test]
    fn what_was_given_is_forgotten_and_bounded() {
        let (now, ours) = (Instant::now(), shares(2, 2));
        let mut unsealing = Unsealing::default();
        unsealing.take(ours[0].clone(), now);
        let later = now + KEPT;
        assert_eq!(unsealing.given(later), 0);
        assert_eq!(more(&unsealing.take(ours[1].clone(), later)), Some(1));
        for _ in 0..=MOST {
            unsealing.take(shares(2, 2)[0].clone(), later);
        }
        assert_eq!(unsealing.given.len(), MOST);
    }

    #[test]
    fn tries_are_counted_by_network_and_together() {
        let now = Instant::now();
        let mut tries = Tries::default();
        let try_from = |unsealing: &mut Tries, from: &str, at| unsealing.is_too_often(from.parse().ok(), at);
        assert!((0..OF_ONE).all(|_| !try_from(&mut tries, "2001:db8::1", now)));
        assert!(try_from(&mut tries, "2001:db8::2", now), "a neighbour is the same network");
        assert!(!try_from(&mut tries, "192.0.2.1", now));
        assert!(!try_from(&mut tries, "2001:db8::1", now + A_MINUTE));
        assert!((0..OF_ALL).any(|n| try_from(&mut tries, &format!("198.51.100.{n}"), now + A_MINUTE)));
        assert!(!tries.is_too_often(None, now), "one's own socket");
    }
}
