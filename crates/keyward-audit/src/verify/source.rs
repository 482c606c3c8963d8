//! What is verified: a log and records, from a store or from anywhere else.

use std::collections::VecDeque;

use keyward_store::{LogRow, MacState, Reader, header_hash, record_hash};

use crate::Hash;

/// A log that can be read from its first kept entry on, more than once.
pub trait Log {
    /// The entries in the order in which they lie there.
    fn entries(&self) -> Box<dyn Iterator<Item = Result<LogRow, String>> + '_>;
}

/// What the log is compared with.
pub trait Records {
    /// SHA-256 of the store's header, if it has one.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn header(&self) -> Result<Option<Hash>, String>;

    /// Every record.
    fn records(&self) -> Box<dyn Iterator<Item = Result<PresentRecord, String>> + '_>;
}

/// One record as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentRecord {
    /// Its collection.
    pub collection: String,
    /// Its key.
    pub key: Vec<u8>,
    /// What it is worth.
    pub state: Present,
}

/// What a record is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Present {
    /// Its MAC fits; the hash is that of [`record_hash`].
    Authentic(Hash),
    /// Its MAC does not fit.
    Forged,
}

impl Log for Vec<LogRow> {
    fn entries(&self) -> Box<dyn Iterator<Item = Result<LogRow, String>> + '_> {
        Box::new(self.iter().cloned().map(Ok))
    }
}

impl Log for Reader<'_> {
    fn entries(&self) -> Box<dyn Iterator<Item = Result<LogRow, String>> + '_> {
        Box::new(Pages { reader: self, next: Some(0), page: VecDeque::new() })
    }
}

impl Records for Reader<'_> {
    fn header(&self) -> Result<Option<Hash>, String> {
        let header = Reader::header(self).map_err(|why| why.to_string())?;
        Ok(header.map(|header| Hash(header_hash(&header))))
    }

    fn records(&self) -> Box<dyn Iterator<Item = Result<PresentRecord, String>> + '_> {
        Box::new(self.all_records().map(|checked| {
            let checked = checked.map_err(|why| why.to_string())?;
            let (collection, record) = (checked.collection, checked.record);
            let state = match checked.mac {
                MacState::Valid => {
                    let hash = record_hash(&collection, &record.key, &record.value, &record.indexes);
                    Present::Authentic(Hash(hash))
                }
                MacState::Invalid => Present::Forged,
            };
            Ok(PresentRecord { collection, key: record.key, state })
        }))
    }
}

/// Reads a store's log page by page.
struct Pages<'a> {
    reader: &'a Reader<'a>,
    /// First index of the next page; none at the end.
    next: Option<u64>,
    page: VecDeque<LogRow>,
}

impl Iterator for Pages<'_> {
    type Item = Result<LogRow, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty() {
            match self.reader.log(self.next?, PAGE) {
                Ok(page) => {
                    // The last row's index, not the number of rows: entries may be missing.
                    self.next = page.iter().filter_map(|row| row.index.checked_add(1)).max();
                    self.page = page.into();
                }
                Err(why) => {
                    self.next = None;
                    return Some(Err(why.to_string()));
                }
            }
        }
        self.page.pop_front().map(Ok)
    }
}

const PAGE: usize = 1024;
