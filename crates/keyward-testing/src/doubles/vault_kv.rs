use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::{Reply, Request, Service, drawn};

/// HashiCorp Vault's KV, version 2, mounted at `secret`: data with check-and-set, merge patches,
/// metadata, lists. As its API documentation has it.
pub struct VaultKv {
    token: String,
    entries: BTreeMap<String, Entry>,
}

#[derive(Default)]
struct Entry {
    /// `None`: deleted.
    versions: Vec<Option<Map<String, Value>>>,
    custom: HashMap<String, Value>,
}

impl VaultKv {
    /// With one token that may do everything below `secret`; gives it too.
    pub fn new() -> (Self, String) {
        let token = format!("{}{}", "hvs.", drawn(90));
        (Self { token: token.clone(), entries: BTreeMap::new() }, token)
    }

    /// Writes a field, as somebody else does.
    pub fn put(&mut self, path: &str, field: &str, value: &str) {
        let entry = self.entries.entry(path.into()).or_default();
        let mut data = entry.versions.last().cloned().flatten().unwrap_or_default();
        data.insert(field.into(), value.into());
        entry.versions.push(Some(data));
    }

    /// Deletes the latest version of an entry.
    pub fn delete(&mut self, path: &str) {
        if let Some(last) = self.entries.get_mut(path).and_then(|entry| entry.versions.last_mut()) {
            *last = None;
        }
    }

    /// A field of the latest version.
    pub fn get(&self, path: &str, field: &str) -> Option<String> {
        let data = self.entries.get(path)?.versions.last()?.as_ref()?;
        data.get(field)?.as_str().map(str::to_owned)
    }

    /// How many versions an entry has.
    pub fn versions(&self, path: &str) -> usize {
        self.entries.get(path).map_or(0, |entry| entry.versions.len())
    }

    fn data(&mut self, method: &str, path: &str, body: &Value) -> Reply {
        let current = self.versions(path);
        if method == "GET" {
            return match self.entries.get(path) {
                None => error(404, &[]),
                Some(entry) => {
                    let data = entry.versions.last().cloned().flatten();
                    let metadata = json!({ "version": current, "custom_metadata": entry.custom,
                        "created_time": "2026-11-26T00:00:00Z", "destroyed": false,
                        "deletion_time": if data.is_none() { "2026-11-26T01:00:00Z" } else { "" } });
                    let status = if data.is_some() { 200 } else { 404 };
                    Reply::json(status, &json!({ "data": { "data": data, "metadata": metadata } }))
                }
            };
        }
        if let Some(cas) = body.pointer("/options/cas").and_then(Value::as_u64)
            && usize::try_from(cas).ok() != Some(current)
        {
            return error(400, &["check-and-set parameter did not match the current version"]);
        }
        let Some(new) = body.get("data").and_then(Value::as_object).cloned() else {
            return error(400, &["no data provided"]);
        };
        let entry = self.entries.entry(path.into()).or_default();
        let data = match (method, entry.versions.last().cloned().flatten()) {
            ("PATCH", None) => return error(404, &[]),
            ("PATCH", Some(mut data)) => {
                data.extend(new);
                data.retain(|_, value| !value.is_null());
                data
            }
            _ => new,
        };
        entry.versions.push(Some(data));
        Reply::json(200, &json!({ "data": { "version": entry.versions.len() } }))
    }

    fn metadata(&mut self, method: &str, path: &str, request: &Request) -> Reply {
        if request.query.get("list").is_some_and(|list| list == "true") {
            let folder = if path.is_empty() { String::new() } else { format!("{path}/") };
            let below = self.entries.keys().filter_map(|key| key.strip_prefix(&folder));
            let mut keys: Vec<String> = below
                .map(|rest| rest.split_once('/').map_or(rest.to_owned(), |(first, _)| format!("{first}/")))
                .collect();
            keys.dedup();
            return match keys.is_empty() {
                true => error(404, &[]),
                false => Reply::json(200, &json!({ "data": { "keys": keys } })),
            };
        }
        match (method, self.entries.get_mut(path)) {
            (_, None) => error(404, &[]),
            ("PATCH", Some(entry)) if request.header("content-type") == Some("application/merge-patch+json") => {
                let custom = request.json()["custom_metadata"].as_object().cloned().unwrap_or_default();
                entry.custom.extend(custom);
                Reply::text(204, "")
            }
            _ => error(405, &["unsupported operation"]),
        }
    }
}

impl Service for VaultKv {
    const HOSTS: &'static [&'static str] = &[];

    fn answer(&mut self, request: &Request) -> Reply {
        if request.header("x-vault-token") != Some(&self.token) {
            return error(403, &["permission denied"]);
        }
        let (method, path) = request.route();
        match path.as_slice() {
            ["v1", "secret", "data", rest @ ..] => self.data(method, &rest.join("/"), &request.json()),
            ["v1", "secret", "metadata", rest @ ..] => self.metadata(method, &rest.join("/"), request),
            _ => error(403, &["permission denied"]),
        }
    }
}

fn error(status: u16, errors: &[&str]) -> Reply {
    Reply::json(status, &json!({ "errors": errors }))
}
