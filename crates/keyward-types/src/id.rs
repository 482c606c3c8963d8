use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Random, RandomError};

/// 128 random bits that name a thing for ever, whatever it is called today. Text form: 26
/// characters of lower-case base32 (RFC 4648 alphabet, no padding).
pub struct Id<T>([u8; 16], PhantomData<fn() -> T>);

/// Names a vault: the tenant, with a root key, log and policies of its own.
pub type VaultId = Id<marker::Vault>;
/// Names a project.
pub type ProjectId = Id<marker::Project>;
/// Names an environment of a project.
pub type EnvironmentId = Id<marker::Environment>;
/// Names a secret, whatever its name is.
pub type SecretId = Id<marker::Secret>;
/// Names a key slot.
pub type SlotId = Id<marker::Slot>;
/// Names a group of principals.
pub type GroupId = Id<marker::Group>;
/// Names a binding of a role.
pub type BindingId = Id<marker::Binding>;
/// Names a request for more rights.
pub type ElevationId = Id<marker::Elevation>;
/// Names a place that alerts go to.
pub type AlertSinkId = Id<marker::AlertSink>;
/// Names an OpenID provider that people sign in at.
pub type IdentityProviderId = Id<marker::IdentityProvider>;
/// Names a rotation.
pub type RotationId = Id<marker::Rotation>;
/// Names a trust in tokens that an issuer gives workloads.
pub type TrustId = Id<marker::Trust>;

mod marker {
    pub enum Vault {}
    pub enum Project {}
    pub enum Environment {}
    pub enum Secret {}
    pub enum Slot {}
    pub enum Group {}
    pub enum Binding {}
    pub enum Elevation {}
    pub enum AlertSink {}
    pub enum IdentityProvider {}
    pub enum Rotation {}
    pub enum Trust {}
}

impl<T> Id<T> {
    /// A fresh id.
    ///
    /// # Errors
    /// When the source of randomness fails.
    pub fn random(random: &dyn Random) -> Result<Self, RandomError> {
        let mut bytes = [0; 16];
        random.fill(&mut bytes)?;
        Ok(Self::from_bytes(bytes))
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes, PhantomData)
    }

    /// The 16 bytes, as they stand in keys and associated data.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

fn base32() -> &'static Encoding {
    static ENCODING: std::sync::OnceLock<Encoding> = std::sync::OnceLock::new();
    ENCODING.get_or_init(|| {
        let mut spec = Specification::new();
        spec.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
        spec.encoding().expect("the alphabet has 32 distinct symbols")
    })
}

impl<T> FromStr for Id<T> {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Id(text.chars().take(60).flat_map(char::escape_debug).collect());
        let bytes = base32().decode(text.as_bytes()).map_err(|_| wrong())?;
        bytes.try_into().map(Self::from_bytes).map_err(|_| wrong())
    }
}

impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base32().encode(&self.0))
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// Written by hand, since a derive would ask the same of the marker.
impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<T> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, T> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_agree() {
        let id = VaultId::from_bytes(*b"0123456789abcdef");
        let text = id.to_string();
        assert_eq!(text.len(), 26);
        assert_eq!(text.parse::<VaultId>().unwrap(), id);
        assert!(text.to_uppercase().parse::<VaultId>().is_err(), "one spelling only");
        assert!("".parse::<VaultId>().is_err());
    }
}
