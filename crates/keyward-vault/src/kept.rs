//! What a client keeps of a server's values for a while without it. Nothing of a vault's keys is used:
//! the key lies on the client's machine, and is joined with the token or session that the values were
//! read with, so that neither opens anything without the other.

use data_encoding::HEXLOWER;
use keyward_types::{Random, Secret};
use zeroize::Zeroizing;

use crate::Error;
use crate::crypto::{Key, context, derive};

/// A machine's key for what it keeps of servers' values.
pub struct KeptKey(Key);

/// The same for who shows one token at one server.
pub struct Keeper {
    key: Key,
    holder: String,
}

impl KeptKey {
    /// A new one.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn random(random: &dyn Random) -> Result<Self, Error> {
        Ok(Self(Key::random(random)?))
    }

    /// The key of this text; `None` for a text that is none.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(HEXLOWER.decode(text.trim().strip_prefix(PREFIX)?.as_bytes()).ok()?);
        Key::from_slice(&bytes).map(Self)
    }

    /// The key as text, for a keyring or a private file.
    pub fn text(&self) -> Secret<String> {
        let hex = Zeroizing::new(HEXLOWER.encode(self.0.bytes()));
        Secret::new("key of what is kept offline", format!("{PREFIX}{}", *hex))
    }

    /// For whoever shows this token at this server.
    pub fn keeper(&self, server: &str, token: &str) -> Keeper {
        let material = Zeroizing::new([self.0.bytes(), token.as_bytes()].concat());
        let key = derive(&material, &[], &context("keyward/kept/1", &[server.as_bytes()]));
        let mac = self.0.mac_of(&context("keyward/kept-holder/1", &[server.as_bytes(), token.as_bytes()]));
        Keeper { key, holder: HEXLOWER.encode(&mac[..16]) }
    }
}

impl Keeper {
    /// Tells holders of different tokens apart, and nothing of the token.
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// Seals something about these parts.
    ///
    /// # Errors
    /// When there is no randomness, or it is too large.
    pub fn seal(&self, about: &[&[u8]], plaintext: &[u8], random: &dyn Random) -> Result<Vec<u8>, Error> {
        self.key.seal(&context("keyward/kept-part/1", about), plaintext, random)
    }

    /// Opens what was sealed about the same parts by the same holder; `None` for anything else.
    pub fn open(&self, about: &[&[u8]], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.key.open(&context("keyward/kept-part/1", about), sealed)
    }
}

/// By which a text is known as such a key.
const PREFIX: &str = "keyward-offline-1:";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    #[test]
    fn another_token_server_or_key_opens_nothing() {
        let key = KeptKey::random(&Seeded::new(1)).unwrap();
        let mine = key.keeper("https://a.example", "token one");
        let sealed = mine.seal(&[b"here"], b"value", &Seeded::new(2)).unwrap();
        let again = KeptKey::parse(key.text().expose()).unwrap().keeper("https://a.example", "token one");
        assert_eq!(again.open(&[b"here"], &sealed).unwrap().as_slice(), b"value");
        assert_eq!(again.holder(), mine.holder());
        let other_key = KeptKey::random(&Seeded::new(3)).unwrap();
        for other in [
            key.keeper("https://a.example", "token two"),
            key.keeper("https://b.example", "token one"),
            other_key.keeper("https://a.example", "token one"),
        ] {
            assert!(other.open(&[b"here"], &sealed).is_none());
            assert_ne!(other.holder(), mine.holder());
        }
        assert!(mine.open(&[b"there"], &sealed).is_none());
        for text in ["", "keyward-offline-1:", "keyward-offline-1:00", "nothing"] {
            assert!(KeptKey::parse(text).is_none(), "{text}");
        }
    }
}
