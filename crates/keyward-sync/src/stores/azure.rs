//! Azure Key Vault's secrets.
//! <https://learn.microsoft.com/rest/api/keyvault/secrets/>

use std::collections::HashMap;

use keyward_types::Secret;
use keyward_upstream::{Answer, Ask, Fault, Http, Refusal, Site, escape, secret};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Entry, Field, Held, MARK, MOST, Shelf, Taken, one_line};

/// One vault, and the name of a secret in it.
pub(crate) struct KeyVault {
    pub(crate) http: Http,
    /// What stands before `.vault.azure.net`.
    pub(crate) vault: String,
    pub(crate) name: String,
    /// `{"tenant_id", "client_id", "client_secret"}`, or an access token.
    pub(crate) credential: Secret<String>,
}

#[derive(Deserialize)]
struct Client {
    tenant_id: String,
    client_id: String,
    #[serde(deserialize_with = "secret")]
    client_secret: Secret<String>,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(deserialize_with = "secret")]
    access_token: Secret<String>,
}

#[derive(Deserialize)]
struct Bundle {
    value: Field,
    id: String,
    #[serde(default)]
    tags: Option<HashMap<String, String>>,
}

const VERSION: &str = "api-version=7.4";
const SCOPE: &str = "https%3A%2F%2Fvault.azure.net%2F.default";
/// Bytes of a value.
const LARGEST: usize = 25 * 1024;
/// Fifteen tags a secret, and one is ours.
const MOST_TAGS: usize = 15;

impl KeyVault {
    fn token(&self) -> Result<Secret<String>, Fault> {
        let text = one_line(&self.credential);
        if !text.starts_with('{') {
            return Ok(self.credential.clone());
        }
        let odd = |why: &str| Fault::refused(Refusal::Admin, why);
        let client: Client = serde_json::from_str(text)
            .map_err(|_| odd("it is no JSON with `tenant_id`, `client_id` and `client_secret`"))?;
        let site = Site::public("https://login.microsoftonline.com").map_err(|_| odd("its address is none"))?;
        let form = Zeroizing::new(format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={SCOPE}", // keyward:allow misuse-secret-in-url a form's body
            escape(&client.client_id),
            escape(client.client_secret.expose())
        ));
        let path = format!("/{}/oauth2/v2.0/token", escape(&client.tenant_id));
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
        let ask = Ask { method: "POST", path: &path, headers: &headers, body: Some(form.as_bytes()), reads: true };
        let answer = self.http.ask(&site, &ask)?;
        match answer.status {
            400 | 401 => Err(odd(&format!("Microsoft gives no token for it: {}", answer.outcome()))),
            _ => Ok(answer.good()?.json::<Granted>()?.access_token),
        }
    }

    fn call(&self, method: &'static str, path: &str, body: Option<&Value>) -> Result<Answer, Fault> {
        let base = format!("https://{}.vault.azure.net", self.vault);
        let site = Site::public(&base).map_err(|error| Fault::refused(Refusal::Input, error.to_string()))?;
        let bearer = Zeroizing::new(format!("Bearer {}", one_line(&self.token()?)));
        let mut headers = vec![("authorization", bearer.as_str()), ("accept", "application/json")];
        let body = body.map(|body| Zeroizing::new(body.to_string()));
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let bytes = body.as_ref().map(|body| body.as_bytes());
        self.http.ask(&site, &Ask { method, path, headers: &headers, body: bytes, reads: method == "GET" })
    }

    fn get(&self, name: &str) -> Result<Option<Bundle>, Fault> {
        let answer = self.call("GET", &format!("/secrets/{}?{VERSION}", escape(name)), None)?;
        match answer.status {
            404 => Ok(None),
            _ => answer.good()?.json().map(Some),
        }
    }
}

impl Entry for KeyVault {
    fn read(&self) -> Result<Held, Fault> {
        let Some(Bundle { value, id, tags }) = self.get(&self.name)? else { return Ok(Held::default()) };
        let labels = tags.unwrap_or_default();
        let revision = id.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Held { value: value.text(), is_there: true, mark: labels.get(MARK).cloned(), revision, labels })
    }

    /// A new version, with the tags that were there: the store takes those of the version before away.
    fn write(&self, over: &Held, value: &Secret<String>, mark: &str) -> Result<(), Fault> {
        if value.expose().len() > LARGEST {
            return Err(Fault::refused(Refusal::Input, format!("a secret there holds {LARGEST} bytes at most")));
        }
        let mut tags = over.labels.clone();
        tags.insert(MARK.into(), mark.into());
        if tags.len() > MOST_TAGS {
            return Err(Fault::refused(Refusal::Input, format!("it has {MOST_TAGS} tags already, and needs one")));
        }
        let path = format!("/secrets/{}?{VERSION}", escape(&self.name));
        let answer = self.call("PUT", &path, Some(&json!({ "value": value.expose(), "tags": tags })))?;
        match answer.status {
            409 if answer.text().contains("ObjectIsDeletedButRecoverable") => {
                let why = format!("`{}` was deleted there and can be recovered; recover or purge it", self.name);
                Err(Fault::refused(Refusal::Input, why))
            }
            _ => answer.good().map(drop),
        }
    }

    fn mark(&self, held: &Held, mark: &str) -> Result<(), Fault> {
        let mut tags = held.labels.clone();
        tags.insert(MARK.into(), mark.into());
        let path = format!("/secrets/{}/{}?{VERSION}", escape(&self.name), escape(&held.revision));
        self.call("PATCH", &path, Some(&json!({ "tags": tags })))?.good().map(drop)
    }
}

impl Shelf for KeyVault {
    fn names(&self) -> Result<Vec<String>, Fault> {
        let mut names = Vec::new();
        let mut path = format!("/secrets?{VERSION}&maxresults=25");
        loop {
            let page: Value = self.call("GET", &path, None)?.good()?.json()?;
            let odd = || Fault::nonsense("a list that cannot be read");
            for item in page["value"].as_array().ok_or_else(odd)? {
                let enabled = item.pointer("/attributes/enabled").and_then(Value::as_bool).unwrap_or(true);
                let id = item["id"].as_str().ok_or_else(odd)?;
                if enabled {
                    names.push(id.rsplit('/').next().unwrap_or_default().to_owned());
                }
            }
            if names.len() > MOST {
                return Err(Fault::refused(Refusal::Input, format!("more than {MOST} entries")));
            }
            // The next page is an address; of it only what stands behind the host is believed.
            match page["nextLink"].as_str().filter(|link| !link.is_empty()) {
                Some(link) => {
                    let (_, rest) = link.split_once(".vault.azure.net").ok_or_else(odd)?;
                    path = rest.strip_prefix(":443").unwrap_or(rest).to_owned();
                    if !path.starts_with("/secrets?") {
                        return Err(odd());
                    }
                }
                None => return Ok(names),
            }
        }
    }

    fn take(&self, name: &str) -> Result<Taken, Fault> {
        Ok(vec![(String::new(), self.get(name)?.and_then(|bundle| bundle.value.text()))])
    }
}
