//! From SQLite's and the system's errors to the store's.

use std::io;
use std::path::Path;

use keyward_store::Error;
use rusqlite::ErrorCode;

/// What `error` means for the database at `path` while doing `action`.
pub(crate) fn sqlite(path: &Path, action: &str, error: &rusqlite::Error) -> Error {
    let rusqlite::Error::SqliteFailure(failure, message) = error else {
        // Everything else is a value of another type than we wrote.
        return Error::Damaged { detail: format!("{action}: {error}") };
    };
    let detail = match message {
        Some(message) => format!("{message} (SQLite {})", failure.extended_code),
        None => format!("{error}"),
    };
    match failure.code {
        ErrorCode::DiskFull => Error::Full,
        ErrorCode::ReadOnly => read_only(path),
        ErrorCode::NotADatabase => Error::Foreign { path: show(path) },
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => Error::Busy,
        ErrorCode::DatabaseCorrupt | ErrorCode::ConstraintViolation | ErrorCode::Unknown | ErrorCode::TypeMismatch => {
            Error::Damaged { detail: format!("{action}: {detail}") }
        }
        _ => Error::Io { action: action.into(), detail },
    }
}

/// What a failed system call on `path` means.
pub(crate) fn system(path: &Path, action: &str, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full,
        io::ErrorKind::ReadOnlyFilesystem => read_only(path),
        io::ErrorKind::NotFound => Error::NotFound { path: show(path) },
        io::ErrorKind::AlreadyExists => Error::Exists { path: show(path) },
        _ => Error::Io { action: format!("{action} `{}`", show(path)), detail: error.to_string() },
    }
}

pub(crate) fn read_only(path: &Path) -> Error {
    Error::ReadOnly { path: show(path) }
}

pub(crate) fn show(path: &Path) -> String {
    path.display().to_string()
}
