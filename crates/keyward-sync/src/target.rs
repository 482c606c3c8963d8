//! What every place that values go to can do.

use std::str::FromStr;
use std::time::Duration;

use keyward_types::{Clock, Random, Secret};
use keyward_upstream::Http;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One place for one value. Calls block, and each takes seconds at most.
pub trait Target: Send + Sync {
    /// Whether it could be written. It changes nothing.
    ///
    /// # Errors
    /// [`Fault`].
    fn check(&self) -> Result<(), Fault>;

    /// Whether it can become this target at all: it could be written, and nothing of somebody else's
    /// lies there. Asked once, when the target is added; it changes nothing.
    ///
    /// # Errors
    /// [`Fault`].
    fn claim(&self) -> Result<(), Fault> {
        self.check()
    }

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

    /// Whether what uses the value was started again with it. What has nothing to start was.
    ///
    /// # Errors
    /// [`Fault`].
    fn restarted(&self) -> Result<bool, Fault> {
        Ok(true)
    }
}

/// What a target needs beside its settings, for as long as it is used.
pub struct Means<'a> {
    /// The way to it.
    pub http: Http,
    /// Tells the time that requests are signed with.
    pub clock: &'a dyn Clock,
    /// For numbers of requests.
    pub random: &'a dyn Random,
    /// What it is signed in to with: another secret of the vault.
    pub credential: Option<Secret<String>>,
    /// What is written beside a value, so that it is known as ours: the secret's id. Lower case
    /// letters and digits.
    pub mark: String,
}

/// What has to be seen before a target counts as having a value; each is more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// It took the value.
    Accepted,
    /// The value was read back from it.
    ReadBack,
    /// What uses the value was started again with it.
    Restarted,
    /// The service that the value is of has seen it in use.
    InUse,
}

impl Proof {
    /// The word of commands and lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::ReadBack => "read-back",
            Self::Restarted => "restarted",
            Self::InUse => "in-use",
        }
    }
}

impl FromStr for Proof {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Accepted, Self::ReadBack, Self::Restarted, Self::InUse]
            .into_iter()
            .find(|proof| proof.as_str() == text)
            .ok_or_else(|| "`accepted`, `read-back`, `restarted` or `in-use` is meant".to_owned())
    }
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
    /// Not now: it asks for this much patience.
    #[error("too many calls: it asks for {} s", .0.as_secs())]
    Limited(Duration),
}

impl From<keyward_upstream::Fault> for Fault {
    /// What may have been done is done again: that is harmless here.
    fn from(fault: keyward_upstream::Fault) -> Self {
        match fault {
            keyward_upstream::Fault::Limited(Some(after)) => Self::Limited(after),
            fault if fault.is_passing() => Self::Passing(fault.to_string()),
            fault => Self::Refused(fault.to_string()),
        }
    }
}
