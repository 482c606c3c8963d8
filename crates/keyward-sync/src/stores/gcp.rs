//! Google Cloud's Secret Manager.
//! <https://cloud.google.com/secret-manager/docs/reference/rest>

use std::collections::HashMap;

use data_encoding::BASE64;
use keyward_types::{Clock, Secret};
use keyward_upstream::rotators::access_token;
use keyward_upstream::{Answer, Ask, Fault, Http, Refusal, Site, escape};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Entry, Field, Held, MARK, MOST, Shelf, Taken, one_line};

/// One project, and the name of a secret in it.
pub(crate) struct SecretManager<'a> {
    pub(crate) http: Http,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) project: String,
    pub(crate) name: String,
    /// A service account's key as JSON, or an access token.
    pub(crate) credential: Secret<String>,
}

#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    labels: HashMap<String, String>,
    #[serde(default)]
    etag: String,
}

#[derive(Deserialize)]
struct Accessed {
    payload: Payload,
}

#[derive(Deserialize)]
struct Payload {
    data: Field,
}

/// Bytes of a value.
const LARGEST: usize = 64 * 1024;

impl SecretManager<'_> {
    fn call(&self, method: &'static str, path: &str, body: Option<&Value>) -> Result<Answer, Fault> {
        let site = Site::public("https://secretmanager.googleapis.com")
            .map_err(|error| Fault::refused(Refusal::Input, error.to_string()))?;
        let token = access_token(&self.http, &self.credential, self.clock)?;
        let bearer = Zeroizing::new(format!("Bearer {}", one_line(&token)));
        let mut headers = vec![("authorization", bearer.as_str()), ("accept", "application/json")];
        let body = body.map(|body| Zeroizing::new(body.to_string()));
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let bytes = body.as_ref().map(|body| body.as_bytes());
        let path = format!("/v1/projects/{}/secrets{path}", escape(&self.project));
        self.http.ask(&site, &Ask { method, path: &path, headers: &headers, body: bytes, reads: method == "GET" })
    }

    /// The latest version's value; `None`: there is none.
    fn latest(&self, name: &str) -> Result<Option<Secret<String>>, Fault> {
        let answer = self.call("GET", &format!("/{}/versions/latest:access", escape(name)), None)?;
        match answer.status {
            404 => return Ok(None),
            // Of a version that was disabled or destroyed nothing is given out.
            400 if answer.code().as_deref() == Some("FAILED_PRECONDITION") => return Ok(None),
            _ => {}
        }
        let accessed: Accessed = answer.good()?.json()?;
        let odd = || Fault::nonsense("a version without data");
        let encoded = accessed.payload.data.text().ok_or_else(odd)?;
        let bytes = Zeroizing::new(BASE64.decode(encoded.expose().as_bytes()).map_err(|_| odd())?);
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Fault::refused(Refusal::Input, "what lies there is no text"))?
            .to_owned();
        Ok(Some(Secret::new("a value of Secret Manager", text)))
    }
}

impl Entry for SecretManager<'_> {
    fn read(&self) -> Result<Held, Fault> {
        let answer = self.call("GET", &format!("/{}", escape(&self.name)), None)?;
        if answer.status == 404 {
            return Ok(Held::default());
        }
        let Described { labels, etag } = answer.good()?.json()?;
        let mark = labels.get(MARK).cloned();
        Ok(Held { value: self.latest(&self.name)?, is_there: true, mark, revision: etag, labels })
    }

    /// A new version; the versions before stay, and stay readable, until somebody ends them.
    fn write(&self, over: &Held, value: &Secret<String>, mark: &str) -> Result<(), Fault> {
        if value.expose().len() > LARGEST {
            return Err(Fault::refused(Refusal::Input, format!("a secret there holds {LARGEST} bytes at most")));
        }
        if !over.is_there {
            let body = json!({ "replication": { "automatic": {} }, "labels": { MARK: mark } });
            self.call("POST", &format!("?secretId={}", escape(&self.name)), Some(&body))?.good()?;
        } else if over.mark.as_deref() != Some(mark) {
            self.mark(over, mark)?;
        }
        let data = Zeroizing::new(BASE64.encode(value.expose().as_bytes()));
        let body = json!({ "payload": { "data": *data } });
        self.call("POST", &format!("/{}:addVersion", escape(&self.name)), Some(&body))?.good().map(drop)
    }

    fn mark(&self, held: &Held, mark: &str) -> Result<(), Fault> {
        let mut labels = held.labels.clone();
        labels.insert(MARK.into(), mark.into());
        let path = format!("/{}?updateMask=labels", escape(&self.name));
        self.call("PATCH", &path, Some(&json!({ "labels": labels, "etag": held.revision })))?.good().map(drop)
    }
}

impl Shelf for SecretManager<'_> {
    fn names(&self) -> Result<Vec<String>, Fault> {
        let mut names = Vec::new();
        let mut page_token = String::new();
        loop {
            let more =
                if page_token.is_empty() { String::new() } else { format!("&pageToken={}", escape(&page_token)) };
            let page: Value = self.call("GET", &format!("?pageSize=250{more}"), None)?.good()?.json()?;
            let none = Vec::new();
            for item in page["secrets"].as_array().unwrap_or(&none) {
                let name = item["name"].as_str().ok_or_else(|| Fault::nonsense("a list that cannot be read"))?;
                names.push(name.rsplit('/').next().unwrap_or_default().to_owned());
            }
            if names.len() > MOST {
                return Err(Fault::refused(Refusal::Input, format!("more than {MOST} entries")));
            }
            match page["nextPageToken"].as_str().filter(|token| !token.is_empty()) {
                Some(token) => page_token = token.to_owned(),
                None => return Ok(names),
            }
        }
    }

    fn take(&self, name: &str) -> Result<Taken, Fault> {
        Ok(vec![(String::new(), self.latest(name)?)])
    }
}
