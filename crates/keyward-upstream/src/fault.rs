use std::fmt;
use std::time::Duration;

/// Why a step at a provider did not end as it should. None repeats a value, an address with a query,
/// or more of an answer than its code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It was understood and not done. The same call is refused again until somebody changes something.
    Refused(Refusal, String),
    /// Not done: too many calls. After this time it may be tried again; `None`: the provider did not say.
    Limited(Option<Duration>),
    /// Not done: nobody was reached.
    Unreachable(String),
    /// May have been done, or not: the connection broke, or the provider failed, after the call was
    /// sent. What changes something is not called again before [`crate::Rotator::find`] has looked.
    Ambiguous(String),
    /// It was answered, with what the provider's documents do not have. A change may have been made.
    Nonsense(String),
}

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The administrative credential does not work, or none was given.
    Admin,
    /// It works and does not allow this.
    Permission,
    /// There is no room for one key more.
    Slots,
    /// What was to be changed is not there.
    Missing,
    /// Something else is under way there; the same call may succeed later.
    Busy,
    /// Only a person can do this, at the provider's console.
    ByHand,
    /// What was asked is not possible as it was asked.
    Input,
}

impl Fault {
    /// A refusal in our words.
    pub fn refused(what: Refusal, why: impl Into<String>) -> Self {
        Self::Refused(what, why.into())
    }

    /// An answer that is none.
    pub fn nonsense(why: impl Into<String>) -> Self {
        Self::Nonsense(why.into())
    }

    /// Whether what was to be changed may be changed all the same.
    pub const fn may_have_happened(&self) -> bool {
        matches!(self, Self::Ambiguous(_) | Self::Nonsense(_))
    }

    /// Whether time alone may mend it.
    pub const fn is_passing(&self) -> bool {
        !matches!(self, Self::Refused(what, _) if !matches!(what, Refusal::Busy))
    }

    /// The word in records.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Refused(what, _) => what.as_str(),
            Self::Limited(_) => "limited",
            Self::Unreachable(_) => "unreachable",
            Self::Ambiguous(_) => "ambiguous",
            Self::Nonsense(_) => "nonsense",
        }
    }
}

impl Refusal {
    /// The word in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin credential refused",
            Self::Permission => "permission missing",
            Self::Slots => "no slot left",
            Self::Missing => "not there",
            Self::Busy => "busy",
            Self::ByHand => "by hand alone",
            Self::Input => "not possible",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(what, why) => write!(f, "{}: {why}", what.as_str()),
            Self::Limited(Some(after)) => write!(f, "too many calls: the provider asks for {} s", after.as_secs()),
            Self::Limited(None) => f.write_str("too many calls: the provider asks for patience"),
            Self::Unreachable(why) => write!(f, "the provider cannot be reached: {why}"),
            Self::Ambiguous(why) => write!(f, "it is not known whether it was done: {why}"),
            Self::Nonsense(why) => write!(f, "the provider answers something else than expected: {why}"),
        }
    }
}

impl std::error::Error for Fault {}
