//! Results on standard output, all else on standard error.

use std::borrow::Cow;
use std::io::{ErrorKind, Write};

use keyward_client::{Code, Failure, Result, ServerUrl};
use keyward_types::{Timestamp, is_treacherous, visible};
use serde::Serialize;
use serde_json::Value;

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

/// Writes lines of the result that may hold what others wrote; each line is made harmless for a terminal.
pub(crate) fn lines(text: impl AsRef<str>) -> Result<()> {
    line(harmless(text.as_ref()))
}

/// Line by line without what a terminal would obey.
fn harmless(text: &str) -> String {
    if !text.chars().any(|c| c != '\n' && is_treacherous(c)) {
        return text.to_owned();
    }
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// Writes the result as JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<()> {
    let failed = |error: serde_json::Error| Failure::internal(error.to_string());
    let mut value = serde_json::to_value(value).map_err(failed)?;
    moments(&mut value);
    line(serde_json::to_string_pretty(&value).map_err(failed)?)
}

/// Moments in the form that the API and the log have (RFC 3339): between processes they are
/// milliseconds. Only keys of the answer are looked at that are known to hold one.
fn moments(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_i64() {
                    Some(millis) if is_moment(name) => *field = Timestamp(millis).to_string().into(),
                    _ => moments(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(moments),
        _ => {}
    }
}

fn is_moment(name: &str) -> bool {
    const OTHERS: [&str; 9] =
        ["deadline", "first", "first_seen", "last", "last_seen", "last_used", "next_due", "since", "until"];
    name.ends_with("_at") || name == "written" || OTHERS.contains(&name)
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

/// Before a value is read for standard output: whether that was there when the program began. Where it
/// was closed, the runtime has put the null device in its place, for reading and writing, so that
/// writing succeeds; whoever sends a value there on purpose (`> /dev/null`) opens it for writing alone.
pub(crate) fn must_be_open() -> Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::{OFlags, fcntl_getfl, fstat, stat};
        let out = std::io::stdout();
        let (Ok(flags), Ok(found), Ok(null)) = (fcntl_getfl(&out), fstat(&out), stat("/dev/null")) else {
            return Ok(());
        };
        let is_null =
            rustix::fs::FileType::from_raw_mode(found.st_mode).is_char_device() && found.st_rdev == null.st_rdev;
        if is_null && flags.contains(OFlags::RDWR) {
            return Err(Failure::usage("standard output is closed, so the value would be lost: nothing was read")
                .hint("pipe it to a program; `keyward show NAME` tells whether it is there without reading it"));
        }
    }
    Ok(())
}

/// Says something for programs on standard error, on one line.
pub(crate) fn aside(value: &Value) {
    let _ = writeln!(std::io::stderr().lock(), "{value}");
}

/// Says something on standard error.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "keyward: {}", harmless(text.as_ref()));
}

/// Says a remedy on standard error.
pub(crate) fn hint(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "hint: {}", harmless(text.as_ref()));
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

/// A table with columns as wide as their widest cell; the last column is not padded. Much of what
/// stands in tables was written by somebody else.
pub(crate) fn table<R: AsRef<[C]>, C: AsRef<str>>(head: &[&str], rows: &[R]) -> Result<()> {
    let rows: Vec<Vec<Cow<'_, str>>> = rows.iter().map(|row| row.as_ref().iter().map(cell).collect()).collect();
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.len()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(columns(cell.as_ref()));
        }
    }
    let mut text = String::with_capacity((widths.iter().sum::<usize>() + 2 * widths.len()) * (rows.len() + 1));
    push_row(&mut text, head, &widths);
    for row in &rows {
        push_row(&mut text, row, &widths);
    }
    bytes(text.as_bytes())
}

fn cell<C: AsRef<str>>(cell: &C) -> Cow<'_, str> {
    match cell.as_ref() {
        text if text.chars().any(is_treacherous) => visible(text).into(),
        text => Cow::Borrowed(text),
    }
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
