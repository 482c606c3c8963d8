//! What a scanner keeps about a repository, sealed under a key of the vault: which blobs it has
//! seen and what it found in them. No values are in it, but paths, names and places are.
//!
//! It lies beside the store and may be lost: everything is read again then.

use keyward_types::Random;
use zeroize::Zeroizing;

use crate::crypto::{Key, context};
use crate::{Error, Vault};

/// Seals and opens a scanner's notes.
pub struct ScanCache(Key);

impl Vault {
    /// The key of [`ScanCache`], for this user's scanner.
    pub fn scan_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*self.ring.scan_key().bytes())
    }
}

impl ScanCache {
    /// With the key of [`Vault::scan_key`]; `None` for bytes that are none.
    pub fn new(key: &[u8]) -> Option<Self> {
        Key::from_slice(key).map(Self)
    }

    /// The name of a repository's file: tells nothing of the repository to whom lacks the key.
    pub fn name(&self, repository: &str) -> String {
        crate::value::hex(&self.0.mac_of(&context("keyward/scan-name/1", &[repository.as_bytes()]))[..16])
    }

    /// Seals notes about a repository.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn seal(&self, repository: &str, notes: &[u8], random: &dyn Random) -> Result<Vec<u8>, Error> {
        self.0.seal(&context("keyward/scan-cache/1", &[repository.as_bytes()]), notes, random)
    }

    /// Opens what was sealed about the same repository; `None` for anything else.
    pub fn open(&self, repository: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.0.open(&context("keyward/scan-cache/1", &[repository.as_bytes()]), sealed)
    }
}
