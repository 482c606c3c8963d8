//! What a group must know of the database before it can be judged.

use std::collections::{BTreeSet, HashMap};

use keyward_store::{Batch, Change, Expect, Head};

/// A collection and a key.
pub(crate) type Place<'a> = (&'a str, &'a [u8]);

/// A collection, an index and a value.
pub(crate) type Listing<'a> = (&'a str, &'a str, &'a [u8]);

/// What must be known of the database before the group is judged.
pub(crate) struct Needs<'a> {
    /// Records that are expected or changed.
    pub(crate) places: Vec<Place<'a>>,
    /// Index values that must be absent.
    pub(crate) listings: Vec<Listing<'a>>,
    /// Whether a batch expects a header.
    pub(crate) header: bool,
    /// Jobs whose epoch is expected.
    pub(crate) jobs: Vec<&'a str>,
}

impl<'a> Needs<'a> {
    pub(crate) fn of(batches: &'a [Batch]) -> Self {
        let (mut places, mut listings, mut header) = (BTreeSet::new(), BTreeSet::new(), false);
        let mut jobs = BTreeSet::new();
        for batch in batches {
            for expect in batch.expectations() {
                match expect {
                    Expect::Absent { collection, key } | Expect::Generation { collection, key, .. } => {
                        places.insert((&**collection, &**key));
                    }
                    Expect::AbsentIndex { collection, index, value } => {
                        listings.insert((&**collection, &**index, &**value));
                    }
                    Expect::Header { .. } => header = true,
                    Expect::Lease { job, .. } => {
                        jobs.insert(&**job);
                    }
                }
            }
            places.extend(batch.changes().iter().map(place_of));
        }
        Self {
            places: places.into_iter().collect(),
            listings: listings.into_iter().collect(),
            header,
            jobs: jobs.into_iter().collect(),
        }
    }
}

/// What the database holds, while the head of the log is locked. In the order of [`Needs`].
pub(crate) struct Found {
    pub(crate) head: Head,
    pub(crate) header: Option<Vec<u8>>,
    pub(crate) records: Vec<Before>,
    pub(crate) listed: Vec<BTreeSet<Vec<u8>>>,
    /// Of jobs that somebody has claimed.
    pub(crate) epochs: HashMap<String, i64>,
}

/// What lies, or lay, under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    Nothing,
    /// Its last generation.
    Deleted(i64),
    Live {
        generation: i64,
        /// Encoded.
        indexes: Vec<u8>,
    },
}

/// Where a change is made.
pub(crate) fn place_of(change: &Change) -> Place<'_> {
    match change {
        Change::Put(put) => (&put.collection, &put.key),
        Change::Delete(delete) => (&delete.collection, &delete.key),
    }
}
