use data_encoding::BASE64URL_NOPAD;
use keyward_types::{Random, VaultId};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Private;
use crate::Error;

/// A key file's content: the private half of a slot. Text form: a comment, then
/// `KEYWARD-KEY-1-<base64url of 32 bytes and a 4-byte checksum>`.
pub struct KeyFile(Private);

const PREFIX: &str = "KEYWARD-KEY-1-";

impl KeyFile {
    /// A fresh key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(random: &dyn Random) -> Result<Self, Error> {
        Private::random(random).map(Self)
    }

    /// Reads a file's text; comments and blank lines are passed over.
    ///
    /// # Errors
    /// [`Error::Credential`] when there is no whole key in it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why| Error::Credential { what: "key file", why };
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        let body = line.and_then(|line| line.strip_prefix(PREFIX)).ok_or(wrong("it holds no keyward key"))?;
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(body.as_bytes()).map_err(|_| wrong("it is damaged"))?);
        let (key, sum) = bytes.split_at_checked(32).ok_or(wrong("it is cut off"))?;
        if sum != checksum(key) {
            return Err(wrong("its checksum does not fit"));
        }
        Private::from_slice(key).map(Self).ok_or(wrong("it is damaged"))
    }

    /// The text to be written, with owner-only permissions.
    pub fn text(&self, vault: VaultId) -> Zeroizing<String> {
        let key: &[u8] = &*self.0.0;
        let bytes = Zeroizing::new([key, &checksum(key)].concat());
        Zeroizing::new(format!(
            "# keyward key file of vault {vault}\n# Whoever has this file and the store can read every secret in it.\n{PREFIX}{}\n",
            BASE64URL_NOPAD.encode(&bytes)
        ))
    }

    pub(crate) fn private(&self) -> Private {
        Private(self.0.0.clone())
    }
}

fn checksum(key: &[u8]) -> [u8; 4] {
    let hash = Sha256::new().chain_update(PREFIX).chain_update(key).finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}
