//! What can go wrong, shared by the store and its engines.

use crate::Expect;

/// Result of this room.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the store refused. Cloned to every caller whose batch was in the group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A batch found something else than it expected; it alone was refused.
    #[error("{}", conflict(.0))]
    Conflict(Box<Expect>),
    /// A row is not what was written under its place: edited, swapped, relabelled or damaged.
    #[error("record `{}` of collection `{collection}` was altered outside keyward", show(.key))]
    Tampered {
        /// Collection of the row.
        collection: String,
        /// Its key.
        key: Vec<u8>,
    },
    /// A batch needs at least one log entry.
    #[error("a change needs a log entry")]
    NoEntry,
    /// A value, key, log entry or header above the limit.
    #[error("{size} bytes are more than the store takes ({limit})")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// No database at this path.
    #[error("no database at `{path}`")]
    NotFound {
        /// Where it was looked for.
        path: String,
    },
    /// Something is there already.
    #[error("`{path}` exists already")]
    Exists {
        /// Where it lies.
        path: String,
    },
    /// A file that keyward did not write.
    #[error("`{path}` is not a keyward database")]
    Foreign {
        /// Where it lies.
        path: String,
    },
    /// A keyward database that cannot be read.
    #[error("the database is damaged: {detail}")]
    Damaged {
        /// What was found.
        detail: String,
    },
    /// Written by a newer keyward.
    #[error("the database has format {found}, this keyward knows up to {known}")]
    FutureFormat {
        /// Format of the file.
        found: u32,
        /// Newest format known here.
        known: u32,
    },
    /// The database's file system or file cannot be written.
    #[error("`{path}` cannot be written: read-only file system or file")]
    ReadOnly {
        /// The database.
        path: String,
    },
    /// A file system whose locks and flushes cannot be relied on.
    #[error("`{path}` lies on a network file system ({kind})")]
    NetworkFilesystem {
        /// The database's folder.
        path: String,
        /// Such as `nfs`.
        kind: String,
    },
    /// No space left; nothing was written.
    #[error("the disk is full; nothing was written")]
    Full,
    /// Others hold the database for too long: another process its write lock, or long reads all places
    /// there are for them.
    #[error("the database is busy: another process writes to it, or too many long reads are under way")]
    Busy,
    /// The operating system failed a read, write or flush; nothing was acknowledged.
    #[error("{action}: {detail}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        detail: String,
    },
    /// The caller's [`LogHead`](crate::LogHead) refused the entries.
    #[error("the log refused the entries: {0}")]
    LogHead(String),
    /// There is no answer: the thread that committed for this caller panicked, or the database went away
    /// while it committed and did not come back.
    #[error("the commit was interrupted; its outcome is unknown")]
    Interrupted,
}

impl Error {
    /// What the user can do about it, if the store knows.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Tampered { .. } => "run `keyward audit verify`, then restore a backup",
            Self::Damaged { .. } => "restore a backup with `keyward restore`",
            Self::FutureFormat { .. } => "install the keyward that wrote it, or a newer one",
            Self::Foreign { .. } => "choose another folder with `KEYWARD_HOME`",
            Self::ReadOnly { .. } => "make the file system writable: every use must be recorded",
            Self::NetworkFilesystem { .. } => {
                "keep the vault on a local disk: network locks and flushes cannot be relied on"
            }
            Self::Full => "free some space and try again",
            _ => return None,
        })
    }
}

fn conflict(expect: &Expect) -> String {
    match expect {
        Expect::Absent { collection, key } => {
            format!("record `{}` of collection `{collection}` exists already", show(key))
        }
        Expect::Generation { collection, key, generation } => {
            format!("record `{}` of collection `{collection}` is no longer at generation {generation}", show(key))
        }
        Expect::AbsentIndex { collection, index, value } => {
            format!("collection `{collection}` has a record with {index} `{}` already", show(value))
        }
        Expect::Lease { job, .. } => format!("another node does the job `{job}` now"),
        Expect::Header { .. } => "the header was changed in the meantime".into(),
    }
}

/// Keys are bytes: shown as text when they are printable, else in hex.
fn show(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.into(),
        _ => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_shown_as_text_or_hex() {
        let tampered = |key: &[u8]| Error::Tampered { collection: "c".into(), key: key.into() };
        assert!(tampered(b"abc").to_string().contains("`abc`"));
        assert!(tampered(b"\x00\xff").to_string().contains("`00ff`"));
    }
}
