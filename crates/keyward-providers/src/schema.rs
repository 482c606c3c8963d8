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
    /// How a key is sent with a request.
    pub send: Option<Send>,
    /// How the service is asked whether a key lives.
    pub verify: Option<Verify>,
    /// How keys are made, held back and ended.
    #[serde(default)]
    pub manage: Manage,
    /// Formats of its keys.
    #[serde(default)]
    pub detect: Vec<Detect>,
}

/// How a key is sent: by exactly one of `header`, `query` and `basic`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// Where requests go: `https://api.example.com/v1`. `{name}` stands for a part of the account.
    pub base_url: Option<String>,
    /// The header that carries the key.
    pub header: Option<String>,
    /// What stands before the key in the header, with its space: `Bearer `.
    #[serde(default)]
    pub prefix: String,
    /// The parameter of the query that carries the key.
    pub query: Option<String>,
    /// HTTP basic authentication, with the key as this part.
    pub basic: Option<Basic>,
}

/// As `crate::Basic`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Basic {
    User,
    Password,
}

/// The question whether a key lives. What is in none of the lists says nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// Method and URL: `GET https://api.example.com/v1/me`.
    pub request: String,
    /// What is sent along, for methods that send something.
    pub body: Option<String>,
    /// Statuses of a key that works.
    pub valid: Vec<u16>,
    /// Statuses of a key that does not.
    pub invalid: Vec<u16>,
    /// Statuses of a key that works, but not for this.
    #[serde(default)]
    pub insufficient: Vec<u16>,
    /// A text in the answer without which an `invalid` status says nothing.
    pub invalid_text: Option<String>,
    /// Whether this was read in the service's own sources or documents.
    pub confirmed: bool,
}

/// What the service's own interface offers, as method and URL or path below the base URL.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manage {
    /// Makes a key.
    pub create: Option<String>,
    /// Lists keys.
    pub list: Option<String>,
    /// Stops a key reversibly.
    pub disable: Option<String>,
    /// Ends a key.
    pub delete: Option<String>,
    /// What a person should know before replacing one.
    pub note: Option<String>,
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
    /// Literals, one of which stands somewhere inside every such value, where its beginning is
    /// no good to search for. At least three characters each.
    #[serde(default)]
    pub anchors: Vec<String>,
    /// The characters after the prefix.
    pub charset: Charset,
    /// Shortest and longest total length in bytes, prefix included.
    pub length: [u32; 2],
    /// A regular expression for the whole value, where prefix, charset and length do not say
    /// enough. ASCII classes only, no anchors, no look-around.
    pub pattern: Option<String>,
    /// A checksum that the value ends with.
    pub checksum: Option<Checksum>,
    /// The fewest bits of Shannon entropy that a character after the prefix has on average, where
    /// it is not what the alphabet leads one to expect.
    pub entropy: Option<f32>,
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
