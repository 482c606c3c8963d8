use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The number of a value of one secret: 1, 2, 3 …, gapless, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(NonZeroU64);

/// What became of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionState {
    /// It can be read.
    Live,
    /// It is hidden and can be brought back.
    Deleted,
    /// Its value is gone for ever.
    Destroyed,
}

/// A name for a version of a secret. `active`, `pending` and `previous` have meaning to keyward.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(Cow<'static, str>);

impl Version {
    /// The first version of every secret.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The version with this number.
    ///
    /// # Errors
    /// [`Error::Version`] for 0.
    pub fn new(number: u64) -> Result<Self, Error> {
        NonZeroU64::new(number).map(Self).ok_or(Error::Version)
    }

    /// The number, at least 1.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Version {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse().map(Self).map_err(|_| Error::Version)
    }
}

const ACTIVE: &str = "active";
const PREVIOUS: &str = "previous";
const PENDING: &str = "pending";

impl Label {
    /// The version that readers get.
    pub fn active() -> Self {
        Self(Cow::Borrowed(ACTIVE))
    }

    /// The version that was active before.
    pub fn previous() -> Self {
        Self(Cow::Borrowed(PREVIOUS))
    }

    /// The version that is on its way to become active.
    pub fn pending() -> Self {
        Self(Cow::Borrowed(PENDING))
    }

    /// The text of the label.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for Label {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
        if fits {
            // Nearly all are one of these, and need no memory.
            let known = [ACTIVE, PREVIOUS, PENDING].into_iter().find(|known| *known == text);
            Ok(Self(known.map_or(Cow::Owned(text), Cow::Borrowed)))
        } else {
            Err(Error::Label(text.chars().take(80).flat_map(char::escape_debug).collect()))
        }
    }
}

impl From<Label> for String {
    fn from(label: Label) -> String {
        label.0.into_owned()
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
