//! SQLite files: every row of every table, by the published file format (<https://www.sqlite.org/fileformat2.html>).
//!
//! Read as bytes, without SQLite: a hostile file meets no engine, a damaged one gives what can still
//! be read. Each page is read once at most, so that no loop of pages costs anything.

mod page;
mod record;
mod schema;

use page::Pages;
use record::{Encoding, Value};
use schema::Table;

use crate::archive::inner_path;
use crate::summary::Skipped;

/// Something of a row.
pub(super) enum Row<'a> {
    /// All its text, a line for each column: `name: value`.
    Text { path: &'a str, text: &'a [u8] },
    /// A blob that may hold a text in some other way.
    Blob { path: &'a str, bytes: &'a [u8] },
}

/// What a database begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Whether a file is a database.
pub(super) fn is_database(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Whether a file is the write-ahead log of one, which holds what was written last.
pub(super) fn is_log(bytes: &[u8]) -> bool {
    bytes.len() >= LOG_HEADER && matches!(bytes, [0x37, 0x7f, 0x06, 0x82 | 0x83, ..])
}

const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// Visits the rows in the newest state of each page in a log. Names of tables and columns are not in it.
pub(super) fn log_rows(path: &str, bytes: &[u8], visit: &mut dyn FnMut(Row<'_>), skipped: &mut Vec<Skipped>) {
    let size = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize;
    if !(512..=65536).contains(&size) {
        return skipped.push(Skipped::new(path, "broken: no page size"));
    }
    let mut newest = std::collections::BTreeMap::new();
    for frame in bytes[LOG_HEADER..].chunks_exact(FRAME_HEADER + size) {
        newest.insert(u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]), &frame[FRAME_HEADER..]);
    }
    let (table, mut text, mut cut) = (Table::unknown(), Vec::new(), false);
    for (number, page) in newest {
        let Some(mut pages) = Pages::single(page) else { continue };
        let shown = format!("{path}!page {number}");
        pages.walk(1, &mut |row_id, payload| {
            row(&format!("{shown}/{row_id}"), &table, &record::values(payload), Encoding::Utf8, &mut text, visit);
        });
        cut |= pages.cut;
    }
    if cut {
        skipped.push(Skipped::new(path, "long rows of the log were read in part"));
    }
}

/// Visits every row of every table.
pub(super) fn rows(path: &str, bytes: &[u8], visit: &mut dyn FnMut(Row<'_>), skipped: &mut Vec<Skipped>) {
    let Some(mut pages) = Pages::new(bytes) else {
        return skipped.push(Skipped::new(path, "broken: no page size"));
    };
    let encoding = Encoding::of(bytes.get(59).copied().unwrap_or(1));
    let mut tables = Vec::new();
    pages.walk(1, &mut |_, payload| tables.extend(Table::parse(&record::values(payload), encoding)));
    for table in tables {
        let shown = inner_path(path, table.name.as_bytes());
        let mut text = Vec::new();
        pages.walk(table.root, &mut |row_id, payload| {
            row(&format!("{shown}/{row_id}"), &table, &record::values(payload), encoding, &mut text, visit);
        });
    }
    if pages.damaged || pages.cut {
        skipped.push(Skipped::new(path, "broken: some pages of the database were not read"));
    }
}

fn row(
    path: &str,
    table: &Table,
    values: &[Value<'_>],
    encoding: Encoding,
    text: &mut Vec<u8>,
    visit: &mut dyn FnMut(Row<'_>),
) {
    text.clear();
    for (index, value) in values.iter().enumerate() {
        match value {
            Value::Text(bytes) => {
                // Of a setting, the name says what the value is.
                let name = table.setting(index).and_then(|name| match values.get(name) {
                    Some(Value::Text(name)) => Some(encoding.utf8(name)),
                    _ => None,
                });
                text.extend_from_slice(name.as_deref().unwrap_or(table.column(index).as_bytes()));
                text.extend_from_slice(b": ");
                text.extend_from_slice(&encoding.utf8(bytes));
                text.push(b'\n');
            }
            Value::Blob(bytes) if std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0) => {
                text.extend_from_slice(table.column(index).as_bytes());
                text.extend_from_slice(b": ");
                text.extend_from_slice(bytes);
                text.push(b'\n');
            }
            Value::Blob(bytes) => visit(Row::Blob { path: &format!("{path}/{}", table.column(index)), bytes }),
            Value::Number(_) | Value::Other => {}
        }
    }
    if !text.is_empty() {
        visit(Row::Text { path, text });
    }
}
