use std::sync::OnceLock;

use keyward_types::{Access, Confidence, Kind};
use regex_lite::Regex;

use crate::gateway::{ErrorShape, Inject, Meter, Price, Reader};

/// A service whose keys we know.
#[derive(Debug)]
pub struct Provider {
    /// Short name, unique and stable: `openai`.
    pub id: &'static str,
    /// As the service writes itself: `OpenAI`.
    pub name: &'static str,
    /// Where the service is described.
    pub homepage: &'static str,
    /// Where a person makes and deletes keys.
    pub console: Option<&'static str>,
    /// Domains whose URLs belong to the service, subdomains included.
    pub hosts: &'static [&'static str],
    /// URL schemes that belong to it.
    pub schemes: &'static [&'static str],
    /// How old and new keys overlap, unless a format says otherwise.
    pub rotation: RotationClass,
    /// Variables that usually hold something of it, in upper case, and what that is.
    pub env: &'static [(&'static str, Kind)],
    /// How a key is sent with a request.
    pub send: Option<Send>,
    /// How the gateway sends a key; `None`: it does not.
    pub inject: Option<Inject>,
    /// What the gateway reads in answers, and what calls cost.
    pub meter: Option<Meter>,
    /// How the service is asked whether a key lives.
    pub verify: Option<Verify>,
    /// How keys are made, held back and ended.
    pub manage: Manage,
    /// Formats of its keys.
    pub detect: &'static [Detector],
}

/// How a key is sent with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Send {
    /// Where requests go; `{name}` stands for a part of the account.
    pub base_url: Option<&'static str>,
    /// In which place.
    pub place: SendPlace,
}

/// The place of a key in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendPlace {
    /// A header, and what stands before the key in it.
    Header(&'static str, &'static str),
    /// A parameter of the query.
    Query(&'static str),
    /// HTTP basic authentication.
    Basic(Basic),
}

/// Which part of HTTP basic authentication a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basic {
    /// The user.
    User,
    /// The password.
    Password,
}

/// How a service is asked whether a key lives. What is in none of the lists says nothing: no
/// answer, 429 and 5xx must never count as a dead key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verify {
    /// Method and URL.
    pub request: &'static str,
    /// What is sent along.
    pub body: Option<&'static str>,
    /// Statuses of a key that works.
    pub valid: &'static [u16],
    /// Statuses of a key that does not.
    pub invalid: &'static [u16],
    /// Statuses of a key that works, but not for this.
    pub insufficient: &'static [u16],
    /// Headers that the service asks for, beside the key.
    pub headers: &'static [(&'static str, &'static str)],
    /// A text in the answer without which a `valid` status says nothing.
    pub valid_text: Option<&'static str>,
    /// Texts, without one of which in the answer an `invalid` status says nothing; none: the status
    /// is enough.
    pub invalid_text: &'static [&'static str],
    /// Whether this was read in the service's own sources or documents.
    pub confirmed: bool,
}

/// What a service's own interface offers, as method and URL or path below the base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manage {
    /// Makes a key.
    pub create: Option<&'static str>,
    /// Lists keys.
    pub list: Option<&'static str>,
    /// Stops a key reversibly.
    pub disable: Option<&'static str>,
    /// Ends a key.
    pub delete: Option<&'static str>,
    /// What a person should know before replacing one.
    pub note: Option<&'static str>,
}

/// One format of one service's keys.
#[derive(Debug)]
pub struct Detector {
    /// Unique in the whole catalogue and stable: `openai-project-key`.
    pub id: &'static str,
    /// The service's id.
    pub provider: &'static str,
    /// What such a value is, in a few words.
    pub description: &'static str,
    /// The kind of such a value.
    pub kind: Kind,
    /// Literal beginnings, one of which a value has. Empty: the value alone says nothing, and
    /// `context` decides.
    pub prefixes: &'static [&'static str],
    /// Literals, one of which stands somewhere inside every such value, where its beginning is no
    /// good to search for.
    pub anchors: &'static [&'static str],
    /// The characters after the prefix.
    pub charset: Charset,
    /// Shortest total length in bytes, prefix included.
    pub min_len: u32,
    /// Longest total length in bytes.
    pub max_len: u32,
    /// A regular expression for the whole value, where prefix, charset and length do not say
    /// enough: [`Detector::regex`] has one in every case.
    pub pattern: Option<&'static str>,
    /// A checksum that the value ends with.
    pub checksum: Option<Checksum>,
    /// The fewest bits of Shannon entropy that a character after the prefix has on average, where
    /// it is not what the alphabet leads one to expect.
    pub entropy: Option<f32>,
    /// Lower-case words, one of which the variable's name (or the text near it) has to contain.
    /// Empty: none is needed.
    pub context: &'static [&'static str],
    /// What the key allows, where its format tells.
    pub access: Option<Access>,
    /// How sure a match is.
    pub confidence: Confidence,
    /// Whether the format was read in the service's own sources or in a scanner's verified rules.
    pub confirmed: bool,
    /// Whether the service may be asked about such a value, as [`Provider::verify`] says.
    pub asked: bool,
    /// How old and new keys of this format overlap.
    pub rotation: RotationClass,
    /// A fact that the owner of such a key should know.
    pub advice: Option<&'static str>,
    pub(crate) compiled: OnceLock<Option<Regex>>,
}

/// How old and new keys of a service overlap, which decides how a key can be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RotationClass {
    /// A: many keys live side by side; create, deploy, prove, delete.
    ManyKeys,
    /// B: exactly two slots.
    TwoSlots,
    /// C: the service rolls the key and keeps the old one for a grace period.
    GraceRoll,
    /// D: replaced in place, the old value dies at once; use two identities instead.
    InPlace,
    /// E: a signing or encryption secret; new data by the new one, old data by a keyring.
    Keyring,
    /// F: only a person at the service's console can do it.
    Console,
}

/// A set of characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Charset {
    /// `0-9`
    Digits,
    /// `0-9a-f`
    Hex,
    /// `0-9a-z`
    LowerAlnum,
    /// `0-9A-Z`
    UpperAlnum,
    /// `0-9A-Za-z`
    Alnum,
    /// `0-9A-Za-z+/=`
    Base64,
    /// `0-9A-Za-z_-`
    Base64url,
    /// Any visible ASCII character.
    Graphic,
}

/// A checksum inside a key, which tells a key from a look-alike without asking anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Checksum {
    /// The last six characters are the CRC-32 of what stands between the last `_` of the prefix
    /// and them, in base62 (`0-9A-Za-z`).
    Crc32Base62,
    /// The same over everything before the last six characters, prefix included.
    Crc32Base62Whole,
}

/// Every service in the catalogue, by id.
pub fn providers() -> &'static [Provider] {
    &PROVIDERS
}

/// The service of that id.
pub fn provider(id: &str) -> Option<&'static Provider> {
    PROVIDERS.binary_search_by(|provider| provider.id.cmp(id)).ok().map(|index| &PROVIDERS[index])
}

/// Every format of every service.
pub fn detectors() -> impl Iterator<Item = &'static Detector> {
    PROVIDERS.iter().flat_map(|provider| provider.detect)
}

/// The service that a host name belongs to.
pub fn provider_of_host(host: &str) -> Option<&'static Provider> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let owns = |domain: &&str| host.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    PROVIDERS.iter().find(|provider| provider.hosts.iter().any(owns))
}

/// The service whose variable has exactly this name, and what it usually holds.
pub(crate) fn provider_of_variable(name: &str) -> Option<(&'static str, &'static Provider, Kind)> {
    let at = VARIABLES.binary_search_by(|(own, ..)| (*own).cmp(name)).ok()?;
    let (own, provider, kind) = VARIABLES[at];
    Some((own, &PROVIDERS[provider], kind))
}

/// The service that a URL scheme belongs to, dialect suffixes (`postgresql+asyncpg`) left out.
pub fn provider_of_scheme(scheme: &str) -> Option<&'static Provider> {
    let scheme = scheme.split('+').next().unwrap_or(scheme);
    PROVIDERS.iter().find(|provider| provider.schemes.iter().any(|own| own.eq_ignore_ascii_case(scheme)))
}

impl RotationClass {
    /// The letter in tables.
    pub const fn letter(self) -> char {
        match self {
            Self::ManyKeys => 'A',
            Self::TwoSlots => 'B',
            Self::GraceRoll => 'C',
            Self::InPlace => 'D',
            Self::Keyring => 'E',
            Self::Console => 'F',
        }
    }
}

impl Charset {
    /// Whether the set has this byte.
    pub const fn contains(self, byte: u8) -> bool {
        match self {
            Self::Digits => byte.is_ascii_digit(),
            Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::LowerAlnum => byte.is_ascii_digit() || byte.is_ascii_lowercase(),
            Self::UpperAlnum => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::Base64url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Graphic => byte.is_ascii_graphic(),
        }
    }

    /// The set as a class of a regular expression.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Digits => "[0-9]",
            Self::Hex => "[0-9a-f]",
            Self::LowerAlnum => "[0-9a-z]",
            Self::UpperAlnum => "[0-9A-Z]",
            Self::Alnum => "[0-9A-Za-z]",
            Self::Base64 => "[0-9A-Za-z+/=]",
            Self::Base64url => "[0-9A-Za-z_-]",
            Self::Graphic => "[!-~]",
        }
    }
}

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));
