//! What happens to a rotation.

use keyward_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::Evidence;

/// Something happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Chance, for waits that are spread.
    pub roll: u32,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// Time passed.
    Tick,
    /// Another process goes on with it, or the same after its end: what was begun may have been done.
    /// To be said once every call of the one before must have ended.
    Taken,
    /// What was begun ended so.
    Answer(Result<Answer, Failure>),
    /// A person wants something.
    Wish(Wish),
}

/// How a call ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done; there is nothing to say.
    Done,
    /// The provider lets us. Which key the old one is, where it is known.
    Ready(Option<String>),
    /// The value is durable, labelled `pending`. What its key will be called, where that is known.
    Sealed(Option<String>),
    /// The provider has the key, called so; its value is durable.
    Minted(Option<String>),
    /// These keys carry the tag.
    Found(Vec<String>),
    /// It works.
    Alive,
    /// It works, and may do less than was wanted.
    Narrow,
    /// It does not work, in the provider's documented words.
    Dead,
    /// The target has it.
    Confirmed,
    /// The target has something else.
    Differs,
    /// Who holds or uses the old value.
    Seen(Evidence),
    /// There are no predecessors to drop.
    Nothing,
}

/// How a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Not done, and not possible until somebody changes something.
    Refused(String),
    /// Not done: there is no room for one key more.
    NoRoom(String),
    /// Not done: what it was about is not there.
    Missing(String),
    /// Only a person can do it.
    ByHand(String),
    /// Not done; it may be tried again, after so many milliseconds where the other side says.
    Passing(String, Option<u64>),
    /// It may have been done.
    Ambiguous(String),
}

/// What a person may want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// Try again now.
    Resume,
    /// Undo it.
    Abort,
    /// Go on although it waits: I have looked.
    Approve,
    /// The value that a person brought is sealed as the pending version.
    Brought,
}

impl Wish {
    /// The word of the command.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Abort => "abort",
            Self::Approve => "approve",
            Self::Brought => "bring",
        }
    }
}

impl Failure {
    /// In words.
    pub fn why(&self) -> &str {
        match self {
            Self::Refused(why) | Self::NoRoom(why) | Self::Missing(why) | Self::ByHand(why) => why,
            Self::Passing(why, _) | Self::Ambiguous(why) => why,
        }
    }
}
