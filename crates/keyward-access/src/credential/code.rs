//! Codes that people type: consonants without look-alikes, which form no words (RFC 8628, 6.1).

use std::fmt;
use std::str::FromStr;

use keyward_types::{KeyError, Keys, PrincipalId, Purpose, Random, RandomError, Secret};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{CredentialError, context};

/// A code of `N` letters, in groups of four: 4.3 bits a letter. Reading it forgives case, spaces
/// and hyphens; there is one canonical form, and that is what is compared.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedCode<const N: usize>(Zeroizing<[u8; N]>);

/// For the day when the authenticator is gone: 69 bits, each usable once.
pub type RecoveryCode = TypedCode<16>;
/// What a person types to let a device in: 34 bits, for ten minutes.
pub type UserCode = TypedCode<8>;

/// A typed code as the store keeps it: HMAC-SHA256 under a key of the vault.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeHash(#[serde(with = "hex")] [u8; 32]);

const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

impl<const N: usize> TypedCode<N> {
    /// A fresh code.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        let mut letters = Zeroizing::new([0; N]);
        let mut filled = 0;
        while filled < N {
            let mut bytes = Zeroizing::new([0u8; 32]);
            random.fill(&mut *bytes)?;
            // 240 = 12 × 20: a larger byte would favour the first letters.
            for byte in bytes.iter().filter(|byte| **byte < 240).take(N - filled) {
                letters[filled] = ALPHABET[usize::from(byte % 20)];
                filled += 1;
            }
        }
        Ok(Self(letters))
    }

    /// The text to be shown.
    pub fn text(&self) -> Secret<String> {
        let groups: Vec<&str> =
            self.0.chunks(4).map(|group| std::str::from_utf8(group).expect("the alphabet is ASCII")).collect();
        Secret::new("code", groups.join("-"))
    }

    /// The hash of a code that anybody may have.
    ///
    /// # Errors
    /// When there is no key.
    pub fn hash(&self, keys: &dyn Keys) -> Result<CodeHash, KeyError> {
        let message = [b"keyward/code/1\0", &self.0[..]].concat();
        keys.mac(&Purpose::Credential, &message).map(CodeHash)
    }

    /// The hash of a code that is this person's alone.
    ///
    /// # Errors
    /// When there is no key.
    pub fn hash_for(&self, principal: &PrincipalId, keys: &dyn Keys) -> Result<CodeHash, KeyError> {
        keys.mac(&Purpose::Credential, &context("keyward/recovery/1", principal, &self.0[..])).map(CodeHash)
    }
}

impl<const N: usize> FromStr for TypedCode<N> {
    type Err = CredentialError;
    fn from_str(text: &str) -> Result<Self, CredentialError> {
        let mut letters = Zeroizing::new([0; N]);
        let mut filled = 0;
        for byte in text.bytes().filter(|byte| !matches!(byte, b'-' | b' ')).map(|byte| byte.to_ascii_uppercase()) {
            if filled == N || !ALPHABET.contains(&byte) {
                return Err(CredentialError::Code);
            }
            letters[filled] = byte;
            filled += 1;
        }
        if filled == N { Ok(Self(letters)) } else { Err(CredentialError::Code) }
    }
}

impl CodeHash {
    /// Whether a presented code's hash is this one, in constant time.
    pub fn matches(&self, presented: &Self) -> bool {
        self.0.ct_eq(&presented.0).into()
    }

    /// The bytes, to be found by.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

mod hex {
    use data_encoding::HEXLOWER;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&HEXLOWER.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(D::Error::custom)?;
        bytes.try_into().map_err(|_| D::Error::custom("a hash has 32 bytes"))
    }
}

impl<const N: usize> fmt::Debug for TypedCode<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedCode(…)")
    }
}

impl fmt::Debug for CodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{OneKey, Seeded, ada, eve};
    use super::*;

    #[test]
    fn a_code_survives_being_typed() {
        let code = RecoveryCode::generate(&Seeded(5)).unwrap();
        let text = code.text();
        assert_eq!(text.expose().len(), 19);
        for typed in [
            text.expose().clone(),
            text.expose().to_lowercase(),
            text.expose().replace('-', " "),
            text.expose().replace('-', ""),
        ] {
            assert_eq!(typed.parse::<RecoveryCode>().unwrap(), code);
        }
        for wrong in ["", "BCDF", "BCDF-GHJK-LMNP-QRSA", "BCDF-GHJK-LMNP-QRST-V", "BCDF-GHJK-LMNP-QRS0"] {
            assert!(wrong.parse::<RecoveryCode>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn spellings_of_a_code_are_one_code_and_persons_are_not() {
        let code: RecoveryCode = "BCDF-GHJK-LMNP-QRST".parse().unwrap();
        let typed: RecoveryCode = "bcdf ghjk lmnp qrst".parse().unwrap();
        let hash = |code: &RecoveryCode, who: &PrincipalId, key| code.hash_for(who, &OneKey(key)).unwrap();
        assert!(hash(&code, &ada(), 1).matches(&hash(&typed, &ada(), 1)));
        assert!(!hash(&code, &ada(), 1).matches(&hash(&code, &eve(), 1)));
        assert!(!hash(&code, &ada(), 1).matches(&hash(&code, &ada(), 2)));
    }

    #[test]
    fn letters_are_drawn_evenly() {
        let mut counts = [0u32; 20];
        for seed in 0..500 {
            let code = RecoveryCode::generate(&Seeded(seed)).unwrap();
            code.0.iter().for_each(|c| counts[ALPHABET.iter().position(|a| a == c).unwrap()] += 1);
        }
        // 8,000 letters, 400 expected of each, standard deviation 19.5.
        assert!(counts.iter().all(|count| (300..500).contains(count)), "{counts:?}");
    }
}
