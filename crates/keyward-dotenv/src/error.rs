//! Why a text is not read.

use crate::{Dialect, EXPANSION_LIMIT};

/// What this room refuses. No message holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name of a dialect that does not exist.
    #[error("`{0}` is not a dialect of `.env`")]
    UnknownDialect(String),
    /// The library behind `dialect` rejects the text.
    #[error("line {line}: {reason} (as `{dialect}` reads it)")]
    Rejected {
        /// Whose reading it is.
        dialect: Dialect,
        /// The line, from 1, at which the statement that is rejected begins.
        line: usize,
        /// What is wrong with it.
        reason: Reason,
    },
}

impl Error {
    /// The remedy, where there is one to name.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::UnknownDialect(_) => Some("one of python, node, node-builtin, dotenvx, ruby, compose"),
            Self::Rejected { reason, .. } => match reason {
                Reason::ExportOfUnset => Some("give the variable a value on an earlier line"),
                Reason::Unclosed => Some("close the quote, or quote the value with the other kind"),
                Reason::Reference => Some("write `$$` for a dollar sign, or put the value in single quotes"),
                _ => None,
            },
        }
    }
}

/// What is wrong with a statement that its library rejects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// `export NAME` without a value, and no earlier line gives it one (`ruby`).
    #[error("`export` of a variable that has no value")]
    ExportOfUnset,
    /// A character in a name that the library does not take (`compose`).
    #[error("unexpected character in a variable's name")]
    Name,
    /// Nothing after `export` (`compose`).
    #[error("no variable's name")]
    NoName,
    /// The text ends inside quotes (`compose`).
    #[error("a quoted value is not closed")]
    Unclosed,
    /// `${…}` that is no reference (`compose`).
    #[error("malformed `${{…}}` reference")]
    Reference,
    /// `${NAME:?…}` or `${NAME?…}` of a variable without a value (`compose`).
    #[error("a required variable has no value")]
    Required,
    /// A name that every JavaScript object has, such as `constructor`, on which the library fails
    /// (`dotenvx`).
    #[error("a name that every JavaScript object has")]
    Prototype,
    /// The library would not come to an end, or would expand to more than [`EXPANSION_LIMIT`].
    #[error("references expand without end, or past {} MiB", EXPANSION_LIMIT >> 20)]
    Endless,
    /// References inside the defaults of references, deeper than any file needs.
    #[error("references are nested too deep")]
    Nested,
}

/// A [`Reason`] and where; the dialect is added by [`crate::parse`].
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) line: usize,
    pub(crate) reason: Reason,
}

impl Reason {
    pub(crate) fn at(self, line: usize) -> Rejection {
        Rejection { line, reason: self }
    }
}
