use std::fmt;

use keyward_types::token::PlainToken;
use keyward_types::{KeyError, Keys, Purpose};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// A token as the store keeps it: HMAC-SHA256 under the vault's `token` key. A thief of the store
/// can neither use it nor search for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token.
    ///
    /// # Errors
    /// When the vault has no `token` key.
    pub fn of(token: &PlainToken, keys: &dyn Keys) -> Result<Self, KeyError> {
        keys.mac(&Purpose::Token, token.root().as_bytes()).map(Self)
    }

    /// Whether a presented token's hash is this one, in constant time.
    pub fn matches(&self, presented: &Self) -> bool {
        self.0.ct_eq(&presented.0).into()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}
