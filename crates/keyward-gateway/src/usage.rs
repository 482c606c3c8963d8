//! What is written down of calls: fixed-size records, gathered on each core and handed over together.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use keyward_types::{SecretId, Timestamp, Version};

use crate::endpoint::Endpoint;
use crate::grant::VirtualKeyId;
use crate::meter::Counts;
use crate::refusal::Reason;

/// Takes over what was gathered, at most half a second old. Called on a thread of its own.
pub trait UsageSink: Send + Sync {
    /// Records what happened, durably. `batch` numbers what is offered, from one on and each after the one
    /// before it was recorded: what is offered again has its number again, so that it is never counted
    /// twice, even where nobody knows whether it was recorded.
    ///
    /// # Errors
    /// When it cannot: the same records are offered again. Meanwhile leases are not renewed, and when
    /// a core has no room left for records it takes no more requests.
    fn record(&self, batch: u64, calls: &[UsageRecord], denials: &[DenialCount]) -> Result<(), CannotRecord>;
}

/// Nothing can be written down just now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("usage cannot be recorded: {0}")]
pub struct CannotRecord(pub String);

/// One call that went to an upstream.
#[derive(Clone, Copy, Debug)]
pub struct UsageRecord {
    /// When it began.
    pub at: Timestamp,
    /// By which key.
    pub key: VirtualKeyId,
    /// With which secret.
    pub secret: SecretId,
    /// And which of its versions.
    pub version: Version,
    /// Where it went.
    pub provider: Short<24>,
    /// The model that answered, else that was asked for.
    pub model: Short<48>,
    /// What the key's holder has it counted under, where he made it narrower; else empty.
    pub tag: Short<32>,
    /// Method and path, `*` for what looks like an id; one that ends in `…` is cut off.
    pub endpoint: Endpoint,
    /// The upstream's status; 0 where it gave none.
    pub status: u16,
    /// Tokens.
    pub counts: Counts,
    /// Millionths of a US dollar.
    pub cost: u64,
    /// How sure that is.
    pub truth: Truth,
    /// How it ended.
    pub end: End,
    /// Milliseconds until the answer's head.
    pub first_millis: u32,
    /// Milliseconds until its end.
    pub millis: u32,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// Echoes of the key that were masked.
    pub redacted: u32,
}

/// Where counts and cost come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// The provider said so.
    Exact,
    /// It did not get to say so, and they are estimated.
    Estimated,
    /// Nothing is counted in such a call.
    Uncounted,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The answer was passed on whole.
    Whole,
    /// The caller hung up, or did not send what he had announced.
    HungUp,
    /// The upstream broke off, or gave no answer.
    CutOff,
    /// The gateway broke off: an echo in a coded body, or a limit of time.
    Stopped,
}

/// Requests that were refused, for one reason in one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenialCount {
    /// Whose.
    pub who: Denied,
    /// Why.
    pub reason: Reason,
    /// The second, since 1970.
    pub second: i64,
    /// How many.
    pub count: u32,
}

/// Who was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Denied {
    /// A key that is known.
    Key(VirtualKeyId),
    /// Whoever is in this network: /24 of IPv4, /48 of IPv6.
    Network(IpAddr),
    /// Others, when there are too many to be told apart.
    Others,
}

impl Denied {
    /// The network of an address.
    pub fn network(peer: IpAddr) -> Self {
        Self::Network(match peer.to_canonical() {
            IpAddr::V4(peer) => IpAddr::V4((peer.to_bits() & 0xffff_ff00).into()),
            IpAddr::V6(peer) => IpAddr::V6((peer.to_bits() & !(u128::MAX >> 48)).into()),
        })
    }
}

/// A short text of fixed size; what is longer is cut off.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Short<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Short<N> {
    /// The beginning of a text.
    pub fn new(text: &str) -> Self {
        let mut length = text.len().min(N);
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        let mut bytes = [0; N];
        bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
        Self { length: u8::try_from(length).unwrap_or(0), bytes }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl<const N: usize> Default for Short<N> {
    fn default() -> Self {
        Self { length: 0, bytes: [0; N] }
    }
}

impl<const N: usize> fmt::Debug for Short<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// What one core has gathered since it was last taken.
#[derive(Default)]
pub(crate) struct Ring {
    calls: Vec<UsageRecord>,
    denials: HashMap<(Denied, Reason, i64), u32>,
    /// Calls that are under way and will need room.
    under_way: usize,
    /// Records that were handed over and are not yet recorded.
    pub(crate) handed: Arc<AtomicUsize>,
}

/// Records that a core keeps at most: some 12 MB, two seconds at its fastest.
const ROOM: usize = 1 << 16;
/// Denials that are told apart at most, until they are taken.
const DENIALS: usize = 4096;

impl Ring {
    /// Keeps room for the record of a call. False: there is none, and the call must not be made.
    pub(crate) fn begin(&mut self) -> bool {
        let room = self.calls.len() + self.under_way + self.handed.load(Ordering::Relaxed) < ROOM;
        self.under_way += usize::from(room);
        room
    }

    /// The call was not made.
    pub(crate) fn forget(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    pub(crate) fn end(&mut self, record: UsageRecord) {
        self.forget();
        self.calls.push(record);
    }

    pub(crate) fn deny(&mut self, who: Denied, reason: Reason, now: Timestamp) {
        let second = now.0.div_euclid(1000);
        let known = self.denials.len() < DENIALS || self.denials.contains_key(&(who, reason, second));
        *self.denials.entry((if known { who } else { Denied::Others }, reason, second)).or_default() += 1;
    }

    /// Takes what was gathered; it counts against the room until it is recorded.
    pub(crate) fn take(&mut self) -> Gathered {
        let denials = self.denials.drain();
        let denials = denials.map(|((who, reason, second), count)| DenialCount { who, reason, second, count });
        let denials = denials.collect();
        self.handed.fetch_add(self.calls.len(), Ordering::Relaxed);
        // Nobody waits while megabytes of records are moved to a larger room: it is as large as it was.
        let room = Vec::with_capacity(self.calls.len());
        let calls = std::mem::replace(&mut self.calls, room);
        Gathered { calls, denials, handed: Arc::clone(&self.handed) }
    }
}

/// What a core hands over.
pub(crate) struct Gathered {
    calls: Vec<UsageRecord>,
    denials: Vec<DenialCount>,
    handed: Arc<AtomicUsize>,
}

/// The thread that hands over: what could not be recorded is kept and offered again.
pub(crate) fn hand_over(sink: &dyn UsageSink, from: &Receiver<Gathered>) {
    let mut kept: Vec<Gathered> = Vec::new();
    let mut batch = 1;
    loop {
        let next = if kept.is_empty() { from.recv().ok() } else { from.recv_timeout(AGAIN).ok() };
        let over = next.is_none() && kept.is_empty();
        kept.extend(next);
        kept.extend(from.try_iter());
        let mut failed = None;
        kept.retain(|gathered| {
            match failed.is_none().then(|| sink.record(batch, &gathered.calls, &gathered.denials)) {
                Some(Ok(())) => {
                    batch += 1;
                    gathered.handed.fetch_sub(gathered.calls.len(), Ordering::Relaxed);
                    false
                }
                Some(Err(why)) => {
                    failed = Some(why);
                    true
                }
                None => true,
            }
        });
        if let Some(why) = &failed {
            tracing::error!(target: "keyward::gateway", waiting = kept.len(), "{why}");
        }
        match from.try_recv() {
            Ok(gathered) => kept.push(gathered),
            Err(TryRecvError::Disconnected) if over || failed.is_some() => return,
            Err(_) => {}
        }
    }
}

/// How long to wait before records are offered again.
const AGAIN: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denials_are_counted_by_who_why_and_when() {
        let mut ring = Ring::default();
        let who = Denied::network([192, 0, 2, 77].into());
        for at in [1_000, 1_999, 2_000] {
            ring.deny(who, Reason::NoKey, Timestamp(at));
        }
        let mut denials = ring.take().denials;
        denials.sort_by_key(|denial| denial.second);
        assert_eq!(denials.iter().map(|denial| denial.count).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(denials[0].who, Denied::Network([192, 0, 2, 0].into()));
    }

    #[test]
    fn a_flood_of_networks_takes_bounded_room() {
        let mut ring = Ring::default();
        for net in 0..100_000u32 {
            ring.deny(Denied::network(std::net::Ipv4Addr::from(net << 8).into()), Reason::NoKey, Timestamp(0));
        }
        let denials = ring.take().denials;
        assert!(denials.len() <= DENIALS + 1);
        assert_eq!(denials.iter().map(|denial| denial.count).sum::<u32>(), 100_000);
    }

    #[test]
    fn a_core_without_room_takes_no_call() {
        let mut ring = Ring::default();
        assert!((0..ROOM).all(|_| ring.begin()));
        assert!(!ring.begin());
        ring.forget();
        assert!(ring.begin());
    }

    #[test]
    fn short_texts_are_cut_at_a_character() {
        assert_eq!(Short::<4>::new("abcé").as_str(), "abc");
        assert_eq!(Short::<4>::new("ab").as_str(), "ab");
    }
}
