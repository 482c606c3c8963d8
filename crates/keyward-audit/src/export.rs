//! Exports of the log: as the files that `keyward-verify` and any C2SP client read, or as events
//! for a SIEM ([`ocsf`]).
//!
//! The native export is a folder:
//! - `checkpoint`: the signed checkpoint of the exported log; written last;
//! - `key`: the verifier keys, one a line, for convenience: a verifier must have them from elsewhere;
//! - `tile/…`: the tree and the entries (C2SP tlog-tiles);
//! - `entries.jsonl`: one line an entry, `{"entry":{…},"index":n,"leaf":"<hex>"}` and, where the
//!   caller opens private parts, `"private":{"json":"…","salt":"<hex>"}`, which anyone can check
//!   against the entry's `commit`.
//!
//! The same log gives the same bytes, always.

pub mod ocsf;

use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::head::Head;
use crate::merkle::leaf_hash;
use crate::note::VerifierKey;
use crate::tile::{TileSink, TileWriter};
use crate::verify::{Log, OpenPrivate};
use crate::{Entry, Error, Tile, private};

/// Where an export goes: a folder, an archive, a test.
pub trait Folder {
    /// What writing may fail with.
    type Error;

    /// Writes a file; each comes once. Paths are relative, with `/`.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Self::Error>;

    /// Adds to the end of a file, which is empty before.
    ///
    /// # Errors
    /// When it cannot be written.
    fn append(&mut self, path: &str, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// Why an export ended.
#[derive(Debug, thiserror::Error)]
pub enum ExportError<E> {
    /// The log is not what was signed; nothing of it is exported as if it were.
    #[error("the log does not hold: {0}")]
    Log(#[from] Error),
    /// The log cannot be read.
    #[error("the log cannot be read: {0}")]
    Read(String),
    /// The folder cannot be written.
    #[error("the export cannot be written: {0}")]
    Write(E),
}

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Index of the first entry.
    pub first: u64,
    /// Size of the log.
    pub size: u64,
}

/// Writes the log up to its signed head.
///
/// `base` holds the tiles' edge where dropped epochs end, [`TileWriter::new`] for a whole log.
/// Private parts are exported only when `open` is given.
///
/// # Errors
/// [`ExportError::Log`] when the entries are not those that the head signs; `checkpoint` is not
/// written then.
pub fn native<F: Folder>(
    log: &dyn Log,
    head: &[u8],
    keys: &[VerifierKey],
    base: &TileWriter,
    open: Option<OpenPrivate<'_>>,
    folder: &mut F,
) -> Result<Exported, ExportError<F::Error>> {
    let (head, checkpoint) = Head::open(head, keys)?;
    let mut tiles = base.clone();
    let mut sink = Tiles(folder);
    let first = tiles.size();
    for row in log.entries() {
        if tiles.size() == checkpoint.size {
            break;
        }
        let row = row.map_err(ExportError::Read)?;
        if row.index != tiles.size() {
            return Err(Error::NotDense { expected: tiles.size(), found: row.index }.into());
        }
        let entry = Entry::parse(&row.public)?;
        let opened = match open {
            Some(open) => open(&entry, &row.private).map_err(Error::Private)?,
            None => None,
        };
        let line = line(row.index, &row.public, opened.as_ref().map(|opened| (opened.as_slice(), &entry)))?;
        sink.0.append("entries.jsonl", &line).map_err(ExportError::Write)?;
        tiles.push(&row.public, &mut sink).map_err(ExportError::Write)?;
    }
    tiles.partial(&mut sink).map_err(ExportError::Write)?;
    if tiles.frontier() != head.frontier {
        return Err(Error::HeadAltered("the entries are not those it signs").into());
    }
    let keys: String = keys.iter().map(|key| format!("{key}\n")).collect();
    folder.write("key", keys.as_bytes()).map_err(ExportError::Write)?;
    folder.write("checkpoint", head.checkpoint.as_bytes()).map_err(ExportError::Write)?;
    Ok(Exported { first, size: checkpoint.size })
}

struct Tiles<'a, F>(&'a mut F);

impl<F: Folder> TileSink for Tiles<'_, F> {
    type Error = F::Error;

    fn tile(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), F::Error> {
        self.0.write(&tile.to_string(), bytes)
    }
}

/// A line of `entries.jsonl`; canonical JSON, since the fields are in its order.
#[derive(Serialize)]
struct Line<'a> {
    entry: &'a RawValue,
    index: u64,
    leaf: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    private: Option<OpenedPrivate<'a>>,
}

#[derive(Serialize)]
struct OpenedPrivate<'a> {
    json: &'a str,
    salt: String,
}

fn line(index: u64, public: &[u8], opened: Option<(&[u8], &Entry)>) -> Result<Vec<u8>, Error> {
    let malformed = |why: &dyn std::fmt::Display| Error::Entry(why.to_string());
    let text = str::from_utf8(public).map_err(|why| malformed(&why))?;
    let entry: &RawValue = serde_json::from_str(text).map_err(|why| malformed(&why))?;
    let private = match opened {
        None => None,
        Some((opened, entry)) => {
            private::check(opened, &entry.commit)?;
            let (salt, json) = opened.split_at(32);
            let json = str::from_utf8(json).map_err(|why| Error::Private(why.to_string()))?;
            Some(OpenedPrivate { json, salt: HEXLOWER.encode(salt) })
        }
    };
    let line = Line { entry, index, leaf: leaf_hash(public).to_hex(), private };
    let mut bytes = serde_json::to_vec(&line).map_err(|why| malformed(&why))?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests;
