//! How much may still be unpacked.

use std::io::{self, Read};

use super::Limits;

/// What is left of the bounds of one file and of each archive that is open in it.
pub(crate) struct Budget {
    limits: Limits,
    total: u64,
    entries: u32,
    /// The archives that are open, the outermost first.
    open: Vec<Level>,
}

/// One archive.
struct Level {
    /// What it may still unpack to.
    left: u64,
    /// What it was charged for.
    charged: u64,
}

/// Why an entry was not read.
pub(crate) enum Fault {
    /// It is larger than an entry may be.
    Entry,
    /// The archive or the file has used up what it may.
    Archive,
    /// Its data is damaged behind these bytes.
    Broken(io::Error, Vec<u8>),
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { total: limits.total, entries: limits.entries, open: Vec::new(), limits: limits.clone() }
    }

    /// Begins an archive of `packed` bytes; `false` if it lies too deep.
    pub(crate) fn enter(&mut self, packed: u64) -> bool {
        let deep = self.open.len() >= usize::from(self.limits.depth);
        if !deep {
            let left = packed.saturating_mul(self.limits.ratio).max(self.limits.floor);
            self.open.push(Level { left, charged: 0 });
        }
        !deep
    }

    pub(crate) fn leave(&mut self) {
        self.open.pop();
    }

    /// Counts an entry; `false` if it is one too many.
    pub(crate) fn count_entry(&mut self) -> bool {
        let left = self.entries.checked_sub(1);
        self.entries = left.unwrap_or(0);
        left.is_some()
    }

    /// What may still be unpacked from the innermost archive.
    pub(crate) fn left(&self) -> u64 {
        self.open.last().map_or(self.total, |own| self.total.min(own.left))
    }

    pub(crate) fn entry_limit(&self) -> u64 {
        self.limits.entry
    }

    /// Takes `bytes` that were unpacked from the innermost archive.
    pub(crate) fn take(&mut self, bytes: u64) {
        self.total = self.total.saturating_sub(bytes);
        if let Some(own) = self.open.last_mut() {
            own.left = own.left.saturating_sub(bytes);
            own.charged = own.charged.saturating_add(bytes);
        }
    }

    /// Takes what a stream of `unpacked` bytes has cost the innermost archive beside its entries.
    pub(crate) fn settle(&mut self, unpacked: u64) {
        let charged = self.open.last().map_or(0, |own| own.charged);
        self.take(unpacked.saturating_sub(charged));
    }

    /// Reads a whole entry.
    pub(crate) fn read(&mut self, reader: &mut dyn Read) -> Result<Vec<u8>, Fault> {
        let (left, limit) = (self.left(), self.limits.entry);
        let allowed = left.min(limit);
        let mut bytes = Vec::new();
        // One byte more than allowed tells an entry that fits from one that goes on.
        let read = reader.take(allowed.saturating_add(1)).read_to_end(&mut bytes);
        self.take(bytes.len() as u64);
        if bytes.len() as u64 > allowed {
            return Err(if left <= limit { Fault::Archive } else { Fault::Entry });
        }
        match read {
            Ok(_) => Ok(bytes),
            // A stream below this one ran into its own bound.
            Err(error) if is_exhausted(&error) => Err(Fault::Archive),
            Err(error) => Err(Fault::Broken(error, bytes)),
        }
    }
}

/// A stream that ends with an error once more than `left` bytes were read.
pub(crate) struct Bounded<R> {
    pub(crate) inner: R,
    pub(crate) left: u64,
    pub(crate) read: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(Exhausted)),
        }
        Ok(read)
    }
}

/// The bound of a stream was reached.
#[derive(Debug, thiserror::Error)]
#[error("unpacks to too much")]
struct Exhausted;

/// Whether an error says that a [`Bounded`] stream reached its bound.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(inner) = cause {
        if inner.is::<Exhausted>() {
            return true;
        }
        // An `io::Error` names the source of what it wraps, not that itself.
        cause = match inner.downcast_ref::<io::Error>() {
            Some(error) => error.get_ref().map(|inner| inner as _),
            None => inner.source(),
        };
    }
    false
}
