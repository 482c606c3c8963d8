//! One core: its keys, its connections to upstreams, what it has counted. Nothing here is shared, so
//! that nothing is locked.

use std::cell::{Cell, Ref, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, UNIX_EPOCH};

use keyward_types::Timestamp;

use crate::alarm::Alarms;
use crate::budget::Purse;
use crate::config::Config;
use crate::grant::{Grant, Unit};
use crate::http1::buffers::Buffers;
use crate::narrowing::Narrowing;
use crate::pace::Paces;
use crate::pool::Pool;
use crate::refusal::Reason;
use crate::shared::{Live, Shared};
use crate::snapshot::{Presented, Snapshot};
use crate::usage::{Denied, Gathered, Ring};
use crate::watch::Watch;

/// What a core has.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) config: Arc<Config>,
    pub(crate) pool: Pool,
    pub(crate) ring: RefCell<Ring>,
    pub(crate) alarms: Rc<Alarms>,
    pub(crate) watch: Watch,
    pub(crate) stopping: Cell<bool>,
    /// Connections of callers, and calls that are read on without one.
    pub(crate) connections: Cell<usize>,
    /// The runtime is about to end: nothing is begun any more.
    pub(crate) ended: Cell<bool>,
    pub(crate) paces: Paces,
    pub(crate) buffers: Rc<Buffers>,
    /// The second that was written last, and how.
    date: RefCell<(i64, Vec<u8>)>,
    gathered: Sender<Gathered>,
    known: RefCell<HashMap<[u8; 32], Rc<Known>, Drawn>>,
    /// The same for keys that their holders made narrower, of which there may be any number.
    narrowed: RefCell<HashMap<[u8; 32], Rc<Known>, Drawn>>,
    /// Makes of a presented key the place in that table; no key stands in it.
    key: [u8; 32],
}

/// A key that was presented before.
pub(crate) struct Known {
    pub(crate) grant: Arc<Grant>,
    pub(crate) live: Arc<Live>,
    pub(crate) purses: Vec<(Arc<Purse>, Unit)>,
    /// What its holder added.
    pub(crate) narrowing: Option<Arc<Narrowing>>,
    hash: [u8; 32],
    snapshot: u64,
    until: Option<Timestamp>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, config: Arc<Config>, gathered: Sender<Gathered>, key: [u8; 32]) -> Self {
        let (times, limits) = (config.times, config.limits);
        let buffers = Rc::<Buffers>::default();
        let alarms = Rc::<Alarms>::default();
        let room = (&buffers, &alarms);
        let pool = Pool::new(Arc::clone(&config.upstream_tls), room, times.connect, times.keep, limits.kept);
        Self {
            shared,
            config,
            pool,
            ring: RefCell::default(),
            alarms,
            watch: Watch::default(),
            stopping: Cell::new(false),
            connections: Cell::new(0),
            ended: Cell::new(false),
            paces: Paces::default(),
            buffers,
            date: RefCell::default(),
            gathered,
            known: RefCell::default(),
            narrowed: RefCell::default(),
            key,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// The time as answers tell it, as of the last tick.
    pub(crate) fn date(&self) -> Ref<'_, [u8]> {
        Ref::map(self.date.borrow(), |(_, date)| &**date)
    }

    fn write_date(&self) {
        let second = self.now().0.div_euclid(1000);
        let (written, date) = &mut *self.date.borrow_mut();
        if *written != second || date.is_empty() {
            let at = UNIX_EPOCH + Duration::from_secs(u64::try_from(second).unwrap_or(0));
            (*written, *date) = (second, httpdate::fmt_http_date(at).into_bytes());
        }
    }

    /// The grant behind a presented key, by the present snapshot.
    pub(crate) fn known(&self, presented: &[u8], snapshot: &Snapshot, now: Timestamp) -> Result<Rc<Known>, Reason> {
        let place = *blake3::keyed_hash(&self.key, presented).as_bytes();
        let known = self.known.borrow().get(&place).cloned();
        let known = known.or_else(|| self.narrowed.borrow().get(&place).cloned());
        let known = match known {
            Some(known) if known.snapshot == snapshot.number => known,
            Some(known) => {
                let again = Presented { hash: known.hash, narrowing: known.narrowing.clone() };
                self.look_up(place, again, snapshot)?
            }
            None => {
                let presented = snapshot.hash(presented).ok_or(Reason::MalformedKey)?;
                self.look_up(place, presented, snapshot)?
            }
        };
        if known.until.is_some_and(|until| until <= now) {
            return Err(Reason::ExpiredKey);
        }
        Ok(known)
    }

    /// The grant that a key which was let through before has by now.
    pub(crate) fn again(&self, known: &Known, snapshot: &Snapshot, now: Timestamp) -> Result<Arc<Grant>, Reason> {
        let (grant, until) = snapshot.find(&known.hash).ok_or(Reason::UnknownKey)?;
        if until.is_some_and(|until| until <= now) {
            return Err(Reason::ExpiredKey);
        }
        Ok(Arc::clone(grant))
    }

    #[cold]
    fn look_up(&self, place: [u8; 32], presented: Presented, snapshot: &Snapshot) -> Result<Rc<Known>, Reason> {
        let Presented { hash, narrowing } = presented;
        let mut table = if narrowing.is_some() { &self.narrowed } else { &self.known }.borrow_mut();
        let Some((grant, until)) = snapshot.find(&hash) else {
            table.remove(&place);
            return Err(Reason::UnknownKey);
        };
        match &narrowing {
            Some(_) if table.len() >= NARROWED => table.clear(),
            // Keys that are gone are presented no more, and would stay here for ever.
            None if table.len() > 2 * snapshot.len() + 64 => {
                table.retain(|_, known| known.snapshot == snapshot.number);
            }
            _ => {}
        }
        let purses = grant.budgets.iter().map(|budget| (self.shared.purses.of(budget.id), budget.unit)).collect();
        let known = Rc::new(Known {
            grant: Arc::clone(grant),
            live: self.shared.live(grant.id),
            purses,
            narrowing,
            hash,
            snapshot: snapshot.number,
            until,
        });
        table.insert(place, Rc::clone(&known));
        Ok(known)
    }

    /// What has to be looked at from time to time.
    pub(crate) fn tick(&self) {
        let now = self.shared.nanos() / 1_000_000;
        self.write_date();
        self.alarms.tick(now);
        self.watch.tick(now, &self.config.times);
    }

    /// Hands over what was counted since the last time.
    pub(crate) fn hand_over(&self) {
        // Without a recorder nothing has room soon, and requests are refused.
        let _ = self.gathered.send(self.ring.borrow_mut().take());
    }

    /// Counts a refusal.
    pub(crate) fn deny(&self, known: Option<&Known>, peer: IpAddr, reason: Reason) {
        let who = known.map_or_else(|| Denied::network(peer), |known| Denied::Key(known.grant.id));
        self.ring.borrow_mut().deny(who, reason, self.now());
    }
}

/// What is looked up by a hash under a key of our own is not hashed again: whoever presents a key cannot
/// choose its place.
#[derive(Clone, Copy, Default)]
struct Drawn(u64);

impl BuildHasher for Drawn {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

impl Hasher for Drawn {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// The length, which is that of all.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Most narrowed keys that a core remembers; who makes more has each looked at anew.
const NARROWED: usize = 4096;

/// A task that a core waits for when it is to stop.
pub(crate) struct Counted(Rc<Worker>);

impl Counted {
    pub(crate) fn new(worker: &Rc<Worker>) -> Self {
        worker.connections.set(worker.connections.get() + 1);
        Self(Rc::clone(worker))
    }

    pub(crate) fn worker(&self) -> &Rc<Worker> {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
    }
}

impl Drop for Worker {
    /// Every call holds its core, so that the last of them has ended.
    fn drop(&mut self) {
        self.hand_over();
    }
}
