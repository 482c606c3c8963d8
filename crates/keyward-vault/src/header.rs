//! The vault's header: what can be read before a key is known. It says which slots there are and
//! holds the wrapped system keys; a MAC under the root covers it, so that a slot which somebody
//! else wrote in is refused before anything is sealed to it.

use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use keyward_types::{PrincipalId, Random, Timestamp, VaultId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::Error;
use crate::crypto::{Key, context, equal};
use crate::slot::Slot;

/// The header as it is stored: JSON, with the MAC beside the body.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// `keyward/1`.
    pub format: String,
    /// The vault's id, in every key, token and context.
    pub vault: VaultId,
    /// Changes when a backup is restored, so that two lives of one vault are told apart.
    pub incarnation: String,
    /// When the vault was made.
    pub created_at: Timestamp,
    /// The principal of whoever made it.
    pub owner: PrincipalId,
    /// How many root keys there were before this one, plus one.
    pub root_generation: u32,
    /// The keys that exist once a vault, each under the root.
    pub system_keys: SystemKeys,
    /// Ed25519 public key of the log, in base64.
    pub log_key: String,
    /// Where the root is sealed to.
    pub slots: Vec<Slot>,
    /// Why nothing irreversible is done at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safe_mode: Option<String>,
    /// HMAC under a subkey of the root over all of the above, in base64.
    pub mac: String,
}

/// The keys of which there is one a vault.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemKeys {
    pub(crate) fingerprint: WrappedKey,
    pub(crate) token: WrappedKey,
    pub(crate) head_mac: WrappedKey,
    pub(crate) log_sign: WrappedKey,
}

/// A random key under the root: what it is for, its generation, its ciphertext, and a commitment
/// to it that is checked before use.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrappedKey {
    pub(crate) purpose: String,
    pub(crate) generation: u32,
    sealed: String,
    commitment: String,
}

/// The format that this code writes and reads.
pub(crate) const FORMAT: &str = "keyward/1";

impl Header {
    /// Reads a header without trusting it yet.
    ///
    /// # Errors
    /// [`Error::FutureFormat`] for a format this code does not know, [`Error::Damaged`] for bytes
    /// that are no header.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct FormatOnly {
            format: String,
        }
        let damaged = |_| Error::Damaged("the vault's header cannot be read");
        let FormatOnly { format } = serde_json::from_slice(bytes).map_err(damaged)?;
        if format != FORMAT {
            return Err(Error::FutureFormat(format.chars().take(40).flat_map(char::escape_debug).collect()));
        }
        serde_json::from_slice(bytes).map_err(damaged)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a header has string keys and no failing values")
    }

    /// The header with its MAC made anew, after a change.
    pub(crate) fn sealed_by(mut self, root: &Key) -> Self {
        self.mac = BASE64.encode(&self.compute_mac(root));
        self
    }

    /// Whether the MAC is of this root.
    pub(crate) fn verify(&self, root: &Key) -> Result<(), Error> {
        let stored = BASE64.decode(self.mac.as_bytes()).unwrap_or_default();
        if equal(&stored, &self.compute_mac(root)) {
            Ok(())
        } else {
            Err(Error::Damaged("the vault's header was altered: its MAC does not fit"))
        }
    }

    fn compute_mac(&self, root: &Key) -> [u8; 32] {
        let body = Self { mac: String::new(), ..self.clone() };
        root.derive(&context("keyward/header-mac/1", &[self.vault.as_bytes()])).mac_of(&body.bytes())
    }
}

impl WrappedKey {
    pub(crate) fn wrap(
        key: &Key,
        root: &Key,
        vault: VaultId,
        purpose: &str,
        generation: u32,
        random: &dyn Random,
    ) -> Result<Self, Error> {
        let context = wrap_context(vault, purpose, generation);
        Ok(Self {
            purpose: purpose.to_owned(),
            generation,
            sealed: BASE64.encode(&root.seal(&context, key.bytes(), random)?),
            commitment: BASE64.encode(&commitment(key, &context)),
        })
    }

    pub(crate) fn unwrap_with(&self, root: &Key, vault: VaultId) -> Result<Key, Error> {
        let refused = || Error::Damaged("a wrapped key does not open: it was altered or belongs to another vault");
        let context = wrap_context(vault, &self.purpose, self.generation);
        let sealed = BASE64.decode(self.sealed.as_bytes()).map_err(|_| refused())?;
        let opened: Zeroizing<Vec<u8>> = root.open(&context, &sealed).ok_or_else(refused)?;
        let key = Key::from_slice(&opened).ok_or_else(refused)?;
        let stored = BASE64.decode(self.commitment.as_bytes()).map_err(|_| refused())?;
        if equal(&stored, &commitment(&key, &context)) { Ok(key) } else { Err(refused()) }
    }

    /// The same key under another root.
    pub(crate) fn rewrap(&self, old: &Key, new: &Key, vault: VaultId, random: &dyn Random) -> Result<Self, Error> {
        let key = self.unwrap_with(old, vault)?;
        Self::wrap(&key, new, vault, &self.purpose, self.generation, random)
    }
}

impl SystemKeys {
    /// Fresh keys for a new vault, and the log's public key in base64.
    pub(crate) fn generate(root: &Key, vault: VaultId, random: &dyn Random) -> Result<(Self, String), Error> {
        let wrap = |purpose: &str| WrappedKey::wrap(&Key::random(random)?, root, vault, purpose, 1, random);
        let keys = Self {
            fingerprint: wrap("fingerprint")?,
            token: wrap("token")?,
            head_mac: wrap("head-mac")?,
            log_sign: wrap("log-sign")?,
        };
        let signing = SigningKey::from_bytes(keys.log_sign.unwrap_with(root, vault)?.bytes());
        Ok((keys, BASE64.encode(signing.verifying_key().as_bytes())))
    }

    pub(crate) fn rewrap(&self, old: &Key, new: &Key, vault: VaultId, random: &dyn Random) -> Result<Self, Error> {
        let rewrap = |key: &WrappedKey| key.rewrap(old, new, vault, random);
        Ok(Self {
            fingerprint: rewrap(&self.fingerprint)?,
            token: rewrap(&self.token)?,
            head_mac: rewrap(&self.head_mac)?,
            log_sign: rewrap(&self.log_sign)?,
        })
    }
}

fn wrap_context(vault: VaultId, purpose: &str, generation: u32) -> Vec<u8> {
    context("keyward/wrapped-key/1", &[vault.as_bytes(), purpose.as_bytes(), &generation.to_be_bytes()])
}

fn commitment(key: &Key, context: &[u8]) -> [u8; 32] {
    key.derive(b"keyward/key-commitment/1").mac_of(context)
}
