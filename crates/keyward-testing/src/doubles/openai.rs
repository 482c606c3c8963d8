use serde_json::{Value, json};

use super::{Reply, Request, Service, drawn};

/// OpenAI: service-account keys of one project, and `GET /models`. As openai-openapi f85dbe2 and
/// openai-python 3.54 have it; where they disagree ([`OpenAi::refuses_deletion`]) it can be either.
pub struct OpenAi {
    admin: String,
    project: String,
    service_account: String,
    keys: Vec<Key>,
    /// The specification says that a service account's key is not deleted, the SDK that it is.
    pub refuses_deletion: bool,
    /// How many lists a new key is missing from.
    pub lag: u32,
    made: u32,
}

struct Key {
    id: String,
    name: String,
    value: String,
    used: Option<i64>,
    expired: bool,
    unseen: u32,
    scopes: Vec<String>,
}

impl OpenAi {
    /// With this admin key, and one key of the account `svc_acct_1` in the project `proj_1`; gives
    /// that one too.
    pub fn new() -> (Self, String, String) {
        let half = |count| format!("{}T3BlbkFJ{}", drawn(count), drawn(count));
        let admin = format!("{}{}", "sk-admin-", half(58));
        let (project, service_account) = ("proj_1".to_owned(), "svc_acct_1".to_owned());
        let mut double = Self {
            admin: admin.clone(),
            project,
            service_account,
            keys: Vec::new(),
            refuses_deletion: false,
            lag: 0,
            made: 0,
        };
        let first = double.make_by_hand();
        (double, admin, first)
    }

    /// What a person does at the console: another key of the account.
    pub fn make_by_hand(&mut self) -> String {
        let value = self.make("made by hand");
        if let Some(key) = self.keys.last_mut() {
            key.unseen = 0;
        }
        value
    }

    /// Whether this key works.
    pub fn is_alive(&self, value: &str) -> bool {
        self.keys.iter().any(|key| key.value == value && !key.expired)
    }

    /// Ids of keys that work.
    pub fn live(&self) -> Vec<String> {
        self.keys.iter().filter(|key| !key.expired).map(|key| key.id.clone()).collect()
    }

    /// What a key may; empty: everything that its account may.
    pub fn scopes(&self, id: &str) -> Vec<String> {
        self.keys.iter().find(|key| key.id == id).map(|key| key.scopes.clone()).unwrap_or_default()
    }

    /// Somebody works with this key, one second after the last one.
    pub fn work(&mut self, value: &str) {
        if let Some(key) = self.keys.iter_mut().find(|key| key.value == value) {
            key.used = Some(key.used.unwrap_or(1_700_000_000) + 1);
        }
    }

    /// Somebody works with this key at this moment, in seconds since 1970.
    pub fn work_at(&mut self, value: &str, seconds: i64) {
        if let Some(key) = self.keys.iter_mut().find(|key| key.value == value) {
            key.used = Some(seconds);
        }
    }

    fn make(&mut self, name: &str) -> String {
        self.made += 1;
        let value = format!("{}{}T3BlbkFJ{}", "sk-svcacct-", drawn(74), drawn(74));
        let id = format!("key_{}", self.made);
        let unseen = self.lag;
        self.keys.push(Key {
            id,
            name: name.into(),
            value: value.clone(),
            used: None,
            expired: false,
            unseen,
            scopes: Vec::new(),
        });
        value
    }

    fn models(&mut self, request: &Request) -> Reply {
        let value = request.bearer().unwrap_or_default();
        match self.keys.iter_mut().find(|key| key.value == value && !key.expired) {
            Some(key) => {
                key.used = Some(1_700_000_000);
                Reply::json(200, &json!({ "object": "list", "data": [{ "id": "gpt-6-luna", "object": "model" }] }))
            }
            None => error(401, "invalid_api_key"),
        }
    }

    fn list(&mut self) -> Reply {
        let mut data = Vec::new();
        for key in &mut self.keys {
            match key.unseen {
                0 => data.push(shown(key, &self.service_account)),
                _ => key.unseen -= 1,
            }
        }
        Reply::json(200, &json!({ "object": "list", "data": data, "has_more": false }))
    }

    fn create(&mut self, body: &Value) -> Reply {
        let name = body["name"].as_str().unwrap_or("unnamed").to_owned();
        let value = self.make(&name);
        let made = self.keys.last_mut().expect("it was made");
        let scopes = body["scopes"].as_array().into_iter().flatten();
        made.scopes = scopes.filter_map(|scope| scope.as_str().map(str::to_owned)).collect();
        let id = &made.id;
        let expires = body["expires_in_seconds"].as_i64().map(|seconds| 1_700_000_000 + seconds);
        Reply::json(
            200,
            &json!({ "object": "organization.project.service_account.api_key", "id": id, "name": name,
            "value": value, "created_at": 1_700_000_000, "expires_at": expires }),
        )
    }

    fn delete(&mut self, id: &str) -> Reply {
        if !self.keys.iter().any(|key| key.id == id) {
            return error(404, "not_found");
        }
        if self.refuses_deletion {
            return error(400, "service_account_key");
        }
        self.keys.retain(|key| key.id != id);
        Reply::json(200, &json!({ "object": "organization.project.api_key.deleted", "id": id, "deleted": true }))
    }

    fn update(&mut self, id: &str, body: &Value) -> Reply {
        match self.keys.iter_mut().find(|key| key.id == id) {
            None => error(404, "not_found"),
            Some(key) if key.expired => error(400, "key_expired"),
            Some(key) => {
                key.expired |= body["expires_in_seconds"].as_i64().is_some_and(|seconds| seconds <= 1);
                Reply::json(200, &json!({ "id": key.id }))
            }
        }
    }
}

impl Service for OpenAi {
    const HOSTS: &'static [&'static str] = &["api.openai.com"];

    fn answer(&mut self, request: &Request) -> Reply {
        let (method, path) = request.route();
        if path == ["v1", "models"] {
            return self.models(request);
        }
        if request.bearer() != Some(self.admin.as_str()) {
            return error(401, "invalid_api_key");
        }
        let ["v1", "organization", "projects", project, rest @ ..] = path.as_slice() else {
            return error(404, "not_found");
        };
        if *project != self.project {
            return error(404, "project_not_found");
        }
        match (method, rest) {
            ("GET", ["api_keys"]) => self.list(),
            ("POST", ["service_accounts", account, "api_keys"]) if *account == self.service_account => {
                self.create(&request.json())
            }
            ("DELETE", ["api_keys", id]) => self.delete(id),
            ("POST", ["api_keys", id]) => self.update(id, &request.json()),
            _ => error(404, "not_found"),
        }
    }
}

fn shown(key: &Key, account: &str) -> Value {
    let (head, tail) = (&key.value[..12], &key.value[key.value.len() - 4..]);
    json!({ "object": "organization.project.api_key", "id": key.id, "name": key.name,
        "redacted_value": format!("{head}************{tail}"), "created_at": 1_700_000_000, "last_used_at": key.used, "expires_at": key.expired.then_some(1_700_000_001),
        "owner": { "type": "service_account", "service_account": { "id": account } } })
}

fn error(status: u16, code: &str) -> Reply {
    Reply::json(
        status,
        &json!({ "error": { "message": "as documented", "type": "invalid_request_error", "code": code } }),
    )
}
