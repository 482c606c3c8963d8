use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Reply, Request, Service, drawn};

/// A Qdrant that one runs oneself, with `service.jwt_rbac`: tokens are signed by its key, and may
/// stand on a point of a collection. As its src/common/auth has it.
pub struct QdrantNode {
    signing: String,
    /// The collection of tokens: their payloads, by the points' ids.
    points: Vec<(String, String)>,
}

impl QdrantNode {
    /// Its host.
    pub const HOST: &'static str = "qdrant.internal";

    /// With its key, and one token that stands on a point; gives both.
    pub fn new() -> (Self, String, String) {
        let mut node = Self { signing: drawn(32), points: Vec::new() };
        let claims = json!({ "access": "r", "value_exists": { "collection": "keyward_tokens",
            "matches": [{ "key": "token", "value": "by-hand" }] } });
        let token = node.signed(&claims);
        node.points.push(("0".into(), "by-hand".into()));
        let signing = node.signing.clone();
        (node, signing, token)
    }

    /// Tokens that stand on a point.
    pub fn live(&self) -> Vec<String> {
        self.points.iter().map(|(_, token)| token.clone()).collect()
    }

    fn signed(&self, claims: &Value) -> String {
        let part = |text: String| BASE64URL_NOPAD.encode(text.as_bytes());
        let text =
            format!("{}.{}", part(json!({ "alg": "HS256", "typ": "JWT" }).to_string()), part(claims.to_string()));
        format!("{text}.{}", BASE64URL_NOPAD.encode(&self.mac(&text)))
    }

    fn mac(&self, text: &str) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.signing.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }

    /// What whoever sends this may: `Some("m")` is everything.
    fn access(&self, key: &str) -> Option<Value> {
        if key == self.signing {
            return Some(json!("m"));
        }
        let (text, signature) = key.rsplit_once('.')?;
        let claims = BASE64URL_NOPAD.decode(text.split('.').nth(1)?.as_bytes()).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        let stands = claims.pointer("/value_exists/matches/0/value").and_then(Value::as_str);
        let there = stands.is_none_or(|token| self.points.iter().any(|(_, own)| own == token));
        let signed = BASE64URL_NOPAD.decode(signature.as_bytes()).is_ok_and(|bytes| bytes == self.mac(text));
        // Without `access` a token may everything.
        (signed && there).then(|| claims.get("access").cloned().unwrap_or_else(|| json!("m")))
    }

    fn change(&mut self, request: &Request) -> Reply {
        let (method, path) = request.route();
        let body = request.json();
        let wanted = body.pointer("/filter/must/0/match/value").and_then(Value::as_str).unwrap_or_default();
        match (method, path.as_slice()) {
            ("GET", ["collections", "keyward_tokens"]) => ok(json!({ "status": "green" })),
            ("PUT", ["collections", "keyward_tokens", "points"]) => {
                for point in body["points"].as_array().into_iter().flatten() {
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    let (id, token) = (text(&point["id"]), text(&point["payload"]["token"]));
                    self.points.retain(|(own, _)| *own != id);
                    self.points.push((id, token));
                }
                ok(json!({ "status": "completed" }))
            }
            ("POST", ["collections", "keyward_tokens", "points", "scroll"]) => {
                let found: Vec<Value> = self
                    .points
                    .iter()
                    .filter(|(_, token)| token == wanted)
                    .map(|(id, _)| json!({ "id": id }))
                    .collect();
                ok(json!({ "points": found, "next_page_offset": null }))
            }
            ("POST", ["collections", "keyward_tokens", "points", "delete"]) => {
                self.points.retain(|(_, token)| token != wanted);
                ok(json!({ "status": "completed" }))
            }
            _ => Reply::json(404, &json!({ "status": { "error": "Not found" } })),
        }
    }
}

impl Service for QdrantNode {
    const HOSTS: &'static [&'static str] = &["qdrant.internal"];

    fn answer(&mut self, request: &Request) -> Reply {
        let Some(access) = self.access(request.header("api-key").unwrap_or_default()) else {
            return Reply::text(401, "Invalid API key or JWT");
        };
        match request.route() {
            (_, path) if path == ["collections"] => ok(json!({ "collections": [], "access": access })),
            _ if access == json!("m") => self.change(request),
            _ => Reply::text(403, "Forbidden: Global manage access is required"),
        }
    }
}

fn ok(result: Value) -> Reply {
    Reply::json(200, &json!({ "result": result, "status": "ok", "time": 0.0 }))
}
