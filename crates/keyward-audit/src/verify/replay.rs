//! The second half of verification: are the records what the log says?

use std::collections::{BTreeMap, HashMap};

use super::{Fault, Log, Present, PresentRecord, ReadCounter, Records, Report, Verifier};
use crate::{Entry, Hash, Outcome};

/// What the entries say about records, header and disclosures.
pub(super) struct Replay<'a> {
    verifier: &'a Verifier<'a>,
    /// The last state of each record that was not deleted since, by collection and key.
    records: HashMap<String, HashMap<Vec<u8>, Last>>,
    header: Option<Last>,
    /// Disclosures by principal, secret and version.
    reads: BTreeMap<(String, String, u64), u64>,
}

/// The state in which an entry left a record or the header.
struct Last {
    hash: Hash,
    index: u64,
    seen: bool,
}

/// Something that is not as its last change left it, and may be as an earlier one did.
struct Suspect {
    /// Collection and key; none for the header.
    record: Option<(String, Vec<u8>)>,
    found: Hash,
    /// The entry that left it otherwise; none for a record that should not be there.
    last: Option<u64>,
    earlier: Option<u64>,
    /// The last entry that deleted it.
    deleted: Option<u64>,
}

impl<'a> Replay<'a> {
    pub(super) fn new(verifier: &'a Verifier<'a>) -> Replay<'a> {
        Replay { verifier, records: HashMap::new(), header: None, reads: BTreeMap::new() }
    }

    /// Takes the next entry.
    pub(super) fn take(&mut self, index: u64, entry: &Entry) {
        for change in &entry.records {
            let keys = self.records.get_mut(&change.collection);
            let Some(hash) = change.hash else {
                // Whatever lies there after all is looked for in a second pass.
                keys.and_then(|keys| keys.remove(&change.key));
                continue;
            };
            let last = Last { hash, index, seen: false };
            match keys {
                Some(keys) => drop(keys.insert(change.key.clone(), last)),
                None => {
                    let keys = HashMap::from([(change.key.clone(), last)]);
                    self.records.insert(change.collection.clone(), keys);
                }
            }
        }
        if let Some(hash) = entry.header {
            self.header = Some(Last { hash, index, seen: false });
        }
        self.count_read(entry);
    }

    /// Compares the records with their last states.
    pub(super) fn compare(mut self, log: &dyn Log, records: &dyn Records, report: &mut Report) -> Self {
        let mut suspects = Vec::new();
        for record in records.records() {
            match record {
                Ok(record) => self.compare_record(record, &mut suspects, report),
                Err(why) => {
                    report.add(Fault::RecordsUnreadable { why });
                    return self;
                }
            }
        }
        match records.header() {
            Ok(header) => self.compare_header(header, &mut suspects),
            Err(why) => report.add(Fault::RecordsUnreadable { why }),
        }
        // The last change of a record may lie in a dropped epoch.
        trace(log, suspects, self.verifier.base.size() > 0, report);
        self.report_missing(report);
        self
    }

    /// Compares the counters of disclosures with the entries.
    pub(super) fn compare_reads(mut self, counters: &[ReadCounter], report: &mut Report) {
        // Counters outlive dropped epochs: they may then be ahead of the entries that are left.
        let pruned = self.verifier.base.size() > 0;
        for counter in counters {
            let ReadCounter { principal, secret, version, count: counted } = counter.clone();
            let logged = self.reads.remove(&(principal.clone(), secret.clone(), version)).unwrap_or(0);
            if counted < logged || (counted > logged && !pruned) {
                report.add(Fault::Reads { principal, secret, version, logged, counted });
            }
        }
        for ((principal, secret, version), logged) in self.reads {
            report.add(Fault::Reads { principal, secret, version, logged, counted: 0 });
        }
    }

    fn count_read(&mut self, entry: &Entry) {
        let (Some(secret), Some(version)) = (&entry.secret, entry.version) else { return };
        if self.verifier.reads.is_none() || entry.outcome != Outcome::Allowed || !entry.action.discloses() {
            return;
        }
        let counter = (entry.principal.clone(), secret.clone(), version);
        *self.reads.entry(counter).or_default() += entry.count.unwrap_or(1);
    }

    fn compare_record(&mut self, record: PresentRecord, suspects: &mut Vec<Suspect>, report: &mut Report) {
        let PresentRecord { collection, key, state } = record;
        report.records += 1;
        let last = self.records.get_mut(&collection).and_then(|keys| keys.get_mut(&key));
        let hash = match state {
            Present::Authentic(hash) => hash,
            Present::Forged => {
                if let Some(last) = last {
                    last.seen = true;
                }
                return report.add(Fault::RecordMac { collection, key });
            }
        };
        if self.verifier.unlogged.contains(&collection.as_str()) {
            return;
        }
        let last = match last {
            None => None,
            Some(last) => {
                last.seen = true;
                if last.hash == hash {
                    return;
                }
                Some(last.index)
            }
        };
        suspects.push(Suspect { record: Some((collection, key)), found: hash, last, earlier: None, deleted: None });
    }

    fn compare_header(&self, header: Option<Hash>, suspects: &mut Vec<Suspect>) {
        let Some(last) = &self.header else { return };
        if Some(last.hash) != header {
            let (found, last) = (header.unwrap_or(Hash::EMPTY), Some(last.index));
            suspects.push(Suspect { record: None, found, last, earlier: None, deleted: None });
        }
    }

    fn report_missing(&mut self, report: &mut Report) {
        let mut missing = Vec::new();
        for (collection, keys) in &mut self.records {
            if self.verifier.unlogged.contains(&collection.as_str()) {
                continue;
            }
            let lost = keys.iter().filter(|(_, last)| !last.seen);
            missing.extend(lost.map(|(key, last)| (last.index, collection.clone(), key.clone())));
        }
        missing.sort();
        for (last, collection, key) in missing {
            report.add(Fault::RecordMissing { collection, key, last });
        }
    }
}

/// A second pass over the log, only where something was found: which earlier state is it?
fn trace(log: &dyn Log, mut suspects: Vec<Suspect>, pruned: bool, report: &mut Report) {
    if suspects.is_empty() {
        return;
    }
    let place = |n: usize, suspect: &Suspect| (suspect.record.clone(), n);
    let by_record: HashMap<_, _> = suspects.iter().enumerate().map(|(n, suspect)| place(n, suspect)).collect();
    for row in log.entries().map_while(Result::ok) {
        let Ok(entry) = Entry::parse(&row.public) else { continue };
        let header = entry.header.map(|hash| (None, Some(hash)));
        let changes = entry.records.into_iter().map(|change| (Some((change.collection, change.key)), change.hash));
        for (record, hash) in changes.chain(header) {
            let Some(suspect) = by_record.get(&record).map(|n| &mut suspects[*n]) else { continue };
            match hash {
                Some(hash) if hash == suspect.found => suspect.earlier = Some(row.index),
                Some(_) => {}
                None => suspect.deleted = Some(row.index),
            }
        }
    }
    for Suspect { record, last, earlier, deleted, .. } in suspects {
        report.add(match (record, last, earlier) {
            (Some((collection, key)), Some(last), Some(to)) => Fault::RecordRolledBack { collection, key, to, last },
            (Some((collection, key)), Some(last), None) => Fault::RecordAltered { collection, key, last },
            (Some((collection, key)), None, _) => match deleted {
                Some(last) => Fault::RecordUndeleted { collection, key, last },
                None if pruned => continue,
                None => Fault::RecordUnlogged { collection, key },
            },
            (None, Some(last), Some(to)) => Fault::HeaderRolledBack { to, last },
            (None, Some(last), None) => Fault::HeaderAltered { last },
            (None, None, _) => continue,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, RecordChange};

    /// Sessions, kept answers and counters come and go by the hundred thousand.
    #[test]
    fn what_was_deleted_takes_no_memory() {
        let verifier = Verifier::new(&[]);
        let mut replay = Replay::new(&verifier);
        let change = |n: u64, hash| RecordChange { collection: "session".into(), key: n.to_be_bytes().into(), hash };
        let time = "2026-11-23T21:43:00.123Z";
        for n in 0..1000 {
            let mut entry = Entry::new(Action::SecretWrite, Outcome::Allowed, "owner", "v", time, Hash::EMPTY);
            entry.records.push(change(n, Some(Hash::of(b"kept"))));
            entry.records.extend(n.checked_sub(3).map(|gone| change(gone, None)));
            replay.take(n, &entry);
        }
        assert_eq!(replay.records["session"].len(), 3);
    }
}
