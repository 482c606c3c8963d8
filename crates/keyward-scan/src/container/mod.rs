//! From a file to the texts in it.
//!
//! Most files are one text. Some hold several, under their own names: archives
//! (`lib.whl!pkg/settings.py`), notebooks (`note.ipynb!cell 3`), databases (`app.db!users/17`),
//! office documents. Text in UTF-16 is transcoded, so that its lines are still its lines.
//!
//! What a file is, its bytes say; so nothing is missed because of its name. What is not read is
//! said with its reason.

mod notebook;
mod office;
mod sqlite;

use crate::archive::{self, Budget, Format, Opened};
use crate::decode::{is_control, utf16_kind, utf16_to_utf8, utf32_to_utf8};
use crate::engine::is_source;
use crate::summary::Skipped;
use crate::tree::is_binary;

pub use crate::archive::Limits;

/// Why a file is skipped that is no text.
pub(crate) const BINARY: &str = "binary";

/// Calls `visit` with each text in a file and its path. Of a plain text that is the file itself.
pub fn texts(
    path: &str,
    bytes: &[u8],
    limits: &Limits,
    visit: &mut dyn FnMut(&str, &[u8]),
    skipped: &mut Vec<Skipped>,
) {
    look(path, bytes, &mut Budget::new(limits), visit, skipped);
}

/// The same, and after them, as empty texts, the paths of the file and of what is binary in it, where no text
/// has that path: rules may go by the path alone.
pub fn texts_and_paths(
    path: &str,
    bytes: &[u8],
    limits: &Limits,
    visit: &mut dyn FnMut(&str, &[u8]),
    skipped: &mut Vec<Skipped>,
) {
    let (mut own, before) = (false, skipped.len());
    let texts_with_own = &mut |inner: &str, text: &[u8]| {
        own |= inner == path;
        visit(inner, text);
    };
    texts(path, bytes, limits, texts_with_own, skipped);
    if !own {
        visit(path, b"");
    }
    for inner in skipped[before..].iter().filter(|one| one.reason == BINARY && one.path != path) {
        visit(&inner.path, b"");
    }
}

fn look(path: &str, bytes: &[u8], budget: &mut Budget, visit: &mut dyn FnMut(&str, &[u8]), skipped: &mut Vec<Skipped>) {
    if let Some(format) = Format::of(bytes) {
        return open(path, bytes, format, budget, visit, skipped);
    }
    if sqlite::is_database(bytes) || sqlite::is_log(bytes) {
        return database(path, bytes, budget, visit, skipped);
    }
    if let Some(kind) = utf16_kind(bytes) {
        return visit(path, &utf16_to_utf8(bytes, kind).0);
    }
    if let Some(text) = utf32_to_utf8(bytes) {
        return visit(path, &text);
    }
    if is_binary(bytes) && !is_text_all_the_same(path, bytes) {
        // Programs carry archives at their end: self-extracting ones, Python's zipapps.
        return match has_zip_behind(bytes) {
            true => open(path, bytes, Format::Zip, budget, visit, skipped),
            false => skipped.push(Skipped::new(path, BINARY)),
        };
    }
    if path.ends_with(".ipynb") && notebook::cells(path, bytes, visit) {
        return;
    }
    match office::text(path, bytes) {
        Some(text) => visit(path, &text),
        None => visit(path, bytes),
    }
}

fn open(
    path: &str,
    bytes: &[u8],
    format: Format,
    budget: &mut Budget,
    visit: &mut dyn FnMut(&str, &[u8]),
    skipped: &mut Vec<Skipped>,
) {
    let visit = &mut |path: &str, bytes: &[u8], budget: &mut Budget, skipped: &mut Vec<Skipped>| {
        look(path, bytes, budget, visit, skipped);
    };
    archive::open(path, bytes, format, &mut Opened { budget, skipped, visit });
}

fn database(
    path: &str,
    bytes: &[u8],
    budget: &mut Budget,
    visit: &mut dyn FnMut(&str, &[u8]),
    skipped: &mut Vec<Skipped>,
) {
    if !budget.enter(bytes.len() as u64) {
        return skipped.push(Skipped::new(path, "archives nested too deep"));
    }
    let mut inside = Vec::new();
    let each = &mut |row: sqlite::Row<'_>| match row {
        sqlite::Row::Text { path, text } => visit(path, text),
        sqlite::Row::Blob { path, bytes } => look(path, bytes, budget, visit, &mut inside),
    };
    match sqlite::is_log(bytes) {
        true => sqlite::log_rows(path, bytes, each, skipped),
        false => sqlite::rows(path, bytes, each, skipped),
    }
    skipped.append(&mut inside);
    budget.leave();
}

/// Whether a file with a NUL in it is a text: programs run scripts whose comments have one, so that one byte would
/// hide a whole file. By its name, or because what is not NUL is text.
fn is_text_all_the_same(path: &str, bytes: &[u8]) -> bool {
    const SAMPLE: usize = 64 << 10;
    const LEAST: usize = 16;
    if is_source(path) {
        return true;
    }
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    let others = sample.iter().filter(|byte| **byte != 0).count();
    let text: usize = sample
        .utf8_chunks()
        .map(|chunk| chunk.valid().bytes().filter(|byte| *byte != 0 && !is_control(*byte)).count())
        .sum();
    others >= LEAST && text * 10 >= others * 9
}

/// Whether the end record of a zip stands where it would at the end of one.
fn has_zip_behind(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(22 + 0xffff)..];
    memchr::memmem::rfind(tail, b"PK\x05\x06").is_some_and(|at| at + 22 <= tail.len())
}

#[cfg(test)]
mod tests;
