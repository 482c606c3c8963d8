//! The hooks of git that scan: their texts, where they belong, and how they get there beside hooks that are there already.
//!
//! An existing hook is never overwritten. It is moved aside, runs first with the same arguments and
//! input, and comes back byte for byte when ours goes. Where husky rules the folder, a marked block
//! in its own script takes our place.
//!
//! What a missing `keyward` means: commits and pushes go on with a warning, because such a hook is
//! often shared with people who do not have it yet, and a hook that stops all work gets deleted; a
//! server refuses, because nobody sees its warnings and it is the last one who can. What could not
//! be scanned is refused everywhere but after the fact.

mod husky;
mod install;
mod place;
mod script;

#[cfg(all(test, unix))]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use install::{Change, install, uninstall};
pub(crate) use place::{Place, run_git};

/// A hook that scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    /// What a commit would add.
    PreCommit,
    /// What a push would publish.
    PrePush,
    /// What a server is about to take in.
    PreReceive,
    /// What a server took in: reported, not refused.
    PostReceive,
}

impl Hook {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::PreCommit, Self::PrePush, Self::PreReceive, Self::PostReceive];

    /// The name of its file.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PreCommit => "pre-commit",
            Self::PrePush => "pre-push",
            Self::PreReceive => "pre-receive",
            Self::PostReceive => "post-receive",
        }
    }
}

/// Why a hook is not installed or removed.
#[derive(Debug)]
pub(crate) enum Error {
    /// Git did not say where hooks belong.
    Git(String),
    /// A file could not be read or written.
    File(PathBuf, io::Error),
    /// The folder serves other repositories too.
    Shared(PathBuf),
    /// There is a hook, and another one that was moved aside before.
    Occupied(PathBuf),
    /// Somebody else's hook stands where ours was.
    Replaced(PathBuf),
}

impl Error {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::File(path.to_owned(), error)
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Git(_) => Some("run it inside a git repository, with git installed"),
            Self::File(..) => None,
            Self::Shared(_) => {
                Some("`git config core.hooksPath` says so; install there on purpose, or unset it in this repository")
            }
            Self::Occupied(_) => Some("look at both files and delete the one that is not needed"),
            Self::Replaced(_) => {
                Some("the hook from before keyward lies beside it, with `.before-keyward` behind its name")
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Git(said) => write!(f, "git does not say where hooks belong: {said}"),
            Self::File(path, error) => write!(f, "`{}` cannot be changed: {error}", path.display()),
            Self::Shared(path) => write!(f, "`{}` holds the hooks of other repositories too", path.display()),
            Self::Occupied(path) => {
                write!(f, "`{}` is there, and so is a hook that was moved aside before", path.display())
            }
            Self::Replaced(path) => write!(f, "`{}` was replaced by another hook", path.display()),
        }
    }
}

impl std::error::Error for Error {}
