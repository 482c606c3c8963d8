use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE64;
use keyward_types::{Random, Secret, VaultId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Private, Protection};
use crate::Error;
use crate::crypto::{Key, context};

/// What one guess at a passphrase costs: parameters of Argon2id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
}

impl Cost {
    /// RFC 9106's second recommendation with one lane: 64 MiB, three passes.
    pub const STANDARD: Self = Self { memory_kib: 64 * 1024, passes: 3 };
    /// For tests only: no protection.
    pub const TEST: Self = Self { memory_kib: 64, passes: 1 };

    /// A header that is not ours may not make us take all memory or run for hours.
    fn params(self) -> Result<Params, Error> {
        if self.memory_kib > 2 * 1024 * 1024 || self.passes > 64 {
            return Err(Error::Damaged("a passphrase slot asks for more memory or time than keyward ever sets"));
        }
        Params::new(self.memory_kib, self.passes, 1, Some(32))
            .map_err(|_| Error::Damaged("a passphrase slot's parameters are not possible"))
    }
}

pub(super) fn protect(
    passphrase: &Secret<String>,
    cost: Cost,
    vault: VaultId,
    random: &dyn Random,
) -> Result<(Private, Protection), Error> {
    let private = Private::random(random)?;
    let mut salt = [0; 16];
    random.fill(&mut salt)?;
    let sealed = stretch(passphrase, cost, &salt)?.seal(&sealed_context(vault), &*private.0, random)?;
    let protection = Protection::Passphrase {
        recipient: private.recipient()?,
        cost,
        salt: BASE64.encode(&salt),
        sealed: BASE64.encode(&sealed),
    };
    Ok((private, protection))
}

/// The private half; `None` when the passphrase is another one.
pub(super) fn open(
    passphrase: &Secret<String>,
    cost: Cost,
    salt: &str,
    sealed: &str,
    vault: VaultId,
) -> Result<Option<Private>, Error> {
    let damaged = |_| Error::Damaged("a passphrase slot is not well formed");
    let salt = BASE64.decode(salt.as_bytes()).map_err(damaged)?;
    let sealed = BASE64.decode(sealed.as_bytes()).map_err(damaged)?;
    let key = stretch(passphrase, cost, &salt)?;
    Ok(key.open(&sealed_context(vault), &sealed).and_then(|bytes| Private::from_slice(&bytes)))
}

fn stretch(passphrase: &Secret<String>, cost: Cost, salt: &[u8]) -> Result<Key, Error> {
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params()?)
        .hash_password_into(passphrase.expose().as_bytes(), salt, &mut *out)
        .map_err(|_| Error::Damaged("a passphrase slot's salt is not possible"))?;
    Ok(Key::from_slice(&*out).expect("32 bytes were asked for"))
}

fn sealed_context(vault: VaultId) -> Vec<u8> {
    context("keyward/slot-passphrase/1", &[vault.as_bytes()])
}
