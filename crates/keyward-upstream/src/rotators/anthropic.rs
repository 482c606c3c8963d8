use keyward_providers::RotationClass;
use keyward_types::Secret;
use serde_json::{Value, json};

use super::api::{self, Api};
use super::openai::told_apart;
use crate::{
    Account, Call, Chosen, Ctx, Fault, Found, Http, KeyId, KeyState, LastUsed, Minted, Minting, Preflight, Refusal,
    Rotator, Tag, Verdict,
};

/// Anthropic: a person makes the new key at the console and brings it; the old one is made inactive,
/// which can be taken back, and archived. The administrative credential is an admin key.
pub struct Anthropic {
    api: Api,
}

impl Anthropic {
    /// Keys of the organisation whose admin key is lent.
    pub fn new(http: Http) -> Self {
        let api = Api::new(http, "anthropic", "https://api.anthropic.com/v1", "x-api-key", "");
        Self { api: api.with(&[("anthropic-version", "2023-06-01")]) }
    }

    fn keys(&self, ctx: &Ctx<'_>) -> Result<Vec<Value>, Fault> {
        let page = |after: Option<&str>| match after {
            Some(after) => format!("/organizations/api_keys?limit=100&after_id={after}"),
            None => "/organizations/api_keys?limit=100".to_owned(),
        };
        self.api.pages(ctx, page, "data", |page| {
            let more = page.get("has_more").and_then(Value::as_bool).unwrap_or(false);
            if more { api::part(api::text(page, "last_id")?).ok() } else { None }
        })
    }

    fn set(&self, ctx: &Ctx<'_>, id: &KeyId, status: &str) -> Result<(), Fault> {
        let path = format!("/organizations/api_keys/{}", api::part(id.as_str())?);
        self.api.call(ctx, "POST", &path, Some(&json!({ "status": status })))?.good().map(|_| ())
    }
}

impl Rotator for Anthropic {
    fn class(&self) -> RotationClass {
        RotationClass::ManyKeys
    }

    fn minting(&self) -> Minting {
        Minting::ByHand
    }

    fn is_reversible(&self) -> bool {
        true
    }

    fn plan(&self) -> Vec<Call> {
        let key = self.api.address("/organizations/api_keys/<old key>");
        vec![
            Call::new("preflight", "GET", self.api.address("/organizations/api_keys?limit=100")),
            Call::new("mint", "by hand", "https://platform.claude.com/settings/keys"),
            Call::new("test", "GET", self.api.address("/models?limit=1")),
            Call::new("suspend", "POST", key.clone()).with(r#"{"status":"inactive"}"#),
            Call::new("retire", "POST", key).with(r#"{"status":"archived"}"#),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        let current = self.identify(ctx, api::current(ctx)?)?;
        Ok(api::preflight(current, "none of the organisation's keys is the current one"))
    }

    fn mint(&self, _: &Ctx<'_>, tag: &Tag, _: Option<&Chosen>) -> Result<Minted, Fault> {
        let how = format!("make a key named `{tag}` at https://platform.claude.com/settings/keys, and paste it here");
        Err(Fault::refused(Refusal::ByHand, how))
    }

    fn find(&self, ctx: &Ctx<'_>, tag: &Tag) -> Result<Vec<Found>, Fault> {
        let keys = self.keys(ctx)?;
        let alive = |key: &&Value| matches!(api::text(key, "status"), Some("active" | "inactive"));
        let tagged = keys.iter().filter(|key| api::text(key, "name") == Some(tag.as_str())).filter(alive);
        let each = tagged.map(|key| {
            let state = match api::text(key, "status") {
                Some("active") => KeyState::Active,
                _ => KeyState::Suspended,
            };
            Ok(Found { id: api::id(key)?, created: api::moment(key.get("created_at")), state })
        });
        each.collect()
    }

    fn probe(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Verdict, Fault> {
        api::probe(&self.api.http, "anthropic", value, &Account::default())
    }

    fn identify(&self, ctx: &Ctx<'_>, value: &Secret<String>) -> Result<Option<KeyId>, Fault> {
        Ok(told_apart(&self.keys(ctx)?, value, "partial_key_hint"))
    }

    fn last_used(&self, _: &Ctx<'_>, _: &KeyId) -> Result<LastUsed, Fault> {
        Ok(LastUsed::Unknown)
    }

    fn suspend(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        self.set(ctx, id, "inactive")
    }

    fn resume(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        self.set(ctx, id, "active")
    }

    fn retire(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        match self.set(ctx, id, "archived") {
            Err(Fault::Refused(Refusal::Missing, _)) => Ok(()),
            done => done,
        }
    }

    fn settles_in(&self) -> u32 {
        30
    }
}
