use data_encoding::BASE64;
use keyward_types::{Random, Secret, VaultId};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Private, Protection, base32};
use crate::Error;
use crate::crypto::{Key, context, derive};

/// 160 random bits to be written down: `KWR-` and nine groups of four of Crockford's base32 (no
/// I, L, O, U), the last group being a checksum. Reading it forgives case, spaces and the letters
/// that look alike.
pub struct RecoveryCode(Zeroizing<[u8; 20]>);

const PREFIX: &str = "KWR";

impl RecoveryCode {
    /// A fresh code.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(random: &dyn Random) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 20]);
        random.fill(&mut *bytes)?;
        Ok(Self(bytes))
    }

    /// Reads a code as somebody typed it.
    ///
    /// # Errors
    /// [`Error::Credential`] when it was mistyped.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why| Error::Credential { what: "recovery code", why };
        let digits = base32::read(PREFIX, text).ok_or(wrong("it holds a character that codes never have"))?;
        if digits.len() != 36 {
            return Err(wrong("it must have nine groups of four"));
        }
        let mut bytes = Zeroizing::new([0; 20]);
        bytes.copy_from_slice(&base32::bytes(&digits[..32]));
        if digits[32..] != checksum(&bytes) {
            return Err(wrong("its last group does not fit the others, so it was mistyped"));
        }
        Ok(Self(bytes))
    }

    /// The text to be shown once.
    pub fn text(&self) -> Secret<String> {
        let mut digits = base32::digits(&*self.0);
        digits.extend(checksum(&self.0));
        Secret::new("recovery code", base32::write(PREFIX, &digits))
    }
}

pub(super) fn protect(
    code: &RecoveryCode,
    vault: VaultId,
    random: &dyn Random,
) -> Result<(Private, Protection), Error> {
    let private = Private::random(random)?;
    let mut salt = [0; 16];
    random.fill(&mut salt)?;
    let sealed = stretch(code, &salt).seal(&sealed_context(vault), &*private.0, random)?;
    let protection = Protection::RecoveryCode {
        recipient: private.recipient()?,
        salt: BASE64.encode(&salt),
        sealed: BASE64.encode(&sealed),
    };
    Ok((private, protection))
}

pub(super) fn open(code: &RecoveryCode, salt: &str, sealed: &str, vault: VaultId) -> Option<Private> {
    let salt = BASE64.decode(salt.as_bytes()).ok()?;
    let sealed = BASE64.decode(sealed.as_bytes()).ok()?;
    Private::from_slice(&stretch(code, &salt).open(&sealed_context(vault), &sealed)?)
}

/// 160 random bits need no slow hash.
fn stretch(code: &RecoveryCode, salt: &[u8]) -> Key {
    derive(&*code.0, salt, b"keyward/recovery-code/1")
}

fn sealed_context(vault: VaultId) -> Vec<u8> {
    context("keyward/slot-recovery/1", &[vault.as_bytes()])
}

fn checksum(bytes: &[u8; 20]) -> [u8; 4] {
    let hash = Sha256::new().chain_update(b"keyward/recovery-checksum/1").chain_update(bytes).finalize();
    [hash[0] & 31, hash[1] & 31, hash[2] & 31, hash[3] & 31]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    #[test]
    fn a_code_survives_being_written_down() {
        let code = RecoveryCode::generate(&Seeded::new(7)).unwrap();
        let text = code.text();
        assert_eq!(text.expose().len(), 3 + 9 * 5);
        let sloppy = text.expose().to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        assert_eq!(*RecoveryCode::parse(&sloppy).unwrap().0, *code.0);
    }

    #[test]
    fn a_mistyped_code_is_told_apart_from_a_wrong_one() {
        let text = RecoveryCode::generate(&Seeded::new(7)).unwrap().text();
        let last = if text.expose().as_bytes()[10] == b'7' { "8" } else { "7" };
        let mut wrong = text.expose().clone();
        wrong.replace_range(10..11, last);
        assert!(matches!(RecoveryCode::parse(&wrong), Err(Error::Credential { .. })));
        assert!(RecoveryCode::parse("KWR-12").is_err());
    }
}
