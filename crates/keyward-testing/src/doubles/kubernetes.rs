use std::collections::BTreeMap;

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::{Reply, Request, Service, drawn};

/// A cluster's Secrets by server-side apply, with owners of fields, and Deployments whose template is
/// patched. As the Kubernetes API reference has it, for the namespace `shop`.
pub struct Kubernetes {
    token: String,
    secrets: BTreeMap<String, Kept>,
    deployments: BTreeMap<String, Deployment>,
    revision: u64,
    /// Whether a rollout has not ended yet.
    pub slow: bool,
}

#[derive(Default)]
struct Kept {
    data: BTreeMap<String, String>,
    owners: BTreeMap<String, String>,
    revision: u64,
    immutable: bool,
}

#[derive(Default)]
struct Deployment {
    annotations: BTreeMap<String, String>,
    generation: u64,
}

impl Kubernetes {
    /// With one service account's token, and a Deployment `api`; gives the token too.
    pub fn new() -> (Self, String) {
        let token = format!("{}.{}.{}", drawn(40), drawn(90), drawn(60));
        let deployments = [("api".to_owned(), Deployment { generation: 1, ..Deployment::default() })].into();
        let double = Self { token: token.clone(), secrets: BTreeMap::new(), deployments, revision: 100, slow: false };
        (double, token)
    }

    /// Writes a key, as somebody does with `kubectl`.
    pub fn put(&mut self, secret: &str, key: &str, value: &str) {
        self.revision += 1;
        let kept = self.secrets.entry(secret.into()).or_default();
        kept.data.insert(key.into(), BASE64.encode(value.as_bytes()));
        kept.owners.insert(key.into(), "kubectl-client-side-apply".into());
        kept.revision = self.revision;
    }

    /// From now on a Secret is not to be changed.
    pub fn freeze(&mut self, secret: &str) {
        self.secrets.entry(secret.into()).or_default().immutable = true;
    }

    /// A key.
    pub fn get(&self, secret: &str, key: &str) -> Option<String> {
        let encoded = self.secrets.get(secret)?.data.get(key)?;
        String::from_utf8(BASE64.decode(encoded.as_bytes()).ok()?).ok()
    }

    /// How often a Deployment was started.
    pub fn starts(&self, name: &str) -> u64 {
        self.deployments.get(name).map_or(0, |deployment| deployment.generation)
    }

    fn apply(&mut self, name: &str, request: &Request) -> Reply {
        let manager = request.query.get("fieldManager").cloned().unwrap_or_default();
        if manager.is_empty() || request.header("content-type") != Some("application/apply-patch+yaml") {
            return error(400, "BadRequest");
        }
        let forces = request.query.get("force").is_some_and(|force| force == "true");
        let body = request.json();
        let wanted: BTreeMap<String, String> = serde_json::from_value(body["data"].clone()).unwrap_or_default();
        let kept = self.secrets.entry(name.into()).or_default();
        if kept.immutable {
            return error(422, "Invalid");
        }
        let conflict = |key: &String, value: &String| {
            let owner = kept.owners.get(key);
            owner.is_some_and(|owner| *owner != manager) && kept.data.get(key) != Some(value)
        };
        if !forces && wanted.iter().any(|(key, value)| conflict(key, value)) {
            return error(409, "Conflict");
        }
        let before = kept.data.clone();
        // What the same manager applied before and does not now is taken away.
        kept.data.retain(|key, _| wanted.contains_key(key) || kept.owners.get(key) != Some(&manager));
        kept.owners.retain(|key, owner| wanted.contains_key(key) || *owner != manager);
        for (key, value) in wanted {
            kept.owners.insert(key.clone(), manager.clone());
            kept.data.insert(key, value);
        }
        if kept.data != before {
            self.revision += 1;
            kept.revision = self.revision;
        }
        Reply::json(200, &json!({ "metadata": { "name": name } }))
    }

    fn deployment(&mut self, method: &str, name: &str, body: &Value) -> Reply {
        let slow = self.slow;
        let Some(deployment) = self.deployments.get_mut(name) else { return error(404, "NotFound") };
        if method == "PATCH" {
            let new = body.pointer("/spec/template/metadata/annotations").cloned().unwrap_or_default();
            let new: BTreeMap<String, String> = serde_json::from_value(new).unwrap_or_default();
            let before = deployment.annotations.clone();
            deployment.annotations.extend(new);
            deployment.generation += u64::from(deployment.annotations != before);
        }
        let updated = if slow { 1 } else { 2 };
        Reply::json(
            200,
            &json!({ "metadata": { "name": name, "generation": deployment.generation },
                "spec": { "replicas": 2, "template": { "metadata": { "annotations": deployment.annotations } } },
                "status": { "observedGeneration": deployment.generation, "replicas": 2,
                    "updatedReplicas": updated, "readyReplicas": 2 } }),
        )
    }
}

impl Service for Kubernetes {
    const HOSTS: &'static [&'static str] = &[];

    fn answer(&mut self, request: &Request) -> Reply {
        if request.bearer() != Some(&self.token) {
            return error(401, "Unauthorized");
        }
        let (method, path) = request.route();
        match (method, path.as_slice()) {
            ("GET", ["api", "v1", "namespaces", "shop", "secrets", name]) => match self.secrets.get(*name) {
                None => error(404, "NotFound"),
                Some(kept) => {
                    let managed: Vec<Value> = kept
                        .owners
                        .iter()
                        .map(|(key, owner)| {
                            json!({ "manager": owner, "operation": "Apply", "fieldsType": "FieldsV1",
                            "fieldsV1": { "f:data": { format!("f:{key}"): {} } } })
                        })
                        .collect();
                    Reply::json(
                        200,
                        &json!({ "kind": "Secret", "data": kept.data, "metadata": { "name": name,
                            "resourceVersion": kept.revision.to_string(), "managedFields": managed } }),
                    )
                }
            },
            ("PATCH", ["api", "v1", "namespaces", "shop", "secrets", name]) => {
                let name = (*name).to_owned();
                self.apply(&name, request)
            }
            (method, ["apis", "apps", "v1", "namespaces", "shop", "deployments", name]) => {
                let (method, name) = (method.to_owned(), (*name).to_owned());
                self.deployment(&method, &name, &request.json())
            }
            _ => error(403, "Forbidden"),
        }
    }
}

fn error(status: u16, reason: &str) -> Reply {
    Reply::json(status, &json!({ "kind": "Status", "status": "Failure", "reason": reason, "code": status }))
}
