use openidconnect::core::CoreJsonWebKey;
use serde_json::Value;

/// The public keys of a provider that can be believed (RFC 7517).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeySet(Vec<CoreJsonWebKey>);

/// Most keys that are looked at.
const MOST: usize = 64;
/// An RSA key that counts has at least 2048 bits, and no more than 8192 are worked with.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

impl KeySet {
    /// Reads a set as its provider gives it. Keys for something else, of another sort or too weak
    /// are left out; `None` for what is no set of keys.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let set: Value = serde_json::from_slice(bytes).ok()?;
        let keys = set.get("keys")?.as_array()?.iter().filter(|key| counts(key)).take(MOST);
        Some(Self(keys.filter_map(|key| serde_json::from_value(key.clone()).ok()).collect()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn keys(&self) -> &[CoreJsonWebKey] {
        &self.0
    }
}

fn counts(key: &Value) -> bool {
    let is = |name: &str, word: &str| key.get(name).is_none_or(|said| said == word);
    let algorithm =
        key.get("alg").is_none_or(|alg| ["RS256", "PS256", "ES256", "EdDSA"].iter().any(|ours| alg == ours));
    let sort = match key.get("kty").and_then(Value::as_str) {
        Some("RSA") => key.get("n").and_then(Value::as_str).is_some_and(is_strong),
        Some("EC") => key.get("crv").is_some_and(|curve| curve == "P-256"),
        Some("OKP") => key.get("crv").is_some_and(|curve| curve == "Ed25519"),
        _ => false,
    };
    // A private key in public is nobody's any more.
    sort && algorithm && is("use", "sig") && key.get("d").is_none()
}

fn is_strong(modulus: &str) -> bool {
    let bytes = data_encoding::BASE64URL_NOPAD.decode(modulus.trim_end_matches('=').as_bytes()).unwrap_or_default();
    RSA_BYTES.contains(&bytes.iter().skip_while(|byte| **byte == 0).count())
}
