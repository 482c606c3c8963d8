//! What a rotation asks of the outside, one thing at a time.

use serde::{Deserialize, Serialize};

/// One thing to be done. The state that says so is durable before it is begun.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// Look whether a target could be written. By its place in the list, as all calls about targets.
    Check(usize),
    /// Look whether the provider lets us, and which key the old one is.
    Preflight,
    /// Choose a value and seal it as the pending version.
    Choose,
    /// Make the key at the provider; where it shows the value, that is sealed with the answer.
    Mint,
    /// List what carries this rotation's tag.
    Find,
    /// Read the value of a key that was found, and seal it.
    Adopt(String),
    /// End a key of this rotation that is not the one in use.
    Remove(String),
    /// Ask whether a value works.
    Probe(Which),
    /// Give a target the new value.
    Deploy(usize),
    /// See whether a target has it.
    Confirm(usize),
    /// Make the new version the active one.
    Promote,
    /// Who holds or uses the old value.
    Look,
    /// Stop the old key, reversibly.
    Suspend,
    /// Start the old key again.
    Resume,
    /// End the old key.
    Retire,
    /// Make and seal the value without its predecessors.
    Contract,
    /// Give a target the old value back.
    Recall(usize),
    /// See whether a target has the old value.
    ConfirmOld(usize),
    /// Put away the pending version, whose key is no more.
    Discard,
}

/// Which of the two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// The one that is replaced.
    Old,
    /// Its successor.
    New,
}

impl Call {
    /// The word in records.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Check(_) => "check",
            Self::Preflight => "preflight",
            Self::Choose => "choose",
            Self::Mint => "mint",
            Self::Find => "find",
            Self::Adopt(_) => "adopt",
            Self::Remove(_) => "remove",
            Self::Probe(Which::Old) => "probe-old",
            Self::Probe(Which::New) => "probe-new",
            Self::Deploy(_) => "deploy",
            Self::Confirm(_) => "confirm",
            Self::Promote => "promote",
            Self::Look => "look",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Retire => "retire",
            Self::Contract => "contract",
            Self::Recall(_) => "recall",
            Self::ConfirmOld(_) => "confirm-old",
            Self::Discard => "discard",
        }
    }

    /// The target that it is about.
    pub(super) const fn target(&self) -> Option<usize> {
        match self {
            Self::Check(i) | Self::Deploy(i) | Self::Confirm(i) | Self::Recall(i) | Self::ConfirmOld(i) => Some(*i),
            _ => None,
        }
    }
}
