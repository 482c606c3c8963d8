use std::fmt;

use crate::Tls;

/// Something about a value that its owner should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// It has no value.
    Empty,
    /// It keeps the place of a real value: `changeme`.
    Placeholder,
    /// It points at another value: `${OTHER}`.
    Reference,
    /// It is not UTF-8 text.
    Binary,
    /// Programs expect it as a file.
    AsFile,
    /// It is base64 of what was recognised.
    Encoded,
    /// The variable belongs to this service (by id), but the value does not look like its keys.
    UnexpectedFormat(&'static str),
    /// The variable belongs to one service (by id), the value to another.
    OtherProvider {
        /// Whose variable it is.
        named: &'static str,
        /// Whose value it is.
        found: &'static str,
    },
    /// The checksum inside the key does not fit: mistyped or cut.
    ChecksumMismatch,
    /// The token limits nothing, and so may do everything.
    FullAccess,
    /// The key is meant to be seen by everybody.
    PublicByDesign,
    /// A frontend build publishes variables whose names begin so, and this one is secret.
    PublishedByBuild(&'static str),
    /// The connection is not encrypted, or its server not checked, and leaves this machine.
    Tls(Tls),
    /// What the catalogue says about such keys.
    Advice(&'static str),
}

impl Note {
    /// A short stable name, for JSON.
    pub const fn id(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Placeholder => "placeholder",
            Self::Reference => "reference",
            Self::Binary => "binary",
            Self::AsFile => "as-file",
            Self::Encoded => "encoded",
            Self::UnexpectedFormat(_) => "unexpected-format",
            Self::OtherProvider { .. } => "other-provider",
            Self::ChecksumMismatch => "checksum-mismatch",
            Self::FullAccess => "full-access",
            Self::PublicByDesign => "public-by-design",
            Self::PublishedByBuild(_) => "published-by-build",
            Self::Tls(_) => "tls",
            Self::Advice(_) => "advice",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it has no value"),
            Self::Placeholder => f.write_str("it looks like a placeholder, not like a value"),
            Self::Reference => f.write_str("it points at another value"),
            Self::Binary => f.write_str("it is not text"),
            Self::AsFile => f.write_str("programs expect it as a file"),
            Self::Encoded => f.write_str("it is base64 of that"),
            Self::UnexpectedFormat(provider) => write!(f, "it does not look like a key of `{provider}`"),
            Self::OtherProvider { named, found } => {
                write!(f, "the name says `{named}`, the value looks like a key of `{found}`")
            }
            Self::ChecksumMismatch => f.write_str("its checksum does not fit, so it was mistyped or cut"),
            Self::FullAccess => f.write_str("it limits nothing, so it may do everything"),
            Self::PublicByDesign => f.write_str("it is meant to be seen by everybody"),
            Self::PublishedByBuild(prefix) => {
                write!(f, "a frontend build publishes variables whose names begin with `{prefix}`")
            }
            Self::Tls(Tls::Off) => f.write_str("the connection is not encrypted"),
            Self::Tls(Tls::Opportunistic) => f.write_str("the connection falls back to clear text"),
            Self::Tls(Tls::RequiredUnverified) => {
                f.write_str("the connection is encrypted, but the server's certificate is not checked")
            }
            Self::Tls(Tls::Verified) => f.write_str("the connection is encrypted and the server checked"),
            Self::Tls(Tls::Unknown) => f.write_str("the string does not say whether the connection is encrypted"),
            Self::Advice(advice) => f.write_str(advice),
        }
    }
}
