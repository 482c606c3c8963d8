use std::sync::OnceLock;

use data_encoding::BASE64URL_NOPAD;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::rand_core::OsRng;
use rsa::{Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Reply, Request, SHA256, Service, drawn, pairs};

/// Google's API Keys API for one project, and Gemini's `GET /v1beta/models`. As
/// google-cloud-api-keys 0.9.1 has it: creating is an operation, values are read again, deleting is
/// taken back by `:undelete`.
pub struct ApiKeys {
    token: String,
    /// The public key of the service account that gets the token.
    account: Option<RsaPublicKey>,
    project: String,
    keys: Vec<Key>,
    /// How often an operation is asked after before it has ended.
    pub slow: u32,
    operations: Vec<u32>,
}

struct Key {
    id: String,
    display: String,
    value: String,
    restrictions: Value,
    deleted: bool,
}

impl ApiKeys {
    /// With this access token, and one key of the project `shop-1` that only calls from one network
    /// may use; gives both.
    pub fn new() -> (Self, String, String) {
        let token = format!("{}{}", "ya29.", drawn(80));
        let mut double = Self {
            token: token.clone(),
            account: None,
            project: "shop-1".into(),
            keys: Vec::new(),
            slow: 1,
            operations: Vec::new(),
        };
        let restrictions = json!({ "apiTargets": [{ "service": "generativelanguage.googleapis.com" }],
            "serverKeyRestrictions": { "allowedIps": ["192.0.2.0/24"] } });
        let first = double.make("0b1c-old", "made by hand", restrictions);
        (double, token, first)
    }

    /// The same, with a service account that gets the token; gives its key's file in place of it.
    ///
    /// # Panics
    /// When this machine has no randomness.
    pub fn with_service_account() -> (Self, String, String) {
        static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
        let key = KEY.get_or_init(|| RsaPrivateKey::new(&mut OsRng, 2048).expect("a key can be made"));
        let (double, _, first) = Self::new();
        let pem = key.to_pkcs8_pem(LineEnding::LF).expect("it can be written");
        let file = json!({ "type": "service_account", "client_email": "rotator@shop-1.iam.gserviceaccount.com",
            "private_key": *pem, "token_uri": "https://oauth2.googleapis.com/token" });
        (Self { account: Some(key.to_public_key()), ..double }, file.to_string(), first)
    }

    /// `POST /token`: an assertion that the account signed, for the scope that is needed.
    fn grant(&self, request: &Request) -> Reply {
        let form = pairs(&request.body);
        let signed = form.get("assertion").and_then(|text| text.rsplit_once('.'));
        let good = signed.zip(self.account.as_ref()).is_some_and(|((text, signature), key)| {
            let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap_or_default();
            let claims = text.split('.').nth(1).map(|part| BASE64URL_NOPAD.decode(part.as_bytes()).unwrap_or_default());
            let claims: Value = serde_json::from_slice(&claims.unwrap_or_default()).unwrap_or_default();
            let digest = Sha256::digest(text.as_bytes());
            let padding = Pkcs1v15Sign { hash_len: Some(32), prefix: SHA256.into() };
            key.verify(padding, &digest, &signature).is_ok()
                && claims["aud"] == "https://oauth2.googleapis.com/token"
                && claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
        });
        match good {
            true => {
                Reply::json(200, &json!({ "access_token": self.token, "expires_in": 3599, "token_type": "Bearer" }))
            }
            false => Reply::json(400, &json!({ "error": "invalid_grant", "error_description": "as documented" })),
        }
    }

    /// Whether this key works.
    pub fn is_alive(&self, value: &str) -> bool {
        self.keys.iter().any(|key| key.value == value && !key.deleted)
    }

    /// Ids of keys that work.
    pub fn live(&self) -> Vec<String> {
        self.keys.iter().filter(|key| !key.deleted).map(|key| key.id.clone()).collect()
    }

    /// What a key is restricted to.
    pub fn restrictions(&self, id: &str) -> Option<Value> {
        self.keys.iter().find(|key| key.id == id).map(|key| key.restrictions.clone())
    }

    /// From now on its keys are restricted to nothing.
    pub fn unrestrict(&mut self) {
        self.keys.iter_mut().for_each(|key| key.restrictions = Value::Null);
    }

    fn make(&mut self, id: &str, display: &str, restrictions: Value) -> String {
        let value = format!("{}{}", "AIza", drawn(35));
        let (id, display) = (id.to_owned(), display.to_owned());
        self.keys.push(Key { id, display, value: value.clone(), restrictions, deleted: false });
        value
    }

    fn operation(&mut self) -> Reply {
        self.operations.push(self.slow);
        let name = format!("operations/akmf.{}", self.operations.len() - 1);
        Reply::json(200, &json!({ "name": name, "done": self.slow == 0 }))
    }

    fn poll(&mut self, name: &str) -> Reply {
        let index = name.strip_prefix("akmf.").and_then(|index| index.parse::<usize>().ok());
        match index.and_then(|index| self.operations.get_mut(index)) {
            Some(left) => {
                *left = left.saturating_sub(1);
                Reply::json(200, &json!({ "name": format!("operations/{name}"), "done": *left == 0 }))
            }
            None => error(404, "NOT_FOUND", "NOT_FOUND"),
        }
    }

    fn create(&mut self, request: &Request) -> Reply {
        let body = request.json();
        let id = request.query.get("keyId").cloned().unwrap_or_else(|| drawn(12));
        if self.keys.iter().any(|key| key.id == id) {
            return error(409, "ALREADY_EXISTS", "ALREADY_EXISTS");
        }
        self.make(&id, body["displayName"].as_str().unwrap_or_default(), body["restrictions"].clone());
        self.operation()
    }

    fn shown(&self, key: &Key) -> Value {
        let mut shown = json!({ "name": format!("projects/123/locations/global/keys/{}", key.id), "displayName": key.display,
            "restrictions": key.restrictions, "createTime": "2026-11-26T00:00:00Z" });
        if key.deleted {
            shown["deleteTime"] = json!("2026-11-26T01:00:00Z");
        }
        shown
    }

    fn one(&mut self, request: &Request, id: &str, more: &[&str]) -> Reply {
        let (bare, verb) = id.split_once(':').unwrap_or((id, ""));
        let Some(at) = self.keys.iter().position(|key| key.id == bare) else {
            return error(404, "NOT_FOUND", "NOT_FOUND");
        };
        match (request.method.as_str(), verb, more) {
            ("GET", "", []) => Reply::json(200, &self.shown(&self.keys[at])),
            ("GET", "", ["keyString"]) => Reply::json(200, &json!({ "keyString": self.keys[at].value })),
            ("DELETE", "", []) | ("POST", "undelete", []) => {
                self.keys[at].deleted = verb.is_empty();
                self.operation()
            }
            _ => error(404, "NOT_FOUND", "NOT_FOUND"),
        }
    }

    fn models(&self, request: &Request) -> Reply {
        let value = request.header("x-goog-api-key").unwrap_or_default();
        match self.keys.iter().any(|key| key.value == value && !key.deleted) {
            true => Reply::json(200, &json!({ "models": [{ "name": "models/gemini" }] })),
            false => error(400, "INVALID_ARGUMENT", "API_KEY_INVALID"),
        }
    }
}

impl Service for ApiKeys {
    const HOSTS: &'static [&'static str] =
        &["apikeys.googleapis.com", "generativelanguage.googleapis.com", "oauth2.googleapis.com"];

    fn answer(&mut self, request: &Request) -> Reply {
        let (method, path) = request.route();
        if path == ["v1beta", "models"] {
            return self.models(request);
        }
        if path == ["token"] {
            return self.grant(request);
        }
        if request.bearer() != Some(self.token.as_str()) {
            return error(401, "UNAUTHENTICATED", "ACCESS_TOKEN_TYPE_UNSUPPORTED");
        }
        match (method, path.as_slice()) {
            ("GET", ["v2", "operations", name]) => self.poll(name),
            ("GET", ["v2", "keys:lookupKey"]) => {
                let value = request.query.get("keyString").map(String::as_str).unwrap_or_default();
                match self.keys.iter().find(|key| key.value == value) {
                    Some(key) => Reply::json(
                        200,
                        &json!({ "parent": "projects/123/locations/global",
                        "name": format!("projects/123/locations/global/keys/{}", key.id) }),
                    ),
                    None => error(403, "PERMISSION_DENIED", "SERVICE_DISABLED"),
                }
            }
            (_, ["v2", "projects", project, "locations", "global", "keys", rest @ ..]) if *project == self.project => {
                match (method, rest) {
                    ("GET", []) => {
                        let keys: Vec<Value> =
                            self.keys.iter().filter(|key| !key.deleted).map(|key| self.shown(key)).collect();
                        Reply::json(200, &json!({ "keys": keys }))
                    }
                    ("POST", []) => self.create(request),
                    (_, [id, more @ ..]) => self.one(request, id, more),
                    _ => error(404, "NOT_FOUND", "NOT_FOUND"),
                }
            }
            _ => error(403, "PERMISSION_DENIED", "CONSUMER_INVALID"),
        }
    }
}

fn error(status: u16, word: &str, reason: &str) -> Reply {
    Reply::json(
        status,
        &json!({ "error": { "code": status, "message": "as documented", "status": word,
        "details": [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason }] } }),
    )
}
