//! A key of a Kubernetes Secret, and the workloads that are started again with it.
//! <https://kubernetes.io/docs/reference/using-api/server-side-apply/>
//!
//! Who owns a key the cluster knows by itself: each is applied by a field manager of its own, so that
//! applying one touches no other, and one of somebody else's is a conflict.

use std::collections::HashMap;

use data_encoding::BASE64;
use keyward_types::Secret;
use keyward_upstream::{Answer, Ask, Fault, Http, Refusal, Site, escape};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Entry, Field, Held, one_line};

/// A namespace of a cluster.
pub(crate) struct Cluster {
    pub(crate) http: Http,
    pub(crate) site: Site,
    pub(crate) namespace: String,
    /// A service account's token.
    pub(crate) token: Secret<String>,
}

/// A key of a Secret.
pub(crate) struct KubernetesSecret {
    pub(crate) cluster: Cluster,
    pub(crate) name: String,
    pub(crate) key: String,
    /// Whether a key that somebody else applied is taken over.
    pub(crate) forces: bool,
}

/// What runs with a Secret: `deployment/api`, `statefulset/db`, `daemonset/agent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Workload {
    kind: WorkloadKind,
    name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WorkloadKind {
    Deployment,
    StatefulSet,
    DaemonSet,
}

impl WorkloadKind {
    /// As commands have it; addresses have an `s` more.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
        }
    }
}

#[derive(Deserialize)]
struct Read {
    #[serde(default)]
    data: HashMap<String, Field>,
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    managed_fields: Vec<Managed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Managed {
    manager: String,
    #[serde(default)]
    fields_v1: Value,
}

/// A whole Secret holds a megabyte.
const LARGEST: usize = 1024 * 1024;

impl Cluster {
    fn call(&self, method: &'static str, path: &str, kind: &str, body: Option<&Value>) -> Result<Answer, Fault> {
        let bearer = Zeroizing::new(format!("Bearer {}", one_line(&self.token)));
        let mut headers = vec![("authorization", bearer.as_str()), ("accept", "application/json")];
        if body.is_some() {
            headers.push(("content-type", kind));
        }
        let body = body.map(|body| Zeroizing::new(body.to_string()));
        let bytes = body.as_ref().map(|body| body.as_bytes());
        self.http.ask(&self.site, &Ask { method, path, headers: &headers, body: bytes, reads: method == "GET" })
    }

    /// Says in a workload's template which revision of a Secret it runs with: it is started again
    /// where that is another than before, and is not where it is the same.
    pub(crate) fn restart(&self, workload: &Workload, secret: &str, revision: &str) -> Result<(), Fault> {
        let annotations = json!({ annotation(secret): revision });
        let body = json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } });
        let answer = self.call("PATCH", &self.path(workload), "application/strategic-merge-patch+json", Some(&body))?;
        if answer.status == 404 {
            return Err(Fault::refused(Refusal::Missing, format!("there is no `{workload}`")));
        }
        answer.good().map(drop)
    }

    /// Whether every part of a workload runs with this revision.
    pub(crate) fn rolled_out(&self, workload: &Workload, secret: &str, revision: &str) -> Result<bool, Fault> {
        let answer = self.call("GET", &self.path(workload), "", None)?;
        if answer.status == 404 {
            return Err(Fault::refused(Refusal::Missing, format!("there is no `{workload}`")));
        }
        let found: Value = answer.good()?.json()?;
        let path = format!("/spec/template/metadata/annotations/{}", annotation(secret).replace('/', "~1"));
        let count = |path: &str| found.pointer(path).and_then(Value::as_u64);
        let seen = count("/status/observedGeneration") >= count("/metadata/generation");
        let (wanted, updated, ready) = match workload.kind {
            WorkloadKind::DaemonSet => {
                ("/status/desiredNumberScheduled", "/status/updatedNumberScheduled", "/status/numberReady")
            }
            _ => ("/spec/replicas", "/status/updatedReplicas", "/status/readyReplicas"),
        };
        let wanted = count(wanted).unwrap_or(1);
        let all = |path: &str| count(path).unwrap_or(0) >= wanted;
        // Parts of before are gone, too.
        let alone = workload.kind != WorkloadKind::Deployment || count("/status/replicas").unwrap_or(0) <= wanted;
        let marked = found.pointer(&path).and_then(Value::as_str) == Some(revision);
        Ok(marked && seen && all(updated) && all(ready) && alone)
    }

    fn path(&self, workload: &Workload) -> String {
        let kind = workload.kind.as_str();
        format!("/apis/apps/v1/namespaces/{}/{kind}s/{}", escape(&self.namespace), escape(&workload.name))
    }
}

impl KubernetesSecret {
    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets/{}", escape(&self.cluster.namespace), escape(&self.name))
    }
}

impl Entry for KubernetesSecret {
    fn read(&self) -> Result<Held, Fault> {
        let answer = self.cluster.call("GET", &self.path(), "", None)?;
        if answer.status == 404 {
            return Ok(Held::default());
        }
        let Read { mut data, metadata } = answer.good()?.json()?;
        let odd = || Fault::nonsense("a value that is not in base64");
        let value = match data.remove(&self.key).and_then(Field::text) {
            Some(encoded) => {
                let bytes = Zeroizing::new(BASE64.decode(encoded.expose().as_bytes()).map_err(|_| odd())?);
                let text = std::str::from_utf8(&bytes)
                    .map_err(|_| Fault::refused(Refusal::Input, "what lies there is no text"))?;
                Some(Secret::new("a value of Kubernetes", text.to_owned()))
            }
            None => None,
        };
        let field = format!("f:{}", self.key);
        let owns = |managed: &Managed| managed.fields_v1.get("f:data").is_some_and(|data| data.get(&field).is_some());
        let mut owners = metadata.managed_fields.iter().filter(|managed| owns(managed)).map(|managed| &managed.manager);
        // Whoever else owns it beside us agrees with the value; alone he does not know us.
        let ours = owners.clone().find(|manager| manager.starts_with("keyward."));
        let mark = ours.or_else(|| owners.next()).map(|manager| manager.trim_start_matches("keyward.").to_owned());
        Ok(Held { value, is_there: true, mark, revision: metadata.resource_version, labels: HashMap::new() })
    }

    fn write(&self, _: &Held, value: &Secret<String>, mark: &str) -> Result<(), Fault> {
        if value.expose().len() > LARGEST {
            return Err(Fault::refused(Refusal::Input, "a Secret holds a megabyte at most"));
        }
        let data = Zeroizing::new(BASE64.encode(value.expose().as_bytes()));
        let body = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": self.name },
            "data": { &self.key: *data } });
        let path = format!("{}?fieldManager=keyward.{mark}&force={}", self.path(), self.forces);
        let answer = self.cluster.call("PATCH", &path, "application/apply-patch+yaml", Some(&body))?;
        match answer.status {
            409 => Err(Fault::refused(
                Refusal::Input,
                format!("`{}` of `{}` belongs to somebody else; `--adopt` takes it over", self.key, self.name),
            )),
            422 => Err(Fault::refused(Refusal::Input, format!("the cluster does not take `{}` so", self.name))),
            _ => answer.good().map(drop),
        }
    }

    /// Applying marks.
    fn mark(&self, held: &Held, mark: &str) -> Result<(), Fault> {
        match &held.value {
            Some(value) => self.write(held, value, mark),
            None => Ok(()),
        }
    }
}

/// In which a template says which revision of a Secret it runs with.
fn annotation(secret: &str) -> String {
    format!("keyward.dev/{secret}")
}

impl TryFrom<String> for Workload {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let odd = || "a workload is `deployment/NAME`, `statefulset/NAME` or `daemonset/NAME`".to_owned();
        let (kind, name) = text.split_once('/').ok_or_else(odd)?;
        let kinds = [WorkloadKind::Deployment, WorkloadKind::StatefulSet, WorkloadKind::DaemonSet];
        let kind = kinds.into_iter().find(|one| one.as_str() == kind).ok_or_else(odd)?;
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        match !name.is_empty() && name.len() <= 253 && name.bytes().all(fits) {
            true => Ok(Self { kind, name: name.to_owned() }),
            false => Err(odd()),
        }
    }
}

impl From<Workload> for String {
    fn from(workload: Workload) -> Self {
        workload.to_string()
    }
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)
    }
}

impl std::str::FromStr for Workload {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.to_owned().try_into()
    }
}
