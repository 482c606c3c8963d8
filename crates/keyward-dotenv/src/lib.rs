//! `.env` files, read exactly as named libraries read them.
//!
//! There is no standard for `.env`: libraries in wide use agree on about a third of tricky inputs.
//! So each reading here has a [`Dialect`], and gives byte for byte what that library gives for the
//! same text and environment, including what looks like a mistake in it. Recorded results and the
//! live libraries are the proof (`tests/recorded.rs`, `tests/differential.rs`).
//!
//! What holds in this room:
//! - **Nothing is executed.** Where a library would run `$(command)`, the command stays in the value
//!   as it is written and a [`Warning`] says so.
//! - **No input hangs or panics.** Work is linear in the text and in what its references expand to,
//!   and expansion is bounded ([`EXPANSION_LIMIT`]).
//! - **Nothing is read from outside**: the environment comes in as a function.
//! - **Values are never printed**: not by `Debug`, not by errors, warnings or differences.
//!
//! ```
//! use keyward_dotenv::{Dialect, parse};
//!
//! let parsed = parse("TOKEN=a#b", Dialect::Python, &|_| None)?;
//! assert_eq!(parsed.value("TOKEN"), Some("a#b"));
//! let parsed = parse("TOKEN=a#b", Dialect::Node, &|_| None)?;
//! assert_eq!(parsed.value("TOKEN"), Some("a"));
//! # Ok::<(), keyward_dotenv::Error>(())
//! ```

mod budget;
mod compose;
mod dialect;
mod differences;
mod dotenvx;
mod entries;
mod error;
mod javascript;
mod node;
mod node_builtin;
mod parsed;
mod python;
mod replace;
mod ruby;
mod statement;
mod text;
mod warning;
mod write;

pub use budget::EXPANSION_LIMIT;
pub use dialect::Dialect;
pub use differences::{Difference, differences};
pub use error::{Error, Reason};
pub use parsed::{Entry, Parsed};
pub use replace::replace;
pub use warning::{Caution, Warning};
pub use write::{Cause, Unwritable, write};

/// Answers what a variable of the environment holds. It is asked for any text that a reference
/// names, so also for the empty string and for text that can be no variable's name.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Reads `text` as `dialect` does, with `env` as the environment of the process.
///
/// What each dialect does with the environment: `python` and `ruby` ask it in references, after the
/// names read so far; `dotenvx` and `compose` ask it in references first; in `dotenvx` a name that
/// the environment has takes the environment's value ([`Caution::FromEnvironment`]); in `compose` a
/// name that stands alone on its line does. `node` and `node-builtin` never ask.
///
/// # Errors
/// [`Error::Rejected`] where that library rejects the text, or would never come to an end with it.
pub fn parse(text: &str, dialect: Dialect, env: Environment<'_>) -> Result<Parsed, Error> {
    let read = match dialect {
        Dialect::Python => python::parse(text, env),
        Dialect::Node => node::parse(text),
        Dialect::NodeBuiltin => node_builtin::parse(text),
        Dialect::Dotenvx => dotenvx::parse(text, env),
        Dialect::Ruby => ruby::parse(text, env),
        Dialect::Compose => compose::parse(text, env),
    };
    read.map_err(|error::Rejection { line, reason }| Error::Rejected { dialect, line, reason })
}
