//! Slots are recipients: each has a public key in the header, to which the root is sealed (HPKE,
//! RFC 9180, base mode, X25519-HKDF-SHA256 and ChaCha20-Poly1305). What the key file, passphrase,
//! recovery code, keyring, shares or key of a KMS protect is the private half. So a new root can be sealed to
//! every slot with nobody present.

mod age;
mod base32;
mod key_file;
mod kms;
mod passphrase;
mod recovery;
mod shamir;

use std::fmt;

use data_encoding::BASE64;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use keyward_types::{Random, Secret, SlotId, Timestamp, VaultId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use self::age::{AgeIdentity, AgeRecipient};
pub use self::key_file::KeyFile;
pub use self::kms::{KmsAnswer, KmsContext, KmsKey, KmsQuestion, KmsSlot};
pub use self::passphrase::Cost;
pub use self::recovery::RecoveryCode;
pub use self::shamir::Share;
use crate::Error;
use crate::crypto::{Key, context};

type Suite = X25519HkdfSha256;
type PrivateKey = <Suite as Kem>::PrivateKey;
type PublicKey = <Suite as Kem>::PublicKey;

/// One way into the vault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// Names it, for `slot remove`.
    pub id: SlotId,
    /// What its owner calls it.
    pub label: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// What protects the private half.
    pub protection: Protection,
    /// The root, sealed to the slot's public key: `encapsulated key ‖ ciphertext` in base64, or an
    /// age file.
    sealed_root: String,
}

/// What protects the private half of a slot, with all that is needed to ask for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Protection {
    /// The private half lies in a file outside the store.
    KeyFile {
        /// X25519 public key, base64.
        recipient: String,
    },
    /// The private half is sealed under a passphrase (Argon2id).
    Passphrase {
        /// X25519 public key, base64.
        recipient: String,
        /// What a guess costs.
        cost: Cost,
        /// 16 bytes, base64.
        salt: String,
        /// The private half under the derived key, base64.
        sealed: String,
    },
    /// The private half is sealed under a code of 160 random bits.
    RecoveryCode {
        /// X25519 public key, base64.
        recipient: String,
        /// 16 bytes, base64.
        salt: String,
        /// The private half under the derived key, base64.
        sealed: String,
    },
    /// The private half lies in the operating system's keyring.
    Keyring {
        /// X25519 public key, base64.
        recipient: String,
    },
    /// The root itself is an age file for somebody's key.
    Age {
        /// `age1…` or `ssh-…`.
        recipient: String,
    },
    /// The private half is split into shares.
    Shamir {
        /// X25519 public key, base64.
        recipient: String,
        /// How many there are.
        shares: u8,
        /// How many are needed.
        threshold: u8,
    },
    /// The private half is wrapped by a key of AWS KMS, bound to the vault and the slot.
    Kms {
        /// X25519 public key, base64.
        recipient: String,
        /// The key's ARN.
        key: String,
        /// The key's region.
        region: String,
        /// What KMS unwraps, base64.
        wrapped: String,
    },
}

/// What somebody brings to open a slot.
pub enum Credential<'a> {
    /// The content of a key file.
    KeyFile(&'a KeyFile),
    /// The private half itself, as the keyring gave it.
    Keyring(&'a KeyFile),
    /// A passphrase.
    Passphrase(&'a Secret<String>),
    /// A recovery code, as it was written down.
    Recovery(&'a RecoveryCode),
    /// Private keys of age or SSH.
    Age(&'a AgeIdentity),
    /// Enough shares.
    Shares(&'a [Share]),
    /// What AWS KMS has unwrapped.
    Kms(&'a KmsAnswer),
}

impl Credential<'_> {
    /// What it is, for messages.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::KeyFile(_) => "key file",
            Self::Keyring(_) => "keyring entry",
            Self::Passphrase(_) => "passphrase",
            Self::Recovery(_) => "recovery code",
            Self::Age(_) => "identity",
            Self::Shares(_) => "set of shares",
            Self::Kms(_) => "answer of AWS KMS",
        }
    }
}

/// What a new slot is protected by.
pub enum NewSlot<'a> {
    /// A file, which the caller writes.
    KeyFile(&'a KeyFile),
    /// The keyring, which the caller fills.
    Keyring(&'a KeyFile),
    /// A passphrase, at this cost.
    Passphrase(&'a Secret<String>, Cost),
    /// A code, which the caller shows once.
    Recovery(&'a RecoveryCode),
    /// A public key of age or SSH.
    Age(&'a AgeRecipient),
    /// Every share, which the caller shows once.
    Shamir(&'a [Share]),
    /// A key of AWS KMS, which the caller has asked.
    Kms(&'a KmsSlot),
}

/// A private half on its way between a slot and its protection.
pub(crate) struct Private(pub(crate) Zeroizing<[u8; 32]>);

impl Slot {
    pub(crate) fn add(
        new: &NewSlot<'_>,
        label: String,
        root: &RootFor<'_>,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Self, Error> {
        let id = match new {
            NewSlot::Kms(slot) => slot.id(),
            _ => SlotId::random(random)?,
        };
        let protection = match new {
            NewSlot::KeyFile(file) => Protection::KeyFile { recipient: file.private().recipient()? },
            NewSlot::Keyring(file) => Protection::Keyring { recipient: file.private().recipient()? },
            NewSlot::Passphrase(passphrase, cost) => passphrase::protect(passphrase, *cost, root.vault, random)?.1,
            NewSlot::Recovery(code) => recovery::protect(code, root.vault, random)?.1,
            NewSlot::Age(recipient) => Protection::Age { recipient: recipient.text().to_owned() },
            NewSlot::Shamir(shares) => shamir::protect(shares)?,
            NewSlot::Kms(slot) => kms::protect(slot)?,
        };
        let sealed_root = protection.seal(id, root, random)?;
        Ok(Self { id, label, created_at: now, protection, sealed_root })
    }

    /// The same slot with another root sealed to it; nobody has to be present.
    pub(crate) fn reseal(&self, root: &RootFor<'_>, random: &dyn Random) -> Result<Self, Error> {
        let sealed_root = self.protection.seal(self.id, root, random)?;
        Ok(Self { sealed_root, ..self.clone() })
    }

    /// The root and what opened it, when the credential is for this slot; `None` when it is not.
    pub(crate) fn open(
        &self,
        vault: VaultId,
        generation: u32,
        with: &Credential<'_>,
    ) -> Result<Option<(Key, Opener)>, Error> {
        let Some(opener) = self.opener(vault, with)? else { return Ok(None) };
        Ok(opener.open(self, vault, generation).map(|root| (root, opener)))
    }

    fn opener(&self, vault: VaultId, with: &Credential<'_>) -> Result<Option<Opener>, Error> {
        let private = match (&self.protection, with) {
            (Protection::KeyFile { .. }, Credential::KeyFile(file)) => file.private(),
            (Protection::Keyring { .. }, Credential::Keyring(file)) => file.private(),
            (Protection::Passphrase { cost, salt, sealed, .. }, Credential::Passphrase(passphrase)) => {
                match passphrase::open(passphrase, *cost, salt, sealed, vault)? {
                    Some(private) => private,
                    None => return Ok(None),
                }
            }
            (Protection::RecoveryCode { salt, sealed, .. }, Credential::Recovery(code)) => {
                match recovery::open(code, salt, sealed, vault) {
                    Some(private) => private,
                    None => return Ok(None),
                }
            }
            (Protection::Shamir { .. }, Credential::Shares(shares)) => match shamir::combine(shares)? {
                Some(private) => private,
                None => return Ok(None),
            },
            (Protection::Kms { .. }, Credential::Kms(answer)) => match kms::open(answer, self.id) {
                Some(private) => private,
                None => return Ok(None),
            },
            (Protection::Age { .. }, Credential::Age(identity)) => {
                return Ok(Some(Opener::Age((*identity).clone())));
            }
            _ => return Ok(None),
        };
        Ok(Some(Opener::Private(private)))
    }

    /// What AWS KMS is to be asked for this slot; `None` when it is of another kind.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Credential`] when the slot is not what was written.
    pub fn kms_question(&self, vault: VaultId) -> Option<Result<KmsQuestion, Error>> {
        kms::question(self.id, vault, &self.protection)
    }

    /// Whether a copy of the store in a thief's or a backup's hands could be opened with this slot
    /// elsewhere: not by what lies on this machine alone.
    pub fn is_portable(&self) -> bool {
        !matches!(self.protection, Protection::KeyFile { .. } | Protection::Keyring { .. })
    }
}

impl Protection {
    /// The name on the command line.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::KeyFile { .. } => "key-file",
            Self::Passphrase { .. } => "passphrase",
            Self::RecoveryCode { .. } => "recovery-code",
            Self::Keyring { .. } => "keyring",
            Self::Age { .. } => "age",
            Self::Shamir { .. } => "shamir",
            Self::Kms { .. } => "kms",
        }
    }

    /// The root for whoever has what this protects.
    fn seal(&self, slot: SlotId, root: &RootFor<'_>, random: &dyn Random) -> Result<String, Error> {
        match self {
            // The age library draws its randomness from the operating system itself.
            Self::Age { recipient } => age::seal_root(&recipient.parse()?, slot, root),
            _ => seal_root(self.recipient(), slot, root, random),
        }
    }

    fn recipient(&self) -> &str {
        match self {
            Self::KeyFile { recipient }
            | Self::Keyring { recipient }
            | Self::Age { recipient }
            | Self::Passphrase { recipient, .. }
            | Self::Shamir { recipient, .. }
            | Self::Kms { recipient, .. }
            | Self::RecoveryCode { recipient, .. } => recipient,
        }
    }
}

/// What opened a slot. Kept while the vault is open: when somebody else puts a new root under every
/// slot, whoever has a slot still follows, and whoever has none any more does not.
pub(crate) enum Opener {
    /// The private half.
    Private(Private),
    /// Private keys of age or SSH.
    Age(AgeIdentity),
}

impl Opener {
    /// The root under a slot, where it is the one that this opens.
    pub(crate) fn open(&self, slot: &Slot, vault: VaultId, generation: u32) -> Option<Key> {
        match (self, &slot.protection) {
            (Self::Age(identity), Protection::Age { .. }) => {
                age::open_root(identity, &slot.sealed_root, slot.id, vault, generation)
            }
            (Self::Age(_), _) | (Self::Private(_), Protection::Age { .. }) => None,
            (Self::Private(private), _) => private.open_root(&slot.sealed_root, slot.id, vault, generation),
        }
    }
}

/// A root and what it is the root of.
pub(crate) struct RootFor<'a> {
    pub(crate) key: &'a Key,
    pub(crate) vault: VaultId,
    pub(crate) generation: u32,
}

impl Private {
    pub(crate) fn random(random: &dyn Random) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut *bytes)?;
        Ok(Self(bytes))
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        <[u8; 32]>::try_from(bytes).ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    fn key(&self) -> Result<PrivateKey, Error> {
        PrivateKey::from_bytes(&*self.0).map_err(|_| Error::Damaged("a slot's private key is not a key"))
    }

    /// The public half, base64.
    pub(crate) fn recipient(&self) -> Result<String, Error> {
        Ok(BASE64.encode(&Suite::sk_to_pk(&self.key()?).to_bytes()))
    }

    fn open_root(&self, sealed: &str, slot: SlotId, vault: VaultId, generation: u32) -> Option<Key> {
        let sealed = BASE64.decode(sealed.as_bytes()).ok()?;
        let (encapsulated, body) = sealed.split_at_checked(32)?;
        let encapsulated = <Suite as Kem>::EncappedKey::from_bytes(encapsulated).ok()?;
        let info = context("keyward/slot/1", &[vault.as_bytes()]);
        let mut receiver = hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, Suite>(
            &OpModeR::Base,
            &self.key().ok()?,
            &encapsulated,
            &info,
        )
        .ok()?;
        let opened = Zeroizing::new(receiver.open(body, &slot_aad(slot, generation)).ok()?);
        Key::from_slice(&opened)
    }
}

fn seal_root(recipient: &str, slot: SlotId, root: &RootFor<'_>, random: &dyn Random) -> Result<String, Error> {
    let damaged = || Error::Damaged("a slot's public key is not a key");
    let recipient = BASE64.decode(recipient.as_bytes()).map_err(|_| damaged())?;
    let recipient = PublicKey::from_bytes(&recipient).map_err(|_| damaged())?;
    let info = context("keyward/slot/1", &[root.vault.as_bytes()]);
    let mut rng = Drawn::of(random, 256)?;
    let (encapsulated, mut sender) =
        hpke::setup_sender_with_rng::<ChaCha20Poly1305, HkdfSha256, Suite>(&OpModeS::Base, &recipient, &info, &mut rng)
            .map_err(|_| damaged())?;
    let body = sender.seal(root.key.bytes(), &slot_aad(slot, root.generation)).map_err(|_| damaged())?;
    Ok(BASE64.encode(&[&encapsulated.to_bytes()[..], &body].concat()))
}

fn slot_aad(slot: SlotId, generation: u32) -> Vec<u8> {
    context("keyward/slot-root/1", &[slot.as_bytes(), &generation.to_be_bytes()])
}

/// Our source of randomness in the form that HPKE and Shamir take: drawn beforehand, because that
/// form cannot fail.
struct Drawn {
    bytes: Zeroizing<Vec<u8>>,
    used: usize,
}

impl Drawn {
    fn of(random: &dyn Random, length: usize) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new(vec![0; length]);
        random.fill(&mut bytes)?;
        Ok(Self { bytes, used: 0 })
    }
}

impl hpke::rand_core::TryRng for Drawn {
    type Error = std::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        let end = self.used + out.len();
        out.copy_from_slice(
            self.bytes.get(self.used..end).expect("HPKE draws one 32-byte key a sender, Shamir a number a coefficient"),
        );
        self.used = end;
        Ok(())
    }
}
impl hpke::rand_core::TryCryptoRng for Drawn {}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Private(…)")
    }
}
