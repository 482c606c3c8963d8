//! Long ranges, page by page: memory for a page at a time, and every core at work.

use std::num::NonZero;

use crate::verify::{MacState, mac_state};
use crate::{Engine, Error, KeyRange, Reads, Record, RecordMac, Result};

/// What `each` makes of every record of `range` as it is now, in the order of keys.
///
/// A range that does not end with its first page is cut into parts, one a thread, each read through a
/// snapshot of its own: reading rows, MACs and what callers do with a record cost about the same.
pub(crate) fn map<T: Send, E: From<Error> + Send>(
    engine: &dyn Engine,
    mac: &dyn RecordMac,
    collection: &str,
    range: &KeyRange,
    threads: usize,
    each: impl Fn(Record) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let work = Work { mac, collection, each };
    let snapshot = engine.snapshot()?;
    let mut done = Vec::new();
    let mut cursor = Cursor { reads: snapshot, range: range.clone(), after: None };
    if threads == 1 || !work.page(&mut cursor, &mut done)? {
        while threads == 1 && work.page(&mut cursor, &mut done)? {}
        return Ok(done);
    }
    // What the first page went past is no part any more.
    let passed = |part: &KeyRange| part.end().zip(cursor.after.as_deref()).is_some_and(|(end, after)| end <= after);
    let parts: Vec<_> = range.split(threads).into_iter().skip_while(passed).collect();
    let mut parts = parts.into_iter();
    let others = parts.next().map(|own| (own, same_moment(engine, &*cursor.reads, parts)));
    let Some((own, Some(others))) = others else {
        while work.page(&mut cursor, &mut done)? {}
        return Ok(done);
    };
    cursor.range = own;
    std::thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = others.into_iter().map(|cursor| scope.spawn(move || work.all(cursor))).collect();
        while work.page(&mut cursor, &mut done)? {}
        for other in others {
            // A panic in the caller's code goes on in the caller's thread.
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(done)
    })
}

/// Cursors over further parts, each with a snapshot that shows what `first` shows; none when
/// something was committed since. Every change lengthens the log, so that equal lengths are equal
/// states.
fn same_moment<'a>(
    engine: &'a dyn Engine,
    first: &dyn Reads,
    parts: impl Iterator<Item = KeyRange>,
) -> Option<Vec<Cursor<'a>>> {
    let size = first.log_head().ok()?.size;
    let cursors = parts.map(|range| {
        let reads = engine.snapshot().ok()?;
        (reads.log_head().ok()?.size == size).then_some(Cursor { reads, range, after: None })
    });
    cursors.collect()
}

struct Work<'a, F> {
    mac: &'a dyn RecordMac,
    collection: &'a str,
    each: F,
}

struct Cursor<'a> {
    reads: Box<dyn Reads + 'a>,
    range: KeyRange,
    after: Option<Vec<u8>>,
}

impl<F> Work<'_, F> {
    fn all<T, E: From<Error>>(&self, mut cursor: Cursor<'_>) -> Result<Vec<T>, E>
    where
        F: Fn(Record) -> Result<T, E>,
    {
        let mut done = Vec::new();
        while self.page(&mut cursor, &mut done)? {}
        Ok(done)
    }

    /// Works off a page; false when it was the last.
    fn page<T, E: From<Error>>(&self, cursor: &mut Cursor<'_>, done: &mut Vec<T>) -> Result<bool, E>
    where
        F: Fn(Record) -> Result<T, E>,
    {
        let page = cursor.reads.scan(self.collection, &cursor.range, cursor.after.as_deref(), PAGE)?;
        let more = page.len() == PAGE;
        if more {
            cursor.after = page.last().map(|last| last.record.key.clone());
        }
        for stored in page {
            if mac_state(self.mac, self.collection, &stored) == MacState::Invalid {
                return Err(Error::Tampered { collection: self.collection.into(), key: stored.record.key }.into());
            }
            done.push((self.each)(stored.record)?);
        }
        Ok(more)
    }
}

/// A scan does not take more of a large machine than four cores.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get).min(4)
}

/// Records a page: some hundred kilobytes, which the allocator hands out again and again.
const PAGE: usize = 256;
