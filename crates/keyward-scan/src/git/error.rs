//! Why a repository could not be scanned at all.

use std::path::PathBuf;

/// What went wrong. What only touches single objects is a [`crate::summary::Skipped`] instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no repository there, or above it.
    #[error("{} is not in a git repository", .0.display())]
    NotFound(PathBuf),
    /// There is one, but it cannot be read.
    #[error("cannot open the git repository at {}: {reason}", .path.display())]
    Open {
        /// Where it is.
        path: PathBuf,
        /// What the reader says.
        reason: String,
    },
    /// It is kept in a way that this reader does not know.
    #[error("the git repository at {} uses {feature}, which cannot be read", .path.display())]
    Unsupported {
        /// Where it is.
        path: PathBuf,
        /// What it uses.
        feature: String,
    },
    /// Its index cannot be read.
    #[error("cannot read the git index at {}: {reason}", .path.display())]
    Index {
        /// Where it is.
        path: PathBuf,
        /// What the reader says.
        reason: String,
    },
    /// A revision is not known, or is no commit.
    #[error("{revision:?} is no revision of this repository{hint}")]
    Revision {
        /// What was asked for.
        revision: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// An object without which nothing can be said.
    #[error("{what} {id} cannot be read: {reason}")]
    Object {
        /// What it is.
        what: &'static str,
        /// Its id.
        id: String,
        /// Why.
        reason: &'static str,
    },
}
