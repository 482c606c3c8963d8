//! One-time codes by time (RFC 6238): SHA-1, 30 seconds, six digits, as every authenticator app
//! computes them.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE32_NOPAD, BASE64};
use hmac::{Hmac, KeyInit, Mac};
use keyward_types::{Keys, PrincipalId, Purpose, Random, RandomError, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use super::{CredentialError, context};

/// What an authenticator app and the vault share: 160 bits (RFC 4226, requirement 6).
pub struct TotpSecret(Zeroizing<[u8; 20]>);

/// Six digits, and no other spelling of them: what is written with spaces is not a second code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TotpCode(u32);

/// An authenticator as the store keeps it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totp {
    /// The secret under a key of the vault, bound to the person; base64.
    sealed: String,
    /// The last step whose code was used; codes of it and of earlier ones are dead.
    last_step: u64,
    /// Since when.
    pub since: Timestamp,
}

const STEP_MS: i64 = 30_000;
const CODES: u32 = 1_000_000;

impl TotpSecret {
    /// A fresh secret.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        let mut bytes = Zeroizing::new([0; 20]);
        random.fill(&mut *bytes)?;
        Ok(Self(bytes))
    }

    /// Reads what [`TotpSecret::text`] gives, as an app does.
    ///
    /// # Errors
    /// [`CredentialError::Damaged`] for any other text.
    pub fn parse(text: &str) -> Result<Self, CredentialError> {
        let decoded = BASE32_NOPAD.decode(text.as_bytes()).map_err(|_| CredentialError::Damaged)?;
        Self::from_slice(&Zeroizing::new(decoded))
    }

    fn from_slice(slice: &[u8]) -> Result<Self, CredentialError> {
        let mut bytes = Zeroizing::new([0; 20]);
        if slice.len() != bytes.len() {
            return Err(CredentialError::Damaged);
        }
        bytes.copy_from_slice(slice);
        Ok(Self(bytes))
    }

    /// The text to be typed into an app: base32.
    pub fn text(&self) -> Secret<String> {
        Secret::new("authenticator secret", BASE32_NOPAD.encode(&*self.0))
    }

    /// The same as what a QR code holds (the Key URI format).
    pub fn uri(&self, login: &str) -> Secret<String> {
        let account: String = login.bytes().map(escaped).collect();
        let secret = Zeroizing::new(BASE32_NOPAD.encode(&*self.0));
        let uri = format!(
            "otpauth://totp/keyward:{account}?secret={}&issuer=keyward&algorithm=SHA1&digits=6&period=30",
            *secret
        );
        Secret::new("authenticator secret", uri)
    }

    /// The code of a moment.
    pub fn code_at(&self, now: Timestamp) -> TotpCode {
        self.code(step_of(now))
    }

    /// HOTP (RFC 4226, section 5.3) of a step.
    fn code(&self, step: u64) -> TotpCode {
        let mac = Hmac::<Sha1>::new_from_slice(&*self.0).expect("HMAC takes keys of every length");
        let hash = mac.chain_update(step.to_be_bytes()).finalize().into_bytes();
        let offset = usize::from(hash[19] & 15);
        let word = hash[offset..offset + 4].iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        TotpCode((word & 0x7fff_ffff) % CODES)
    }

    /// The step after `last` whose code this is: the present one, or one beside it, for clocks that
    /// differ. All three are computed and compared.
    fn step(&self, code: TotpCode, now: Timestamp, last: u64) -> Option<u64> {
        let present = step_of(now);
        let mut found = 0;
        for step in [present.saturating_sub(1), present, present + 1] {
            found.conditional_assign(&step, self.code(step).0.ct_eq(&code.0));
        }
        (found > last).then_some(found)
    }
}

impl Totp {
    /// An authenticator that is to be kept.
    ///
    /// # Errors
    /// When there is no key or no randomness.
    pub fn enrolled(
        secret: &TotpSecret,
        principal: &PrincipalId,
        keys: &dyn Keys,
        now: Timestamp,
    ) -> Result<Self, CredentialError> {
        let sealed = keys.seal(&Purpose::Credential, &context("keyward/totp/1", principal, &[]), &*secret.0)?;
        Ok(Self { sealed: BASE64.encode(&sealed), last_step: 0, since: now })
    }

    /// The authenticator with this code used up; `None` when the code is not right, or was used.
    /// The code counts only once the answer is durable in the place of this record.
    ///
    /// # Errors
    /// When there is no key, or the record is another person's.
    pub fn used(
        &self,
        code: TotpCode,
        principal: &PrincipalId,
        keys: &dyn Keys,
        now: Timestamp,
    ) -> Result<Option<Self>, CredentialError> {
        let secret = self.secret(principal, keys)?;
        Ok(secret.step(code, now, self.last_step).map(|last_step| Self { last_step, ..self.clone() }))
    }

    fn secret(&self, principal: &PrincipalId, keys: &dyn Keys) -> Result<TotpSecret, CredentialError> {
        let sealed = BASE64.decode(self.sealed.as_bytes()).map_err(|_| CredentialError::Damaged)?;
        let opened = keys.unseal(&Purpose::Credential, &context("keyward/totp/1", principal, &[]), &sealed)?;
        TotpSecret::from_slice(&Zeroizing::new(opened))
    }
}

fn step_of(now: Timestamp) -> u64 {
    // Before 1970 nothing is right, and step 0 is never after the last one.
    u64::try_from(now.0.div_euclid(STEP_MS)).unwrap_or(0)
}

fn escaped(byte: u8) -> String {
    match byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    }
}

impl FromStr for TotpCode {
    type Err = CredentialError;
    fn from_str(text: &str) -> Result<Self, CredentialError> {
        match text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit()) {
            true => text.parse().map(Self).map_err(|_| CredentialError::Code),
            false => Err(CredentialError::Code),
        }
    }
}

impl TotpCode {
    /// The digits.
    pub fn text(self) -> Secret<String> {
        Secret::new("one-time code", format!("{:06}", self.0))
    }
}

impl fmt::Debug for TotpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpCode(…)")
    }
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Totp(since {})", self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{OneKey, Seeded, ada, eve};
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, SHA-1, the last six of its eight digits.
        let secret = TotpSecret(Zeroizing::new(*b"12345678901234567890"));
        let vectors = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        for (seconds, code) in vectors {
            assert_eq!(secret.code_at(at(seconds)).text().expose(), code);
        }
    }

    #[test]
    fn a_code_is_right_for_its_step_and_the_ones_beside_it() {
        let secret = TotpSecret::generate(&Seeded(3)).unwrap();
        let totp = Totp::enrolled(&secret, &ada(), &OneKey(1), at(0)).unwrap();
        let code = secret.code_at(at(3_000_000));
        for (seconds, right) in [(-60, false), (-30, true), (0, true), (29, true), (30, true), (59, true), (60, false)]
        {
            let used = totp.used(code, &ada(), &OneKey(1), at(3_000_000 + seconds)).unwrap();
            assert_eq!(used.is_some(), right, "{seconds}");
        }
    }

    #[test]
    fn a_used_step_and_every_earlier_one_are_dead() {
        let secret = TotpSecret::generate(&Seeded(3)).unwrap();
        let totp = Totp::enrolled(&secret, &ada(), &OneKey(1), at(0)).unwrap();
        let (earlier, code) = (secret.code_at(at(3_000_000 - 30)), secret.code_at(at(3_000_000)));
        let totp = totp.used(code, &ada(), &OneKey(1), at(3_000_000)).unwrap().unwrap();
        assert!(totp.used(code, &ada(), &OneKey(1), at(3_000_001)).unwrap().is_none());
        assert!(totp.used(earlier, &ada(), &OneKey(1), at(3_000_001)).unwrap().is_none());
        // The clock jumps back: the same step comes again, and its code is still dead.
        assert!(totp.used(code, &ada(), &OneKey(1), at(3_000_000 - 40)).unwrap().is_none());
        let next = secret.code_at(at(3_000_030));
        assert!(totp.used(next, &ada(), &OneKey(1), at(3_000_031)).unwrap().is_some());
    }

    #[test]
    fn lesson_mfa_codes_reused_with_spaces() {
        assert!("123456".parse::<TotpCode>().is_ok());
        for text in ["123 456", " 123456", "123456 ", "0123456", "12345", "+12345", "１２３４５６", "123456\0", ""]
        {
            assert!(text.parse::<TotpCode>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_secret_is_sealed_and_bound_to_its_person() {
        let secret = TotpSecret::generate(&Seeded(3)).unwrap();
        let totp = Totp::enrolled(&secret, &ada(), &OneKey(1), at(0)).unwrap();
        let stored = serde_json::to_string(&totp).unwrap();
        assert!(!stored.contains(secret.text().expose()) && !stored.contains(&BASE64.encode(&*secret.0)));
        let code = secret.code_at(at(90));
        assert!(totp.used(code, &eve(), &OneKey(1), at(90)).is_err(), "put into another's record");
    }

    #[test]
    fn the_uri_is_one_that_apps_read() {
        let secret = TotpSecret(Zeroizing::new([0xff; 20]));
        let uri = secret.uri("ada@example.com");
        let expected = format!(
            "otpauth://totp/keyward:ada%40example.com?secret={}&issuer=keyward&algorithm=SHA1&digits=6&period=30",
            "7".repeat(32)
        );
        assert_eq!(*uri.expose(), expected);
    }
}
