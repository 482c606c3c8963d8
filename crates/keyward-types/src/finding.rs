use std::fmt;

use serde::{Deserialize, Serialize};

use crate::known::KnownSecret;

/// A place where something that should be secret, or a careless use of it, stands in the open.
///
/// The shape of `keyward scan --format json`: users' scripts read it. The value itself is not in
/// it; where it is wanted it travels beside the finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Id of the rule: `openai-project-key`.
    pub rule: String,
    /// Id of the service whose key it is.
    pub provider: Option<String>,
    /// What it is, in a few words.
    pub description: String,
    /// Where: relative to what was scanned, `/` between folders, `outer.zip!inner/path` inside archives.
    pub path: String,
    /// Line of the first byte, from 1.
    pub line: u32,
    /// Column of the first byte, from 1, in characters of the line.
    pub column: u32,
    /// Line of the last byte.
    pub end_line: u32,
    /// Column after the last byte, from 1.
    pub end_column: u32,
    /// Whether git tracks the file.
    pub tracked: bool,
    /// What may be shown of the value: the public prefix, and the last four characters of long ones.
    pub redacted: String,
    /// Recognises the same finding later, in another place, without a vault.
    pub fingerprint: Fingerprint,
    /// How sure the scanner is.
    pub confidence: Confidence,
    /// The commit that brought it in, where history was scanned.
    pub commit: Option<String>,
    /// Who made that commit.
    pub author: Option<String>,
    /// When: RFC 3339.
    pub date: Option<String>,
    /// The stored secret that it is.
    pub vault: Option<KnownSecret>,
    /// Whether the service was asked, and what it said.
    pub verified: Verified,
}

/// A finding's lasting name: `kwf1:` and 32 hexadecimal digits. Not an oracle: weak values do not
/// go into it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How sure a match is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Other things look like this too.
    Low,
    /// Rarely anything else.
    Medium,
    /// Nothing else looks like this.
    High,
}

impl Confidence {
    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What a service said of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// Nobody asked.
    #[default]
    NotChecked,
    /// It works.
    Valid,
    /// It works, and does not allow what was asked.
    ValidInsufficient,
    /// It does not work.
    Invalid,
    /// The service does not let us ask.
    Blocked,
    /// The service asks for patience.
    RateLimited,
    /// No answer that says anything.
    Indeterminate,
}
