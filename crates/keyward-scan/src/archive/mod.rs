//! Archives and compressed files: their entries, one at a time, within bounds.
//!
//! What is one is told by its first bytes; names help only where a format has none. Nothing is
//! written anywhere, so that a path such as `../../etc/passwd` is but a name, shown without its
//! dots. Compressed data is unpacked in a stream: in memory are the entry at hand and those it is in.
//!
//! What was not read is said with a reason: `encrypted`, `too large`, `broken: …`.

mod budget;
mod stream;
mod tar;
mod zip;

use crate::summary::Skipped;

pub(crate) use budget::Budget;

/// Bounds of unpacking.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Archives inside each other that are opened.
    pub depth: u8,
    /// Bytes unpacked from one file, all that is inside it together.
    pub total: u64,
    /// One archive may unpack to so many times its own size …
    pub ratio: u64,
    /// … or to this, if that is more.
    pub floor: u64,
    /// Entries of one file, all that is inside it together.
    pub entries: u32,
    /// Bytes of one entry.
    pub entry: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 4, total: 1 << 30, ratio: 200, floor: 64 << 20, entries: 200_000, entry: 256 << 20 }
    }
}

/// A format of archive or compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Zip,
    Tar,
    Gzip,
    Xz,
    Zstd,
    Bzip2,
    /// `ar`, of Debian packages and static libraries.
    Ar,
    /// One that is known, but not read.
    Other(&'static str),
}

impl Format {
    /// The format of a file.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        // Text does not begin so; the common case is decided by one byte.
        Some(match bytes {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => Self::Zip,
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => Self::Bzip2,
            [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Self::Other("7z"),
            [b'R', b'a', b'r', b'!', 0x1a, 7, ..] => Self::Other("rar"),
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Other("lz4"),
            [b'M', b'S', b'C', b'F', 0, ..] => Self::Other("cab"),
            [b'!', b'<', b'a', b'r', b'c', b'h', b'>', b'\n', ..] => Self::Ar,
            _ if tar::is_header(bytes) => Self::Tar,
            _ => return None,
        })
    }
}

/// What one archive's entries are given to.
pub(crate) struct Opened<'a> {
    pub(crate) budget: &'a mut Budget,
    pub(crate) skipped: &'a mut Vec<Skipped>,
    /// Gets an entry's path, `outer.zip!inner/path`, and its bytes.
    pub(crate) visit: &'a mut Visit<'a>,
}

/// Gets an entry; what is left of the bounds goes along, as it may be an archive too.
pub(crate) type Visit<'a> = dyn FnMut(&str, &[u8], &mut Budget, &mut Vec<Skipped>) + 'a;

impl Opened<'_> {
    fn skip(&mut self, path: &str, reason: impl Into<String>) {
        self.skipped.push(Skipped::new(path, reason));
    }

    /// Reads an entry to its end and gives it on. `false`: the archive has used up what it may.
    fn entry(&mut self, path: &str, reader: &mut dyn std::io::Read) -> bool {
        match self.budget.read(reader) {
            Ok(bytes) => (self.visit)(path, &bytes, self.budget, self.skipped),
            Err(budget::Fault::Entry) => self.skip(path, "too large"),
            Err(budget::Fault::Archive) => {
                self.skip(path, "unpacks to too much");
                return false;
            }
            Err(budget::Fault::Broken(error, bytes)) => {
                if !bytes.is_empty() {
                    (self.visit)(path, &bytes, self.budget, self.skipped);
                }
                self.skip(path, broken(&error));
            }
        }
        true
    }
}

/// Opens one archive and visits its entries. Those that are archives themselves are the visitor's to open.
pub(crate) fn open(path: &str, bytes: &[u8], format: Format, opened: &mut Opened<'_>) {
    if !opened.budget.enter(bytes.len() as u64) {
        return opened.skip(path, "archives nested too deep");
    }
    match format {
        Format::Zip => zip::open(path, bytes, opened),
        Format::Tar => tar::open(path, &mut &*bytes, opened),
        Format::Ar => tar::open_ar(path, bytes, opened),
        Format::Gzip | Format::Xz | Format::Zstd | Format::Bzip2 => stream::open(path, bytes, format, opened),
        Format::Other(name) => opened.skip(path, format!("{name} is not read")),
    }
    opened.budget.leave();
}

/// Where an entry is, for people: no part of it leads upward, and nothing in it acts on a terminal.
pub(crate) fn inner_path(outer: &str, name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let parts = name.split(['/', '\\']).filter(|part| !matches!(*part, "" | "." | ".."));
    let mut path = format!("{outer}!");
    let root = path.len();
    for part in parts {
        if path.len() > root {
            path.push('/');
        }
        path.extend(part.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }));
    }
    if path.len() > root + LONGEST_NAME {
        let cut = (0..=root + LONGEST_NAME).rev().find(|at| path.is_char_boundary(*at)).unwrap_or(root);
        path.truncate(cut);
        path.push('…');
    }
    path
}

/// Names are shown up to this many bytes.
const LONGEST_NAME: usize = 1024;

/// Why something was not read, in a line.
pub(crate) fn broken(error: &dyn std::fmt::Display) -> String {
    let text: String = error.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(120).collect();
    format!("broken: {text}")
}

#[cfg(test)]
mod tests;
