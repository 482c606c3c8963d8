use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::Signer as _;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A key of a provider, which signs what it is told to.
pub struct Signer {
    kid: String,
    key: Key,
}

enum Key {
    Es256(p256::ecdsa::SigningKey),
    EdDsa(ed25519_dalek::SigningKey),
}

impl Signer {
    /// A key for ES256, the same for each name.
    ///
    /// # Panics
    /// For a name whose hash is no key, which none has.
    pub fn es256(kid: &str) -> Self {
        let bytes = Sha256::digest(kid.as_bytes());
        let key = p256::ecdsa::SigningKey::from_slice(&bytes).expect("a hash is a key but for one in 2^128");
        Self { kid: kid.to_owned(), key: Key::Es256(key) }
    }

    /// A key for EdDSA, the same for each name.
    pub fn ed25519(kid: &str) -> Self {
        let bytes: [u8; 32] = Sha256::digest(kid.as_bytes()).into();
        Self { kid: kid.to_owned(), key: Key::EdDsa(ed25519_dalek::SigningKey::from_bytes(&bytes)) }
    }

    /// The same key under another name.
    #[must_use]
    pub fn called(self, kid: &str) -> Self {
        Self { kid: kid.to_owned(), ..self }
    }

    /// The public key, as a provider shows it.
    ///
    /// # Panics
    /// Never: a point on the curve has two coordinates.
    pub fn jwk(&self) -> Value {
        match &self.key {
            Key::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let x = BASE64URL_NOPAD.encode(point.x().expect("not the point at infinity"));
                let y = BASE64URL_NOPAD.encode(point.y().expect("not compressed"));
                json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid, "x": x, "y": y })
            }
            Key::EdDsa(key) => {
                let x = BASE64URL_NOPAD.encode(key.verifying_key().as_bytes());
                json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": x })
            }
        }
    }

    /// Signs claims.
    pub fn sign(&self, claims: &Value) -> String {
        let algorithm = match self.key {
            Key::Es256(_) => "ES256",
            Key::EdDsa(_) => "EdDSA",
        };
        self.sign_under(&json!({ "alg": algorithm, "typ": "JWT", "kid": self.kid }), claims)
    }

    /// Signs claims under whatever header.
    pub fn sign_under(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature: Vec<u8> = match &self.key {
            Key::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message.as_bytes());
                signature.to_bytes().to_vec()
            }
            Key::EdDsa(key) => key.sign(message.as_bytes()).to_bytes().to_vec(),
        };
        format!("{message}.{}", BASE64URL_NOPAD.encode(&signature))
    }

    /// What `at_hash` is of an access token.
    pub fn at_hash(&self, access_token: &str) -> String {
        // ES256's half of SHA-256; what EdDSA takes nobody has agreed on.
        BASE64URL_NOPAD.encode(&Sha256::digest(access_token.as_bytes())[..16])
    }
}

/// Claims that nobody signed.
pub fn unsigned(claims: &Value) -> String {
    format!("{}.", message(&json!({ "alg": "none", "typ": "JWT" }), claims))
}

/// Claims under a secret, as if it were a key.
///
/// # Panics
/// Never: HMAC takes keys of every length.
pub fn hs256(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let message = message(header, claims);
    let mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of every length");
    let tag = mac.chain_update(message.as_bytes()).finalize().into_bytes();
    format!("{message}.{}", BASE64URL_NOPAD.encode(&tag))
}

fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}
