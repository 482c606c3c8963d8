use std::fmt;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, Version};
use keyward_types::{Keys, PrincipalId, Purpose, Random, Secret};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::{CredentialError, context};

/// A password as the store keeps it: a PHC string whose output is HMAC-SHA256, under a key of the
/// vault, over that of Argon2id. A thief of the store alone cannot even begin to guess; who has the
/// vault's keys too pays for each guess.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

/// Memory of one guess: OWASP's first choice for Argon2id. A guess takes 13 ms on two idle cores and
/// 22 ms at the median on the same, busy (`cargo test -p keyward-access --bench password`). Not more,
/// since a server with 60 MB in all works on two at a time, and since a stolen store gives nothing
/// to guess at.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory.
const PASSES: u32 = 2;
const LANES: u32 = 1;
const OUTPUT: usize = 32;
/// Says in the PHC string that the output is keyed.
const KEY_ID: &[u8] = b"keyward";

impl PasswordHash {
    /// The hash of a password that was chosen, or that was just found right.
    ///
    /// # Errors
    /// When there is no key or no randomness.
    pub(super) fn of(
        password: &Secret<String>,
        principal: &PrincipalId,
        keys: &dyn Keys,
        random: &dyn Random,
    ) -> Result<Self, CredentialError> {
        let mut salt = [0; 16];
        random.fill(&mut salt)?;
        let keyed = keyed(&*stretch(password, &salt, &params())?, principal, keys)?;
        Ok(Self::written(&salt, &keyed))
    }

    /// The hash of no password: checking against it takes as long as against any other.
    pub fn nobodys() -> Self {
        Self::written(&[0; 16], &[0; OUTPUT])
    }

    /// Whether this is the password, in constant time.
    ///
    /// # Errors
    /// When there is no key, or the hash is not one of ours.
    pub fn matches(
        &self,
        password: &Secret<String>,
        principal: &PrincipalId,
        keys: &dyn Keys,
    ) -> Result<bool, CredentialError> {
        let phc = Phc::new(&self.0).map_err(|_| CredentialError::Damaged)?;
        let params = Params::try_from(&phc).map_err(|_| CredentialError::Damaged)?;
        let (Some(salt), Some(hash)) = (phc.salt, phc.hash) else { return Err(CredentialError::Damaged) };
        let keyed = keyed(&*stretch(password, salt.as_ref(), &params)?, principal, keys)?;
        Ok(keyed.ct_eq(hash.as_bytes()).into())
    }

    /// Whether new hashes cost something else than this one.
    pub fn is_dated(&self) -> bool {
        let now = Self::nobodys();
        let head = |text: &str| text.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        head(&self.0) != head(&now.0)
    }

    fn written(salt: &[u8], keyed: &[u8; OUTPUT]) -> Self {
        const FITS: &str = "salt, parameters and output have the lengths of the format";
        let mut params = ParamsString::try_from(&params()).expect(FITS);
        params.add_b64_bytes("keyid", KEY_ID).expect(FITS);
        let phc = Phc {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params,
            salt: Some(Salt::new(salt).expect(FITS)),
            hash: Some(Output::new(keyed).expect(FITS)),
        };
        Self(phc.to_string())
    }
}

fn params() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT)).expect("the constants are within Argon2's bounds")
}

fn stretch(
    password: &Secret<String>,
    salt: &[u8],
    params: &Params,
) -> Result<Zeroizing<[u8; OUTPUT]>, CredentialError> {
    // The same text has several spellings in Unicode, and keyboards differ in which they give.
    let composed: Zeroizing<String> = Zeroizing::new(password.expose().nfc().collect());
    let mut output = Zeroizing::new([0; OUTPUT]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into(composed.as_bytes(), salt, &mut *output)
        .map_err(|_| CredentialError::Damaged)?;
    Ok(output)
}

/// Bound to the person, so that a hash that is put into another's record fits nobody.
fn keyed(stretched: &[u8; OUTPUT], principal: &PrincipalId, keys: &dyn Keys) -> Result<[u8; OUTPUT], CredentialError> {
    Ok(keys.mac(&Purpose::Credential, &context("keyward/password/1", principal, stretched))?)
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{OneKey, Seeded, ada, eve};
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new("password", text.to_owned())
    }

    const LONG: &str = "nine violet herons argue";

    #[test]
    fn the_right_password_of_the_right_person_matches() {
        let hash = PasswordHash::of(&secret(LONG), &ada(), &OneKey(1), &Seeded(1)).unwrap();
        assert!(hash.matches(&secret(LONG), &ada(), &OneKey(1)).unwrap());
        assert!(!hash.matches(&secret("nine violet herons argue "), &ada(), &OneKey(1)).unwrap());
        assert!(!hash.matches(&secret(LONG), &eve(), &OneKey(1)).unwrap(), "another person's record");
        assert!(!hash.matches(&secret(LONG), &ada(), &OneKey(2)).unwrap(), "without the vault's key");
    }

    #[test]
    fn the_store_holds_a_phc_string_that_says_it_is_keyed_and_argon2_alone_does_not_verify() {
        use argon2::PasswordVerifier;
        let hash = PasswordHash::of(&secret(LONG), &ada(), &OneKey(1), &Seeded(1)).unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1,keyid="), "{}", hash.0);
        let phc = Phc::new(&hash.0).unwrap();
        assert!(Argon2::default().verify_password(LONG.as_bytes(), &phc).is_err());
        assert!(!hash.is_dated());
        assert!(PasswordHash(hash.0.replace("m=19456", "m=9216")).is_dated());
    }

    #[test]
    fn composed_and_decomposed_letters_are_one_password() {
        let hash = PasswordHash::of(&secret("zwölf Füchse jagen Käse"), &ada(), &OneKey(1), &Seeded(1)).unwrap();
        let decomposed: String = "zwölf Füchse jagen Käse".nfd().collect();
        assert!(hash.matches(&secret(&decomposed), &ada(), &OneKey(1)).unwrap());
    }

    #[test]
    fn nobodys_password_costs_the_same_and_is_none() {
        let (nobodys, hers) =
            (PasswordHash::nobodys(), PasswordHash::of(&secret(LONG), &ada(), &OneKey(1), &Seeded(1)).unwrap());
        let costs = |hash: &PasswordHash| hash.0.split('$').nth(3).unwrap().to_owned();
        assert_eq!(costs(&nobodys), costs(&hers));
        for text in ["", LONG, "admin"] {
            assert!(!nobodys.matches(&secret(text), &ada(), &OneKey(1)).unwrap());
        }
    }

    #[test]
    fn a_hash_prints_nothing() {
        assert_eq!(format!("{:?}", PasswordHash::nobodys()), "PasswordHash(…)");
    }
}
