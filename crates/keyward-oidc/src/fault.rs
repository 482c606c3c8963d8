use std::fmt;

use keyward_access::oidc;

/// Why a provider did not say who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It cannot be asked at this moment, or too many are asking.
    Unreachable(String),
    /// What it answers is not what a provider answers.
    Odd(String),
    /// It does not take the code: over, used, or none.
    Code,
    /// What it signed is not believed.
    Token(oidc::Fault),
}

impl Fault {
    pub(crate) fn odd(why: impl Into<String>) -> Self {
        Self::Odd(why.into())
    }

    /// The word in the log.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "provider out of reach",
            Self::Odd(_) => "odd answer of the provider",
            Self::Code => "code refused",
            Self::Token(fault) => fault.as_str(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the identity provider cannot be asked: {why}"),
            Self::Odd(why) => write!(f, "the identity provider answers something else than expected: {why}"),
            Self::Code => f.write_str("the identity provider does not take the code: it is over, or was used"),
            Self::Token(fault) => write!(f, "what the identity provider signed is not believed: {}", fault.as_str()),
        }
    }
}

impl std::error::Error for Fault {}
