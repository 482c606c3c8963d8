//! What proves who somebody is: a password, an authenticator's codes, recovery codes.
//!
//! What holds here:
//!
//! - **A stolen store gives nothing to guess at.** Hashes are keyed under the vault, the
//!   authenticator's secret is sealed under it, and both are bound to the person.
//! - **Each code serves once.** What is used up is part of the answer; it counts once that answer
//!   is durable in the place of the record that was asked.
//! - **Nobody's password takes as long as anybody's**, on the same path through the code.

mod code;
mod password;
mod strength;
mod totp;

use keyward_types::{KeyError, Keys, PrincipalId, Random, RandomError, Record, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use thiserror::Error;

pub use code::{CodeHash, RecoveryCode, TypedCode, UserCode};
pub use password::PasswordHash;
pub use strength::{Password, WeakPassword};
pub use totp::{Totp, TotpCode, TotpSecret};

/// What one person can prove himself by, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountCredential {
    /// Whose.
    pub principal: PrincipalId,
    /// His password; `None` until he has chosen one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordHash>,
    /// His authenticator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Totp>,
    /// An authenticator whose first code has not come yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Totp>,
    /// Recovery codes that were not used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recovery: Vec<CodeHash>,
    /// When the password was last chosen.
    pub changed_at: Timestamp,
}

/// What comes beside a password: an authenticator's code or, when that is gone, a recovery code.
#[derive(Clone, Debug)]
pub enum SecondFactor {
    /// Six digits.
    Totp(TotpCode),
    /// Sixteen letters.
    Recovery(RecoveryCode),
}

/// What came of a check.
#[derive(Debug, PartialEq)]
pub enum Checked {
    /// No account, no password, another password, or a wrong or used code: not told apart.
    Wrong,
    /// The password is right, and a code is needed beside it.
    NeedsSecondFactor,
    /// It is this person.
    Right {
        /// The record with the code used up, to be made durable before anything is given for it;
        /// `None` when there is nothing to use up.
        left: Option<Box<AccountCredential>>,
        /// Whether there was a second factor.
        second_factor: bool,
    },
}

/// A credential cannot be worked with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// A code of neither form.
    #[error("a code has six digits, and a recovery code sixteen letters")]
    Code,
    /// A record that this version did not write.
    #[error("the record of a credential is not well formed")]
    Damaged,
    /// A key refused.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;

impl AccountCredential {
    /// Of somebody who has proved nothing yet.
    pub fn new(principal: PrincipalId, now: Timestamp) -> Self {
        Self { principal, password: None, totp: None, pending: None, recovery: Vec::new(), changed_at: now }
    }

    /// Checks a password and what came beside it. Without a record, the same is done against
    /// nobody's.
    ///
    /// # Errors
    /// When there is no key, or the record is damaged.
    pub fn check(
        known: Option<&Self>,
        password: &Secret<String>,
        second: Option<&SecondFactor>,
        keys: &dyn Keys,
        now: Timestamp,
    ) -> Result<Checked, CredentialError> {
        let nobody = Self::new(PrincipalId::system("nobody"), now);
        let record = known.unwrap_or(&nobody);
        let hash = record.password.clone().unwrap_or_else(PasswordHash::nobodys);
        let right = hash.matches(password, &record.principal, keys)?;
        // Looked at whatever the password is, so that neither is told by the time.
        let left = second.map(|second| record.used(second, keys, now)).transpose()?.flatten();
        Ok(if right { record.judged(second.is_some(), left) } else { Checked::Wrong })
    }

    /// Checks what comes beside something else than a password: a link.
    ///
    /// # Errors
    /// When there is no key, or the record is damaged.
    pub fn check_second(
        &self,
        second: Option<&SecondFactor>,
        keys: &dyn Keys,
        now: Timestamp,
    ) -> Result<Checked, CredentialError> {
        let left = second.map(|second| self.used(second, keys, now)).transpose()?.flatten();
        Ok(self.judged(second.is_some(), left))
    }

    /// What is to be said of a second factor, `left` being the record with its code used up.
    fn judged(&self, shown: bool, left: Option<Self>) -> Checked {
        match (self.totp.is_some(), shown, left) {
            (false, ..) => Checked::Right { left: None, second_factor: false },
            (true, false, _) => Checked::NeedsSecondFactor,
            (true, true, None) => Checked::Wrong,
            (true, true, Some(left)) => Checked::Right { left: Some(Box::new(left)), second_factor: true },
        }
    }

    /// The record with this code used up; `None` when it is wrong or was used.
    fn used(&self, second: &SecondFactor, keys: &dyn Keys, now: Timestamp) -> Result<Option<Self>, CredentialError> {
        match second {
            SecondFactor::Totp(code) => {
                let Some(totp) = &self.totp else { return Ok(None) };
                let used = totp.used(*code, &self.principal, keys, now)?;
                Ok(used.map(|totp| Self { totp: Some(totp), ..self.clone() }))
            }
            SecondFactor::Recovery(code) => {
                let presented = code.hash_for(&self.principal, keys)?;
                let recovery: Vec<_> = self.recovery.iter().filter(|hash| !hash.matches(&presented)).cloned().collect();
                let found = recovery.len() < self.recovery.len();
                Ok(found.then(|| Self { recovery, ..self.clone() }))
            }
        }
    }

    /// The record with a new password. An authenticator stays.
    ///
    /// # Errors
    /// When there is no key or no randomness.
    pub fn with_password(
        &self,
        password: &Password,
        keys: &dyn Keys,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<Self, CredentialError> {
        let hash = PasswordHash::of(password.text(), &self.principal, keys, random)?;
        Ok(Self { password: Some(hash), changed_at: now, ..self.clone() })
    }

    /// The record with the same password, which was just checked, hashed at today's cost; `None`
    /// when it is already.
    ///
    /// # Errors
    /// When there is no key or no randomness.
    pub fn renewed(
        &self,
        password: &Secret<String>,
        keys: &dyn Keys,
        random: &dyn Random,
    ) -> Result<Option<Self>, CredentialError> {
        if !self.password.as_ref().is_some_and(PasswordHash::is_dated) {
            return Ok(None);
        }
        let hash = PasswordHash::of(password, &self.principal, keys, random)?;
        Ok(Some(Self { password: Some(hash), ..self.clone() }))
    }

    /// The record with an authenticator that waits for its first code.
    ///
    /// # Errors
    /// When there is no key or no randomness.
    pub fn with_pending(&self, secret: &TotpSecret, keys: &dyn Keys, now: Timestamp) -> Result<Self, CredentialError> {
        let pending = Some(Totp::enrolled(secret, &self.principal, keys, now)?);
        Ok(Self { pending, ..self.clone() })
    }

    /// The record with the waiting authenticator in force, if this is its code, and fresh recovery
    /// codes, to be shown once.
    ///
    /// # Errors
    /// When there is no key or no randomness.
    pub fn confirmed(
        &self,
        code: TotpCode,
        keys: &dyn Keys,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<Option<(Self, Vec<RecoveryCode>)>, CredentialError> {
        let Some(pending) = &self.pending else { return Ok(None) };
        let Some(totp) = pending.used(code, &self.principal, keys, now)? else { return Ok(None) };
        let (renewed, codes) = self.with_recovery_codes(keys, random)?;
        Ok(Some((Self { totp: Some(totp), pending: None, ..renewed }, codes)))
    }

    /// The record with fresh recovery codes; the old ones are dead.
    ///
    /// # Errors
    /// When there is no key or no randomness.
    pub fn with_recovery_codes(
        &self,
        keys: &dyn Keys,
        random: &dyn Random,
    ) -> Result<(Self, Vec<RecoveryCode>), CredentialError> {
        let codes = (0..RECOVERY_CODES).map(|_| RecoveryCode::generate(random)).collect::<Result<Vec<_>, _>>()?;
        let hashes = codes.iter().map(|code| code.hash_for(&self.principal, keys));
        let recovery = hashes.collect::<Result<_, _>>()?;
        Ok((Self { recovery, ..self.clone() }, codes))
    }

    /// The record without authenticator and recovery codes.
    pub fn without_second_factor(&self) -> Self {
        Self { totp: None, pending: None, recovery: Vec::new(), ..self.clone() }
    }
}

impl FromStr for SecondFactor {
    type Err = CredentialError;
    fn from_str(text: &str) -> Result<Self, CredentialError> {
        text.parse().map(Self::Totp).or_else(|_| text.parse().map(Self::Recovery))
    }
}

impl Record for AccountCredential {
    const COLLECTION: &'static str = "credential";

    fn key(&self) -> Vec<u8> {
        self.principal.as_str().as_bytes().to_vec()
    }
}

/// A versioned context, the person and what it is about, each behind its length.
fn context(label: &str, principal: &PrincipalId, rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(label.len() + principal.as_str().len() + rest.len() + 16);
    for part in [label.as_bytes(), principal.as_str().as_bytes(), rest] {
        out.extend_from_slice(&(part.len() as u64).to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
