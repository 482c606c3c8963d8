use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// What a stored value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A key that identifies a caller to a service.
    ApiKey,
    /// A key of a service account, usually a JSON file.
    ServiceAccountKey,
    /// A token that is sent as it is, for example a JWT.
    BearerToken,
    /// A secret that signs and verifies.
    SigningKey,
    /// A URL with credentials to a database or broker.
    ConnectionString,
    /// A password.
    Password,
    /// A certificate, with or without its private key.
    Certificate,
    /// Any other secret text or file.
    Document,
    /// A value that is not secret: stored and injected like any other, shown, never masked or
    /// matched.
    Config,
}

impl Kind {
    /// Every kind, in the order in which help texts list them.
    pub const ALL: [Self; 9] = [
        Self::ApiKey,
        Self::ServiceAccountKey,
        Self::BearerToken,
        Self::SigningKey,
        Self::ConnectionString,
        Self::Password,
        Self::Certificate,
        Self::Document,
        Self::Config,
    ];

    /// Whether the value has to be hidden: all but [`Kind::Config`].
    pub fn is_secret(self) -> bool {
        self != Self::Config
    }

    /// The name on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::ServiceAccountKey => "service-account-key",
            Self::BearerToken => "bearer-token",
            Self::SigningKey => "signing-key",
            Self::ConnectionString => "connection-string",
            Self::Password => "password",
            Self::Certificate => "certificate",
            Self::Document => "document",
            Self::Config => "config",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Kind(text.chars().take(60).flat_map(char::escape_debug).collect());
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(wrong)
    }
}
