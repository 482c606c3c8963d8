//! Who used a secret in the last 24 hours.

use std::collections::BTreeMap;

use keyward_types::{Head, Timestamp, Version};

use super::Rotations;
use crate::Result;

/// A day, in milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

impl Rotations<'_> {
    /// Who read it, and whose virtual keys used it, whichever version: one line each, the last first.
    pub(super) fn users(&self, head: &Head) -> Result<Vec<String>> {
        let now = self.vault.clock().now();
        let since = Timestamp(now.0.saturating_sub(DAY));
        let mut lines: Vec<(Timestamp, String)> = Vec::new();
        let mut readers: BTreeMap<String, (Timestamp, u64, Version)> = BTreeMap::new();
        let reads = self.vault.reads(head.place.secret)?.into_iter();
        for read in reads.filter(|read| read.place == head.place && read.last >= since) {
            let account = self.vault.account_of(&read.principal)?;
            let name = account.map_or_else(|| read.principal.to_string(), |account| account.name);
            let entry = readers.entry(name).or_insert((read.last, 0, read.version));
            entry.1 += read.n;
            if read.last > entry.0 {
                (entry.0, entry.2) = (read.last, read.version);
            }
        }
        for (name, (last, n, version)) in readers {
            lines.push((last, format!("{name} read version {version} at {last} ({} in all)", times(n))));
        }
        let mut keys: BTreeMap<String, (Timestamp, u64)> = BTreeMap::new();
        for row in self.vault.usage(self.actor, since, now)? {
            // A row is an hour's.
            if row.place == head.place && row.hour.0 > since.0.saturating_sub(DAY / 24) {
                let entry = keys.entry(row.key).or_insert((row.hour, 0));
                *entry = (entry.0.max(row.hour), entry.1 + row.counts.requests);
            }
        }
        for (key, (hour, n)) in keys {
            lines.push((hour, format!("the virtual key {key} used it {}, last in the hour of {hour}", times(n))));
        }
        lines.sort_by(|a, b| b.cmp(a));
        Ok(lines.into_iter().map(|(_, line)| line).collect())
    }
}

fn times(n: u64) -> String {
    if n == 1 { "once".into() } else { format!("{n} times") }
}
