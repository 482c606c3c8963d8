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
    /// How the gateway sends a key, where that is not as `send` has it.
    pub inject: Option<Inject>,
    /// What the gateway reads in answers, and what calls cost.
    pub meter: Option<Meter>,
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

/// How the gateway sends a key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inject {
    /// What stands before the path of a request: `https://api.example.com`. What an official SDK has
    /// as its base URL may have a path more, which its requests bring along. Default: that of `send`.
    pub base_url: Option<String>,
    /// The places of the key, all of which are filled. Default: that of `send`.
    #[serde(default)]
    pub forms: Vec<Form>,
    /// The shape of errors that its SDKs read.
    #[serde(default)]
    pub errors: ErrorShape,
    /// The port of its gRPC, where requests otherwise go to that of `base_url`.
    pub grpc_port: Option<u16>,
}

/// One place of a key, by exactly one of `header`, `query` and `basic`, as in [`Send`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Form {
    pub header: Option<String>,
    pub prefix: String,
    pub query: Option<String>,
    pub basic: Option<Basic>,
}

/// What the gateway reads in answers, and what calls cost.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meter {
    /// Whose answers they are like.
    pub reader: Reader,
    /// The day on which the prices were read: `2026-11-26`. Needed where there are prices.
    pub as_of: Option<String>,
    /// Where they were read.
    pub source: Option<String>,
    /// Prices, by model.
    #[serde(default)]
    pub prices: Vec<Price>,
}

/// What calls of some models cost, in US dollars: for a million tokens, or (`call`) for one call or search.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Their names; a `*` is any run of characters. A name that stands as it is goes before a pattern.
    pub models: Vec<String>,
    pub input: f64,
    pub output: f64,
    /// Tokens of input that the service had in its cache. Default: as `input`.
    pub cached: Option<f64>,
    /// Tokens of input that it puts there. Default: as `input`.
    pub cache_write: Option<f64>,
    #[serde(default)]
    pub call: f64,
    /// The most tokens that an answer has, where a request says nothing.
    pub max_output: Option<u64>,
}

/// As `crate::Reader`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Reader {
    OpenAi,
    Anthropic,
    Cohere,
    Gemini,
}

/// As `crate::ErrorShape`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ErrorShape {
    OpenAi,
    Anthropic,
    Cohere,
    Google,
    Qdrant,
    PostgRest,
    #[default]
    Plain,
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
    /// Headers that the service asks for, beside the key.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A text in the answer without which a `valid` status says nothing. White space does not count.
    pub valid_text: Option<String>,
    /// Texts, without one of which in the answer an `invalid` status says nothing.
    #[serde(default, deserialize_with = "one_or_many")]
    pub invalid_text: Vec<String>,
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
    /// Whether the service may be asked about such a value, as `verify` says: not of what is used up
    /// by asking, or meant for another place.
    #[serde(default = "yes")]
    pub asked: bool,
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

fn yes() -> bool {
    true
}

/// A text, or a list of them.
fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Texts {
        One(String),
        Many(Vec<String>),
    }
    Texts::deserialize(deserializer).map(|texts| match texts {
        Texts::One(text) => vec![text],
        Texts::Many(texts) => texts,
    })
}
