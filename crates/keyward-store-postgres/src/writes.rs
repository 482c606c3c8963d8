//! What a group writes: the difference between what was there and what shall be.

use std::collections::BTreeSet;

use keyward_store::{IndexRow, Put, RecordMac, decode_indexes, encode_indexes};

use crate::group::{Now, Slot};
use crate::needs::{Before, Place};

/// What must be written; every place at most once.
pub(crate) struct Writes<'a> {
    pub(crate) put: Vec<NewRow<'a>>,
    pub(crate) gone: Vec<Place<'a>>,
    pub(crate) buried: Vec<(Place<'a>, i64)>,
    pub(crate) revived: Vec<Place<'a>>,
    pub(crate) unlisted: BTreeSet<IndexRow>,
    pub(crate) listed: BTreeSet<IndexRow>,
    /// Every place that is not as it was.
    pub(crate) changed: Vec<Place<'a>>,
    pub(crate) header: Option<&'a [u8]>,
    pub(crate) entries: Vec<Entry<'a>>,
    pub(crate) size: i64,
    pub(crate) state: Vec<u8>,
}

/// A record as it is written.
pub(crate) struct NewRow<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) generation: i64,
    pub(crate) value: &'a [u8],
    pub(crate) indexes: Vec<u8>,
    pub(crate) mac: [u8; 32],
}

impl<'a> Writes<'a> {
    pub(crate) fn new(entries: Vec<Entry<'a>>, header: Option<&'a [u8]>, size: i64, state: Vec<u8>) -> Self {
        Self {
            put: Vec::new(),
            gone: Vec::new(),
            buried: Vec::new(),
            revived: Vec::new(),
            unlisted: BTreeSet::new(),
            listed: BTreeSet::new(),
            changed: Vec::new(),
            header,
            entries,
            size,
            state,
        }
    }

    /// Adds what became of a place.
    pub(crate) fn add(&mut self, place: Place<'a>, slot: &Slot<'a>, mac: &dyn RecordMac) {
        let row = |(name, value): (String, Vec<u8>)| IndexRow {
            collection: place.0.into(),
            index: name,
            value,
            key: place.1.into(),
        };
        let old: BTreeSet<IndexRow> = match &slot.before {
            Before::Live { indexes, .. } => decode_indexes(indexes).unwrap_or_default().into_iter().map(row).collect(),
            _ => BTreeSet::new(),
        };
        match slot.now {
            Now::Untouched => return,
            Now::Deleted(generation) => {
                if matches!(slot.before, Before::Live { .. }) {
                    self.gone.push(place);
                }
                self.buried.push((place, generation));
                self.unlisted.extend(old);
            }
            Now::Live(generation, Put { collection, key, value, indexes }) => {
                if matches!(slot.before, Before::Deleted(_)) {
                    self.revived.push(place);
                }
                let mac = mac.mac(collection, key, generation.unsigned_abs(), value, indexes);
                self.put.push(NewRow { place, generation, value, indexes: encode_indexes(indexes), mac });
                let new: BTreeSet<IndexRow> = indexes.iter().cloned().map(row).collect();
                self.unlisted.extend(old.difference(&new).cloned());
                self.listed.extend(new.difference(&old).cloned());
            }
        }
        self.changed.push(place);
    }
}

/// A log entry and its place.
pub(crate) struct Entry<'a> {
    pub(crate) index: i64,
    pub(crate) public: &'a [u8],
    pub(crate) private: &'a [u8],
}
