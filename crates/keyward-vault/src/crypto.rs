//! The few primitives everything here is built from, each with the one way in which it is used:
//! contexts are versioned strings followed by length-prefixed parts, so that no two uses of a key
//! can be mistaken for each other.

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use keyward_types::{Random, RandomError};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::Error;

/// 256 bits that are wiped when dropped. No `Debug`.
#[derive(Clone)]
pub(crate) struct Key(Zeroizing<[u8; 32]>);

const NONCE: usize = 12;
const TAG: usize = 16;

impl Key {
    pub(crate) fn random(random: &dyn Random) -> Result<Self, RandomError> {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut *bytes)?;
        Ok(Self(bytes))
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        <[u8; 32]>::try_from(bytes).ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A subkey for `context` (HKDF-SHA256, the key as input key material, no salt).
    pub(crate) fn derive(&self, context: &[u8]) -> Self {
        derive(self.bytes(), &[], context)
    }

    /// HMAC-SHA256, ready to take a message; cloning it saves the key schedule.
    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        Hmac::<Sha256>::new_from_slice(self.bytes()).expect("HMAC takes keys of every length")
    }

    pub(crate) fn mac_of(&self, message: &[u8]) -> [u8; 32] {
        self.mac().chain_update(message).finalize().into_bytes().into()
    }

    /// Seals under AES-256-GCM-SIV with a random nonce: `nonce ‖ ciphertext ‖ tag`.
    pub(crate) fn seal(&self, context: &[u8], plaintext: &[u8], random: &dyn Random) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce)?;
        let cipher = Aes256GcmSiv::new(self.bytes().into());
        let sealed = cipher
            .encrypt(&Nonce::from(nonce), Payload { msg: plaintext, aad: context })
            .map_err(|_| Error::TooLarge { size: plaintext.len() })?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens what [`Key::seal`] made in the same context.
    pub(crate) fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if sealed.len() < NONCE + TAG {
            return None;
        }
        let (nonce, body) = sealed.split_at(NONCE);
        let nonce = Nonce::from(<[u8; NONCE]>::try_from(nonce).expect("the slice was cut to this length"));
        let cipher = Aes256GcmSiv::new(self.bytes().into());
        cipher.decrypt(&nonce, Payload { msg: body, aad: context }).ok().map(Zeroizing::new)
    }
}

/// HKDF-SHA256 of high-entropy key material.
pub(crate) fn derive(material: &[u8], salt: &[u8], context: &[u8]) -> Key {
    let mut bytes = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), material)
        .expand(context, &mut *bytes)
        .expect("HKDF-SHA256 gives up to 8,160 bytes");
    Key(bytes)
}

/// A versioned context: the label, then each part behind its length. `Display` names never enter
/// it, ids do.
pub(crate) fn context(label: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(label.len() + parts.iter().map(|p| p.len() + 4).sum::<usize>() + 4);
    for part in std::iter::once(&label.as_bytes()).chain(parts) {
        let length = u32::try_from(part.len()).expect("contexts are made of ids and short words");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}

pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    #[test]
    fn what_is_sealed_opens_only_in_its_context() {
        let key = Key::random(&Seeded::new(1)).unwrap();
        let sealed = key.seal(b"here", b"value", &Seeded::new(2)).unwrap();
        assert_eq!(key.open(b"here", &sealed).unwrap().as_slice(), b"value");
        assert!(key.open(b"there", &sealed).is_none());
        for i in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[i] ^= 1;
            assert!(key.open(b"here", &altered).is_none(), "byte {i}");
        }
        assert!(key.open(b"here", &sealed[..20]).is_none());
    }

    #[test]
    fn contexts_cannot_be_shifted_into_each_other() {
        assert_ne!(context("a", &[b"bc", b"d"]), context("a", &[b"b", b"cd"]));
        assert_ne!(context("ab", &[b"c"]), context("a", &[b"bc"]));
    }
}
