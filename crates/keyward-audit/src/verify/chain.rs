//! The first half of verification: is the log what was signed?

use std::cmp::Ordering;
use std::collections::BTreeMap;

use keyward_store::LogRow;

use super::{Fault, Log, OpenPrivate, Outside, Report, Verifier};
use crate::head::Head;
use crate::merkle::{Frontier, leaf_hash};
use crate::{Action, Checkpoint, Entry, Error, Hash, private};

/// The pass over the log: place and form of each entry, and the tree.
pub(super) struct Chain<'a> {
    verifier: &'a Verifier<'a>,
    frontier: Frontier,
    /// Index that the next entry must have.
    next: u64,
    /// Size of the tree where an entry was missing or misplaced; roots say nothing after it.
    broken: Option<u64>,
    head: StoredHead,
    /// Signed roots to compare with, by size, that lie ahead.
    ahead: Signed,
    /// Those that lay behind when they were met: they take a second pass.
    behind: Signed,
    vault: Option<&'a str>,
    /// Largest size at which a signed root was right.
    good: u64,
    /// Smallest size at which a root signed in the log itself was wrong.
    bad: Option<u64>,
}

enum StoredHead {
    None,
    NotAuthentic,
    Of(u64),
}

/// Roots by size; the stored head's has no [`Outside`].
type Signed = BTreeMap<u64, Vec<(Option<Outside>, Hash)>>;

impl<'a> Chain<'a> {
    pub(super) fn new(verifier: &'a Verifier<'a>, head: Option<&[u8]>, report: &mut Report) -> Chain<'a> {
        let frontier = verifier.base.clone();
        let name = verifier.keys.first().map(|key| key.name());
        let mut chain = Chain {
            verifier,
            next: frontier.size(),
            good: frontier.size(),
            frontier,
            broken: None,
            head: StoredHead::None,
            ahead: Signed::new(),
            behind: Signed::new(),
            vault: name.and_then(|name| name.strip_prefix("keyward.local/")),
            bad: None,
        };
        chain.head = match head.map(|head| Head::open(head, verifier.keys)) {
            None => StoredHead::None,
            Some(Ok((_, checkpoint))) => {
                chain.ahead.entry(checkpoint.size).or_default().push((None, checkpoint.root));
                report.checkpoint = Some(checkpoint.clone());
                StoredHead::Of(checkpoint.size)
            }
            Some(Err(why)) => {
                report.add(Fault::Head(why));
                StoredHead::NotAuthentic
            }
        };
        for (place, note) in verifier.against.iter().enumerate() {
            chain.expect(Outside::Given(place), note, report);
        }
        chain
    }

    /// Checks one entry; returns it when it can be read.
    pub(super) fn check(&mut self, row: &LogRow, report: &mut Report) -> Option<Entry> {
        self.check_place(row.index, report);
        let parsed = Entry::parse(&row.public);
        if let Ok(entry) = &parsed {
            self.check_fields(entry, row, report);
        }
        self.compare_root(report);
        self.frontier.push(leaf_hash(&row.public));
        parsed.map_err(|why| report.add(Fault::Entry { index: row.index, why })).ok()
    }

    /// Compares what can be known only at the end of the log.
    pub(super) fn finish(mut self, log: &dyn Log, report: &mut Report) {
        self.compare_root(report);
        self.compare_behind(log, report);
        let entries = self.next;
        report.size = entries;
        match self.head {
            StoredHead::Of(signed) if signed > entries => report.add(Fault::Truncated { entries, signed }),
            StoredHead::Of(signed) if signed < entries => report.add(Fault::Unsigned { entries, signed }),
            StoredHead::None if entries > 0 => report.add(Fault::NoHead),
            _ => {}
        }
        for (signed, expected) in self.ahead.split_off(&(entries + 1)) {
            for outside in expected.into_iter().filter_map(|(outside, _)| outside) {
                report.add(Fault::Older { outside, signed, entries });
            }
        }
        if let Some(before) = self.bad.filter(|bad| self.good < *bad) {
            report.add(Fault::Altered { after: self.good, before });
        }
    }

    fn check_place(&mut self, found: u64, report: &mut Report) {
        let expected = self.next;
        match found.cmp(&expected) {
            Ordering::Equal => {}
            Ordering::Less => report.add(Fault::Order { expected, found }),
            Ordering::Greater => report.add(Fault::Gap { expected, found }),
        }
        if found != expected && self.broken.is_none() {
            self.broken = Some(self.frontier.size());
        }
        self.next = expected.max(found.saturating_add(1));
    }

    fn check_fields(&mut self, entry: &Entry, row: &LogRow, report: &mut Report) {
        let index = row.index;
        if self.vault.is_some_and(|vault| vault != entry.vault) {
            report.add(Fault::Vault { index, found: entry.vault.clone() });
        }
        if let Some(open) = self.verifier.open
            && let Err(why) = check_private(open, entry, &row.private)
        {
            report.add(Fault::Private { index, why });
        }
        match &entry.checkpoint {
            Some(note) => self.expect(Outside::Entry(index), note, report),
            None if entry.action == Action::EpochBegin => {
                let why = Error::Field { field: "checkpoint", why: "an epoch begins with one" };
                report.add(Fault::Entry { index, why });
            }
            None => {}
        }
    }

    /// Remembers a checkpoint to compare with.
    fn expect(&mut self, outside: Outside, note: &str, report: &mut Report) {
        let Checkpoint { size, root, .. } = match Checkpoint::open(note, self.verifier.keys) {
            Ok(checkpoint) => checkpoint,
            Err(why) => return report.add(Fault::Checkpoint { outside, why }),
        };
        let (base, present) = (self.verifier.base.size(), self.frontier.size());
        let why = match outside {
            Outside::Entry(_) if size > present => Error::Checkpoint("it signs entries that came after it"),
            // What an entry says of dropped epochs can no longer be checked; what the caller asks
            // must not pass for checked.
            Outside::Entry(_) if size < base => return,
            Outside::Given(_) if size < base => Error::Checkpoint("its entries are kept no longer"),
            _ => {
                let side = if size < present { &mut self.behind } else { &mut self.ahead };
                return side.entry(size).or_default().push((Some(outside), root));
            }
        };
        report.add(Fault::Checkpoint { outside, why });
    }

    /// Compares the present root with the checkpoints of this size.
    fn compare_root(&mut self, report: &mut Report) {
        let size = self.frontier.size();
        if let Some(expected) = self.ahead.remove(&size) {
            self.compare(size, self.frontier.root(), &expected, report);
        }
    }

    /// A second pass for the checkpoints that were met after their size.
    fn compare_behind(&mut self, log: &dyn Log, report: &mut Report) {
        let mut behind = std::mem::take(&mut self.behind);
        let mut frontier = self.verifier.base.clone();
        let mut rows = log.entries();
        while !behind.is_empty() {
            if let Some(expected) = behind.remove(&frontier.size()) {
                self.compare(frontier.size(), frontier.root(), &expected, report);
            }
            let Some(Ok(row)) = rows.next() else { break };
            frontier.push(leaf_hash(&row.public));
        }
    }

    fn compare(&mut self, size: u64, root: Hash, expected: &[(Option<Outside>, Hash)], report: &mut Report) {
        if self.broken.is_some_and(|broken| size > broken) {
            return;
        }
        for (outside, signed) in expected {
            if *signed == root {
                self.good = self.good.max(size);
                continue;
            }
            // Also where a checkpoint from outside fits: whatever is signed next goes on from the head.
            report.add(match *outside {
                Some(outside) => Fault::Forked { outside, signed: size },
                None => Fault::HeadForked { signed: size },
            });
            if !matches!(outside, Some(Outside::Given(_))) {
                self.bad = Some(self.bad.map_or(size, |bad| bad.min(size)));
            }
        }
    }
}

fn check_private(open: OpenPrivate<'_>, entry: &Entry, sealed: &[u8]) -> Result<(), Error> {
    match open(entry, sealed).map_err(Error::Private)? {
        Some(opened) => private::check(&opened, &entry.commit),
        None => Ok(()),
    }
}
