//! How often who has read what. Each read is an entry of the log, and of a value that is read a
//! thousand times a second the entry is all that is written: the rows of [`Reads`] follow from the log,
//! many entries at once. What they do not hold yet is the log's end, and whoever asks for counts adds
//! it up for himself ([`Uncounted`]).
//!
//! What holds here:
//!
//! - **The first read of a version makes the row**, in the change that puts it on record, and with it the
//!   holding. So there is no reader without a row, however late he is counted.
//! - **An entry that names its row among its changes is counted in it already.** All others are counted
//!   by their place in the log: a row says up to which one it is counted, so that none counts twice,
//!   whoever is interrupted or does the same at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::sync::atomic::{AtomicU64, Ordering};

use keyward_access::{Caller, SystemTask};
use keyward_audit::{Action as ActionName, Outcome, action_in};
use keyward_store::{LogRow, Reader};
use keyward_types::{Place, PrincipalId, Record, Timestamp, Version};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::change::Change;
use crate::lead::Lead;
use crate::records::{self, Reads, reads_key};
use crate::{Error, Vault};

/// Up to which entry of the log all reads are counted in their rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counted {
    pub(crate) through: u64,
}

impl Record for Counted {
    const COLLECTION: &'static str = "reads.counted";
    fn key(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// The last that this process knows of [`Counted`]; what others counted since is not in it.
#[derive(Default)]
pub(crate) struct Last(AtomicU64);

/// Reads at the log's end that the rows may not hold.
#[derive(Default)]
pub(crate) struct Uncounted {
    /// By the keys of their rows.
    lines: HashMap<Vec<u8>, Line>,
    /// The first entry that was not looked at.
    through: u64,
}

/// What one principal read of one version.
struct Line {
    principal: PrincipalId,
    place: Place,
    version: Version,
    /// In the order of the log.
    reads: Vec<Read>,
}

struct Read {
    index: u64,
    times: u64,
    at: Timestamp,
}

/// So many entries are worth going over for: it takes some tens of milliseconds to count them.
pub const WORTH_COUNTING: u64 = 32_768;
/// Rows that are changed in one commit, which others wait for.
const ROWS_AT_ONCE: usize = 32;
/// Entries that are held in memory at a time.
const PAGE: usize = 256;
/// How often rows are tried that others change meanwhile.
const ATTEMPTS: usize = 16;

impl Uncounted {
    /// What is not counted yet; of the entries that hold `text` alone, where it is given. To be asked
    /// for before the rows that it is added to: these say what they hold of it already.
    pub(crate) fn of(reader: &Reader<'_>, text: Option<&str>) -> Result<Self, Error> {
        let from = counted(reader)?.through;
        Self::between(reader, from, reader.log_head()?.size, text, || ())
    }

    fn between(
        reader: &Reader<'_>,
        from: u64,
        to: u64,
        text: Option<&str>,
        mut rest: impl FnMut(),
    ) -> Result<Self, Error> {
        let finder = text.map(memchr::memmem::Finder::new);
        let mut uncounted = Self { lines: HashMap::new(), through: from };
        while uncounted.through < to {
            let page = usize::try_from(to - uncounted.through).map_or(PAGE, |left| left.min(PAGE));
            let rows = reader.log(uncounted.through, page)?;
            let Some(last) = rows.last() else { break };
            uncounted.through = last.index + 1;
            let mut wanted =
                rows.iter().filter(|row| finder.as_ref().is_none_or(|finder| finder.find(&row.public).is_some()));
            wanted.try_for_each(|row| uncounted.take(row))?;
            rest();
        }
        Ok(uncounted)
    }

    fn take(&mut self, row: &LogRow) -> Result<(), Error> {
        let discloses = |action: &str| action.parse::<ActionName>().is_ok_and(ActionName::discloses);
        if !action_in(&row.public).is_some_and(discloses) {
            return Ok(());
        }
        let Some(line) = Entry::parse(&row.public)?.line(row.index)? else { return Ok(()) };
        match self.lines.entry(reads_key(&line.principal, &line.place, line.version)) {
            MapEntry::Occupied(mut known) => known.get_mut().reads.extend(line.reads),
            MapEntry::Vacant(new) => drop(new.insert(line)),
        }
        Ok(())
    }

    /// Adds to a row what it does not hold yet.
    pub(crate) fn add_to(&self, reads: &mut Reads) {
        if let Some(line) = self.lines.get(&reads.key()) {
            line.add_to(reads);
        }
    }

    /// The same for many.
    pub(crate) fn added(&self, mut rows: Vec<Reads>) -> Vec<Reads> {
        rows.iter_mut().for_each(|reads| self.add_to(reads));
        rows
    }
}

impl Line {
    fn add_to(&self, reads: &mut Reads) {
        let from = reads.counted.unwrap_or_default();
        for read in self.reads.iter().filter(|read| read.index >= from) {
            reads.n += read.times;
            reads.first = reads.first.min(read.at);
            reads.last = reads.last.max(read.at);
        }
    }
}

/// What is looked at of an entry.
#[derive(Deserialize)]
struct Entry<'a> {
    count: Option<u64>,
    environment: Option<&'a str>,
    outcome: Outcome,
    principal: &'a str,
    project: Option<&'a str>,
    #[serde(borrow, default)]
    records: Vec<Changed<'a>>,
    secret: Option<&'a str>,
    time: &'a str,
    vault: &'a str,
    version: Option<u64>,
}

#[derive(Deserialize)]
struct Changed<'a> {
    c: &'a str,
}

impl<'a> Entry<'a> {
    fn parse(public: &'a [u8]) -> Result<Self, Error> {
        serde_json::from_slice(public).map_err(|_| unreadable())
    }

    /// The read that it tells of; `None` for one that is counted already, and for what is no read of a
    /// version.
    fn line(&self, index: u64) -> Result<Option<Line>, Error> {
        let (Some(project), Some(environment), Some(secret), Some(version)) =
            (self.project, self.environment, self.secret, self.version)
        else {
            return Ok(None);
        };
        if self.outcome != Outcome::Allowed || self.records.iter().any(|changed| changed.c == Reads::COLLECTION) {
            return Ok(None);
        }
        let place = Place {
            vault: self.vault.parse().map_err(|_| unreadable())?,
            project: project.parse().map_err(|_| unreadable())?,
            environment: environment.parse().map_err(|_| unreadable())?,
            secret: secret.parse().map_err(|_| unreadable())?,
        };
        let principal = self.principal.parse().map_err(|_| unreadable())?;
        let version = Version::new(version).map_err(|_| unreadable())?;
        let at = self.time.parse().map_err(|_| unreadable())?;
        let read = Read { index, times: self.count.unwrap_or(1), at };
        Ok(Some(Line { principal, place, version, reads: vec![read] }))
    }
}

fn unreadable() -> Error {
    Error::Damaged("an entry of the log cannot be read")
}

fn counted(reader: &Reader<'_>) -> Result<Counted, Error> {
    let row = reader.shared(Counted::COLLECTION, &[])?;
    Ok(row.map(|row| records::parse::<Counted>(&row)).transpose()?.map(|row| row.record).unwrap_or_default())
}

impl Vault {
    /// Counts in their rows what was read since this was last done, where there are at least `worth`
    /// entries to go over ([`WORTH_COUNTING`]); answers how many it went over. `rest` is called every
    /// few hundred of them: whoever has no hurry leaves the processor to others there.
    ///
    /// # Errors
    /// [`Error::Replaced`] when another process leads; [`Error::Raced`]; when the store refuses.
    pub fn count_reads(&self, lead: &Lead, worth: u64, rest: impl FnMut()) -> Result<u64, Error> {
        self.count_reads_as(Some(lead), worth, rest)
    }

    /// The same after a read, for a process that nobody leads: far later than one that has jobs.
    pub(crate) fn count_reads_after(&self, index: u64) {
        let known = &self.counted.0;
        if index.saturating_sub(known.load(Ordering::Relaxed)) < 2 * WORTH_COUNTING {
            return;
        }
        // What was read is on record. When the count fails, it is tried again after as many more.
        let done = self.count_reads_as(None, 2 * WORTH_COUNTING, || ());
        if done.is_err() {
            known.fetch_max(index - WORTH_COUNTING, Ordering::Relaxed);
        }
    }

    fn count_reads_as(&self, lead: Option<&Lead>, worth: u64, rest: impl FnMut()) -> Result<u64, Error> {
        let reader = self.store.reader();
        let from = counted(&reader)?.through;
        self.counted.0.fetch_max(from, Ordering::Relaxed);
        let to = reader.log_head()?.size;
        if to.saturating_sub(from) < worth {
            return Ok(0);
        }
        // As much as is soon done; what is left is counted the next time.
        let uncounted = Uncounted::between(&reader, from, to.min(from + 2 * WORTH_COUNTING), None, rest)?;
        let lines: Vec<&Line> = uncounted.lines.values().collect();
        for some in lines.chunks(ROWS_AT_ONCE) {
            self.count_lines(lead, some, uncounted.through)?;
        }
        self.count_through(lead, uncounted.through)?;
        self.counted.0.fetch_max(uncounted.through, Ordering::Relaxed);
        Ok(uncounted.through - from)
    }

    /// Takes these lines up into their rows, which are counted up to `through` then.
    fn count_lines(&self, lead: Option<&Lead>, lines: &[&Line], through: u64) -> Result<(), Error> {
        let actor = keyward_itself(lead);
        for _ in 0..ATTEMPTS {
            let telling = self.about_vault(ActionName::ReadsCount).count(lines.len() as u64);
            let mut change = Change::told(self, &actor, telling);
            let mut counts = 0;
            for line in lines {
                let key = reads_key(&line.principal, &line.place, line.version);
                let row = records::load_passing::<Reads>(&self.store, &key)?;
                let mut reads = match &row {
                    Some(row) => row.record.clone(),
                    None => line.begun(),
                };
                if reads.counted.is_some_and(|counted| counted >= through) {
                    continue;
                }
                line.add_to(&mut reads);
                reads.counted = Some(through);
                change.expect(row.as_ref().map_or_else(|| records::absent(&reads), records::unchanged));
                change.put(&reads);
                counts += 1;
            }
            match if counts == 0 { return Ok(()) } else { change.commit() } {
                // Somebody opened a holding meanwhile.
                Err(Error::Store(keyward_store::Error::Conflict(_))) => {}
                done => return done.map(drop),
            }
        }
        Err(Error::Raced("a count of reads".into()))
    }

    fn count_through(&self, lead: Option<&Lead>, through: u64) -> Result<(), Error> {
        let row = records::load::<Counted>(&self.store, &[])?;
        if row.as_ref().is_some_and(|row| row.record.through >= through) {
            return Ok(());
        }
        let (actor, counted) = (keyward_itself(lead), Counted { through });
        let mut change = Change::told(self, &actor, self.about_vault(ActionName::ReadsCount).count(0));
        change.expect(row.as_ref().map_or_else(|| records::absent(&counted), records::unchanged));
        change.put(&counted);
        match change.commit() {
            // Another process counted the same.
            Err(Error::Store(keyward_store::Error::Conflict(_))) => Ok(()),
            done => done.map(drop),
        }
    }
}

impl Line {
    /// A row that is missing although somebody read: he is counted all the same.
    fn begun(&self) -> Reads {
        let (principal, place, version) = (self.principal.clone(), self.place, self.version);
        let at = self.reads.first().map_or(Timestamp(0), |read| read.at);
        Reads { principal, place, version, first: at, last: at, n: 0, counted: None, holding: None }
    }
}

fn keyward_itself(lead: Option<&Lead>) -> Actor {
    Actor { lead: lead.cloned(), ..Actor::new(Caller::system(SystemTask::Reads), "keyward") }
}
