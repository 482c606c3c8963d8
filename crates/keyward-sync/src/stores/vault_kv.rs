//! HashiCorp Vault's and OpenBao's KV, version 2: a field of an entry.
//! <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2>

use std::collections::HashMap;

use keyward_types::Secret;
use keyward_upstream::{Answer, Ask, Fault, Http, Refusal, Site, escape};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Entry, Field, Held, MARK, MOST, Shelf, Taken, one_line};

/// One mount.
pub(crate) struct VaultKv {
    pub(crate) http: Http,
    pub(crate) site: Site,
    pub(crate) mount: String,
    pub(crate) namespace: Option<String>,
    pub(crate) token: Secret<String>,
}

/// A field of one entry.
pub(crate) struct KvField {
    pub(crate) kv: VaultKv,
    pub(crate) path: String,
    pub(crate) field: String,
}

#[derive(Default, Deserialize)]
struct Read {
    data: Option<Data>,
}

#[derive(Default, Deserialize)]
struct Data {
    data: Option<HashMap<String, Field>>,
    metadata: Option<Metadata>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    version: u64,
    custom_metadata: Option<HashMap<String, String>>,
}

/// How many folders deep names are looked for.
const DEPTH: usize = 8;

impl VaultKv {
    fn call(&self, method: &'static str, kind: &str, path: &str, body: Option<&Value>) -> Result<Answer, Fault> {
        // A list by GET, which every proxy lets through.
        let (method, query) = if method == "LIST" { ("GET", "?list=true") } else { (method, "") };
        let path = format!("/v1/{}/{kind}/{}{query}", segments(&self.mount), segments(path));
        let body = body.map(|body| Zeroizing::new(body.to_string()));
        let mut headers = vec![("x-vault-token", one_line(&self.token)), ("x-vault-request", "true")];
        if let Some(namespace) = &self.namespace {
            headers.push(("x-vault-namespace", namespace));
        }
        match (method, &body) {
            ("PATCH", _) => headers.push(("content-type", "application/merge-patch+json")),
            (_, Some(_)) => headers.push(("content-type", "application/json")),
            _ => {}
        }
        let bytes = body.as_ref().map(|body| body.as_bytes());
        let reads = method == "GET";
        let answer = self.http.ask(&self.site, &Ask { method, path: &path, headers: &headers, body: bytes, reads })?;
        match answer.status {
            // What a token may not do is answered so, and so is a token that is over.
            403 => Err(Fault::refused(
                Refusal::Permission,
                format!("the token may not {} `{}`", method.to_lowercase(), &path["/v1/".len()..]),
            )),
            400 if answer.text().contains("check-and-set") => {
                Err(Fault::refused(Refusal::Busy, "somebody else wrote it at the same time"))
            }
            _ => Ok(answer),
        }
    }

    fn read(&self, path: &str) -> Result<Data, Fault> {
        let answer = self.call("GET", "data", path, None)?;
        match answer.status {
            // Of what was deleted there is still a version, which the next write has to name.
            404 => Ok(answer.json::<Read>().ok().and_then(|read| read.data).unwrap_or_default()),
            _ => answer.good()?.json::<Read>()?.data.ok_or_else(|| Fault::nonsense("an entry without data")),
        }
    }
}

impl Entry for KvField {
    fn read(&self) -> Result<Held, Fault> {
        let Data { data, metadata } = self.kv.read(&self.path)?;
        let metadata = metadata.unwrap_or_default();
        let is_there = data.is_some();
        let value = match data.and_then(|mut data| data.remove(&self.field)) {
            Some(Field::Text(value)) => Some(value),
            Some(Field::Other) => {
                return Err(Fault::refused(Refusal::Input, format!("`{}` lies there and is no text", self.field)));
            }
            None => None,
        };
        let mark = metadata.custom_metadata.unwrap_or_default().remove(&self.mark_name());
        Ok(Held { value, is_there, mark, revision: metadata.version.to_string(), labels: HashMap::new() })
    }

    fn write(&self, over: &Held, value: &Secret<String>, mark: &str) -> Result<(), Fault> {
        let cas: u64 = over.revision.parse().unwrap_or(0);
        let body = json!({ "data": { &self.field: value.expose() }, "options": { "cas": cas } });
        // Of an entry that is there only the one field is touched.
        let method = if over.is_there { "PATCH" } else { "POST" };
        self.kv.call(method, "data", &self.path, Some(&body))?.good()?;
        self.mark(over, mark)
    }

    fn mark(&self, _: &Held, mark: &str) -> Result<(), Fault> {
        let body = json!({ "custom_metadata": { self.mark_name(): mark } });
        self.kv.call("PATCH", "metadata", &self.path, Some(&body))?.good().map(drop)
    }
}

impl KvField {
    fn mark_name(&self) -> String {
        format!("{MARK}-{}", self.field)
    }
}

impl Shelf for VaultKv {
    fn names(&self) -> Result<Vec<String>, Fault> {
        let mut names = Vec::new();
        let mut folders = vec![(String::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let answer = self.call("LIST", "metadata", &folder, None)?;
            if answer.status == 404 {
                continue;
            }
            let list: Value = answer.good()?.json()?;
            let keys = list.pointer("/data/keys").and_then(Value::as_array);
            for key in keys.ok_or_else(|| Fault::nonsense("a list that cannot be read"))? {
                let key = key.as_str().ok_or_else(|| Fault::nonsense("a list that cannot be read"))?;
                let path = format!("{folder}{key}");
                match key.ends_with('/') {
                    true if depth < DEPTH => folders.push((path, depth + 1)),
                    true => return Err(Fault::refused(Refusal::Input, "its folders are too deep")),
                    false => names.push(path),
                }
            }
            if names.len() > MOST {
                return Err(Fault::refused(Refusal::Input, format!("more than {MOST} entries")));
            }
        }
        names.sort();
        Ok(names)
    }

    fn take(&self, name: &str) -> Result<Taken, Fault> {
        let data = self.read(name)?.data.unwrap_or_default();
        let mut fields: Vec<_> = data.into_iter().map(|(field, value)| (field, value.text())).collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(fields)
    }
}

/// A path, each segment escaped.
fn segments(path: &str) -> String {
    path.split('/').map(escape).collect::<Vec<_>>().join("/")
}
