use serde_json::json;

use super::{Reply, Request, Service, drawn};

/// Cohere: keys that are made and deleted at its dashboard alone, and `GET /v1/models`. As cohere-python
/// 7.3.1 has it.
#[derive(Default)]
pub struct Cohere {
    keys: Vec<String>,
}

impl Cohere {
    /// With one key; gives it too.
    pub fn new() -> (Self, String) {
        let mut double = Self::default();
        let first = double.make();
        (double, first)
    }

    /// What a person does at the dashboard.
    pub fn make(&mut self) -> String {
        let value = drawn(40);
        self.keys.push(value.clone());
        value
    }

    /// The same: deletes a key.
    pub fn delete(&mut self, value: &str) {
        self.keys.retain(|key| key != value);
    }

    /// How many keys work.
    pub fn live(&self) -> usize {
        self.keys.len()
    }
}

impl Service for Cohere {
    const HOSTS: &'static [&'static str] = &["api.cohere.com"];

    fn answer(&mut self, request: &Request) -> Reply {
        let known = request.bearer().is_some_and(|value| self.keys.iter().any(|key| key == value));
        match (request.route(), known) {
            (("GET", path), true) if path == ["v1", "models"] => Reply::json(200, &json!({ "models": [] })),
            (_, false) => Reply::json(401, &json!({ "message": "invalid api token" })),
            _ => Reply::json(404, &json!({ "message": "not found" })),
        }
    }
}
