//! The keys of an unlocked vault, applied without being handed out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, Mac};
use keyward_types::{KeyError, Keys, PrincipalId, ProjectId, Purpose, Random, VaultId};
use sha2::Sha256;

use crate::Error;
use crate::crypto::{Key, context};
use crate::header::{Header, WrappedKey};

/// Every key that has been unwrapped so far. System keys at once, those of projects and subjects
/// when they are first needed.
pub(crate) struct KeyRing {
    vault: VaultId,
    root: Mutex<Key>,
    fingerprint: Key,
    token: Key,
    head_mac: Hmac<Sha256>,
    log_sign: SigningKey,
    projects: Mutex<HashMap<(ProjectId, u32), Key>>,
    subjects: Mutex<HashMap<PrincipalId, Key>>,
    /// Keys of principals that are not in the store yet.
    trials: Mutex<HashMap<PrincipalId, Key>>,
    random: Arc<dyn Random>,
}

impl KeyRing {
    /// Unwraps the system keys after checking the header.
    pub(crate) fn open(header: &Header, root: Key, random: Arc<dyn Random>) -> Result<Self, Error> {
        header.verify(&root)?;
        let keys = &header.system_keys;
        Ok(Self {
            vault: header.vault,
            fingerprint: keys.fingerprint.unwrap_with(&root, header.vault)?,
            token: keys.token.unwrap_with(&root, header.vault)?,
            head_mac: keys.head_mac.unwrap_with(&root, header.vault)?.mac(),
            log_sign: SigningKey::from_bytes(keys.log_sign.unwrap_with(&root, header.vault)?.bytes()),
            root: Mutex::new(root),
            projects: Mutex::default(),
            subjects: Mutex::default(),
            trials: Mutex::default(),
            random,
        })
    }

    pub(crate) fn root(&self) -> Key {
        lock(&self.root).clone()
    }

    pub(crate) fn replace_root(&self, root: Key) {
        *lock(&self.root) = root;
    }

    pub(crate) fn wrap_under(
        &self,
        root: &Key,
        key: &Key,
        purpose: &str,
        generation: u32,
    ) -> Result<WrappedKey, Error> {
        WrappedKey::wrap(key, root, self.vault, purpose, generation, &*self.random)
    }

    pub(crate) fn unwrap(&self, wrapped: &WrappedKey) -> Result<Key, Error> {
        wrapped.unwrap_with(&self.root(), self.vault)
    }

    pub(crate) fn project(&self, project: ProjectId, generation: u32) -> Option<Key> {
        lock(&self.projects).get(&(project, generation)).cloned()
    }

    pub(crate) fn keep_project(&self, project: ProjectId, generation: u32, key: Key) {
        lock(&self.projects).insert((project, generation), key);
    }

    pub(crate) fn forget_project(&self, project: ProjectId) {
        lock(&self.projects).retain(|(kept, _), _| *kept != project);
    }

    pub(crate) fn keep_subject(&self, subject: PrincipalId, key: Key) {
        lock(&self.subjects).insert(subject, key);
    }

    /// Keeps a key that only the change which stores it seals under.
    pub(crate) fn try_subject(&self, subject: PrincipalId, key: Key) {
        lock(&self.trials).insert(subject, key);
    }

    /// The change was made.
    pub(crate) fn settle_subject(&self, subject: &PrincipalId) {
        if let Some(key) = lock(&self.trials).remove(subject) {
            self.keep_subject(subject.clone(), key);
        }
    }

    /// The change was not made.
    pub(crate) fn drop_trial(&self, subject: &PrincipalId) {
        lock(&self.trials).remove(subject);
    }

    /// The projects and principals whose keys were unwrapped.
    pub(crate) fn kept(&self) -> (Vec<(ProjectId, u32)>, Vec<PrincipalId>) {
        (lock(&self.projects).keys().copied().collect(), lock(&self.subjects).keys().cloned().collect())
    }

    pub(crate) fn forget_generation(&self, project: ProjectId, generation: u32) {
        lock(&self.projects).remove(&(project, generation));
    }

    pub(crate) fn forget_subject(&self, subject: &PrincipalId) {
        lock(&self.subjects).remove(subject);
    }

    pub(crate) fn has_subject(&self, subject: &PrincipalId) -> bool {
        lock(&self.subjects).contains_key(subject)
    }

    /// HMAC of a value: equal values, equal fingerprints, and nothing else to learn.
    pub(crate) fn fingerprint(&self, value: &[u8]) -> [u8; 32] {
        self.fingerprint
            .mac()
            .chain_update(context("keyward/fingerprint/1", &[]))
            .chain_update(value)
            .finalize()
            .into_bytes()
            .into()
    }

    /// What signs the log under this name.
    pub(crate) fn log_signer(&self, name: &str) -> Result<keyward_audit::Ed25519Signer, Error> {
        Ok(keyward_audit::Ed25519Signer::new(name, &self.log_sign.to_bytes())?)
    }

    /// The key under which match records are made.
    pub(crate) fn match_key(&self) -> Key {
        self.fingerprint.derive(b"keyward/match/1")
    }

    /// The key of what the scanner keeps about repositories.
    pub(crate) fn scan_key(&self) -> Key {
        self.fingerprint.derive(b"keyward/scan-cache/1")
    }

    pub(crate) fn head_mac(&self) -> Hmac<Sha256> {
        self.head_mac.clone()
    }

    fn key_for(&self, purpose: &Purpose) -> Result<Key, KeyError> {
        match purpose {
            Purpose::Fingerprint => Ok(self.fingerprint.clone()),
            Purpose::Token => Ok(self.token.clone()),
            Purpose::Attenuation => Ok(self.token.derive(b"keyward/attenuation/1")),
            Purpose::Credential => Ok(self.token.derive(b"keyward/credential/1")),
            Purpose::Subject(subject) => {
                let kept = lock(&self.subjects).get(subject).cloned();
                kept.or_else(|| lock(&self.trials).get(subject).cloned()).ok_or(KeyError::Missing)
            }
            Purpose::Alert => Ok(self.token.derive(b"keyward/alert/1")),
            Purpose::Provider => Ok(self.token.derive(b"keyward/provider/1")),
            Purpose::Answer => Ok(self.token.derive(b"keyward/answer/1")),
            Purpose::HeadMac | Purpose::LogSign => Err(KeyError::WrongUse),
        }
    }
}

impl Keys for KeyRing {
    fn mac(&self, purpose: &Purpose, message: &[u8]) -> Result<[u8; 32], KeyError> {
        match purpose {
            Purpose::HeadMac => Ok(self.head_mac().chain_update(message).finalize().into_bytes().into()),
            _ => Ok(self.key_for(purpose)?.mac_of(message)),
        }
    }

    fn sign(&self, purpose: &Purpose, message: &[u8]) -> Result<[u8; 64], KeyError> {
        match purpose {
            Purpose::LogSign => Ok(self.log_sign.sign(message).to_bytes()),
            _ => Err(KeyError::WrongUse),
        }
    }

    fn seal(&self, purpose: &Purpose, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.key_for(purpose)?.seal(context, plaintext, &*self.random).map_err(|_| KeyError::Random)
    }

    fn unseal(&self, purpose: &Purpose, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        let opened = self.key_for(purpose)?.open(context, sealed).ok_or(KeyError::Refused)?;
        Ok(opened.to_vec())
    }
}

/// A panic while a key was being looked up leaves the map as it was.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
