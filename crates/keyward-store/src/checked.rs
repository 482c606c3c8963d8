//! Verified reading: every record that leaves this room had its MAC recomputed first.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::cache::{Cache, Known};
use crate::verify::{self, MacState};
use crate::{Engine, Error, Head, IndexRow, KeyRange, LogRow, Reads, Record, RecordMac, Result, StoredRecord};

/// Reads a store, live ([`Store::reader`]) or as it was at one moment ([`Store::snapshot`]).
///
/// [`Store::reader`]: crate::Store::reader
/// [`Store::snapshot`]: crate::Store::snapshot
pub struct Reader<'a> {
    source: Source<'a>,
    mac: Arc<dyn RecordMac>,
}

/// What was made of a record.
pub struct Made<T> {
    /// That.
    pub what: Arc<T>,
    /// The record's generation.
    pub generation: u64,
}

impl<T> Made<T> {
    fn of<E>(record: &Record, make: impl FnOnce(&Record) -> std::result::Result<T, E>) -> std::result::Result<Self, E> {
        Ok(Self { what: Arc::new(make(record)?), generation: record.generation })
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn live(engine: &'a dyn Engine, cache: Option<&'a Cache>, mac: Arc<dyn RecordMac>) -> Self {
        Self { source: Source::Live(engine, cache), mac }
    }

    pub(crate) fn snapshot(snapshot: Box<dyn Reads + 'a>, mac: Arc<dyn RecordMac>) -> Self {
        Self { source: Source::Snapshot(snapshot), mac }
    }

    /// The header. Its authenticity is the caller's affair: it is read before keys are known.
    ///
    /// # Errors
    /// When the engine cannot read.
    pub fn header(&self) -> Result<Option<Vec<u8>>> {
        self.reads().header()
    }

    /// The record under `key`.
    ///
    /// # Errors
    /// [`Error::Tampered`] when what lies there does not verify.
    pub fn get(&self, collection: &str, key: &[u8]) -> Result<Option<Record>> {
        Ok(self.shared(collection, key)?.map(Arc::unwrap_or_clone))
    }

    /// The same for whoever only looks at it: what is remembered is not copied.
    ///
    /// # Errors
    /// As [`Reader::get`].
    pub fn shared(&self, collection: &str, key: &[u8]) -> Result<Option<Arc<Record>>> {
        let Source::Live(_, Some(cache)) = &self.source else {
            return Ok(self.stored(collection, key)?.map(Arc::new));
        };
        let moment = match cache.record(collection, key) {
            Ok(record) => return Ok(Some(record)),
            Err(moment) => moment,
        };
        let found = self.stored(collection, key)?.map(Arc::new);
        if let Some(record) = &found {
            cache.keep_record(collection, record, moment);
        }
        Ok(found)
    }

    /// What `make` makes of the record under `key`. It is remembered in the record's place, so that `make`
    /// must see nothing but the record, and always makes the same of it.
    ///
    /// # Errors
    /// As [`Reader::get`], and those of `make`.
    pub fn made<T, E>(
        &self,
        collection: &str,
        key: &[u8],
        make: impl FnOnce(&Record) -> std::result::Result<T, E>,
    ) -> std::result::Result<Option<Made<T>>, E>
    where
        T: Send + Sync + 'static,
        E: From<Error>,
    {
        let Source::Live(_, Some(cache)) = &self.source else {
            return self.stored(collection, key)?.map(|record| Made::of(&record, make)).transpose();
        };
        let (record, moment) = match cache.made(collection, key) {
            Known::Made(what, generation) => return Ok(Some(Made { what, generation })),
            Known::Record(record, moment) => (record, moment),
            Known::Nothing(moment) => match self.stored(collection, key)? {
                Some(record) => (Arc::new(record), moment),
                None => return Ok(None),
            },
        };
        let made = Made::of(&record, make)?;
        cache.keep_made(collection, &record, &made.what, moment);
        Ok(Some(made))
    }

    /// Records that declare `value` under `index`, in the order of their keys. A record that someone
    /// removed from the index is missing here; [`Reader::index_defects`] finds that.
    ///
    /// # Errors
    /// [`Error::Tampered`] when one does not verify, is not there, or does not declare that value.
    pub fn by_index(&self, collection: &str, index: &str, value: &[u8]) -> Result<Vec<Record>> {
        let Source::Live(_, Some(cache)) = &self.source else { return self.stored_by_index(collection, index, value) };
        let moment = match cache.keys(collection, index, value) {
            Ok(keys) => {
                let found = keys.iter().map(|key| self.get(collection, key)).collect::<Result<Option<Vec<_>>>>()?;
                match found.filter(|found| found.iter().all(|record| record.has_index(index, value))) {
                    Some(found) => return Ok(found),
                    // One of them was deleted, or declares another value now.
                    None => return self.stored_by_index(collection, index, value),
                }
            }
            Err(moment) => moment,
        };
        let found = self.stored_by_index(collection, index, value)?;
        cache.keep_keys(collection, index, value, &found, moment);
        Ok(found)
    }

    /// What `make` makes of each of them, remembered as by [`Reader::made`]; `declares` says of what was
    /// made whether its record declares the value still.
    ///
    /// # Errors
    /// As [`Reader::by_index`], and those of `make`.
    pub fn made_by_index<T, E>(
        &self,
        collection: &str,
        index: &str,
        value: &[u8],
        make: impl Fn(&Record) -> std::result::Result<T, E>,
        declares: impl Fn(&T) -> bool,
    ) -> std::result::Result<Vec<Made<T>>, E>
    where
        T: Send + Sync + 'static,
        E: From<Error>,
    {
        if let Source::Live(_, Some(cache)) = &self.source
            && let Ok(keys) = cache.keys(collection, index, value)
        {
            let found: Option<Vec<_>> =
                keys.iter().map(|key| self.made(collection, key, &make)).collect::<std::result::Result<_, E>>()?;
            if let Some(found) = found.filter(|found| found.iter().all(|made| declares(&made.what))) {
                return Ok(found);
            }
        }
        self.by_index(collection, index, value)?.iter().map(|record| Made::of(record, &make)).collect()
    }

    fn stored(&self, collection: &str, key: &[u8]) -> Result<Option<Record>> {
        let Some(stored) = self.reads().get(collection, key)? else { return Ok(None) };
        if stored.record.key != key {
            return Err(tampered(collection, key));
        }
        self.verify(collection, stored).map(Some)
    }

    fn stored_by_index(&self, collection: &str, index: &str, value: &[u8]) -> Result<Vec<Record>> {
        let hits = self.reads().by_index(collection, index, value)?;
        let verified = hits.into_iter().map(|hit| {
            let stored = hit.stored.filter(|stored| stored.record.key == hit.key);
            let stored = stored.ok_or_else(|| tampered(collection, &hit.key))?;
            let record = self.verify(collection, stored)?;
            if record.has_index(index, value) { Ok(record) } else { Err(tampered(collection, &hit.key)) }
        });
        verified.collect()
    }

    /// At most `limit` records of `range` with keys after `after`, in the order of their keys.
    ///
    /// # Errors
    /// [`Error::Tampered`] when one does not verify.
    pub fn scan(&self, collection: &str, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Result<Vec<Record>> {
        let rows = self.reads().scan(collection, range, after, limit)?;
        rows.into_iter().map(|stored| self.verify(collection, stored)).collect()
    }

    /// Size of the log and the state of its head.
    ///
    /// # Errors
    /// When the engine cannot read.
    pub fn log_head(&self) -> Result<Head> {
        self.reads().log_head()
    }

    /// At most `limit` log entries from index `first` on, as they lie there: what they are worth is
    /// for the audit room to say.
    ///
    /// # Errors
    /// When the engine cannot read.
    pub fn log(&self, first: u64, limit: usize) -> Result<Vec<LogRow>> {
        self.reads().log(first, limit)
    }

    /// Every record of every collection, also those that do not verify, in the order of collection
    /// and key. Take a snapshot for it when the store is in use.
    #[must_use]
    pub fn all_records(&self) -> AllRecords<'_> {
        AllRecords { reader: self, page: VecDeque::new(), after: None, done: false }
    }

    /// Compares index rows with what the records declare. Records that do not verify are left out:
    /// [`Reader::all_records`] names them.
    ///
    /// # Errors
    /// When the engine cannot read.
    pub fn index_defects(&self) -> Result<Vec<IndexDefect>> {
        let declared = self.declared_index_rows()?;
        let found = self.found_index_rows()?;
        let missing = declared.difference(&found).cloned().map(IndexDefect::Missing);
        let extra = found.difference(&declared).cloned().map(IndexDefect::Extra);
        Ok(missing.chain(extra).collect())
    }

    fn declared_index_rows(&self) -> Result<BTreeSet<IndexRow>> {
        let mut rows = BTreeSet::new();
        for checked in self.all_records() {
            let CheckedRecord { collection, record, mac } = checked?;
            if mac == MacState::Invalid {
                continue;
            }
            for (index, value) in record.indexes {
                let (collection, key) = (collection.clone(), record.key.clone());
                rows.insert(IndexRow { collection, index, value, key });
            }
        }
        Ok(rows)
    }

    fn found_index_rows(&self) -> Result<BTreeSet<IndexRow>> {
        let mut rows = BTreeSet::new();
        let mut after: Option<IndexRow> = None;
        loop {
            let page = self.reads().index_rows(after.as_ref(), PAGE)?;
            let Some(last) = page.last() else { return Ok(rows) };
            after = Some(last.clone());
            rows.extend(page);
        }
    }

    fn reads(&self) -> &dyn Reads {
        match &self.source {
            Source::Live(engine, _) => *engine,
            Source::Snapshot(snapshot) => snapshot.as_ref(),
        }
    }

    fn verify(&self, collection: &str, stored: StoredRecord) -> Result<Record> {
        match verify::mac_state(self.mac.as_ref(), collection, &stored) {
            MacState::Valid => Ok(stored.record),
            MacState::Invalid => Err(tampered(collection, &stored.record.key)),
        }
    }
}

/// Iterator over every record with the state of its MAC.
pub struct AllRecords<'a> {
    reader: &'a Reader<'a>,
    page: VecDeque<(String, StoredRecord)>,
    after: Option<(String, Vec<u8>)>,
    done: bool,
}

impl AllRecords<'_> {
    fn next_page(&mut self) -> Result<()> {
        let after = self.after.as_ref().map(|(collection, key)| (collection.as_str(), &key[..]));
        self.page = self.reader.reads().rows(after, PAGE)?.into();
        match self.page.back() {
            Some((collection, row)) => self.after = Some((collection.clone(), row.record.key.clone())),
            None => self.done = true,
        }
        Ok(())
    }
}

impl Iterator for AllRecords<'_> {
    type Item = Result<CheckedRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty()
            && !self.done
            && let Err(error) = self.next_page()
        {
            self.done = true;
            return Some(Err(error));
        }
        let (collection, stored) = self.page.pop_front()?;
        let mac = verify::mac_state(self.reader.mac.as_ref(), &collection, &stored);
        Some(Ok(CheckedRecord { collection, record: stored.record, mac }))
    }
}

/// A record, its collection, and whether it verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedRecord {
    /// Collection in which it lies.
    pub collection: String,
    /// The record; not to be believed unless `mac` is valid.
    pub record: Record,
    /// Whether it is what was written under this place.
    pub mac: MacState,
}

/// An index that disagrees with the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexDefect {
    /// A record declares this, and the index does not list it.
    Missing(IndexRow),
    /// The index lists this, and no authentic record declares it.
    Extra(IndexRow),
}

enum Source<'a> {
    Live(&'a dyn Engine, Option<&'a Cache>),
    Snapshot(Box<dyn Reads + 'a>),
}

fn tampered(collection: &str, key: &[u8]) -> Error {
    Error::Tampered { collection: collection.into(), key: key.into() }
}

/// Rows read at once when everything is read.
const PAGE: usize = 512;
