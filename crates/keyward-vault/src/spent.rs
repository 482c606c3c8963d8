//! What serves once, on every node: the state of a sign-in at a provider, and the name of a
//! workload's token.

use keyward_types::{Keys, Purpose, Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::records;
use crate::value::hex;
use crate::{Error, Vault};

/// Something that was used up, until nobody could use it any more anyway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spent {
    /// A keyed hash of what it was, from which nothing can be read.
    id: String,
    until: Timestamp,
}

/// Clocks that are set right move by less than this.
const SKEW: i64 = 5 * 60 * 1000;

impl Record for Spent {
    const COLLECTION: &'static str = "spent";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
}

impl Spent {
    /// Uses it up within a change, which fails if it was used up already.
    pub(crate) fn take_into(&self, change: &mut Change<'_>) {
        change.expect(records::absent(self));
        change.put(self);
    }

    /// Whether it can be forgotten.
    pub(crate) fn is_stale(&self, now: Timestamp) -> bool {
        now.0.saturating_sub(SKEW) > self.until.0
    }
}

impl Vault {
    /// The mark that something of this sort is used up, which ends by itself at that time.
    pub(crate) fn spent(&self, sort: &str, what: &[&str], until: Timestamp) -> Result<Spent, Error> {
        let mut message = [b"keyward/spent/1\0", sort.as_bytes()].concat();
        for part in what {
            message.extend_from_slice(&(part.len() as u64).to_be_bytes());
            message.extend_from_slice(part.as_bytes());
        }
        let hash = self.ring.mac(&Purpose::Provider, &message)?;
        Ok(Spent { id: hex(&hash[..16]), until })
    }

    /// Whether it was used up already.
    pub(crate) fn is_spent(&self, mark: &Spent) -> Result<bool, Error> {
        Ok(records::load::<Spent>(&self.store, &mark.key())?.is_some())
    }
}
