use serde_json::{Value, json};

use super::{Reply, Request, Service, drawn};

/// Qdrant Cloud's keys of one cluster, and the cluster's `GET /collections`. As
/// qdrant-cloud-public-api ff1c923 has it.
pub struct Qdrant {
    management: String,
    keys: Vec<Key>,
    made: u32,
}

struct Key {
    id: String,
    name: String,
    value: String,
    rules: Value,
}

impl Qdrant {
    /// Its cluster's host.
    pub const CLUSTER: &'static str = "c1.eu-central.aws.cloud.qdrant.io";

    /// With a management key, and one key that may read one collection; gives both.
    pub fn new() -> (Self, String, String) {
        let management = drawn(44);
        let mut double = Self { management: management.clone(), keys: Vec::new(), made: 0 };
        let rules = json!([{ "collection_access": { "collection_name": "products",
            "access_type": "COLLECTION_ACCESS_RULE_ACCESS_TYPE_READ_ONLY" } }]);
        let first = double.make("made by hand", rules);
        (double, management, first)
    }

    /// Ids of keys that work.
    pub fn live(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.id.clone()).collect()
    }

    /// What a key may.
    pub fn rules(&self, id: &str) -> Option<Value> {
        self.keys.iter().find(|key| key.id == id).map(|key| key.rules.clone())
    }

    /// From now on its keys may everything.
    pub fn widen(&mut self) {
        self.keys.iter_mut().for_each(|key| key.rules = json!([]));
    }

    fn make(&mut self, name: &str, rules: Value) -> String {
        self.made += 1;
        let part = |text: &str| data_encoding::BASE64URL_NOPAD.encode(text.as_bytes());
        // As the cloud's keys are: JWTs, which the cluster looks up.
        let claims = json!({ "access": "r", "sub": format!("api-key-{}", self.made) }).to_string();
        let value = format!("{}.{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#), part(&claims), drawn(43));
        let id = format!("00000000-0000-4000-8000-{:012}", self.made);
        self.keys.push(Key { id, name: name.into(), value: value.clone(), rules });
        value
    }

    fn shown(key: &Key) -> Value {
        json!({ "id": key.id, "name": key.name, "access_rules": key.rules, "created_at": "2026-11-26T00:00:00Z",
            "postfix": key.value[key.value.len() - 6..] })
    }

    fn create(&mut self, request: &Request) -> Reply {
        let asked = &request.json()["database_api_key"];
        let name = asked["name"].as_str().unwrap_or_default();
        if !(4..=128).contains(&name.len()) {
            return Reply::json(400, &json!({ "code": 3, "message": "as documented" }));
        }
        let value = self.make(name, asked["access_rules"].clone());
        let mut shown = Self::shown(self.keys.last().expect("it was made"));
        shown["key"] = json!(value);
        Reply::json(200, &json!({ "database_api_key": shown }))
    }
}

impl Service for Qdrant {
    const HOSTS: &'static [&'static str] = &["api.cloud.qdrant.io", "c1.eu-central.aws.cloud.qdrant.io"];

    fn answer(&mut self, request: &Request) -> Reply {
        let (method, path) = request.route();
        if path == ["collections"] {
            let value = request.header("api-key").unwrap_or_default();
            return match self.keys.iter().any(|key| key.value == value) {
                true => Reply::json(200, &json!({ "result": { "collections": [] }, "status": "ok", "time": 0.0 })),
                false => Reply::text(401, "Invalid API key or JWT"),
            };
        }
        if request.header("authorization") != Some(format!("apikey {}", self.management).as_str()) {
            return Reply::json(401, &json!({ "code": 16, "message": "as documented" }));
        }
        match (method, path.as_slice()) {
            ("GET", ["api", "cluster", "auth", "v2", "accounts", "acc-1", "database-api-keys"]) => {
                let items: Vec<Value> = self.keys.iter().map(Self::shown).collect();
                Reply::json(200, &json!({ "items": items }))
            }
            ("POST", ["api", "cluster", "auth", "v2", "accounts", "acc-1", "database-api-keys"]) => {
                self.create(request)
            }
            ("DELETE", ["api", "cluster", "auth", "v2", "accounts", "acc-1", "database-api-keys", id]) => {
                let before = self.keys.len();
                self.keys.retain(|key| key.id != *id);
                let status = if self.keys.len() < before { 200 } else { 404 };
                Reply::json(status, &json!({}))
            }
            _ => Reply::json(403, &json!({ "code": 7, "message": "as documented" })),
        }
    }
}
