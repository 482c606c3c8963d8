use keyward_providers::RotationClass;
use keyward_types::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::CollectionAccess;
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
    /// What new keys may, where that is less than the old one may.
    access: Option<Vec<CollectionAccess>>,
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
        Self { api, account: account.into(), cluster: cluster.into(), host: host.into(), access: None }
    }

    /// The same, and new keys may only this, and no more of it than the old one.
    #[must_use]
    pub fn narrowed_to(self, access: Vec<CollectionAccess>) -> Self {
        Self { access: Some(access), ..self }
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
            Call::new("mint", "POST", path.clone()).with(match &self.access {
                None => r#"{"database_api_key":{"name":"<tag>","access_rules":<as the old key>,…}}"#.to_owned(),
                Some(access) => {
                    let each: Vec<String> =
                        access.iter().map(|one| format!("{}={}", one.collection, one.access)).collect();
                    let each = each.join(",");
                    format!(r#"{{"database_api_key":{{"name":"<tag>","access_rules":<{each}>,…}}}}"#)
                }
            }),
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
        let rules = ["access_rules", "accessRules"].iter().find_map(|field| old.get(*field));
        if let Some(rules) = rules {
            key["access_rules"] = rules.clone();
        }
        if let Some(access) = &self.access {
            key["access_rules"] = narrower(access, rules)?;
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

/// Rules for this access, none of them wider than the old key's.
fn narrower(access: &[CollectionAccess], old: Option<&Value>) -> Result<Value, Fault> {
    let rules: Vec<Value> = access
        .iter()
        .filter_map(|one| {
            let writes = one.access == "rw" && may(old, &one.collection)?;
            may(old, &one.collection)?;
            let word = if writes { "READ_WRITE" } else { "READ_ONLY" };
            Some(json!({ "collection_access": { "collection_name": one.collection,
                "access_type": format!("COLLECTION_ACCESS_RULE_ACCESS_TYPE_{word}") } }))
        })
        .collect();
    match rules.is_empty() {
        true => Err(Fault::refused(Refusal::Input, "the old key may nothing in the collections that it was seen in")),
        false => Ok(rules.into()),
    }
}

/// Whether a key with these rules may write to a collection; `None`: nor read it. One without rules may
/// everything.
fn may(rules: Option<&Value>, collection: &str) -> Option<bool> {
    let Some(rules) = rules.and_then(Value::as_array).filter(|rules| !rules.is_empty()) else { return Some(true) };
    let part = |rule: &Value, names: [&str; 2]| names.iter().find_map(|name| rule.get(*name)).cloned();
    let writes = |rule: &Value| {
        let word = part(rule, ["access_type", "accessType"])?;
        Some(!word.as_str()?.ends_with("READ_ONLY"))
    };
    rules.iter().find_map(|rule| {
        if let Some(global) = part(rule, ["global_access", "globalAccess"]) {
            return writes(&global);
        }
        let one = part(rule, ["collection_access", "collectionAccess"])?;
        let name = part(&one, ["collection_name", "collectionName"])?;
        if name.as_str() == Some(collection) { writes(&one) } else { None }
    })
}
