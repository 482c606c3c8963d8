//! Whether two secrets have one value, told without the vault's fingerprint of it, which leaves no
//! store: anybody who holds two of those could compare them with other vaults' backups.

use data_encoding::HEXLOWER;
use keyward_vault::Vault;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Makes words that are equal for equal fingerprints, the same on every node of one vault.
pub(crate) struct Likeness(Zeroizing<[u8; 32]>);

impl Likeness {
    pub(crate) fn new(vault: &Vault) -> Self {
        let key = vault.scan_key();
        let key = Sha256::new().chain_update(b"keyward/likeness/1").chain_update(*key).finalize();
        Self(Zeroizing::new(key.into()))
    }

    /// 128 bits; the key in front is of one length, and what would lengthen the hash is cut off.
    pub(crate) fn of(&self, fingerprint: &str) -> String {
        let hash = Sha256::new().chain_update(*self.0).chain_update(fingerprint).finalize();
        HEXLOWER.encode(&hash[..16])
    }
}
