//! A group of batches, judged and worked out in memory: from what the database held to what it shall
//! hold. No statement is sent from here, so a refused batch leaves nothing to undo.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keyward_store::{
    Batch, Change, Committed, Error, Expect, Head, LogHead, Put, RecordMac, Result, decode_indexes, header_hash,
};

use crate::needs::{Before, Found, Listing, Needs, Place, place_of};
use crate::writes::{Entry, Writes};

/// The group's outcome so far.
pub(crate) struct Group<'a> {
    records: BTreeMap<Place<'a>, Slot<'a>>,
    listed: HashMap<Listing<'a>, BTreeSet<Vec<u8>>>,
    epochs: HashMap<String, i64>,
    header: Option<Vec<u8>>,
    new_header: Option<&'a [u8]>,
    head: Head,
    entries: Vec<Entry<'a>>,
    at: i64,
}

/// A place before and after the group.
pub(crate) struct Slot<'a> {
    pub(crate) before: Before,
    pub(crate) now: Now<'a>,
}

/// What the group leaves there, with its generation.
pub(crate) enum Now<'a> {
    Untouched,
    Deleted(i64),
    Live(i64, &'a Put),
}

impl<'a> Group<'a> {
    pub(crate) fn begin(needs: &Needs<'a>, found: Found, at: i64) -> Self {
        let slots = found.records.into_iter().map(|before| Slot { before, now: Now::Untouched });
        Self {
            records: needs.places.iter().copied().zip(slots).collect(),
            listed: needs.listings.iter().copied().zip(found.listed).collect(),
            epochs: found.epochs,
            header: found.header,
            new_header: None,
            head: found.head,
            entries: Vec::new(),
            at,
        }
    }

    /// Makes one batch, or refuses it alone.
    pub(crate) fn make(&mut self, batch: &'a Batch) -> Result<Committed> {
        if let Some(expect) = batch.expectations().iter().find(|expect| !self.holds(expect)) {
            return Err(Error::Conflict(Box::new(expect.clone())));
        }
        batch.changes().iter().try_for_each(|change| self.check(change))?;
        let committed = Committed::by_engine(self.head.size, self.at);
        for entry in batch.entries() {
            let index = i64::try_from(self.head.size).map_err(|_| out_of_range())?;
            self.entries.push(Entry { index, public: &entry.public, private: &entry.private });
            self.head.size += 1;
        }
        for change in batch.changes() {
            self.change(change);
        }
        if let Some(header) = batch.new_header() {
            self.new_header = Some(header);
        }
        Ok(committed)
    }

    /// Has every batch been refused?
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Extends the log's head, and says what must be written.
    pub(crate) fn finish(self, mac: &dyn RecordMac, head: &dyn LogHead) -> Result<Writes<'a>> {
        let public: Vec<&[u8]> = self.entries.iter().map(|entry| entry.public).collect();
        let first = self.head.size - public.len() as u64;
        let state = head.extend(self.head.state.as_deref(), first, &public).map_err(Error::LogHead)?;
        let size = i64::try_from(self.head.size).map_err(|_| out_of_range())?;
        let mut writes = Writes::new(self.entries, self.new_header, size, state);
        for (place, slot) in &self.records {
            writes.add(*place, slot, mac);
        }
        Ok(writes)
    }

    fn holds(&self, expect: &Expect) -> bool {
        match expect {
            Expect::Absent { collection, key } => self.current(collection, key).is_none(),
            Expect::Generation { collection, key, generation } => {
                self.current(collection, key).is_some_and(|found| u64::try_from(found) == Ok(*generation))
            }
            Expect::AbsentIndex { collection, index, value } => {
                self.listed.get(&(&**collection, &**index, &**value)).is_none_or(BTreeSet::is_empty)
            }
            Expect::Lease { job, epoch } => {
                self.epochs.get(job).is_some_and(|found| u64::try_from(*found) == Ok(*epoch))
            }
            Expect::Header { hash } => {
                header_hash(self.new_header.or(self.header.as_deref()).unwrap_or_default()) == *hash
            }
        }
    }

    /// Generation of the record that lies there.
    fn current(&self, collection: &str, key: &[u8]) -> Option<i64> {
        let slot = self.records.get(&(collection, key))?;
        match (&slot.now, &slot.before) {
            (Now::Live(generation, _), _) | (Now::Untouched, Before::Live { generation, .. }) => Some(*generation),
            _ => None,
        }
    }

    /// Refuses what would spoil the whole group: a row that cannot be counted on from, keys that an
    /// index of the database cannot hold.
    fn check(&self, change: &Change) -> Result<()> {
        let Change::Put(put) = change else { return Ok(()) };
        let Put { collection, key, indexes, .. } = put;
        let longest = indexes.iter().map(|(name, value)| name.len() + value.len()).max().unwrap_or(0);
        let size = collection.len() + key.len() + longest;
        if size > LONGEST_KEY {
            return Err(Error::TooLarge { size, limit: LONGEST_KEY });
        }
        let counts = |generation: i64| (0..LAST_GENERATION).contains(&generation);
        let sound = match self.records.get(&(&**collection, &**key)).map(|slot| &slot.before) {
            None | Some(Before::Nothing) => true,
            Some(Before::Deleted(generation)) => counts(*generation),
            Some(Before::Live { generation, indexes }) => counts(*generation) && decode_indexes(indexes).is_ok(),
        };
        if sound { Ok(()) } else { Err(Error::Tampered { collection: collection.clone(), key: key.clone() }) }
    }

    fn change(&mut self, change: &'a Change) {
        let place = place_of(change);
        let slot = self.records.get_mut(&place).expect("every change's place is among the needs");
        if !self.listed.is_empty() {
            let old = slot.indexes();
            let declares = |index: &str, value: &[u8]| old.iter().any(|(n, v)| n == index && v == value);
            let listed = self.listed.iter_mut().filter(|(listing, _)| listing.0 == place.0);
            for (_, keys) in listed.filter(|(listing, _)| declares(listing.1, listing.2)) {
                keys.remove(place.1);
            }
        }
        match change {
            Change::Put(put) => {
                slot.now = Now::Live(slot.last_generation() + 1, put);
                for (name, value) in &put.indexes {
                    if let Some(keys) = self.listed.get_mut(&(place.0, &**name, &**value)) {
                        keys.insert(place.1.to_vec());
                    }
                }
            }
            Change::Delete(_) if slot.is_live() => slot.now = Now::Deleted(slot.last_generation()),
            Change::Delete(_) => {}
        }
    }
}

impl Slot<'_> {
    fn is_live(&self) -> bool {
        matches!((&self.now, &self.before), (Now::Live(..), _) | (Now::Untouched, Before::Live { .. }))
    }

    fn last_generation(&self) -> i64 {
        match (&self.now, &self.before) {
            (Now::Live(generation, _) | Now::Deleted(generation), _) => *generation,
            (Now::Untouched, Before::Live { generation, .. } | Before::Deleted(generation)) => *generation,
            (Now::Untouched, Before::Nothing) => 0,
        }
    }

    /// What the record there declares. Of one that cannot be decoded, verification will list what
    /// stays behind.
    fn indexes(&self) -> Vec<(String, Vec<u8>)> {
        match (&self.now, &self.before) {
            (Now::Live(_, put), _) => put.indexes.clone(),
            (Now::Untouched, Before::Live { indexes, .. }) => decode_indexes(indexes).unwrap_or_default(),
            _ => Vec::new(),
        }
    }
}

fn out_of_range() -> Error {
    Error::Damaged { detail: "the log's head is out of range".into() }
}

/// A B-tree of PostgreSQL holds rows of 2,704 bytes at most.
const LONGEST_KEY: usize = 2_600;

/// No group makes as many changes as lie between this and the end of the numbers.
const LAST_GENERATION: i64 = i64::MAX - (1 << 32);
