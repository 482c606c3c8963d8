use keyward_providers::RotationClass;
use keyward_types::{Secret, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{self, Api};
use crate::http::secret;
use crate::{
    Account, Call, Chosen, Ctx, Fault, Found, Http, KeyId, LastUsed, Minted, Minting, Preflight, Rotator, Tag, Verdict,
};

/// OpenAI: another key of the same service account, so that it may what the old one may. The
/// administrative credential is an admin key of the organisation.
pub struct OpenAi {
    api: Api,
    project: String,
    service_account: String,
    /// What the new key may, where that is less than its account may: `api.responses.write`.
    scopes: Vec<String>,
}

#[derive(Deserialize)]
struct Created {
    id: String,
    #[serde(deserialize_with = "secret")]
    value: Secret<String>,
    expires_at: Option<i64>,
}

impl OpenAi {
    /// Keys of this service account (`user-…`, `svc_acct_…`) in this project (`proj_…`).
    pub fn new(http: Http, project: &str, service_account: &str) -> Self {
        let api = Api::new(http, "openai", "https://api.openai.com/v1", "authorization", "Bearer ");
        Self { api, project: project.into(), service_account: service_account.into(), scopes: Vec::new() }
    }

    /// The same, and new keys may only this.
    #[must_use]
    pub fn narrowed_to(self, scopes: Vec<String>) -> Self {
        Self { scopes, ..self }
    }

    fn keys_path(&self) -> Result<String, Fault> {
        Ok(format!("/organization/projects/{}/api_keys", api::part(&self.project)?))
    }

    fn mint_path(&self) -> Result<String, Fault> {
        let (project, account) = (api::part(&self.project)?, api::part(&self.service_account)?);
        Ok(format!("/organization/projects/{project}/service_accounts/{account}/api_keys"))
    }

    fn keys(&self, ctx: &Ctx<'_>) -> Result<Vec<Value>, Fault> {
        let path = self.keys_path()?;
        let page = |after: Option<&str>| match after {
            Some(after) => format!("{path}?limit=100&after={after}"),
            None => format!("{path}?limit=100"),
        };
        self.api.pages(ctx, page, "data", |page| {
            let more = page.get("has_more").and_then(Value::as_bool).unwrap_or(false);
            let last = page.get("data").and_then(Value::as_array)?.last()?;
            if more { api::part(api::text(last, "id")?).ok() } else { None }
        })
    }

    fn body(&self, name: &str) -> Value {
        match self.scopes.is_empty() {
            true => json!({ "name": name }),
            false => json!({ "name": name, "scopes": self.scopes }),
        }
    }
}

impl Rotator for OpenAi {
    fn class(&self) -> RotationClass {
        RotationClass::ManyKeys
    }

    fn minting(&self) -> Minting {
        Minting::Once
    }

    fn is_reversible(&self) -> bool {
        false
    }

    fn plan(&self) -> Vec<Call> {
        let keys = self.keys_path().unwrap_or_default();
        vec![
            Call::new("preflight", "GET", self.api.address(&format!("{keys}?limit=100"))),
            Call::new("mint", "POST", self.api.address(&self.mint_path().unwrap_or_default()))
                .with(self.body("<tag>").to_string()),
            Call::new("test", "GET", self.api.address("/models")),
            Call::new("watch", "GET", self.api.address(&format!("{keys}?limit=100"))),
            Call::new("retire", "DELETE", self.api.address(&format!("{keys}/<old key>"))),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        let keys = self.keys(ctx)?;
        let current = api::current(ctx)?;
        Ok(api::preflight(
            told_apart(&keys, current, "redacted_value"),
            "none of the project's keys is the current one: it may belong to a person, who alone can end it",
        ))
    }

    fn mint(&self, ctx: &Ctx<'_>, tag: &Tag, _: Option<&Chosen>) -> Result<Minted, Fault> {
        let answer = self.api.call(ctx, "POST", &self.mint_path()?, Some(&self.body(tag.as_str())))?;
        let made: Created = answer.good()?.json()?;
        let expires = made.expires_at.and_then(|seconds| seconds.checked_mul(1000)).map(Timestamp);
        Ok(Minted { value: made.value, id: KeyId::new(made.id), expires })
    }

    fn find(&self, ctx: &Ctx<'_>, tag: &Tag) -> Result<Vec<Found>, Fault> {
        let keys = self.keys(ctx)?;
        // One that could not be deleted and has ended stays in the list.
        let alive = |key: &&Value| api::moment(key.get("expires_at")).is_none_or(|end| end > ctx.clock.now());
        let tagged = keys.iter().filter(|key| api::text(key, "name") == Some(tag.as_str())).filter(alive);
        tagged.map(|key| Ok(api::found(api::id(key)?, api::moment(key.get("created_at"))))).collect()
    }

    fn probe(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Verdict, Fault> {
        api::probe(&self.api.http, "openai", value, &Account::default())
    }

    fn identify(&self, ctx: &Ctx<'_>, value: &Secret<String>) -> Result<Option<KeyId>, Fault> {
        Ok(told_apart(&self.keys(ctx)?, value, "redacted_value"))
    }

    fn last_used(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<LastUsed, Fault> {
        let keys = self.keys(ctx)?;
        let Some(key) = keys.iter().find(|key| api::text(key, "id") == Some(id.as_str())) else {
            return Ok(LastUsed::Unknown);
        };
        Ok(api::moment(key.get("last_used_at")).map_or(LastUsed::Never, |at| LastUsed::At(at, None)))
    }

    fn retire(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        let path = format!("{}/{}", self.keys_path()?, api::part(id.as_str())?);
        let answer = self.api.call(ctx, "DELETE", &path, None)?;
        if answer.status != 400 {
            return api::ended(answer);
        }
        // The specification has it that a service account's key is not deleted: then it ends by itself.
        let answer = self.api.call(ctx, "POST", &path, Some(&json!({ "expires_in_seconds": 1 })))?;
        // One that has ended cannot be changed any more.
        if answer.status == 400 { Ok(()) } else { api::ended(answer) }
    }

    fn settles_in(&self) -> u32 {
        30
    }
}

/// The one key of which a list shows both ends as this value has them; `None` where none or several do.
pub(super) fn told_apart(keys: &[Value], value: &Secret<String>, field: &str) -> Option<KeyId> {
    let fits = |key: &&Value| api::text(key, field).is_some_and(|hint| api::fits_hint(value.expose(), hint));
    let mut fitting = keys.iter().filter(fits);
    let only = fitting.next()?;
    if fitting.next().is_some() { None } else { api::id(only).ok() }
}
