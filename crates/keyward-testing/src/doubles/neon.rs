use serde_json::{Value, json};

use super::{Reply, Request, Service, drawn};

/// Neon's API keys of one organisation, and `GET /auth`. As @neondatabase/api-client 2.7.3 has it.
pub struct Neon {
    admin: String,
    keys: Vec<Key>,
    made: u64,
    /// That it is locked by operations under way, for so many changes.
    pub locked: u32,
}

struct Key {
    id: u64,
    name: String,
    value: String,
    project: Option<String>,
    used: bool,
    /// When, in minutes of an hour, and from where somebody has worked with it.
    worked: (u32, String),
}

impl Neon {
    /// With an administrator's key, and one key; gives both, and the latter's id.
    pub fn new() -> (Self, String, String, String) {
        let mut double = Self { admin: String::new(), keys: Vec::new(), made: 0, locked: 0 };
        let first = double.make("made by hand", Some("late-frost-1".into()));
        let id = double.made.to_string();
        double.admin = format!("{}{}", "napi_", drawn(60).to_lowercase());
        let admin = double.admin.clone();
        (double, admin, first, id)
    }

    /// Whether this key works.
    pub fn is_alive(&self, value: &str) -> bool {
        self.keys.iter().any(|key| key.value == value)
    }

    /// Ids of keys that work.
    pub fn live(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.id.to_string()).collect()
    }

    /// The project that a key is for.
    pub fn project(&self, id: &str) -> Option<String> {
        self.keys.iter().find(|key| key.id.to_string() == id)?.project.clone()
    }

    /// Somebody works with this key from there, a minute after the last one.
    pub fn work(&mut self, value: &str, from: &str) {
        if let Some(key) = self.keys.iter_mut().find(|key| key.value == value) {
            key.used = true;
            key.worked = (key.worked.0 + 1, from.to_owned());
        }
    }

    fn make(&mut self, name: &str, project: Option<String>) -> String {
        self.made += 1;
        let value = format!("{}{}", "napi_", drawn(60).to_lowercase());
        self.keys.push(Key {
            id: self.made,
            name: name.into(),
            value: value.clone(),
            project,
            used: false,
            worked: (0, "192.0.2.7".into()),
        });
        value
    }
}

impl Service for Neon {
    const HOSTS: &'static [&'static str] = &["console.neon.tech"];

    fn answer(&mut self, request: &Request) -> Reply {
        let (method, path) = request.route();
        let value = request.bearer().unwrap_or_default();
        if path == ["api", "v2", "auth"] {
            return match self.keys.iter_mut().find(|key| key.value == value) {
                Some(key) => {
                    key.used = true;
                    Reply::json(200, &json!({ "account_id": "org-1", "auth_method": "api_key_org" }))
                }
                None => error(401, ""),
            };
        }
        if value != self.admin {
            return error(401, "");
        }
        if method != "GET" && self.locked > 0 {
            self.locked -= 1;
            return error(423, "");
        }
        match (method, path.as_slice()) {
            ("GET", ["api", "v2", "organizations", "org-1", "api_keys"]) => {
                let keys: Vec<Value> = self.keys.iter().map(shown).collect();
                Reply::json(200, &json!(keys))
            }
            ("POST", ["api", "v2", "organizations", "org-1", "api_keys"]) => {
                let body = request.json();
                let project = body["project_id"].as_str().map(str::to_owned);
                let value = self.make(body["key_name"].as_str().unwrap_or_default(), project);
                Reply::json(
                    200,
                    &json!({ "id": self.made, "key": value, "name": body["key_name"],
                    "created_at": "2026-11-26T00:00:00Z" }),
                )
            }
            ("DELETE", ["api", "v2", "organizations", "org-1", "api_keys", id]) => {
                let before = self.keys.len();
                self.keys.retain(|key| key.id.to_string() != *id);
                match self.keys.len() < before {
                    true => Reply::json(200, &json!({ "id": 1, "revoked": true })),
                    false => error(404, "API_KEY_NOT_FOUND"),
                }
            }
            _ => error(403, ""),
        }
    }
}

fn shown(key: &Key) -> Value {
    let (hour, minute) = (1 + key.worked.0 / 60, key.worked.0 % 60);
    json!({ "id": key.id, "name": key.name, "project_id": key.project, "created_at": "2026-11-26T00:00:00Z",
        "last_used_at": key.used.then(|| format!("2026-11-26T{hour:02}:{minute:02}:00Z")),
        "last_used_from_addr": if key.used { key.worked.1.as_str() } else { "" } })
}

fn error(status: u16, code: &str) -> Reply {
    Reply::json(status, &json!({ "code": code, "message": "as documented" }))
}
