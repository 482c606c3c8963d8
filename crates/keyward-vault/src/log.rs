//! The log as its owner reads it, and the state that is kept outside the store to compare with.

use keyward_audit::{Entry, PrivatePart};
use keyward_store::LogRow;

use crate::{Error, Vault};

/// One entry with what can be known of it.
#[derive(Clone)]
pub struct LogLine {
    /// Its place in the log.
    pub index: u64,
    /// The public part.
    pub entry: Entry,
    /// The private part; `None` when it was erased.
    pub private: Option<PrivatePart>,
}

impl Vault {
    /// Number of entries.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn log_size(&self) -> Result<u64, Error> {
        Ok(self.store.log_head()?.size)
    }

    /// At most `limit` entries from `first` on, opened as far as they can be.
    ///
    /// # Errors
    /// [`Error::Audit`] when an entry cannot be read.
    pub fn log(&self, first: u64, limit: usize) -> Result<Vec<LogLine>, Error> {
        self.store.log(first, limit)?.iter().map(|row| self.log_line(row)).collect()
    }

    fn log_line(&self, row: &LogRow) -> Result<LogLine, Error> {
        let entry = Entry::parse(&row.public)?;
        let principal = entry.principal.parse().map_err(|_| Error::Damaged("an entry names no principal"))?;
        self.ensure_subject(&principal)?;
        let private = PrivatePart::open(&entry, &entry.principal, &row.private, &*self.ring)?;
        Ok(LogLine { index: row.index, entry, private })
    }
}
