//! The real clock and the real randomness.

use std::sync::Arc;

use keyward_types::{Clock, Random, RandomError, Timestamp};
use keyward_vault::Tools;

/// The wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

/// Both, as the vault takes them.
pub fn tools() -> Tools {
    Tools { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom) }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one implementation of the clock")]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(|error| RandomError(error.to_string()))
    }
}
