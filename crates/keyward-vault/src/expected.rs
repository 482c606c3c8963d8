//! What a caller takes to be there when he changes a secret. It is compared with the very row that
//! the change replaces, so that of two callers who saw the same state one alone gets through.

use keyward_types::Head;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::value::hex;

/// How a secret has to stand for a change to go through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// However it stands.
    #[default]
    Anything,
    /// It has no active value.
    Absent,
    /// It has an active value.
    Present,
    /// Its head has one of these [`tag`]s.
    Tagged(Vec<String>),
}

/// Names the state of a head: equal for equal heads, different after every change.
pub fn tag(head: &Head) -> String {
    tag_of(&serde_json::to_vec(head).expect("heads have string keys and no failing values"))
}

/// The same of a head in the form in which it is stored.
pub(crate) fn tag_of(stored: &[u8]) -> String {
    hex(&Sha256::digest(stored)[..16])
}

impl Expected {
    /// # Errors
    /// [`Error::Stale`] when the secret stands otherwise.
    pub(crate) fn check(&self, head: Option<&Head>, name: &str) -> Result<(), Error> {
        let active = head.is_some_and(|head| head.active().is_some());
        let fits = match self {
            Self::Anything => true,
            Self::Absent => !active,
            Self::Present => active,
            Self::Tagged(tags) => head.is_some_and(|head| tags.contains(&tag(head))),
        };
        if fits { Ok(()) } else { Err(Error::Stale(name.to_owned())) }
    }
}
