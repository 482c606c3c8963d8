//! One line that must not be an argument.

use std::io::{IsTerminal, Read};
use std::path::Path;

use keyward_client::{Bytes, Failure, Result};

use crate::terminal;

/// Longest of them, in bytes.
const LONGEST: u64 = 4096;

/// From a file, standard input or a hidden prompt for `what`.
pub(super) fn hidden(what: &str, file: Option<&Path>) -> Result<Bytes> {
    let mut bytes = Vec::new();
    match file {
        Some(path) => {
            let failed = |error: std::io::Error| Failure::file("read", path, &error);
            std::fs::File::open(path).map_err(failed)?.take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
        }
        None if std::io::stdin().is_terminal() => bytes = terminal::hidden(what)?.expose().clone().into_bytes(),
        None => {
            let read = std::io::stdin().lock().take(LONGEST + 1).read_to_end(&mut bytes);
            read.map_err(|error| Failure::internal(format!("standard input cannot be read: {error}")))?;
        }
    }
    if bytes.len() as u64 > LONGEST {
        return Err(Failure::usage(format!("it is longer than {LONGEST} bytes")));
    }
    while bytes.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
        bytes.pop();
    }
    match bytes.is_empty() {
        true => Err(Failure::usage("nothing was given on standard input or at the prompt")),
        false => Ok(Bytes::new(bytes)),
    }
}

/// The certificates of an authority of one's own, as text.
pub(super) fn certificates(file: Option<&Path>) -> Result<Option<String>> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error));
    file.map(read).transpose()
}
