use keyward_types::{PrincipalId, Record, Timestamp};
use serde::{Deserialize, Serialize};

use crate::TokenHash;
use crate::credential::CodeHash;

/// A device that waits to be let in (RFC 8628): it shows a code, a person who is signed in types it
/// elsewhere, and the device, which asks again and again, gets a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceLogin {
    /// The public id in the device's code.
    pub id: String,
    /// The hash of the device's code.
    pub hash: TokenHash,
    /// The hash of what the person types.
    pub user_code: CodeHash,
    /// With what program it asks; shown to who lets it in.
    pub agent: String,
    /// From what network it asks; shown to who lets it in.
    pub network: String,
    /// Since when.
    pub created_at: Timestamp,
    /// What became of it.
    pub state: DeviceState,
}

/// What became of a device that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceState {
    /// Nobody has typed its code.
    Waiting,
    /// A person lets it in, in his name.
    Approved {
        /// Who.
        by: PrincipalId,
        /// The session in which he did, which has to live still.
        session: String,
        /// Whether he had shown a second factor.
        second_factor: bool,
    },
    /// A person said no.
    Denied,
}

impl DeviceLogin {
    /// How long a code lasts, in milliseconds: ten minutes.
    pub const LASTS: i64 = 10 * 60 * 1000;
    /// How long a device has to wait between two questions, in milliseconds.
    pub const INTERVAL: i64 = 5 * 1000;
    /// How many devices of one network may wait at a time.
    pub const IN_A_NETWORK: usize = 16;
    /// How many may wait in all.
    pub const IN_ALL: usize = 1024;

    /// Whether it can still be let in.
    pub fn serves(&self, now: Timestamp) -> bool {
        (-Self::LASTS..Self::LASTS).contains(&now.0.saturating_sub(self.created_at.0))
    }
}

impl Record for DeviceLogin {
    const COLLECTION: &'static str = "device";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }

    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("user_code", self.user_code.as_bytes().to_vec()), ("network", self.network.as_bytes().to_vec())]
    }
}
