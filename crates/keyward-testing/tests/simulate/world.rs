//! What lies outside the machine: a provider with its keys, a vault, targets, somebody who was
//! forgotten.

use keyward_lifecycle::rotation::{Minting, Overlap, Shape};
use keyward_testing::Seed;

/// A key at the provider. Roles, too: their values change, their ids stay.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) value: u64,
    pub(crate) tagged: bool,
    pub(crate) alive: bool,
    pub(crate) suspended: bool,
    /// From when on it works and is listed everywhere.
    pub(crate) seen_from: i64,
    /// When it ends by itself.
    pub(crate) ends: Option<i64>,
    pub(crate) used: Option<i64>,
}

/// A version in the vault.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) value: u64,
    pub(crate) discarded: bool,
}

#[derive(Debug)]
pub(crate) struct World {
    /// Milliseconds of the true time, and how far our clock is from it.
    pub(crate) now: i64,
    pub(crate) skew: i64,
    pub(crate) shape: Shape,
    pub(crate) keys: Vec<Key>,
    pub(crate) versions: Vec<Version>,
    pub(crate) active: usize,
    pub(crate) pending: Option<usize>,
    pub(crate) targets: Vec<u64>,
    pub(crate) old: u64,
    /// Somebody who uses the old value, every so often, until then.
    pub(crate) stray: Option<(i64, i64)>,
    /// Until when somebody holds the old value.
    pub(crate) held_until: i64,
    pub(crate) jumped: bool,
    values: u64,
}

pub(crate) const OLD: &str = "old";
const OTHER: &str = "other";

impl World {
    pub(crate) fn new(seed: &mut Seed) -> Self {
        let shapes = [
            (Overlap::ManyKeys, Minting::Once),
            (Overlap::ManyKeys, Minting::Readable),
            (Overlap::TwoSlots, Minting::Once),
            (Overlap::TwoSlots, Minting::Chosen),
            (Overlap::GraceRoll, Minting::Once),
            (Overlap::InPlace, Minting::Chosen),
            (Overlap::Keyring, Minting::Chosen),
            (Overlap::Console, Minting::ByHand),
        ];
        let (overlap, minting) = *seed.choose(&shapes);
        let reversible = matches!(overlap, Overlap::ManyKeys | Overlap::TwoSlots) && seed.once_in(2);
        let settles = if seed.once_in(2) { 0 } else { 60 };
        let shape = Shape { overlap, minting, reversible, asks: overlap != Overlap::Keyring, settles };
        let key = |id: &str, value, alive| Key {
            id: id.into(),
            value,
            tagged: false,
            alive,
            suspended: false,
            seen_from: 0,
            ends: None,
            used: None,
        };
        let mut keys = vec![key(OLD, 1, true)];
        if (overlap, minting) == (Overlap::TwoSlots, Minting::Chosen) {
            keys.push(key(OTHER, 2, false));
        }
        let hour = 3_600_000;
        let stray = seed.once_in(3).then(|| (60_000 + seed.below(600_000) as i64, seed.below(4) as i64 * hour));
        Self {
            now: 1_000_000_000,
            skew: 0,
            shape,
            keys,
            versions: vec![Version { value: 1, discarded: false }],
            active: 0,
            pending: None,
            targets: vec![1; seed.below(4)],
            old: 1,
            stray,
            held_until: if seed.once_in(3) { 1_000_000_000 + seed.below(10) as i64 * hour } else { 0 },
            jumped: false,
            values: 100,
        }
    }

    /// The true time goes on; meanwhile the stray uses what he has.
    pub(crate) fn pass(&mut self, millis: i64) {
        let (from, to) = (self.now, self.now + millis.max(0));
        self.now = to;
        if let Some((every, lasts)) = self.stray {
            let last = (to.min(1_000_000_000 + lasts) / every) * every;
            let old = self.old;
            let works = self.works(old);
            if let Some(key) = self.keys.iter_mut().find(|key| key.value == old).filter(|_| last > from && works) {
                key.used = Some(last);
            }
        }
    }

    pub(crate) fn clock(&self) -> i64 {
        self.now + self.skew
    }

    pub(crate) fn fresh(&mut self) -> u64 {
        self.values += 1;
        self.values
    }

    pub(crate) fn works(&self, value: u64) -> bool {
        self.shape.overlap == Overlap::Keyring || self.keys.iter().any(|key| key.value == value && self.is_live(key))
    }

    /// The same, as one of the provider's edges knows it.
    pub(crate) fn is_known(&self, value: u64) -> bool {
        let known = |key: &&Key| key.value == value && self.is_live(key) && key.seen_from <= self.now;
        self.keys.iter().any(|key| known(&key))
    }

    fn is_live(&self, key: &Key) -> bool {
        key.alive && !key.suspended && key.ends.is_none_or(|ends| ends > self.now)
    }

    pub(crate) fn key(&mut self, id: &str) -> Option<&mut Key> {
        self.keys.iter_mut().find(|key| key.id == id)
    }

    /// The provider is asked for a key. `None`: no room.
    pub(crate) fn mint(&mut self, seed: &mut Seed) -> Option<(String, u64)> {
        let pending = self.pending.map(|pending| self.versions[pending].value);
        match (self.shape.overlap, self.shape.minting) {
            (Overlap::Keyring, _) => return Some((OLD.into(), pending.expect("sealed before it is minted"))),
            (Overlap::InPlace, _) => {
                let value = pending.expect("sealed before it is minted");
                self.key(OLD).expect("it is never removed").value = value;
                return Some((OLD.into(), value));
            }
            (_, Minting::Chosen) => {
                let value = pending.expect("sealed before it is minted");
                let key = self.key(OTHER).expect("it is never removed");
                (key.value, key.alive) = (value, true);
                return Some((OTHER.into(), value));
            }
            _ => {}
        }
        let live = self.keys.iter().filter(|key| key.alive).count();
        if self.shape.overlap == Overlap::TwoSlots && live >= 2 {
            return None;
        }
        let value = self.fresh();
        let lag = if seed.once_in(2) { 0 } else { seed.below(self.shape.settles as usize * 1000 + 1) as i64 };
        let (id, seen_from) = (format!("key-{value}"), self.now + lag);
        if self.shape.overlap == Overlap::GraceRoll {
            let ends = self.now + 30 * 24 * 3_600_000;
            self.key(OLD).expect("it ends and stays").ends.get_or_insert(ends);
        }
        self.keys.push(Key {
            id: id.clone(),
            value,
            tagged: true,
            alive: true,
            suspended: false,
            seen_from,
            ends: None,
            used: None,
        });
        Some((id, value))
    }

    pub(crate) fn found(&self) -> Vec<String> {
        let listed = |key: &&Key| key.tagged && key.alive && key.seen_from <= self.now;
        self.keys.iter().filter(listed).map(|key| key.id.clone()).collect()
    }

    /// A working value that is durable: what no accident may take.
    pub(crate) fn is_safe(&self) -> bool {
        self.versions.iter().any(|version| !version.discarded && self.works(version.value))
    }
}
