use std::collections::BTreeMap;

use crypto_box::SecretKey;
use crypto_box::aead::OsRng;
use data_encoding::BASE64;
use serde_json::json;

use super::{Reply, Request, Service, drawn};

/// GitHub's secrets of the repository `shop/api` and of its environment `production`: values come in
/// sealed boxes and never out. As @octokit/openapi-types 29 has it.
pub struct GitHubActions {
    token: String,
    key: SecretKey,
    values: BTreeMap<String, String>,
}

impl GitHubActions {
    /// With one token that may write secrets; gives it too.
    pub fn new() -> (Self, String) {
        let token = format!("{}{}_{}", "github_pat_", drawn(22), drawn(59));
        (Self { token: token.clone(), key: SecretKey::generate(&mut OsRng), values: BTreeMap::new() }, token)
    }

    /// A value that runs would get; of an environment as `ENVIRONMENT/NAME`.
    pub fn get(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    /// What a person does in the settings.
    pub fn put(&mut self, name: &str, value: &str) {
        self.values.insert(name.into(), value.into());
    }

    /// The repository gets another key, as it may at any time.
    pub fn rekey(&mut self) {
        self.key = SecretKey::generate(&mut OsRng);
    }

    fn key_id(&self) -> String {
        BASE64.encode(&self.key.public_key().as_bytes()[..9])
    }

    fn take(&mut self, name: &str, request: &Request) -> Reply {
        let body = request.json();
        if body["key_id"] != self.key_id().as_str() {
            return error(422);
        }
        let sealed = BASE64.decode(body["encrypted_value"].as_str().unwrap_or_default().as_bytes());
        let opened = sealed.ok().and_then(|sealed| self.key.unseal(&sealed).ok());
        let Some(value) = opened.and_then(|bytes| String::from_utf8(bytes).ok()) else { return error(422) };
        match self.values.insert(name.into(), value) {
            None => Reply::json(201, &json!({})),
            Some(_) => Reply::text(204, ""),
        }
    }
}

impl Service for GitHubActions {
    const HOSTS: &'static [&'static str] = &["api.github.com"];

    fn answer(&mut self, request: &Request) -> Reply {
        if request.bearer() != Some(&self.token) {
            return error(401);
        }
        let (method, path) = request.route();
        let (method, place) = match path.as_slice() {
            ["repos", "shop", "api", "actions", "secrets", name] => (method.to_owned(), (*name).to_owned()),
            ["repos", "shop", "api", "environments", "production", "secrets", name] => {
                (method.to_owned(), format!("production/{name}"))
            }
            _ => return error(404),
        };
        match (method.as_str(), place.rsplit('/').next().unwrap_or_default()) {
            ("GET", "public-key") => Reply::json(
                200,
                &json!({ "key_id": self.key_id(), "key": BASE64.encode(self.key.public_key().as_bytes()) }),
            ),
            ("GET", name) => match self.values.contains_key(&place) {
                true => Reply::json(200, &json!({ "name": name, "updated_at": "2026-11-26T00:00:00Z" })),
                false => error(404),
            },
            ("PUT", _) => self.take(&place, request),
            _ => error(404),
        }
    }
}

fn error(status: u16) -> Reply {
    Reply::json(status, &json!({ "message": "as documented", "status": status.to_string() }))
}
