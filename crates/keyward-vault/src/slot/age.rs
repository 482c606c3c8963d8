use std::io::{Read, Write};
use std::str::FromStr;
use std::sync::Arc;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{Decryptor, Encryptor};
use keyward_types::{SlotId, VaultId};
use zeroize::Zeroizing;

use super::{RootFor, slot_aad};
use crate::Error;
use crate::crypto::{Key, context};

/// Somebody's public key: `age1…`, `ssh-ed25519 …` or `ssh-rsa …`.
pub struct AgeRecipient {
    text: String,
    key: Box<dyn age::Recipient + Send + Sync>,
}

/// Somebody's private keys: the text of an age identity file or of an SSH private key without a
/// passphrase.
#[derive(Clone)]
pub struct AgeIdentity(Arc<Vec<Box<dyn age::Identity + Send + Sync>>>);

impl AgeRecipient {
    /// The key as text, without an SSH key's comment.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The key, for age files of other kinds.
    pub fn key(&self) -> &dyn age::Recipient {
        &*self.key
    }
}

impl FromStr for AgeRecipient {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why| Error::Credential { what: "recipient", why };
        let text = text.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let key: Box<dyn age::Recipient + Send + Sync> = if text.starts_with("ssh-") {
            Box::new(age::ssh::Recipient::from_str(&text).map_err(|_| wrong("it is no SSH key that age can use"))?)
        } else {
            Box::new(age::x25519::Recipient::from_str(&text).map_err(|_| wrong("it is no `age1…` or `ssh-…` key"))?)
        };
        Ok(Self { text, key })
    }
}

impl AgeIdentity {
    /// Whether a text has the form of one.
    pub fn is_like(text: &str) -> bool {
        text.contains("AGE-SECRET-KEY-") || text.trim_start().starts_with("-----BEGIN ")
    }

    /// Reads an identity file.
    ///
    /// # Errors
    /// [`Error::Credential`] when there is no key in it that can be used.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why| Error::Credential { what: "identity", why };
        if !text.trim_start().starts_with("-----BEGIN ") {
            let file = age::IdentityFile::from_buffer(text.as_bytes()).map_err(|_| wrong("it is no age identity"))?;
            let keys = file.into_identities().map_err(|_| wrong("it is no age identity"))?;
            return if keys.is_empty() { Err(wrong("it holds no key")) } else { Ok(Self(Arc::new(keys))) };
        }
        match age::ssh::Identity::from_buffer(text.as_bytes(), None) {
            Ok(key @ age::ssh::Identity::Unencrypted(_)) => Ok(Self(Arc::new(vec![Box::new(key)]))),
            Ok(age::ssh::Identity::Encrypted(_)) => {
                Err(wrong("the SSH key has a passphrase, which keyward does not ask for"))
            }
            _ => Err(wrong("it is no SSH key that age can use")),
        }
    }

    /// The keys, for age files of other kinds.
    pub fn keys(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|key| &**key as &dyn age::Identity)
    }
}

/// The root as an age file. What HPKE binds as associated data is part of its content.
pub(super) fn seal_root(recipient: &AgeRecipient, slot: SlotId, root: &RootFor<'_>) -> Result<String, Error> {
    let failed = |_| Error::Damaged("the root cannot be sealed to the age recipient");
    let encryptor = Encryptor::with_recipients(std::iter::once(recipient.key()))
        .map_err(|_| Error::Damaged("the age recipient cannot be sealed to"))?;
    let mut sealed = Vec::new();
    let armored = ArmoredWriter::wrap_output(&mut sealed, Format::AsciiArmor).map_err(failed)?;
    let mut writer = encryptor.wrap_output(armored).map_err(failed)?;
    let content = Zeroizing::new([&binding(slot, root.vault, root.generation), &root.key.bytes()[..]].concat());
    writer.write_all(&content).map_err(failed)?;
    writer.finish().and_then(ArmoredWriter::finish).map_err(failed)?;
    String::from_utf8(sealed).map_err(|_| Error::Damaged("armor is text"))
}

pub(super) fn open_root(
    identity: &AgeIdentity,
    sealed: &str,
    slot: SlotId,
    vault: VaultId,
    generation: u32,
) -> Option<Key> {
    let decryptor = Decryptor::new(ArmoredReader::new(sealed.as_bytes())).ok()?;
    let reader = decryptor.decrypt(identity.keys()).ok()?;
    let binding = binding(slot, vault, generation);
    let mut content = Zeroizing::new(Vec::with_capacity(binding.len() + 33));
    reader.take(binding.len() as u64 + 33).read_to_end(&mut content).ok()?;
    Key::from_slice(content.strip_prefix(&binding[..])?)
}

fn binding(slot: SlotId, vault: VaultId, generation: u32) -> Vec<u8> {
    [context("keyward/slot-age/1", &[vault.as_bytes()]), slot_aad(slot, generation)].concat()
}
