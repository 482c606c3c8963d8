use std::fmt;
use std::net::IpAddr;

use keyward_types::token::PlainToken;
use keyward_types::{KeyError, Keys, PrincipalId, Purpose, Record, Timestamp};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::{Network, Restriction, TokenScope};

/// A token as the store keeps it: HMAC-SHA256 under the vault's `token` key. A thief of the store
/// can neither use it nor search for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenHash([u8; 32]);

/// What the store keeps of a token: what it may do, where from, how often and until when. Never
/// more than its owner may at that moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRecord {
    /// The public id in its text.
    pub id: String,
    /// What it is known by.
    pub hash: TokenHash,
    /// Whose rights it has a part of.
    pub owner: PrincipalId,
    /// What its maker calls it.
    pub name: String,
    /// Which part; empty: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<TokenScope>,
    /// Whether it changes nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// From where it may be used; empty: from everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
    /// How often it can still be used; `None`: without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_left: Option<u64>,
    /// From when on it is dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// Who made it.
    pub created_by: PrincipalId,
    /// The token it was made with, without which it is dead too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_with: Option<String>,
    /// The trust by which a workload got it, without which it is dead too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<keyward_types::TrustId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
}

/// Why a token that is known does not serve. Its holder is not told which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// The secret part is another.
    Wrong,
    /// It was revoked, or the one it was made with is dead.
    Revoked,
    /// Its time is over.
    Expired,
    /// It came from a network that it is not for.
    Network,
    /// It was used as often as it may be.
    UsedUp,
}

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

    /// The bytes, for a table in memory that finds a record by what was presented.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A hash that no token has, to compare with where there is no record.
    pub const NOBODYS: Self = Self([0; 32]);
}

impl TokenRecord {
    /// Whether it serves at this moment from this address. From an unknown address only tokens
    /// serve that are for no network in particular.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn serves(&self, now: Timestamp, from: Option<IpAddr>) -> Result<(), TokenFault> {
        if self.revoked_at.is_some() {
            return Err(TokenFault::Revoked);
        }
        if self.expires_at.is_some_and(|end| now >= end) {
            return Err(TokenFault::Expired);
        }
        let at_home = |address| self.networks.iter().any(|network| network.contains(address));
        if !self.networks.is_empty() && !from.is_some_and(at_home) {
            return Err(TokenFault::Network);
        }
        match self.uses_left {
            Some(0) => Err(TokenFault::UsedUp),
            _ => Ok(()),
        }
    }

    /// What part of its owner's rights it has.
    pub fn restriction(&self) -> Restriction {
        Restriction { token: Some(self.id.clone()), scopes: self.scopes.clone(), read_only: self.read_only }
    }
}

impl TokenFault {
    /// For the log alone.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wrong => "another secret",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Network => "foreign network",
            Self::UsedUp => "used up",
        }
    }
}

impl Record for TokenRecord {
    const COLLECTION: &'static str = "token";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }

    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("owner", self.owner.as_str().as_bytes().to_vec())]
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> TokenRecord {
        TokenRecord {
            id: "0123456789ab".into(),
            hash: TokenHash([7; 32]),
            owner: "user:a".parse().unwrap(),
            name: "test".into(),
            scopes: vec![],
            read_only: false,
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            uses_left: Some(1),
            expires_at: Some(Timestamp(5_000)),
            revoked_at: None,
            created_by: "user:a".parse().unwrap(),
            made_with: None,
            trust: None,
            created_at: Timestamp(0),
            last_used: None,
        }
    }

    #[test]
    fn a_token_dies_on_the_second_and_outside_its_network() {
        let home = Some("10.1.1.1".parse().unwrap());
        assert_eq!(record().serves(Timestamp(4_999), home), Ok(()));
        assert_eq!(record().serves(Timestamp(5_000), home), Err(TokenFault::Expired));
        assert_eq!(record().serves(Timestamp(1), Some("11.0.0.1".parse().unwrap())), Err(TokenFault::Network));
        assert_eq!(record().serves(Timestamp(1), None), Err(TokenFault::Network));
        let used = TokenRecord { uses_left: Some(0), ..record() };
        assert_eq!(used.serves(Timestamp(1), home), Err(TokenFault::UsedUp));
        let revoked = TokenRecord { revoked_at: Some(Timestamp(1)), ..record() };
        assert_eq!(revoked.serves(Timestamp(1), home), Err(TokenFault::Revoked));
    }

    #[test]
    fn a_hash_is_compared_and_never_printed() {
        assert!(!record().hash.matches(&TokenHash::NOBODYS));
        assert!(record().hash.matches(&TokenHash([7; 32])));
        assert!(!format!("{:?}", record()).contains("7, 7"));
    }
}
