use data_encoding::BASE64;
use hpke::Deserializable;
use keyward_types::{Random, SlotId, VaultId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Private, Protection, PublicKey};
use crate::Error;

/// A key of AWS KMS, as somebody names it: `alias/keyward`, an id or an ARN, and its region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KmsKey {
    /// Id, alias or ARN.
    pub id: String,
    /// `eu-central-1`
    pub region: String,
}

/// A slot whose private half a key of AWS KMS has wrapped, on its way into the vault. Nothing in it
/// is secret. The vault has no way out: whoever makes or opens it asks KMS himself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KmsSlot {
    id: SlotId,
    key: KmsKey,
    recipient: String,
    wrapped: String,
}

/// What KMS has to unwrap for a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsQuestion {
    slot: SlotId,
    /// The key that wrapped it.
    pub key: KmsKey,
    /// What it was bound to when it was wrapped: vault and slot. KMS unwraps nothing without it, and
    /// AWS's own log shows it.
    pub context: KmsContext,
    /// What only KMS opens.
    pub wrapped: Vec<u8>,
}

/// What KMS answered: the private half of one slot.
pub struct KmsAnswer {
    slot: SlotId,
    private: Private,
}

/// An encryption context: names and values, none of them secret.
pub type KmsContext = [(&'static str, String); 2];

/// Most bytes of what KMS has wrapped (AWS's own bound).
const LARGEST: usize = 6144;

impl KmsKey {
    /// A key by id, alias or ARN. An ARN names its region itself.
    ///
    /// # Errors
    /// [`Error::Credential`] for what names no key, or no region of its own.
    pub fn new(id: &str, region: Option<&str>) -> Result<Self, Error> {
        let wrong = |why| Error::Credential { what: "KMS key", why };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'/' | b'_' | b'-');
        if id.is_empty() || id.len() > 2048 || !id.bytes().all(fits) {
            return Err(wrong("give its id, its alias (`alias/NAME`) or its ARN"));
        }
        let of_arn = match id.strip_prefix("arn:") {
            Some(rest) => match rest.split(':').collect::<Vec<_>>()[..] {
                [_, "kms", region, _, _] if !region.is_empty() => Some(region),
                _ => return Err(wrong("its ARN is none of a key of KMS")),
            },
            None => None,
        };
        let region = match (of_arn, region) {
            (Some(own), Some(other)) if own != other => return Err(wrong("its ARN is of another region")),
            (Some(region), _) | (None, Some(region)) => region,
            (None, None) => return Err(wrong("its region has to be named")),
        };
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || region.len() > 32 || !region.bytes().all(fits) {
            return Err(wrong("its region is none of AWS's, such as `eu-central-1`"));
        }
        Ok(Self { id: id.to_owned(), region: region.to_owned() })
    }
}

impl KmsSlot {
    /// Makes a private half and has it wrapped. It goes to `wrap` alone, with the context that it is to
    /// be bound to; what comes back is the key as KMS itself names it, and what it wrapped.
    ///
    /// # Errors
    /// What `wrap` fails with; when there is no randomness.
    pub fn make<E: From<Error>>(
        vault: VaultId,
        random: &dyn Random,
        wrap: impl FnOnce(&KmsContext, &[u8; 32]) -> Result<(KmsKey, Vec<u8>), E>,
    ) -> Result<Self, E> {
        let id = SlotId::random(random).map_err(Error::from)?;
        let private = Private::random(random)?;
        let recipient = private.recipient()?;
        let (key, wrapped) = wrap(&context(vault, id), &private.0)?;
        Ok(Self { id, key, recipient, wrapped: BASE64.encode(&wrapped) })
    }

    pub(super) const fn id(&self) -> SlotId {
        self.id
    }
}

impl KmsQuestion {
    /// What KMS answered.
    ///
    /// # Errors
    /// [`Error::Credential`] when that is no private half.
    pub fn answered(&self, bytes: &[u8]) -> Result<KmsAnswer, Error> {
        let wrong = Error::Credential { what: "answer of AWS KMS", why: "it is no key of a slot" };
        let private = Private::from_slice(bytes).ok_or(wrong)?;
        Ok(KmsAnswer { slot: self.slot, private })
    }
}

/// Comes over a socket, so that nothing of it is believed.
pub(super) fn protect(slot: &KmsSlot) -> Result<Protection, Error> {
    let wrong = |why| Error::Credential { what: "KMS slot", why };
    let KmsKey { id, region } = KmsKey::new(&slot.key.id, Some(&slot.key.region))?;
    let recipient = BASE64.decode(slot.recipient.as_bytes()).ok();
    if recipient.and_then(|bytes| PublicKey::from_bytes(&bytes).ok()).is_none() {
        return Err(wrong("its public key is none"));
    }
    match BASE64.decode(slot.wrapped.as_bytes()) {
        Ok(wrapped) if (1..=LARGEST).contains(&wrapped.len()) => {}
        _ => return Err(wrong("what KMS wrapped is not there")),
    }
    Ok(Protection::Kms { recipient: slot.recipient.clone(), key: id, region, wrapped: slot.wrapped.clone() })
}

/// What KMS is to be asked for a slot, where the slot is of that kind.
pub(super) fn question(slot: SlotId, vault: VaultId, protection: &Protection) -> Option<Result<KmsQuestion, Error>> {
    let Protection::Kms { key, region, wrapped, .. } = protection else { return None };
    let read = || {
        let damaged = Error::Damaged("a KMS slot is not well formed");
        let wrapped = BASE64.decode(wrapped.as_bytes()).map_err(|_| damaged)?;
        Ok(KmsQuestion { slot, key: KmsKey::new(key, Some(region))?, context: context(vault, slot), wrapped })
    };
    Some(read())
}

/// The private half, where it is this slot's.
pub(super) fn open(answer: &KmsAnswer, slot: SlotId) -> Option<Private> {
    (answer.slot == slot).then(|| Private(Zeroizing::new(*answer.private.0)))
}

fn context(vault: VaultId, slot: SlotId) -> KmsContext {
    [("keyward-vault", vault.to_string()), ("keyward-slot", slot.to_string())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    const ARN: &str = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn a_key_is_named_with_a_region_that_is_one_part_of_a_host() {
        assert_eq!(KmsKey::new("alias/keyward", Some("eu-central-1")).unwrap().region, "eu-central-1");
        assert_eq!(KmsKey::new(ARN, None).unwrap().region, "eu-central-1");
        for (id, region) in [
            ("alias/keyward", None),
            (ARN, Some("us-east-1")),
            ("arn:aws:s3:::a-bucket", None),
            ("arn:aws:kms::123456789012:key/x", Some("eu-central-1")),
            ("", Some("eu-central-1")),
            ("a key", Some("eu-central-1")),
            ("alias/keyward", Some("evil.example")),
            ("alias/keyward", Some("")),
            ("alias/keyward", Some("eu/central")),
        ] {
            assert!(matches!(KmsKey::new(id, region), Err(Error::Credential { .. })), "{id} {region:?}");
        }
    }

    #[test]
    fn what_was_not_made_by_wrapping_is_no_slot() {
        let made = |_: &KmsContext, private: &[u8; 32]| Ok::<_, Error>((KmsKey::new(ARN, None)?, private.to_vec()));
        let random = Seeded::new(3);
        let slot = KmsSlot::make(VaultId::random(&random).unwrap(), &random, made).unwrap();
        assert!(protect(&slot).is_ok());
        let broken = [
            KmsSlot { recipient: "AAAA".into(), ..slot.clone() },
            KmsSlot { wrapped: String::new(), ..slot.clone() },
            KmsSlot { wrapped: BASE64.encode(&vec![0; LARGEST + 1]), ..slot.clone() },
            KmsSlot { key: KmsKey { id: ARN.into(), region: "a.b".into() }, ..slot },
        ];
        for slot in broken {
            assert!(matches!(protect(&slot), Err(Error::Credential { .. })), "{slot:?}");
        }
    }
}
