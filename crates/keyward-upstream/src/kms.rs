//! AWS KMS: a few bytes wrapped and unwrapped under a key that never leaves it.
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html>,
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>

use std::time::Duration;

use data_encoding::BASE64;
use keyward_sign::sigv4::AccessKey;
use keyward_types::Clock;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::aws::{AwsService, aws_code, aws_fault, bytes_of};
use crate::{Answer, Fault, Http, Refusal};

/// The KMS of one region.
pub struct Kms<'a>(AwsService<'a>);

/// What was wrapped.
pub struct Wrapped {
    /// The key's ARN: an alias may lead to another key later.
    pub key: String,
    /// What only that key opens, with the context that it was wrapped with.
    pub bytes: Vec<u8>,
}

/// Somebody waits for his vault to open.
const WITHIN: Duration = Duration::from_secs(10);
/// Most bytes that a symmetric key gives for the 4 KiB that it takes.
const LARGEST: usize = 6144;

impl<'a> Kms<'a> {
    /// The KMS of this region, asked with this access key.
    ///
    /// # Errors
    /// When the region is none.
    pub fn new(http: Http, clock: &'a dyn Clock, key: AccessKey, region: &str) -> Result<Self, Fault> {
        AwsService::new(http.at_most(WITHIN), clock, key, region, ("kms", "TrentService")).map(Self)
    }

    /// Wraps bytes under a key, which is named by id, alias or ARN. The context is not secret; without
    /// the same one nothing is unwrapped.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn encrypt(&self, key: &str, context: &[(&str, String)], plain: &[u8]) -> Result<Wrapped, Fault> {
        let plain = Zeroizing::new(BASE64.encode(plain));
        let body = json!({ "KeyId": key, "Plaintext": plain.as_str(), "EncryptionContext": object(context) });
        let answer = self.asked("Encrypt", body)?;
        let odd = || Fault::nonsense("no ciphertext, or one without its key's ARN");
        let bytes = bytes_of(&answer.0, "CiphertextBlob").ok_or_else(odd)?;
        let key = answer.0.get("KeyId").and_then(Value::as_str).filter(|key| is_arn(key)).ok_or_else(odd)?;
        match bytes.len() {
            1..=LARGEST => Ok(Wrapped { key: key.to_owned(), bytes: bytes.to_vec() }),
            _ => Err(odd()),
        }
    }

    /// Unwraps what this key has wrapped with this context.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn decrypt(&self, key: &str, context: &[(&str, String)], bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let body =
            json!({ "KeyId": key, "CiphertextBlob": BASE64.encode(bytes), "EncryptionContext": object(context) });
        let answer = self.asked("Decrypt", body)?;
        bytes_of(&answer.0, "Plaintext").ok_or_else(|| Fault::nonsense("nothing that was unwrapped"))
    }

    /// Neither call changes anything, so that it does not matter whether it arrived.
    fn asked(&self, action: &str, body: Value) -> Result<Wiped, Fault> {
        let body = Wiped(body);
        let answer = self.0.call(action, &body.0, true)?;
        if answer.is_good() { answer.json().map(Wiped) } else { Err(refusal(&answer, action)) }
    }
}

/// JSON whose texts are wiped.
struct Wiped(Value);

impl Drop for Wiped {
    fn drop(&mut self) {
        if let Some(Value::String(text)) = self.0.get_mut("Plaintext") {
            zeroize::Zeroize::zeroize(text);
        }
    }
}

fn object(context: &[(&str, String)]) -> Map<String, Value> {
    context.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect()
}

fn is_arn(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'/' | b'_' | b'-');
    text.starts_with("arn:") && text.len() <= 2048 && text.bytes().all(fits)
}

fn refusal(answer: &Answer, action: &str) -> Fault {
    let code = aws_code(answer);
    if let Some(fault) = aws_fault(&code, action) {
        return fault;
    }
    let (what, why) = match code.as_str() {
        "NotFoundException" => (Refusal::Missing, "there is no such key in this region, or not for this account"),
        "IncorrectKeyException" => (Refusal::Input, "another key has wrapped it"),
        "InvalidCiphertextException" => {
            (Refusal::Input, "it was wrapped by another key or for another vault, or was altered")
        }
        "DisabledException" => (Refusal::Busy, "the key is disabled"),
        "KMSInvalidStateException" => {
            (Refusal::Busy, "the key is in no state to be used, such as scheduled for deletion")
        }
        "InvalidKeyUsageException" => (Refusal::Input, "the key is none for encryption"),
        "KeyUnavailableException" | "DependencyTimeoutException" | "KMSInternalException" => {
            return Fault::Unreachable(format!("AWS KMS answers `{code}`"));
        }
        "" => return answer.refusal(),
        _ => (Refusal::Input, "it does not take the call"),
    };
    let code = if code.is_empty() { answer.status.to_string() } else { code };
    Fault::refused(what, format!("{why} (`{code}` to {action})"))
}
