use std::collections::BTreeMap;

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::{Reply, Request, Service, drawn};

/// Google's Secret Manager for the project `shop-1`. As version 1 of its REST reference has it.
pub struct GcpSecrets {
    token: String,
    secrets: BTreeMap<String, Kept>,
}

#[derive(Default)]
struct Kept {
    labels: Value,
    etag: u64,
    versions: Vec<String>,
}

impl GcpSecrets {
    /// With one access token; gives it too.
    pub fn new() -> (Self, String) {
        let token = format!("{}{}", "ya29.", drawn(80));
        (Self { token: token.clone(), secrets: BTreeMap::new() }, token)
    }

    /// A new version, as somebody adds it at the console.
    pub fn put(&mut self, name: &str, value: &str) {
        let kept = self
            .secrets
            .entry(name.into())
            .or_insert_with(|| Kept { labels: json!({ "team": "shop" }), ..Kept::default() });
        kept.versions.push(BASE64.encode(value.as_bytes()));
    }

    /// The latest version.
    pub fn get(&self, name: &str) -> Option<String> {
        let encoded = self.secrets.get(name)?.versions.last()?;
        String::from_utf8(BASE64.decode(encoded.as_bytes()).ok()?).ok()
    }

    /// A label.
    pub fn label(&self, name: &str, label: &str) -> Option<String> {
        self.secrets.get(name)?.labels[label].as_str().map(str::to_owned)
    }

    /// How many versions a secret has.
    pub fn versions(&self, name: &str) -> usize {
        self.secrets.get(name).map_or(0, |kept| kept.versions.len())
    }
}

impl Service for GcpSecrets {
    const HOSTS: &'static [&'static str] = &["secretmanager.googleapis.com"];

    fn answer(&mut self, request: &Request) -> Reply {
        if request.bearer() != Some(&self.token) {
            return error(401, "UNAUTHENTICATED");
        }
        let (method, path) = request.route();
        let ["v1", "projects", "shop-1", "secrets", rest @ ..] = path.as_slice() else {
            return error(403, "PERMISSION_DENIED");
        };
        let (body, named) = (request.json(), |name: &str| format!("projects/42/secrets/{name}"));
        match (method, rest) {
            ("GET", []) => {
                let each: Vec<Value> = self.secrets.keys().map(|name| json!({ "name": named(name) })).collect();
                let at: usize = request.query.get("pageToken").and_then(|at| at.parse().ok()).unwrap_or(0);
                let page: Vec<&Value> = each.iter().skip(at).take(2).collect();
                let next = if at + 2 < each.len() { (at + 2).to_string() } else { String::new() };
                Reply::json(200, &json!({ "secrets": page, "nextPageToken": next }))
            }
            ("POST", []) => {
                let name = request.query.get("secretId").cloned().unwrap_or_default();
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
                if name.is_empty() || !name.chars().all(fits) || body["replication"]["automatic"].is_null() {
                    return error(400, "INVALID_ARGUMENT");
                }
                if self.secrets.contains_key(&name) {
                    return error(409, "ALREADY_EXISTS");
                }
                let kept = Kept { labels: body["labels"].clone(), ..Kept::default() };
                self.secrets.insert(name.clone(), kept);
                Reply::json(200, &json!({ "name": named(&name) }))
            }
            ("GET", [name]) => match self.secrets.get(*name) {
                None => error(404, "NOT_FOUND"),
                Some(kept) => Reply::json(
                    200,
                    &json!({ "name": named(name), "labels": kept.labels,
                    "etag": format!("\"{}\"", kept.etag) }),
                ),
            },
            ("PATCH", [name]) => match self.secrets.get_mut(*name) {
                None => error(404, "NOT_FOUND"),
                Some(kept) if body["etag"] != format!("\"{}\"", kept.etag).as_str() => error(409, "ABORTED"),
                Some(kept) => {
                    kept.labels = body["labels"].clone();
                    kept.etag += 1;
                    Reply::json(200, &json!({ "name": named(name) }))
                }
            },
            ("GET", [name, "versions", "latest:access"]) => {
                let versions = self.secrets.get(*name).map(|kept| kept.versions.as_slice()).unwrap_or_default();
                match versions.last() {
                    None => error(404, "NOT_FOUND"),
                    Some(data) => Reply::json(
                        200,
                        &json!({ "payload": { "data": data },
                        "name": format!("{}/versions/{}", named(name), versions.len()) }),
                    ),
                }
            }
            ("POST", [name]) => {
                let kept = name.strip_suffix(":addVersion").and_then(|name| self.secrets.get_mut(name));
                let Some(kept) = kept else { return error(404, "NOT_FOUND") };
                kept.versions.push(body["payload"]["data"].as_str().unwrap_or_default().into());
                Reply::json(200, &json!({ "name": "a version", "state": "ENABLED" }))
            }
            _ => error(404, "NOT_FOUND"),
        }
    }
}

fn error(status: u16, code: &str) -> Reply {
    Reply::json(status, &json!({ "error": { "code": status, "message": "as documented", "status": code } }))
}
