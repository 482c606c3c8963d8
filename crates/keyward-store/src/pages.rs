//! Long ranges, page by page: memory for a few pages at a time, and every core at work.

use std::num::NonZero;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::verify::{MacState, mac_state};
use crate::{Error, KeyRange, Reads, Record, RecordMac, Result, StoredRecord};

/// What `each` makes of every record of `range`, in the order of keys.
///
/// Whoever is free reads the next page, then verifies it and hands its records on while another
/// reads: reading, MACs and what callers do with a record cost about the same.
pub(crate) fn map<T: Send, E: From<Error> + Send>(
    reads: Box<dyn Reads + '_>,
    mac: &dyn RecordMac,
    collection: &str,
    range: &KeyRange,
    each: impl Fn(Record) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let pages = Mutex::new(Pages { reads, range, after: None, next: Some(0) });
    let work = Work { pages, mac, collection, each };
    let mut done = Vec::new();
    // A short range ends with its first page, and is not worth a thread.
    if work.one(&mut done)? && work.pages().next.is_some() {
        done = work.on_every_core(done)?;
    }
    done.sort_unstable_by_key(|(place, _)| *place);
    Ok(done.into_iter().flat_map(|(_, items)| items).collect())
}

/// Pages worked off, with their places in the range.
type Done<T> = Vec<(usize, Vec<T>)>;

struct Work<'a, F> {
    pages: Mutex<Pages<'a>>,
    mac: &'a dyn RecordMac,
    collection: &'a str,
    each: F,
}

impl<'a, F> Work<'a, F> {
    fn pages(&self) -> MutexGuard<'_, Pages<'a>> {
        // Pages are whole between any two of their statements.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_every_core<T: Send, E: From<Error> + Send>(&self, mut done: Done<T>) -> Result<Done<T>, E>
    where
        F: Fn(Record) -> Result<T, E> + Sync,
    {
        let others = std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS) - 1;
        std::thread::scope(|scope| {
            let others: Vec<_> = (0..others).map(|_| scope.spawn(|| self.all(Vec::new()))).collect();
            done = self.all(std::mem::take(&mut done))?;
            for other in others {
                // A panic in the caller's code goes on in the caller's thread.
                done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
            Ok(done)
        })
    }

    fn all<T, E: From<Error>>(&self, mut done: Done<T>) -> Result<Done<T>, E>
    where
        F: Fn(Record) -> Result<T, E>,
    {
        while self.one(&mut done)? {}
        Ok(done)
    }

    /// Reads a page and works it off; false when there is none any more.
    fn one<T, E: From<Error>>(&self, done: &mut Done<T>) -> Result<bool, E>
    where
        F: Fn(Record) -> Result<T, E>,
    {
        let Some((place, page)) = self.pages().read(self.collection)? else { return Ok(false) };
        let items = page.into_iter().map(|stored| match mac_state(self.mac, self.collection, &stored) {
            MacState::Valid => (self.each)(stored.record),
            MacState::Invalid => {
                Err(Error::Tampered { collection: self.collection.into(), key: stored.record.key }.into())
            }
        });
        let items = items.collect::<Result<_, E>>();
        done.push((place, items.inspect_err(|_| self.pages().next = None)?));
        Ok(true)
    }
}

/// A cursor over a range.
struct Pages<'a> {
    reads: Box<dyn Reads + 'a>,
    range: &'a KeyRange,
    after: Option<Vec<u8>>,
    /// The next page's place; none after the last page or an error.
    next: Option<usize>,
}

impl Pages<'_> {
    fn read(&mut self, collection: &str) -> Result<Option<(usize, Vec<StoredRecord>)>> {
        let Some(place) = self.next.take() else { return Ok(None) };
        let page = self.reads.scan(collection, self.range, self.after.as_deref(), PAGE)?;
        if page.len() == PAGE {
            self.after = page.last().map(|last| last.record.key.clone());
            self.next = Some(place + 1);
        }
        Ok(Some((place, page)))
    }
}

/// Records a page: some hundred kilobytes, which the allocator hands out again and again.
const PAGE: usize = 256;

/// A scan does not take more of a large machine than this.
const MOST_THREADS: usize = 4;
