//! Results on standard output, all else on standard error.

use std::io::{ErrorKind, Write};

use keyward_client::{Code, Failure, Result};
use serde::Serialize;

/// How a command ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// Done, and the answer is no.
    No,
    /// A code of the command's own, for example a child's.
    Code(u8),
}

/// Writes a line of the result.
pub(crate) fn line(text: impl AsRef<str>) -> Result<()> {
    bytes(format!("{}\n", text.as_ref()).as_bytes())
}

/// Writes the result as JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::internal(error.to_string()))?;
    line(text)
}

/// A listing: `{"<noun>s": [...], "next": null}`.
pub(crate) fn listing<T: Serialize>(noun: &str, items: &[T]) -> Result<()> {
    json(&serde_json::json!({ noun: items, "next": null }))
}

/// Writes bytes of the result as they are. A reader that has gone away is not an error.
pub(crate) fn bytes(bytes: &[u8]) -> Result<()> {
    crate::config::panic_point("output");
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::internal(format!("the result cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says something on standard error.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "keyward: {}", text.as_ref());
}

/// Says a remedy on standard error.
pub(crate) fn hint(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "hint: {}", text.as_ref());
}

/// Says what went wrong.
pub(crate) fn failure(failure: &Failure, as_json: bool) {
    if as_json {
        let error =
            serde_json::json!({ "error": { "code": failure.code, "message": failure.message, "hint": failure.hint } });
        let _ = writeln!(std::io::stderr().lock(), "{error}");
        return;
    }
    note(&failure.message);
    if let Some(remedy) = &failure.hint {
        hint(remedy);
    }
}

/// A table with columns as wide as their widest cell; the last column is not padded.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).chain([head[column].len()]).max()
    };
    let widths: Vec<usize> = (0..head.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    for row in std::iter::once(&head).chain(rows) {
        for (i, cell) in row.iter().enumerate() {
            let pad = if i + 1 == row.len() { 0 } else { widths[i].saturating_sub(cell.chars().count()) + 2 };
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', pad));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    bytes(text.as_bytes())
}

/// A failure whose code is "no".
pub(crate) fn no(message: impl Into<String>) -> Failure {
    Failure::new(Code::No, message)
}
