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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_that_cannot_be_believed_are_left_out() {
        let bytes = |n: usize| data_encoding::BASE64URL_NOPAD.encode(&vec![0xff; n]);
        let rsa = |n: usize| json!({ "kty": "RSA", "n": bytes(n), "e": "AQAB", "kid": "r" });
        let ec = json!({ "kty": "EC", "crv": "P-256", "x": bytes(32), "y": bytes(32) });
        let with = |key: &Value, name: &str, value: Value| {
            let mut key = key.clone();
            key[name] = value;
            key
        };
        let count = |keys: &[Value]| KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap().len();
        assert_eq!(
            count(&[rsa(256), rsa(512), ec.clone(), json!({ "kty": "OKP", "crv": "Ed25519", "x": bytes(32) })]),
            4
        );
        for key in [
            rsa(128),
            rsa(2048),
            with(&rsa(256), "alg", json!("RS512")),
            with(&rsa(256), "use", json!("enc")),
            with(&rsa(256), "d", json!("AQAB")),
            with(&ec, "crv", json!("P-384")),
            json!({ "kty": "oct", "k": bytes(32) }),
            json!({ "kty": "OKP", "crv": "X25519", "x": bytes(32) }),
            json!("nothing"),
            json!({}),
        ] {
            assert_eq!(count(std::slice::from_ref(&key)), 0, "{key}");
        }
        assert_eq!(count(&vec![rsa(256); 100]), MOST);
        for text in ["", "[]", "{}", r#"{"keys":1}"#] {
            assert!(KeySet::parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}
