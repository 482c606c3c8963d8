//! All that a store holds, in the order in which another engine takes it up.

use crate::{Error, Head, LogRow, Reads, Result, StoredRecord};

/// What remains of a record that was deleted: a key that comes back continues its generations, so
/// that no old row of it is ever authentic again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// Collection of the record.
    pub collection: String,
    /// Its key there.
    pub key: Vec<u8>,
    /// Its last generation.
    pub generation: u64,
}

/// Some of what a store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Page {
    /// The header, where there is one.
    Header(Vec<u8>),
    /// Records with their MACs, all legible.
    Records(Vec<(String, StoredRecord)>),
    /// Tombstones.
    Tombstones(Vec<Tombstone>),
    /// Log entries, without a gap.
    Log(Vec<LogRow>),
    /// The head of the log: the last page.
    Head(Head),
}

/// Hands everything in `source` (a snapshot, when the store is in use) to `take`, page by page. Facts
/// about the copy ([`Reads::meta`]) stay where they are.
///
/// # Errors
/// [`Error::Tampered`] for a record that cannot be decoded, [`Error::Damaged`] for a log with a gap or
/// another length than its head says: neither would be the same store elsewhere. What `take` answers.
pub fn transfer(source: &dyn Reads, mut take: impl FnMut(Page) -> Result<()>) -> Result<()> {
    if let Some(header) = source.header()? {
        take(Page::Header(header))?;
    }
    let mut after: Option<(String, Vec<u8>)> = None;
    loop {
        let page = source.rows(after.as_ref().map(|(collection, key)| (&**collection, &**key)), PAGE)?;
        let Some((collection, last)) = page.last() else { break };
        after = Some((collection.clone(), last.record.key.clone()));
        if let Some((collection, illegible)) = page.iter().find(|(_, stored)| stored.mac.is_none()) {
            return Err(Error::Tampered { collection: collection.clone(), key: illegible.record.key.clone() });
        }
        take(Page::Records(page))?;
    }
    let mut after: Option<(String, Vec<u8>)> = None;
    loop {
        let page = source.tombstones(after.as_ref().map(|(collection, key)| (&**collection, &**key)), PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some((last.collection.clone(), last.key.clone()));
        take(Page::Tombstones(page))?;
    }
    let head = source.log_head()?;
    let mut next = 0;
    loop {
        let page = source.log(next, PAGE)?;
        if page.is_empty() {
            break;
        }
        if !page.iter().map(|row| row.index).eq(next..next + page.len() as u64) {
            return Err(Error::Damaged { detail: format!("the log has a gap behind entry {next}") });
        }
        next += page.len() as u64;
        take(Page::Log(page))?;
    }
    if next != head.size {
        let detail = format!("the log has {next} entries, its head says {}", head.size);
        return Err(Error::Damaged { detail });
    }
    take(Page::Head(head))
}

/// Rows a page.
const PAGE: usize = 512;
