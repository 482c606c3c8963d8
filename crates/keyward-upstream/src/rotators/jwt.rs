//! Assertions that an account signs with its RSA key, to be given a token for them (RFC 7523).

use data_encoding::BASE64URL_NOPAD;
use keyward_types::Secret;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs1KeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// A token with these claims, signed with RS256; `None`: the text is no RSA key as PEM, of PKCS #8 or
/// of PKCS #1.
pub(super) fn rs256(pem: &Secret<String>, claims: &Value) -> Option<Zeroizing<String>> {
    let part = |json: &Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    let text = format!("{}.{}", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(claims));
    let key = pair(pem.expose().as_bytes())?;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).ok()?;
    Some(Zeroizing::new(format!("{text}.{}", BASE64URL_NOPAD.encode(&signature))))
}

fn pair(pem: &[u8]) -> Option<RsaKeyPair> {
    if let Ok(der) = PrivatePkcs8KeyDer::from_pem_slice(pem) {
        return RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok();
    }
    let der = PrivatePkcs1KeyDer::from_pem_slice(pem).ok()?;
    RsaKeyPair::from_der(der.secret_pkcs1_der()).ok()
}
