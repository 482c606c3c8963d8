//! A marked block in the scripts of husky, which writes the files of git's own folder anew.

use std::fs;
use std::path::Path;

use super::install::{Change, read, write};
use super::script::body;
use super::{Error, Hook};

const BEGIN: &str = "# keyward:begin ";
const END: &str = "# keyward:end\n";
/// The script did not end with a line's end before the block was put behind it.
const JOINED: &str = " joined";
/// There was no script before.
const CREATED: &str = " created";

/// Puts the block into husky's script: behind what is there, so that formatters have run; before
/// it where it never comes to its end.
pub(super) fn install(folder: &Path, hook: Hook, keyward: &Path) -> Result<Change, Error> {
    let path = folder.join(hook.name());
    let before = read(&path)?;
    if let Some(text) = &before
        && let Some((start, end, _)) = find(text)
    {
        let first = text[start..].split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let block = [first, inner(hook, keyward).as_bytes(), END.as_bytes()].concat();
        write(&path, &[&text[..start], &block, &text[end..]].concat())?;
        return Ok(Change::Updated(path));
    }
    let name = hook.name();
    let text = before.clone().unwrap_or_default();
    let (at, note) = match &before {
        None => (0, CREATED),
        Some(text) if leaves_early(text) => (behind_preamble(text), ""),
        Some(text) if text.is_empty() || text.ends_with(b"\n") => (text.len(), ""),
        Some(text) => (text.len(), JOINED),
    };
    let joint = if note == JOINED { "\n" } else { "" };
    let block = format!("{joint}{BEGIN}{name}{note}\n{}{END}", inner(hook, keyward));
    write(&path, &[&text[..at], block.as_bytes(), &text[at..]].concat())?;
    Ok(if before.is_none() { Change::Installed(path) } else { Change::Chained(path) })
}

/// Takes the block out again.
pub(super) fn uninstall(folder: &Path, hook: Hook) -> Result<Change, Error> {
    let path = folder.join(hook.name());
    let Some(text) = read(&path)? else { return Ok(Change::Nothing) };
    let Some((start, end, note)) = find(&text) else { return Ok(Change::Nothing) };
    let start = if note == JOINED && end == text.len() { start.saturating_sub(1) } else { start };
    let rest = [&text[..start], &text[end..]].concat();
    if note == CREATED && rest.is_empty() {
        fs::remove_file(&path).map_err(Error::file(&path))?;
    } else {
        write(&path, &rest)?;
    }
    Ok(Change::Removed(path))
}

/// The block's lines between its marks. What it takes of the input it gives back.
fn inner(hook: Hook, keyward: &Path) -> String {
    let scan = body(hook, keyward);
    if hook == Hook::PreCommit {
        return format!("(\n{scan}) || exit $?\n");
    }
    // Where an earlier command has taken the lines, all that no remote has is looked at.
    format!(
        "keyward_input=$(cat)\n(\ninput=$keyward_input\n\
         [ -n \"$input\" ] || {{ new=$(git rev-parse HEAD) && input=\"HEAD $new HEAD $(printf %s \"$new\" | tr '0-9a-f' 0)\"; }}\n\
         {scan}) || exit $?\nexec <<keyward_input_ends\n$keyward_input\nkeyward_input_ends\n"
    )
}

/// Where the block is, and what its first line notes.
fn find(text: &[u8]) -> Option<(usize, usize, &'static str)> {
    let text = std::str::from_utf8(text).ok()?;
    let start = if text.starts_with(BEGIN) { 0 } else { text.find(&format!("\n{BEGIN}"))? + 1 };
    let end = start + text[start..].find(&format!("\n{END}"))? + 1 + END.len();
    let first = text[start..].lines().next()?;
    let note = [JOINED, CREATED].into_iter().find(|note| first.ends_with(note)).unwrap_or_default();
    Some((start, end, note))
}

/// Whether a script ends before its last line.
fn leaves_early(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"exec ") || line.starts_with(b"exit"))
}

/// Behind the first line with `#!`, and the line with which scripts of husky before 9 begin.
fn behind_preamble(text: &[u8]) -> usize {
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let ours = line.starts_with(b"#!") || line.starts_with(b". \"$(dirname") || line.trim_ascii().is_empty();
        if !ours || !line.ends_with(b"\n") {
            break;
        }
        at += line.len();
    }
    at
}
