//! Keys and chance that a test can repeat.

use hmac::{Hmac, KeyInit, Mac};
use keyward_types::{KeyError, Keys, PrincipalId, Purpose, Random, RandomError};
use sha2::Sha256;

/// Keys from one byte. Seals by a keystream and a tag made of HMACs: for tests alone.
pub(crate) struct OneKey(pub(crate) u8);

/// The same bytes for the same seed, whoever asks.
pub(crate) struct Seeded(pub(crate) u64);

pub(crate) fn ada() -> PrincipalId {
    "user:ada".parse().unwrap()
}

pub(crate) fn eve() -> PrincipalId {
    "user:eve".parse().unwrap()
}

impl OneKey {
    fn hmac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mac = Hmac::<Sha256>::new_from_slice(&[self.0; 32]).unwrap();
        parts
            .iter()
            .fold(mac, |mac, part| mac.chain_update((part.len() as u64).to_be_bytes()).chain_update(part))
            .finalize()
            .into_bytes()
            .into()
    }

    fn masked(&self, context: &[u8], bytes: &[u8]) -> Vec<u8> {
        let stream = (0u8..).flat_map(|i| self.hmac(&[b"stream", context, &[i]]));
        bytes.iter().zip(stream).map(|(byte, mask)| byte ^ mask).collect()
    }
}

impl Keys for OneKey {
    fn mac(&self, purpose: &Purpose, message: &[u8]) -> Result<[u8; 32], KeyError> {
        Ok(self.hmac(&[b"mac", format!("{purpose:?}").as_bytes(), message]))
    }

    fn sign(&self, _: &Purpose, _: &[u8]) -> Result<[u8; 64], KeyError> {
        Err(KeyError::WrongUse)
    }

    fn seal(&self, _: &Purpose, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, KeyError> {
        let body = self.masked(context, plaintext);
        Ok([&self.hmac(&[b"tag", context, &body])[..], &body].concat())
    }

    fn unseal(&self, _: &Purpose, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        let (tag, body) = sealed.split_at_checked(32).ok_or(KeyError::Refused)?;
        if self.hmac(&[b"tag", context, body]) != tag {
            return Err(KeyError::Refused);
        }
        Ok(self.masked(context, body))
    }
}

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        for (i, chunk) in bytes.chunks_mut(32).enumerate() {
            let block = OneKey(7).hmac(&[&self.0.to_be_bytes(), &i.to_be_bytes()]);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}
