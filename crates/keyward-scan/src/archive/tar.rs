//! Tar in all its dialects, and `ar`.

use std::io::{self, Read};

use tar::Archive;

use super::budget::is_exhausted;
use super::{Opened, broken, inner_path};

const BLOCK: usize = 512;

/// Whether bytes begin with the header of a tar entry whose checksum fits.
pub(crate) fn is_header(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..BLOCK) else { return false };
    // Octal digits at the place of the checksum are rare enough to look no further in most files.
    let field = &header[148..156];
    if !field.iter().all(|byte| matches!(byte, b'0'..=b'7' | b' ' | 0)) || header[0] == 0 {
        return false;
    }
    let digits: Vec<u8> = field.iter().copied().filter(u8::is_ascii_digit).collect();
    let stated = digits.iter().fold(0u32, |value, digit| value * 8 + u32::from(digit - b'0'));
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    let blanked = sum - field.iter().map(|byte| u32::from(*byte)).sum::<u32>() + 8 * u32::from(b' ');
    !digits.is_empty() && stated == blanked
}

/// Visits the files of a tar stream.
pub(crate) fn open(path: &str, reader: &mut dyn Read, opened: &mut Opened<'_>) {
    let mut archive = Archive::new(reader);
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => return opened.skip(path, broken(&error)),
    };
    for entry in entries {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) if is_exhausted(&error) => return opened.skip(path, "unpacks to too much"),
            Err(error) => return opened.skip(path, broken(&error)),
        };
        if !opened.budget.count_entry() {
            return opened.skip(path, "too many entries");
        }
        let kind = entry.header().entry_type();
        if !(kind.is_file() || kind.is_gnu_sparse() || kind.is_contiguous()) {
            continue;
        }
        let name = inner_path(path, &entry.path_bytes());
        if entry.size() > opened.budget.entry_limit() {
            opened.skip(&name, "too large");
        } else if !opened.entry(&name, &mut entry) {
            return;
        }
    }
}

/// Visits the members of an `ar` archive.
pub(crate) fn open_ar(path: &str, bytes: &[u8], opened: &mut Opened<'_>) {
    let mut at = 8;
    while at + 60 <= bytes.len() {
        let header = &bytes[at..at + 60];
        let size = std::str::from_utf8(&header[48..58]).ok().and_then(|text| text.trim_end().parse::<usize>().ok());
        let Some(end) = size.and_then(|size| (at + 60).checked_add(size)).filter(|end| *end <= bytes.len()) else {
            return opened.skip(path, "broken: a member that is not all there");
        };
        if !opened.budget.count_entry() {
            return opened.skip(path, "too many entries");
        }
        let name = inner_path(
            path,
            header[..16].trim_ascii_end().strip_suffix(b"/").unwrap_or(&header[..16]).trim_ascii_end(),
        );
        if !opened.entry(&name, &mut &bytes[at + 60..end]) {
            return;
        }
        at = end + (end & 1);
    }
}

/// A stream whose first bytes were read already.
pub(crate) fn with_head<'a>(head: &'a [u8], rest: &'a mut dyn Read) -> impl Read + 'a {
    head.chain(rest)
}

/// Reads the beginning of a stream: as much as a tar header has, or all there is.
pub(crate) fn head(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(BLOCK);
    reader.take(BLOCK as u64).read_to_end(&mut head)?;
    Ok(head)
}
