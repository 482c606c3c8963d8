//! Passkeys (WebAuthn, level 3): a key pair that an authenticator keeps for one site. It shows the
//! key and that its owner is there and was recognised, so that it counts as both factors.
//!
//! What holds here:
//!
//! - **The site is ours to say.** For which domain passkeys are and on which pages they are asked for
//!   comes from the set-up, never from a request.
//! - **An answer is to one question.** The challenge, its sort and for whom it is lie in what was kept
//!   of the question; who keeps that sees to it that it serves once.
//! - **A copied key is seen**, where the authenticator counts: a count that does not grow is refused.

mod ceremony;
mod site;

use data_encoding::BASE64URL_NOPAD;
use keyward_types::{PrincipalId, Record, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use ceremony::{Asked, NewPasskey, Presented, begin_registration, begin_sign_in, finish_registration};
pub use site::{Site, SiteError};

/// A passkey of a person, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passkey {
    /// Names it: the hash of its credential's id.
    pub id: String,
    /// Whose.
    pub principal: PrincipalId,
    /// How its owner calls it.
    pub name: String,
    /// The id by which its authenticator knows it, base64url.
    pub(crate) credential: String,
    /// By what its authenticator knows the account: random, the same for all passkeys of a person.
    pub handle: Handle,
    /// The public key and what was agreed with it, base64url.
    pub(crate) key: String,
    /// The count of signatures, and whether it is copied to other devices, base64url.
    pub(crate) state: String,
    /// How its authenticator is reached (usb, nfc, ble, hybrid, internal), as bits.
    pub(crate) transports: u8,
    /// For which domain it is.
    pub site: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When somebody last signed in with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
}

/// By what an authenticator knows an account: 32 random bytes, which tell nothing about anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Handle(pub [u8; 32]);

/// A passkey is not what it has to be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PasskeyError {
    /// The answer of a browser cannot be read.
    #[error("this is no answer of an authenticator: {0}")]
    Malformed(String),
    /// It came too late.
    #[error("the answer came too late")]
    Late,
    /// It is to another question.
    #[error("the answer is to another question")]
    Challenge,
    /// It was given on another page.
    #[error("the answer was given on a page that is not of this server")]
    Origin,
    /// It is for another domain.
    #[error("the passkey is for another domain")]
    Site,
    /// The authenticator did not look who is there.
    #[error("the authenticator has to ask for a PIN, a finger or a face, and did not")]
    NotVerified,
    /// The signature is not by the key.
    #[error("the signature is not right")]
    Signature,
    /// The count of signatures did not grow: there are two of them.
    #[error("the count of its signatures did not grow: somebody has a copy of the passkey")]
    Copied,
    /// A sort of key that was not asked for.
    #[error("its key is of a sort that was not asked for")]
    Algorithm,
    /// The account that it names is not the one that it is of.
    #[error("the passkey is of another account")]
    Account,
    /// Something else that the standard demands.
    #[error("the answer is not as it has to be: {0}")]
    Refused(String),
    /// A record or what was kept of a question was not written by this version.
    #[error("what is kept of a passkey is not well formed")]
    Damaged,
}

impl Passkey {
    /// How many of them a person may have.
    pub const MOST: usize = 20;
    /// Longest name, in bytes.
    pub const LONGEST_NAME: usize = 100;

    /// What names the passkey with this credential's id.
    pub fn id_of(credential: &[u8]) -> String {
        let hash = Sha256::digest([b"keyward/passkey/1\0", credential].concat());
        data_encoding::HEXLOWER.encode(&hash[..16])
    }

    /// How often it signed, if its authenticator counts.
    pub fn count(&self) -> Option<u32> {
        ceremony::state_of(self).ok().map(|state| state.sign_count).filter(|count| *count > 0)
    }

    /// Whether its owner's other devices may have it too.
    pub fn is_synced(&self) -> bool {
        use webauthn_rp::response::Backup;
        ceremony::state_of(self).is_ok_and(|state| !matches!(state.backup, Backup::NotEligible))
    }
}

impl Record for Passkey {
    const COLLECTION: &'static str = "passkey";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }

    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("principal", self.principal.as_str().as_bytes().to_vec())]
    }
}

impl PasskeyError {
    /// The words in the log.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed passkey",
            Self::Late => "late passkey",
            Self::Challenge => "passkey for another challenge",
            Self::Origin => "passkey on another page",
            Self::Site => "passkey for another domain",
            Self::NotVerified => "passkey without user verification",
            Self::Signature => "wrong signature of a passkey",
            Self::Copied => "copied passkey",
            Self::Algorithm => "passkey of another algorithm",
            Self::Account => "passkey of another account",
            Self::Refused(_) => "refused passkey",
            Self::Damaged => "damaged passkey",
        }
    }
}

impl TryFrom<String> for Handle {
    type Error = PasskeyError;

    fn try_from(text: String) -> Result<Self, PasskeyError> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok();
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(PasskeyError::Damaged)
    }
}

impl From<Handle> for String {
    fn from(handle: Handle) -> Self {
        BASE64URL_NOPAD.encode(&handle.0)
    }
}
