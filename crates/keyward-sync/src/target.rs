//! What every place that values go to can do.

use keyward_types::Secret;
use thiserror::Error;

/// One place for one value. Calls block, and each takes seconds at most.
pub trait Target: Send + Sync {
    /// Whether it could be written. It changes nothing.
    ///
    /// # Errors
    /// [`Fault`].
    fn check(&self) -> Result<(), Fault>;

    /// Gives it the value. To give the same again is harmless.
    ///
    /// # Errors
    /// [`Fault`]; where it is not [`Fault::Refused`], it may have the value.
    fn deploy(&self, value: &Secret<Vec<u8>>) -> Result<(), Fault>;

    /// What it has. `None`: it does not say, and having taken the value has to do as a proof.
    ///
    /// # Errors
    /// [`Fault`].
    fn read_back(&self) -> Result<Option<Secret<Vec<u8>>>, Fault>;
}

/// Why a target did not do it. None repeats a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// It will not, until somebody changes something.
    #[error("{0}")]
    Refused(String),
    /// Not now; time may mend it.
    #[error("{0}")]
    Passing(String),
}
