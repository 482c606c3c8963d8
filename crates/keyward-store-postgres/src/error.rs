//! What a failure means: try again, or say so.

use std::error::Error as _;
use std::io;

use keyward_store::Error;
use tokio_postgres::error::SqlState;

/// Why something did not happen.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The connection or the server went away, or the server asks to try again.
    Lost(String),
    /// The same would happen again.
    Refused(Error),
}

impl Failed {
    /// What `error` means while doing `action`.
    pub(crate) fn of(action: &str, error: &tokio_postgres::Error) -> Self {
        let Some(answer) = error.as_db_error() else {
            return if is_lost(error) { Self::Lost(chain(error)) } else { Self::Refused(unexpected(action, error)) };
        };
        let detail = format!("{} ({})", answer.message(), answer.code().code());
        match answer.code() {
            &SqlState::DISK_FULL => Self::Refused(Error::Full),
            &SqlState::READ_ONLY_SQL_TRANSACTION => Self::Refused(Error::ReadOnly { path: "the database".into() }),
            &SqlState::LOCK_NOT_AVAILABLE => Self::Refused(Error::Busy),
            &SqlState::INVALID_CATALOG_NAME => Self::Refused(Error::NotFound { path: answer.message().into() }),
            code if is_passing(code) => Self::Lost(detail),
            &SqlState::DIVISION_BY_ZERO => Self::Refused(Error::Damaged { detail: UNWRITTEN.into() }),
            &SqlState::UNDEFINED_TABLE
            | &SqlState::UNDEFINED_COLUMN
            | &SqlState::DATATYPE_MISMATCH
            // A statement that was prepared before a table was altered, or that a rule rewrites.
            | &SqlState::FEATURE_NOT_SUPPORTED
            | &SqlState::UNIQUE_VIOLATION
            | &SqlState::NOT_NULL_VIOLATION
            | &SqlState::CHECK_VIOLATION
            | &SqlState::DATA_CORRUPTED
            | &SqlState::INDEX_CORRUPTED => Self::Refused(Error::Damaged { detail: format!("{action}: {detail}") }),
            _ => Self::Refused(Error::Io { action: action.into(), detail }),
        }
    }

    /// For whoever does not try again.
    pub(crate) fn into_error(self, action: &str) -> Error {
        match self {
            Self::Lost(detail) => Error::Io { action: action.into(), detail },
            Self::Refused(error) => error,
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// Answers of a server that stops, starts, has no place just now or chose us as the victim of a
/// deadlock: nothing was done, and a while later it may be.
fn is_passing(code: &SqlState) -> bool {
    let passing = [
        &SqlState::ADMIN_SHUTDOWN,
        &SqlState::CRASH_SHUTDOWN,
        &SqlState::CANNOT_CONNECT_NOW,
        &SqlState::TOO_MANY_CONNECTIONS,
        &SqlState::T_R_SERIALIZATION_FAILURE,
        &SqlState::T_R_DEADLOCK_DETECTED,
        &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    passing.contains(&code) || code.code().starts_with("08")
}

/// Only `transaction` divides, by whether all rows were written.
const UNWRITTEN: &str = "the database did not write all it was given: a trigger or a rule drops rows";

fn is_lost(error: &tokio_postgres::Error) -> bool {
    let system = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    // TLS puts a refused certificate into an error of that kind.
    error.is_closed() || system.is_some_and(|e| e.kind() != io::ErrorKind::InvalidData)
}

/// The driver's other errors are values of another type than we wrote, or a refused handshake.
fn unexpected(action: &str, error: &tokio_postgres::Error) -> Error {
    let detail = chain(error);
    if detail.contains("deserializing") {
        return Error::Damaged { detail: format!("{action}: {detail}") };
    }
    Error::Io { action: action.into(), detail }
}

fn chain(error: &tokio_postgres::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
