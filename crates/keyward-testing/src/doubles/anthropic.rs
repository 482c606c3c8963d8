use serde_json::{Value, json};

use super::{Reply, Request, Service, drawn};

/// Anthropic: an organisation's keys, which are made by hand, and `GET /v1/models`. As
/// anthropic-python 2.12 has it.
pub struct Anthropic {
    admin: String,
    keys: Vec<Key>,
}

struct Key {
    id: String,
    name: String,
    value: String,
    status: String,
}

impl Anthropic {
    /// With this admin key, and one key; gives both.
    pub fn new() -> (Self, String, String) {
        let admin = format!("{}{}AA", "sk-ant-admin01-", drawn(93));
        let mut double = Self { admin: admin.clone(), keys: Vec::new() };
        let first = double.make("made by hand");
        (double, admin, first)
    }

    /// What a person does at the console.
    ///
    /// # Panics
    /// Never: what is counted is small.
    pub fn make(&mut self, name: &str) -> String {
        let value = format!("{}{}AA", "sk-ant-api03-", drawn(93));
        let id = format!("apikey_{}", self.keys.len() + 1);
        self.keys.push(Key { id, name: name.into(), value: value.clone(), status: "active".into() });
        value
    }

    /// Ids of keys that work.
    pub fn live(&self) -> Vec<String> {
        self.keys.iter().filter(|key| key.status == "active").map(|key| key.id.clone()).collect()
    }
}

impl Service for Anthropic {
    const HOSTS: &'static [&'static str] = &["api.anthropic.com"];

    fn answer(&mut self, request: &Request) -> Reply {
        if request.header("anthropic-version").is_none() {
            return error(400, "invalid_request_error");
        }
        let value = request.header("x-api-key").unwrap_or_default();
        let (method, path) = request.route();
        if path == ["v1", "models"] {
            return match self.keys.iter().any(|key| key.value == value && key.status == "active") {
                true => Reply::json(200, &json!({ "data": [], "has_more": false })),
                false => error(401, "authentication_error"),
            };
        }
        if value != self.admin {
            return error(401, "authentication_error");
        }
        match (method, path.as_slice()) {
            ("GET", ["v1", "organizations", "api_keys"]) => {
                let data: Vec<Value> = self.keys.iter().map(shown).collect();
                Reply::json(200, &json!({ "data": data, "has_more": false, "first_id": null, "last_id": null }))
            }
            ("POST", ["v1", "organizations", "api_keys", id]) => {
                let status = request.json()["status"].as_str().unwrap_or_default().to_owned();
                match self.keys.iter_mut().find(|key| key.id == *id) {
                    None => error(404, "not_found_error"),
                    Some(key) if key.status == "archived" && status != "archived" => {
                        error(400, "invalid_request_error")
                    }
                    Some(key) => {
                        key.status = status;
                        Reply::json(200, &shown(key))
                    }
                }
            }
            _ => error(404, "not_found_error"),
        }
    }
}

fn shown(key: &Key) -> Value {
    let (head, tail) = (&key.value[..16], &key.value[key.value.len() - 4..]);
    json!({ "type": "api_key", "id": key.id, "name": key.name, "status": key.status,
        "partial_key_hint": format!("{head}...{tail}"), "created_at": "2026-11-26T00:00:00Z" })
}

fn error(status: u16, kind: &str) -> Reply {
    Reply::json(status, &json!({ "type": "error", "error": { "type": kind, "message": "as documented" } }))
}
