//! Results on standard output, all else on standard error.

use std::io::{ErrorKind, Write};

use keyward_client::{Code, Failure, Result, ServerUrl};
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
    failure_at(failure, as_json, None);
}

/// The same, and at which server, where one was asked.
pub(crate) fn failure_at(failure: &Failure, as_json: bool, place: Option<&ServerUrl>) {
    if as_json {
        let mut error =
            serde_json::json!({ "error": { "code": failure.code, "message": failure.message, "hint": failure.hint } });
        if let Some(place) = place {
            error["error"]["place"] = place.as_str().into();
        }
        let _ = writeln!(std::io::stderr().lock(), "{error}");
        return;
    }
    match place {
        Some(place) if !failure.message.contains(place.as_str()) => note(format!("{} (at {place})", failure.message)),
        _ => note(&failure.message),
    }
    if let Some(remedy) = &failure.hint {
        hint(remedy);
    }
}

/// A table with columns as wide as their widest cell; the last column is not padded.
pub(crate) fn table<R: AsRef<[C]>, C: AsRef<str>>(head: &[&str], rows: &[R]) -> Result<()> {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row.as_ref()) {
            *width = (*width).max(columns(cell.as_ref()));
        }
    }
    let mut text = String::with_capacity((widths.iter().sum::<usize>() + 2 * widths.len()) * (rows.len() + 1));
    push_row(&mut text, head, &widths);
    for row in rows {
        push_row(&mut text, row.as_ref(), &widths);
    }
    bytes(text.as_bytes())
}

fn push_row<C: AsRef<str>>(text: &mut String, row: &[C], widths: &[usize]) {
    for (i, (cell, width)) in row.iter().zip(widths).enumerate() {
        let cell = cell.as_ref();
        text.push_str(cell);
        let pad = if i + 1 == row.len() { 0 } else { width.saturating_sub(columns(cell)) + 2 };
        text.extend(std::iter::repeat_n(' ', pad));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
}

fn columns(cell: &str) -> usize {
    if cell.is_ascii() { cell.len() } else { cell.chars().count() }
}

/// A failure whose code is "no".
pub(crate) fn no(message: impl Into<String>) -> Failure {
    Failure::new(Code::No, message)
}
