//! What secrets are used for at their services, as gateways see it: which calls, and on which days. It is
//! what a successor needs to be allowed.

use std::collections::{BTreeMap, HashSet};

use keyward_access::VirtualKey;
use keyward_store::KeyRange;
use keyward_types::{Place, Record, SecretId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::records;
use crate::usage::{OTHERS, UsageCall};
use crate::{Error, Vault};

/// A call that a service answered well on a day, as one node saw it. It says that there was one, not
/// how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointRow {
    place: Place,
    provider: String,
    /// Method and path, `*` for ids.
    endpoint: String,
    /// When the day began.
    day: Timestamp,
    /// The node, which alone writes this row.
    node: String,
}

/// What a secret was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUse {
    /// The service.
    pub provider: String,
    /// Method and path, `*` for ids; `(others)`: more than are told apart.
    pub endpoint: String,
    /// The day of its last use, when that began.
    pub last: Timestamp,
}

/// Calls that are told apart, a secret, node and day: whoever makes up paths makes no rows.
const MOST: usize = 256;

/// Days that a row is kept for: whoever looks back looks back over fewer.
const KEPT_DAYS: i64 = 90;
/// Old rows that one commit takes with it; what is left goes with the next ones.
const MOST_AT_ONCE: usize = 1_024;

impl EndpointRow {
    fn prefix(secret: SecretId, day: Timestamp) -> Vec<u8> {
        [&secret.as_bytes()[..], &day.0.to_be_bytes()].concat()
    }
}

impl Record for EndpointRow {
    const COLLECTION: &'static str = "endpoint";

    /// Secret and day, and what tells the rest apart.
    fn key(&self) -> Vec<u8> {
        let mut rest = Sha256::new();
        for part in [&self.provider, &self.endpoint, &self.node] {
            rest.update((part.len() as u64).to_be_bytes());
            rest.update(part.as_bytes());
        }
        [&Self::prefix(self.place.secret, self.day)[..], &rest.finalize()[..16]].concat()
    }

    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        Vec::new()
    }
}

impl Vault {
    /// What a secret was used for in so many days until now, by gateways, whichever its version; in
    /// alphabetical order.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn endpoints_of(&self, place: &Place, days: u32) -> Result<Vec<EndpointUse>, Error> {
        let now = self.tools.clock.now();
        let (mut day, mut uses) = (now.plus_days(-i64::from(days)).day_start(), BTreeMap::new());
        while day <= now {
            for row in records::scan::<EndpointRow>(&self.store, &EndpointRow::prefix(place.secret, day))? {
                let EndpointRow { provider, endpoint, day, .. } = row.record;
                uses.insert((endpoint, provider), day);
            }
            day = day.plus_days(1);
        }
        Ok(uses.into_iter().map(|((endpoint, provider), last)| EndpointUse { provider, endpoint, last }).collect())
    }

    /// The rows that these calls add to those that are there.
    pub(crate) fn new_endpoints(
        &self,
        node: &str,
        calls: &[UsageCall<'_>],
        keys: &BTreeMap<&str, Option<VirtualKey>>,
    ) -> Result<Vec<EndpointRow>, Error> {
        let (mut looked, mut fresh) = (HashSet::new(), Vec::<EndpointRow>::new());
        for call in calls.iter().filter(|call| call.counts.failed == 0 && !call.endpoint.is_empty()) {
            let day = call.at.day_start();
            if !looked.insert((call.key, call.secret, day, call.endpoint)) {
                continue;
            }
            let Some(key) = &keys[call.key] else { continue };
            let Some(route) = key.routes.iter().find(|route| route.place.secret == call.secret) else { continue };
            let row = |endpoint: &str| EndpointRow {
                place: route.place,
                provider: route.provider.clone(),
                endpoint: endpoint.to_owned(),
                day,
                node: node.to_owned(),
            };
            let mut new = row(call.endpoint);
            if self.knows(&fresh, &new)? {
                continue;
            }
            if self.endpoints_told_apart(&fresh, &new)? >= MOST {
                new = row(OTHERS);
                if self.knows(&fresh, &new)? {
                    continue;
                }
            }
            fresh.push(new);
        }
        Ok(fresh)
    }

    /// The keys of rows that are too old for anybody. They are looked for when the first row of a day comes for
    /// a secret, so that its rows are those of so many days and no more.
    pub(crate) fn old_endpoints(&self, fresh: &[EndpointRow]) -> Result<Vec<Vec<u8>>, Error> {
        let (mut looked, mut old) = (HashSet::new(), Vec::new());
        for row in fresh {
            let (secret, day) = (row.place.secret, row.day);
            let today = EndpointRow::prefix(secret, day);
            if !looked.insert(secret) || !records::scan::<EndpointRow>(&self.store, &today)?.is_empty() {
                continue;
            }
            let end = EndpointRow::prefix(secret, day.plus_days(-KEPT_DAYS));
            let range = KeyRange::between(secret.as_bytes().to_vec(), end);
            old.extend(self.store.map(EndpointRow::COLLECTION, &range, |row| Ok::<_, Error>(row.key.clone()))?);
        }
        old.truncate(MOST_AT_ONCE);
        Ok(old)
    }

    fn knows(&self, fresh: &[EndpointRow], row: &EndpointRow) -> Result<bool, Error> {
        Ok(fresh.contains(row) || records::load::<EndpointRow>(&self.store, &row.key())?.is_some())
    }

    fn endpoints_told_apart(&self, fresh: &[EndpointRow], like: &EndpointRow) -> Result<usize, Error> {
        let there = records::scan::<EndpointRow>(&self.store, &EndpointRow::prefix(like.place.secret, like.day))?;
        let mine = |row: &EndpointRow| row.node == like.node && row.place == like.place && row.day == like.day;
        let fresh = fresh.iter().filter(|row| mine(row)).count();
        Ok(there.iter().filter(|row| mine(&row.record)).count() + fresh)
    }
}
