use std::collections::BTreeMap;
use std::sync::OnceLock;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use keyward_types::Clock as _;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::LineEnding;
use rsa::rand_core::OsRng;
use rsa::{Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Reply, Request, SHA256, Service, drawn};
use crate::rotators::Now;

/// GitHub as an app sees it: one installation, and its tokens. As @octokit/openapi-types 29 has it: an
/// assertion that the app signed is taken for ten minutes at most, a token is for some of the
/// repositories and permissions of the installation, and nobody lists tokens.
pub struct GitHubApp {
    key: RsaPublicKey,
    permissions: BTreeMap<String, String>,
    repositories: Vec<String>,
    tokens: Vec<Token>,
    /// Whether the owner has suspended the installation.
    pub suspended: bool,
    /// Whether tokens may more than was asked for.
    pub generous: bool,
}

struct Token {
    value: String,
    may: String,
}

impl GitHubApp {
    /// The app's client id.
    pub const APP: &'static str = "Iv23liAAAAAAAAAAAAAA";
    /// The installation's number.
    pub const INSTALLATION: &'static str = "4242";

    /// With one token that may read the repository `shop`; gives the app's private key and the token.
    ///
    /// # Panics
    /// When this machine has no randomness.
    pub fn new() -> (Self, String, String) {
        static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
        let key = KEY.get_or_init(|| RsaPrivateKey::new(&mut OsRng, 2048).expect("a key can be made"));
        let may = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned())).collect()
        };
        let mut double = Self {
            key: key.to_public_key(),
            permissions: may(&[("contents", "write"), ("issues", "read"), ("metadata", "read")]),
            repositories: vec!["shop".into(), "blog".into()],
            tokens: Vec::new(),
            suspended: false,
            generous: false,
        };
        let first = double.make(&json!({ "contents": "read", "metadata": "read" }), &json!(["shop"]));
        (double, key.to_pkcs1_pem(LineEnding::LF).expect("it can be written").to_string(), first)
    }

    /// Tokens that work, by a part of their hash, as keyward calls them.
    pub fn live(&self) -> Vec<String> {
        self.tokens.iter().map(|token| name(&token.value)).collect()
    }

    /// What a token may.
    pub fn may(&self, id: &str) -> Option<String> {
        self.tokens.iter().find(|token| name(&token.value) == id).map(|token| token.may.clone())
    }

    fn make(&mut self, permissions: &Value, repositories: &Value) -> String {
        let value = format!("{}{}", "ghs_", drawn(36));
        self.tokens.push(Token { value: value.clone(), may: format!("{permissions} in {repositories}") });
        value
    }

    fn is_from_the_app(&self, request: &Request) -> bool {
        let parts = request.bearer().and_then(|text| text.rsplit_once('.'));
        parts.is_some_and(|(text, signature)| {
            let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap_or_default();
            let claims = text.split('.').nth(1).and_then(|part| BASE64URL_NOPAD.decode(part.as_bytes()).ok());
            let claims: Value = serde_json::from_slice(&claims.unwrap_or_default()).unwrap_or_default();
            let padding = Pkcs1v15Sign { hash_len: Some(32), prefix: SHA256.into() };
            let signed = self.key.verify(padding, &Sha256::digest(text.as_bytes()), &signature).is_ok();
            let (now, at) = (Now.now().0 / 1000, |name: &str| claims[name].as_i64().unwrap_or_default());
            signed && claims["iss"] == Self::APP && at("iat") <= now && at("exp") > now && at("exp") - now <= 600
        })
    }

    fn mint(&mut self, request: &Request) -> Reply {
        let body = request.json();
        let rank = |level: &str| ["read", "write", "admin"].iter().position(|known| *known == level);
        let mut may = body["permissions"].as_object().cloned().unwrap_or_default();
        if may.is_empty() || self.generous {
            may = self.permissions.iter().map(|(name, level)| (name.clone(), json!(level))).collect();
        }
        let fits = may.iter().all(|(name, level)| {
            let most = self.permissions.get(name).and_then(|level| rank(level));
            most.is_some_and(|most| level.as_str().and_then(rank).is_some_and(|level| level <= most))
        });
        let repositories = match &body["repositories"] {
            Value::Null => json!(self.repositories),
            named => named.clone(),
        };
        let known = |one: &Value| one.as_str().is_some_and(|one| self.repositories.iter().any(|name| name == one));
        if !fits || !repositories.as_array().is_some_and(|all| all.iter().all(known)) {
            return message(422, "There is at least one repository or permission that is not of this installation.");
        }
        may.insert("metadata".into(), json!("read"));
        let may = Value::Object(may);
        let token = self.make(&may, &repositories);
        Reply::json(201, &json!({ "token": token, "expires_at": "2026-11-26T23:59:59Z", "permissions": may }))
    }
}

impl Service for GitHubApp {
    const HOSTS: &'static [&'static str] = &["api.github.com"];

    fn answer(&mut self, request: &Request) -> Reply {
        let (method, path) = request.route();
        match (method, path.as_slice()) {
            (_, ["app", ..]) if !self.is_from_the_app(request) => message(401, "A JSON web token could not be decoded"),
            ("GET", ["app", "installations", Self::INSTALLATION]) => {
                let suspended = self.suspended.then_some("2026-11-26T00:00:00Z");
                Reply::json(
                    200,
                    &json!({ "id": 4242, "permissions": self.permissions, "suspended_at": suspended,
                    "repository_selection": "selected" }),
                )
            }
            ("POST", ["app", "installations", Self::INSTALLATION, "access_tokens"]) => self.mint(request),
            (method, ["installation", rest @ ..]) => {
                let value = request.bearer().unwrap_or_default();
                let Some(at) = self.tokens.iter().position(|token| token.value == value) else {
                    return message(401, "Bad credentials");
                };
                match (method, rest) {
                    ("GET", ["repositories"]) => Reply::json(200, &json!({ "total_count": 1, "repositories": [{}] })),
                    ("DELETE", ["token"]) => {
                        self.tokens.remove(at);
                        Reply::text(204, "")
                    }
                    _ => message(404, "Not Found"),
                }
            }
            _ => message(404, "Not Found"),
        }
    }
}

fn name(value: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(value.as_bytes())[..8])
}

fn message(status: u16, text: &str) -> Reply {
    Reply::json(status, &json!({ "message": text, "status": status.to_string() }))
}
