use keyward_providers::RotationClass;
use keyward_types::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{self, Api};
use crate::http::{escape, secret};
use crate::{
    Account, Call, Chosen, Ctx, Fault, Found, Http, KeyId, LastUsed, Minted, Minting, Preflight, Refusal, Rotator, Tag,
    Verdict,
};

/// Qdrant Cloud: another key of the same cluster, with the access of the old one. The administrative
/// credential is a management key that may `read`, `write` and `delete` API keys.
pub struct Qdrant {
    api: Api,
    account: String,
    cluster: String,
    /// Host and port of the cluster itself, where its keys are tried.
    host: String,
}

#[derive(Deserialize)]
struct Created {
    #[serde(alias = "databaseApiKey", alias = "database_api_key")]
    database_api_key: CreatedKey,
}

#[derive(Deserialize)]
struct CreatedKey {
    id: String,
    #[serde(deserialize_with = "secret")]
    key: Secret<String>,
}

impl Qdrant {
    /// Keys of this cluster of this account; `host` is the cluster's own name, without port.
    pub fn new(http: Http, account: &str, cluster: &str, host: &str) -> Self {
        let api = Api::new(http, "qdrant", "https://api.cloud.qdrant.io", "authorization", "apikey ");
        Self { api, account: account.into(), cluster: cluster.into(), host: host.into() }
    }

    fn path(&self) -> Result<String, Fault> {
        Ok(format!("/api/cluster/auth/v2/accounts/{}/database-api-keys", api::part(&self.account)?))
    }

    fn keys(&self, ctx: &Ctx<'_>) -> Result<Vec<Value>, Fault> {
        let path = format!("{}?cluster_id={}", self.path()?, escape(&self.cluster));
        self.api.pages(ctx, |_| path.clone(), "items", |_| None)
    }
}

impl Rotator for Qdrant {
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
        let path = self.api.address(&self.path().unwrap_or_default());
        vec![
            Call::new("preflight", "GET", format!("{path}?cluster_id={}", self.cluster)),
            Call::new("mint", "POST", path.clone())
                .with(r#"{"database_api_key":{"name":"<tag>","access_rules":<as the old key>,…}}"#),
            Call::new("test", "GET", format!("https://{}:6333/collections", self.host)),
            Call::new("retire", "DELETE", format!("{path}/<old key>?cluster_id={}", self.cluster)),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        let current = self.identify(ctx, api::current(ctx)?)?;
        Ok(api::preflight(
            current,
            "none of the cluster's keys is the current one: without its access rules none like it is made",
        ))
    }

    fn mint(&self, ctx: &Ctx<'_>, tag: &Tag, _: Option<&Chosen>) -> Result<Minted, Fault> {
        // A key without rules may everything: they are the old one's, or none is made.
        let old = ctx.replaces.ok_or_else(|| Fault::refused(Refusal::Input, "which key is replaced is not known"))?;
        let keys = self.keys(ctx)?;
        let old = keys.iter().find(|key| api::text(key, "id") == Some(old.as_str()));
        let old = old.ok_or_else(|| Fault::refused(Refusal::Missing, "the key that is replaced is no more"))?;
        let mut key = json!({ "account_id": self.account, "cluster_id": self.cluster, "name": tag.as_str() });
        for field in ["access_rules", "accessRules"] {
            if let Some(rules) = old.get(field) {
                key["access_rules"] = rules.clone();
            }
        }
        let answer = self.api.call(ctx, "POST", &self.path()?, Some(&json!({ "database_api_key": key })))?;
        let made = answer.good()?.json::<Created>()?.database_api_key;
        Ok(Minted { value: made.key, id: KeyId::new(made.id), expires: None })
    }

    fn find(&self, ctx: &Ctx<'_>, tag: &Tag) -> Result<Vec<Found>, Fault> {
        let keys = self.keys(ctx)?;
        let tagged = keys.iter().filter(|key| api::text(key, "name") == Some(tag.as_str()));
        let created = |key: &Value| api::moment(key.get("created_at").or_else(|| key.get("createdAt")));
        tagged.map(|key| Ok(api::found(api::id(key)?, created(key)))).collect()
    }

    fn probe(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Verdict, Fault> {
        api::probe(&self.api.http, "qdrant", value, &Account::default().with("cluster", &self.host))
    }

    fn identify(&self, ctx: &Ctx<'_>, value: &Secret<String>) -> Result<Option<KeyId>, Fault> {
        let keys = self.keys(ctx)?;
        let ends =
            |key: &&Value| api::text(key, "postfix").is_some_and(|end| end.len() >= 3 && value.expose().ends_with(end));
        let mut fitting = keys.iter().filter(ends);
        let only = fitting.next();
        match fitting.next() {
            Some(_) => Ok(None),
            None => only.map(api::id).transpose(),
        }
    }

    fn last_used(&self, _: &Ctx<'_>, _: &KeyId) -> Result<LastUsed, Fault> {
        Ok(LastUsed::Unknown)
    }

    fn retire(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        let path = format!("{}/{}?cluster_id={}", self.path()?, api::part(id.as_str())?, escape(&self.cluster));
        api::ended(self.api.call(ctx, "DELETE", &path, None)?)
    }

    fn settles_in(&self) -> u32 {
        60
    }
}
