//! The shape of a file in `data/`, as it is written.
//!
//! Read by the build script, which turns it into constants, and by the tests, which run the
//! samples. An unknown field is an error, so that a misspelt one cannot be silently without
//! effect.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The file's name without `.toml`.
    pub id: String,
    /// As the service writes itself.
    pub name: String,
    /// Where the service is described.
    pub homepage: String,
    /// Where a person makes and deletes keys.
    pub console: Option<String>,
    /// Domains whose URLs belong to the service, subdomains included.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// URL schemes that belong to it.
    #[serde(default)]
    pub schemes: Vec<String>,
    /// How old and new keys overlap.
    pub rotation: RotationClass,
    /// Variables that usually hold something of it, and what.
    #[serde(default)]
    pub env: BTreeMap<String, Kind>,
    /// Formats of its keys.
    #[serde(default)]
    pub detect: Vec<Detect>,
}

/// One format.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detect {
    /// Unique in the whole catalogue; the scanner's rule id.
    pub id: String,
    /// What such a value is, in a few words.
    pub description: String,
    /// The kind of such a value.
    pub kind: Kind,
    /// Literal beginnings, one of which a value has. Empty: `context` is needed.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// The characters after the prefix.
    pub charset: Charset,
    /// Shortest and longest total length in bytes, prefix included.
    pub length: [u32; 2],
    /// A regular expression for the whole value, where prefix, charset and length do not say
    /// enough. ASCII classes only, no anchors, no look-around.
    pub pattern: Option<String>,
    /// A checksum that the value ends with.
    pub checksum: Option<Checksum>,
    /// Words, one of which the variable's name (or the text near it) has to contain.
    #[serde(default)]
    pub context: Vec<String>,
    /// What the key allows, where the format tells.
    pub access: Option<Access>,
    /// How sure a match is.
    pub confidence: Confidence,
    /// Whether the format was read in the service's own sources or in a scanner's verified rules.
    pub confirmed: bool,
    /// Overrides the service's class.
    pub rotation: Option<RotationClass>,
    /// A fact that the owner of such a key should know.
    pub advice: Option<String>,
    /// Templates of values that match.
    pub samples: Vec<String>,
    /// Templates of values that do not.
    pub negatives: Vec<String>,
}

/// As `keyward_types::Kind`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    ApiKey,
    ServiceAccountKey,
    BearerToken,
    SigningKey,
    ConnectionString,
    Password,
    Certificate,
    Document,
    Config,
}

/// As `keyward_types::Access`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    ReadOnly,
    ReadWrite,
    Admin,
    Public,
}

/// As `crate::Confidence`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    Low,
    Medium,
    High,
}

/// As `crate::RotationClass`, by the letters that the fact sheets use.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum RotationClass {
    #[serde(rename = "A")]
    ManyKeys,
    #[serde(rename = "B")]
    TwoSlots,
    #[serde(rename = "C")]
    GraceRoll,
    #[serde(rename = "D")]
    InPlace,
    #[serde(rename = "E")]
    Keyring,
    #[serde(rename = "F")]
    Console,
}

/// As `crate::Charset`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Charset {
    Digits,
    Hex,
    LowerAlnum,
    UpperAlnum,
    Alnum,
    Base64,
    Base64url,
    Graphic,
}

/// As `crate::Checksum`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Checksum {
    Crc32Base62,
    Crc32Base62Whole,
}
