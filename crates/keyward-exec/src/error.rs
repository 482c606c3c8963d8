use std::ffi::OsString;
use std::io;

/// Why a child could not be started or looked after.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such program, or no such interpreter.
    #[error("`{}` was not found", .program.to_string_lossy())]
    NotFound {
        /// The program as it was named.
        program: OsString,
    },
    /// There is a file of that name which cannot be executed.
    #[error("`{}` cannot be executed: {source}", .program.to_string_lossy())]
    NotExecutable {
        /// The program as it was named.
        program: OsString,
        /// What the system said.
        source: io::Error,
    },
    /// Something went wrong on our side of the child.
    #[error("{what}: {source}")]
    System {
        /// What was being done.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// The exit code of `keyward run` for this failure, as `env` and the shells have it: 127 not
    /// found, 126 not executable, 125 own failure.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound { .. } => 127,
            Self::NotExecutable { .. } => 126,
            Self::System { .. } => 125,
        }
    }

    /// Sorts a failure of exec(2) as `env` does.
    pub(crate) fn of_exec(program: OsString, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { program },
            _ => Self::NotExecutable { program, source },
        }
    }
}

/// `.map_err(system("open a terminal"))`.
pub(crate) fn system<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Error {
    move |source| Error::System { what, source: source.into() }
}
