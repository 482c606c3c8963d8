use thiserror::Error;

/// What can be wrong with a noun that comes from outside.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A name of a secret, project or environment that is not canonical.
    #[error("`{input}` is not a {noun} name: {why}")]
    Name {
        /// What it was meant to name.
        noun: &'static str,
        /// The input, with control characters escaped and cut at 200 characters.
        input: String,
        /// Which rule it breaks.
        why: String,
    },
    /// An id that is not 26 characters of base32.
    #[error("`{0}` is not an id")]
    Id(String),
    /// A label that is not a lower-case word.
    #[error("`{0}` is not a label: use 1 to 64 of a-z 0-9 - _")]
    Label(String),
    /// A version below 1.
    #[error("versions start at 1")]
    Version,
    /// A kind of secret that does not exist.
    #[error("`{0}` is not a kind of secret")]
    Kind(String),
    /// A principal that is not `<sort>:<name>`.
    #[error("`{0}` is not a principal")]
    Principal(String),
    /// A token that was not made by keyward. The text is never repeated.
    #[error("this is not a keyward token: {0}")]
    Token(&'static str),
}
