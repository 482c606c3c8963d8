use std::time::Duration;

use keyward_providers::RotationClass;
use keyward_types::{Secret, Verified};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{self, Api};
use super::google;
use crate::http::{escape, secret};
use crate::{
    Account, Call, Chosen, Ctx, Fault, Found, Http, KeyId, LastUsed, Minted, Minting, Preflight, Refusal, Rotator, Tag,
    Verdict,
};

/// Google's API keys (Gemini, Maps and others) by the API Keys API: the new key gets the restrictions
/// of the old one, is named by the tag, and its value can be read again. Deleting can be taken back
/// for 30 days. The administrative credential is the key of a service account with the role
/// `roles/serviceusage.apiKeysAdmin`, as its JSON file has it, or an access token with the scope
/// `cloud-platform`.
pub struct ApiKeys {
    api: Api,
    project: String,
    /// The services that new keys may be used for, where those are fewer than the old one's.
    only: Vec<String>,
}

#[derive(Deserialize)]
struct KeyString {
    #[serde(rename = "keyString", deserialize_with = "secret")]
    value: Secret<String>,
}

/// How often and how far apart an operation is asked after.
const POLLS: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(500);

impl ApiKeys {
    /// Keys of this project, by its id or number.
    pub fn new(http: Http, project: &str) -> Self {
        let api = Api::new(http, "gcp", "https://apikeys.googleapis.com/v2", "authorization", "Bearer ");
        let api = api.exchanging(google::token);
        Self { api, project: project.into(), only: Vec::new() }
    }

    /// The same, and new keys may be used for these services alone (`generativelanguage.googleapis.com`),
    /// and for none that the old one may not be used for.
    #[must_use]
    pub fn narrowed_to(self, only: Vec<String>) -> Self {
        Self { only, ..self }
    }

    fn keys_path(&self) -> Result<String, Fault> {
        Ok(format!("/projects/{}/locations/global/keys", api::part(&self.project)?))
    }

    fn key_path(&self, id: &KeyId) -> Result<String, Fault> {
        Ok(format!("{}/{}", self.keys_path()?, api::part(id.as_str())?))
    }

    fn list(&self, ctx: &Ctx<'_>) -> Result<Vec<Value>, Fault> {
        let path = self.keys_path()?;
        let page = |token: Option<&str>| match token {
            Some(token) => format!("{path}?pageSize=300&pageToken={token}"),
            None => format!("{path}?pageSize=300"),
        };
        self.api.pages(ctx, page, "keys", |page| api::text(page, "nextPageToken").map(escape))
    }

    /// What the new key is to be like the old one in.
    fn likeness(&self, ctx: &Ctx<'_>) -> Result<Value, Fault> {
        let Some(old) = ctx.replaces else { return Ok(json!({})) };
        let mut old: Value = self.api.get(ctx, &self.key_path(old)?)?.good()?.json()?;
        let mut like = json!({});
        for field in ["restrictions", "serviceAccountEmail"] {
            if let Some(value) = old.get_mut(field).map(Value::take) {
                like[field] = value;
            }
        }
        if !self.only.is_empty() {
            like["restrictions"]["apiTargets"] = self.targets(&like["restrictions"])?;
        }
        Ok(like)
    }

    /// Of the old key's API restrictions those that are asked for; where it had none, they are the new ones.
    fn targets(&self, restrictions: &Value) -> Result<Value, Fault> {
        let asked = |target: &&Value| {
            api::text(target, "service").is_some_and(|service| self.only.iter().any(|only| only == service))
        };
        match restrictions.get("apiTargets").and_then(Value::as_array).filter(|targets| !targets.is_empty()) {
            None => Ok(self.only.iter().map(|service| json!({ "service": service })).collect()),
            Some(targets) => match targets.iter().filter(asked).cloned().collect::<Vec<Value>>() {
                none if none.is_empty() => {
                    Err(Fault::refused(Refusal::Input, "the old key may not be used for what it was seen in"))
                }
                some => Ok(some.into()),
            },
        }
    }

    fn finish(&self, ctx: &Ctx<'_>, mut operation: Value) -> Result<(), Fault> {
        for _ in 0..POLLS {
            if let Some(error) = operation.get("error") {
                let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
                // gRPC's codes: 7 permission denied, 8 resource exhausted.
                let what = match code {
                    7 => Refusal::Permission,
                    8 => Refusal::Slots,
                    _ => Refusal::Input,
                };
                return Err(Fault::refused(what, format!("the operation failed with code {code}")));
            }
            if operation.get("done").and_then(Value::as_bool) == Some(true) {
                return Ok(());
            }
            let name = api::text(&operation, "name").and_then(|name| name.strip_prefix("operations/"));
            let path = format!("/operations/{}", api::part(name.ok_or_else(|| Fault::nonsense("no operation"))?)?);
            std::thread::sleep(BETWEEN);
            operation = self.api.get(ctx, &path)?.good()?.json()?;
        }
        Err(Fault::Ambiguous("the operation has not ended in time".into()))
    }
}

impl Rotator for ApiKeys {
    fn class(&self) -> RotationClass {
        RotationClass::ManyKeys
    }

    fn minting(&self) -> Minting {
        Minting::Readable
    }

    fn is_reversible(&self) -> bool {
        true
    }

    fn plan(&self) -> Vec<Call> {
        let keys = self.api.address(&self.keys_path().unwrap_or_default());
        vec![
            Call::new("preflight", "GET", self.api.address("/keys:lookupKey?keyString=<value>")),
            Call::new("mint", "POST", format!("{keys}?keyId=<tag>")).with(match self.only.as_slice() {
                [] => r#"{"displayName":"<tag>","restrictions":<as the old key>}"#.to_owned(),
                only => format!(
                    r#"{{"displayName":"<tag>","restrictions":<as the old key, and apiTargets {} alone>}}"#,
                    only.join(", ")
                ),
            }),
            Call::new("mint", "GET", format!("{keys}/<tag>/keyString")),
            Call::new("test", "GET", "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1"),
            Call::new("suspend", "DELETE", format!("{keys}/<old key>")),
            Call::new("resume", "POST", format!("{keys}/<old key>:undelete")),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        // What every viewer of a project may, the administrator may too: it works.
        self.list(ctx)?;
        let current = self.identify(ctx, api::current(ctx)?)?;
        let mut seen = api::preflight(current, "the current key is none of this project's");
        seen.warnings.push("every viewer of the project can read every key of it (apikeys.keys.getKeyString)".into());
        Ok(seen)
    }

    fn mint(&self, ctx: &Ctx<'_>, tag: &Tag, _: Option<&Chosen>) -> Result<Minted, Fault> {
        let mut body = self.likeness(ctx)?;
        body["displayName"] = json!(tag.as_str());
        let path = format!("{}?keyId={}", self.keys_path()?, api::part(tag.as_str())?);
        let answer = self.api.call(ctx, "POST", &path, Some(&body))?;
        let id = KeyId::new(tag.as_str());
        // The id is the tag: what is there already is this rotation's own.
        if answer.status != 409 {
            self.finish(ctx, answer.good()?.json()?)?;
        }
        // It is made: that its value cannot be read now does not undo it.
        let value = self.read(ctx, &id).map_err(|fault| Fault::Ambiguous(format!("made, and not read: {fault}")))?;
        Ok(Minted { value, id, expires: None })
    }

    fn find(&self, ctx: &Ctx<'_>, tag: &Tag) -> Result<Vec<Found>, Fault> {
        let keys = self.list(ctx)?;
        let tagged = keys.iter().filter(|key| api::text(key, "displayName") == Some(tag.as_str()));
        tagged.map(|key| Ok(api::found(name_of(key)?, api::moment(key.get("createTime"))))).collect()
    }

    fn read(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<Secret<String>, Fault> {
        let answer = self.api.get(ctx, &format!("{}/keyString", self.key_path(id)?))?;
        Ok(answer.good()?.json::<KeyString>()?.value)
    }

    fn probe(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Verdict, Fault> {
        let verdict = api::probe(&self.api.http, "gemini", value, &Account::default())?;
        // A key of Maps is alive and may not be used for Gemini.
        Ok(match verdict.verified {
            Verified::Blocked => Verdict { verified: Verified::ValidInsufficient, ..verdict },
            _ => verdict,
        })
    }

    fn identify(&self, ctx: &Ctx<'_>, value: &Secret<String>) -> Result<Option<KeyId>, Fault> {
        let query = zeroize::Zeroizing::new(format!("/keys:lookupKey?keyString={}", escape(value.expose())));
        let answer = self.api.get(ctx, &query)?;
        match answer.status {
            // Another project's, or nobody's.
            403 | 404 => Ok(None),
            _ => name_of(&answer.good()?.json()?).map(Some),
        }
    }

    fn last_used(&self, _: &Ctx<'_>, _: &KeyId) -> Result<LastUsed, Fault> {
        Ok(LastUsed::Unknown)
    }

    fn suspend(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        let path = self.key_path(id)?;
        let key: Value = self.api.get(ctx, &path)?.good()?.json()?;
        if key.get("deleteTime").is_some() {
            return Ok(());
        }
        let answer = self.api.call(ctx, "DELETE", &path, None)?;
        self.finish(ctx, answer.good()?.json()?)
    }

    fn resume(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        let path = self.key_path(id)?;
        let key: Value = self.api.get(ctx, &path)?.good()?.json()?;
        if key.get("deleteTime").is_none() {
            return Ok(());
        }
        let answer = self.api.call(ctx, "POST", &format!("{path}:undelete"), Some(&json!({})))?;
        self.finish(ctx, answer.good()?.json()?)
    }

    fn retire(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        match self.suspend(ctx, id) {
            Err(Fault::Refused(Refusal::Missing, _)) => Ok(()),
            done => done,
        }
    }

    fn settles_in(&self) -> u32 {
        120
    }
}

fn name_of(key: &Value) -> Result<KeyId, Fault> {
    let name = api::text(key, "name").and_then(|name| name.rsplit_once("/keys/"));
    name.map(|(_, id)| KeyId::new(id)).ok_or_else(|| Fault::nonsense("a key without a name"))
}
