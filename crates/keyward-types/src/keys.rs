use thiserror::Error;

use crate::PrincipalId;

/// What a key of the vault is for. Project keys are not among them: values are the vault's alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Keyed hashes of values.
    Fingerprint,
    /// Hashes of tokens.
    Token,
    /// Sealed keys by which narrowed virtual keys are known.
    Attenuation,
    /// Hashes of passwords and codes, and sealed second factors.
    Credential,
    /// Sealed credentials of alert sinks.
    Alert,
    /// Sealed secrets that OpenID providers know us by, and sign-ins that are under way there.
    Provider,
    /// Sealed answers to requests that may be asked again.
    Answer,
    /// MACs of records.
    HeadMac,
    /// Signatures of log checkpoints.
    LogSign,
    /// Private parts of log entries about one principal.
    Subject(PrincipalId),
}

/// Applies the vault's keys without handing them out. The vault implements it; rooms that need a
/// MAC or a signature take it.
pub trait Keys: Send + Sync {
    /// HMAC-SHA256 of `message` under the key for `purpose`.
    ///
    /// # Errors
    /// When there is no such key.
    fn mac(&self, purpose: &Purpose, message: &[u8]) -> Result<[u8; 32], KeyError>;

    /// Ed25519 signature of `message` under the key for `purpose`.
    ///
    /// # Errors
    /// When there is no such key or it does not sign.
    fn sign(&self, purpose: &Purpose, message: &[u8]) -> Result<[u8; 64], KeyError>;

    /// Encrypts `plaintext`, bound to `context`.
    ///
    /// # Errors
    /// When there is no such key or no randomness.
    fn seal(&self, purpose: &Purpose, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, KeyError>;

    /// Decrypts what [`Keys::seal`] made for the same purpose and context.
    ///
    /// # Errors
    /// When there is no such key, or the bytes or the context are not what was sealed.
    fn unseal(&self, purpose: &Purpose, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError>;
}

/// A key could not be applied.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no such key, or it was erased.
    #[error("there is no key for this purpose")]
    Missing,
    /// The key exists and does not do this.
    #[error("the key is not for this use")]
    WrongUse,
    /// What was to be opened is not what was sealed.
    #[error("the sealed bytes do not open: they were altered or belong elsewhere")]
    Refused,
    /// No randomness.
    #[error("the operating system gave no randomness")]
    Random,
}
