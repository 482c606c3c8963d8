//! What can go wrong: with making a sink, and with delivering to one.

use std::time::Duration;

use thiserror::Error;

/// Why a sink cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting that cannot be. No secret part is repeated.
    #[error("{0}")]
    Settings(String),
    /// What the vault kept is not what was sealed.
    #[error("the alert sink's credentials cannot be read")]
    Credentials,
    /// No randomness.
    #[error(transparent)]
    Random(#[from] keyward_types::RandomError),
    /// A thread could not be started.
    #[error("alerts cannot be sent: {0}")]
    Thread(String),
}

/// Why a sink did not take an alert. The words are ours: what the other side wrote, the URL and
/// the password are not among them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{why}")]
pub struct Fault {
    /// What happened: lower case, no full stop.
    pub why: String,
    /// Whether trying again the same way is of no use.
    pub permanent: bool,
    /// How long the other side asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// It may go better next time.
    pub fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), permanent: false, retry_after: None }
    }

    /// It will not go better until somebody changes something.
    pub fn permanent(why: impl Into<String>) -> Self {
        Self { why: why.into(), permanent: true, retry_after: None }
    }
}
