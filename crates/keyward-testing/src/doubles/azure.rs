use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::{Reply, Request, Service, drawn, pairs};

/// Azure Key Vault's secrets in the vault `shop`, and the tokens for them. As version 7.4 of its REST
/// API has it.
pub struct AzureKeyVault {
    secret: String,
    token: String,
    secrets: BTreeMap<String, Vec<Version>>,
    deleted: Vec<String>,
}

struct Version {
    value: String,
    tags: HashMap<String, String>,
}

impl AzureKeyVault {
    /// With one application; gives its credential, as JSON.
    pub fn new() -> (Self, String) {
        let double = Self { secret: drawn(40), token: drawn(120), secrets: BTreeMap::new(), deleted: Vec::new() };
        let credential = json!({ "tenant_id": "b6f1-tenant", "client_id": "a1c2-client",
            "client_secret": double.secret });
        (double, credential.to_string())
    }

    /// A new version, as somebody makes it at the portal, with a tag of his own.
    pub fn put(&mut self, name: &str, value: &str) {
        let tags = [("team".to_owned(), "shop".to_owned())].into();
        self.secrets.entry(name.into()).or_default().push(Version { value: value.into(), tags });
    }

    /// What a secret is.
    pub fn get(&self, name: &str) -> Option<String> {
        self.secrets.get(name)?.last().map(|version| version.value.clone())
    }

    /// A tag of a secret's latest version.
    pub fn tag(&self, name: &str, tag: &str) -> Option<String> {
        self.secrets.get(name)?.last()?.tags.get(tag).cloned()
    }

    /// How many versions a secret has.
    pub fn versions(&self, name: &str) -> usize {
        self.secrets.get(name).map_or(0, Vec::len)
    }

    /// Deletes a secret, softly: its name is taken still.
    pub fn delete(&mut self, name: &str) {
        self.secrets.remove(name);
        self.deleted.push(name.into());
    }

    fn grant(&self, request: &Request) -> Reply {
        let form = pairs(&request.body);
        let is = |name: &str, value: &str| form.get(name).is_some_and(|found| found == value);
        let good = is("client_secret", &self.secret)
            && is("client_id", "a1c2-client")
            && is("grant_type", "client_credentials")
            && is("scope", "https://vault.azure.net/.default");
        match good {
            true => Reply::json(200, &json!({ "token_type": "Bearer", "access_token": self.token })),
            false => Reply::json(401, &json!({ "error": "invalid_client", "error_description": "as documented" })),
        }
    }

    fn bundle(&self, name: &str, number: usize) -> Reply {
        let Some(version) = self.secrets.get(name).and_then(|versions| versions.get(number.wrapping_sub(1))) else {
            return error(404, "SecretNotFound");
        };
        let id = format!("https://shop.vault.azure.net/secrets/{name}/{number:032x}");
        Reply::json(
            200,
            &json!({ "value": version.value, "id": id, "attributes": { "enabled": true },
            "tags": version.tags }),
        )
    }
}

impl Service for AzureKeyVault {
    const HOSTS: &'static [&'static str] = &["shop.vault.azure.net", "login.microsoftonline.com"];

    fn answer(&mut self, request: &Request) -> Reply {
        let (method, path) = request.route();
        if path == ["b6f1-tenant", "oauth2", "v2.0", "token"] {
            return self.grant(request);
        }
        if request.bearer() != Some(&self.token) {
            return error(401, "Unauthorized");
        }
        if request.query.get("api-version").is_none_or(|version| version != "7.4") {
            return error(400, "BadParameter");
        }
        let body = request.json();
        let tags = || serde_json::from_value(body["tags"].clone()).unwrap_or_default();
        match (method, path.as_slice()) {
            ("GET", ["secrets"]) => {
                let skip: usize = request.query.get("$skiptoken").and_then(|at| at.parse().ok()).unwrap_or(0);
                let each = |name: &String| {
                    json!({ "id": format!("https://shop.vault.azure.net/secrets/{name}"),
                    "attributes": { "enabled": true } })
                };
                let page: Vec<Value> = self.secrets.keys().skip(skip).take(2).map(each).collect();
                let next = (skip + 2 < self.secrets.len()).then(|| {
                    format!("https://shop.vault.azure.net:443/secrets?api-version=7.4&$skiptoken={}", skip + 2)
                });
                Reply::json(200, &json!({ "value": page, "nextLink": next }))
            }
            ("GET", ["secrets", name]) => self.bundle(name, self.versions(name)),
            ("PUT", ["secrets", name]) => {
                let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
                if !name.chars().all(fits) {
                    return error(400, "BadParameter");
                }
                if self.deleted.iter().any(|deleted| deleted == name) {
                    return Reply::json(
                        409,
                        &json!({ "error": { "code": "Conflict",
                        "innererror": { "code": "ObjectIsDeletedButRecoverable" } } }),
                    );
                }
                let version = Version { value: body["value"].as_str().unwrap_or_default().into(), tags: tags() };
                self.secrets.entry((*name).into()).or_default().push(version);
                self.bundle(name, self.versions(name))
            }
            ("PATCH", ["secrets", name, version]) => {
                let number = usize::from_str_radix(version, 16).unwrap_or(0);
                let versions = self.secrets.get_mut(*name);
                match versions.and_then(|versions| versions.get_mut(number.wrapping_sub(1))) {
                    None => error(404, "SecretNotFound"),
                    Some(version) => {
                        version.tags = tags();
                        self.bundle(name, number)
                    }
                }
            }
            _ => error(404, "NotFound"),
        }
    }
}

fn error(status: u16, code: &str) -> Reply {
    Reply::json(status, &json!({ "error": { "code": code, "message": "as documented" } }))
}
