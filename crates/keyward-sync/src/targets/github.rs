//! Secrets of GitHub Actions: of a repository, or of one of its environments. They are never given
//! out again; a run that was queued before goes on with the value of before.
//! <https://docs.github.com/rest/actions/secrets>

use crypto_box::PublicKey;
use crypto_box::aead::OsRng;
use data_encoding::BASE64;
use keyward_types::Secret;
use keyward_upstream::{Answer, Ask, Fault as Upstream, Http, Refusal, Site, escape};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{Fault, Target};

pub(crate) struct GitHubActions {
    pub(crate) http: Http,
    /// `owner/repository`.
    pub(crate) repository: String,
    pub(crate) environment: Option<String>,
    pub(crate) name: String,
    pub(crate) adopts: bool,
    pub(crate) token: Secret<String>,
}

#[derive(Deserialize)]
struct Key {
    key_id: String,
    key: String,
}

/// Bytes of a value.
const LARGEST: usize = 48 * 1024;

impl Target for GitHubActions {
    fn check(&self) -> Result<(), Fault> {
        Ok(self.key().map(drop)?)
    }

    /// GitHub keeps no mark: what is there before the target is somebody else's.
    fn claim(&self) -> Result<(), Fault> {
        self.check()?;
        let answer = self.call("GET", &format!("/{}", escape(&self.name)), None)?;
        match answer.status {
            404 => Ok(()),
            200 if self.adopts => Ok(()),
            200 => Err(Fault::Refused(format!(
                "`{}` of {} is there already, and keyward did not make it; `--adopt` takes it over",
                self.name, self.repository
            ))),
            _ => Ok(answer.good().map(drop)?),
        }
    }

    fn deploy(&self, value: &Secret<Vec<u8>>) -> Result<(), Fault> {
        if value.expose().len() > LARGEST {
            return Err(Fault::Refused(format!("GitHub takes {LARGEST} bytes at most")));
        }
        let Key { key_id, key } = self.key()?;
        let odd = || Upstream::nonsense("a public key that is none");
        let bytes = BASE64.decode(key.as_bytes()).map_err(|_| odd())?;
        let key = <[u8; 32]>::try_from(bytes.as_slice()).map(PublicKey::from).map_err(|_| odd())?;
        let sealed =
            key.seal(&mut OsRng, value.expose()).map_err(|_| Fault::Refused("the value cannot be sealed".into()))?;
        let body = json!({ "encrypted_value": BASE64.encode(&sealed), "key_id": key_id });
        let answer = self.call("PUT", &format!("/{}", escape(&self.name)), Some(&body))?;
        match answer.status {
            // The repository's key was changed in between.
            422 => Err(Fault::Passing("GitHub does not take what was sealed; it is sealed anew".into())),
            _ => Ok(answer.good().map(drop)?),
        }
    }

    fn read_back(&self) -> Result<Option<Secret<Vec<u8>>>, Fault> {
        match self.call("GET", &format!("/{}", escape(&self.name)), None)?.status {
            404 => Ok(Some(Secret::new("nothing", Vec::new()))),
            _ => Ok(None),
        }
    }
}

impl GitHubActions {
    fn key(&self) -> Result<Key, Upstream> {
        self.call("GET", "/public-key", None)?.good()?.json()
    }

    fn call(&self, method: &'static str, path: &str, body: Option<&Value>) -> Result<Answer, Upstream> {
        let site = Site::public("https://api.github.com")
            .map_err(|error| Upstream::refused(Refusal::Input, error.to_string()))?;
        let bearer = Zeroizing::new(format!("Bearer {}", self.token.expose().trim()));
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("accept", "application/vnd.github+json"),
            ("x-github-api-version", "2022-11-28"),
        ];
        let body = body.map(Value::to_string);
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let repository: Vec<String> = self.repository.split('/').map(escape).collect();
        let base = format!("/repos/{}", repository.join("/"));
        let path = match &self.environment {
            Some(environment) => format!("{base}/environments/{}/secrets{path}", escape(environment)),
            None => format!("{base}/actions/secrets{path}"),
        };
        let bytes = body.as_ref().map(|body| body.as_bytes());
        let ask = Ask { method, path: &path, headers: &headers, body: bytes, reads: method == "GET" };
        let answer = self.http.ask(&site, &ask)?;
        let limited = answer.status == 403 && answer.text().contains("rate limit");
        if limited { Err(Upstream::Limited(None)) } else { Ok(answer) }
    }
}
