use keyward_providers::RotationClass;
use keyward_types::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{self, Api};
use crate::http::secret;
use crate::{
    Account, Call, Chosen, Ctx, Fault, Found, Http, KeyId, LastUsed, Minted, Minting, Preflight, Rotator, Tag, Verdict,
};

/// Neon: another API key of the same account or organisation. Its list shows nothing of values, so
/// that which key an imported value is has to be said by a person. The administrative credential is
/// another API key.
pub struct Neon {
    api: Api,
    organization: Option<String>,
    project: Option<String>,
}

#[derive(Deserialize)]
struct Created {
    id: u64,
    #[serde(deserialize_with = "secret")]
    key: Secret<String>,
}

impl Neon {
    /// Keys of whoever the administrative credential is of.
    pub fn personal(http: Http) -> Self {
        let api = Api::new(http, "neon", "https://console.neon.tech/api/v2", "authorization", "Bearer ");
        Self { api, organization: None, project: None }
    }

    /// Keys of this organisation, for one of its projects or for all.
    pub fn of_organization(http: Http, organization: &str, project: Option<&str>) -> Self {
        let (organization, project) = (Some(organization.to_owned()), project.map(str::to_owned));
        Self { organization, project, ..Self::personal(http) }
    }

    fn path(&self) -> Result<String, Fault> {
        Ok(match &self.organization {
            Some(organization) => format!("/organizations/{}/api_keys", api::part(organization)?),
            None => "/api_keys".into(),
        })
    }

    fn keys(&self, ctx: &Ctx<'_>) -> Result<Vec<Value>, Fault> {
        self.api.get(ctx, &self.path()?)?.good()?.json()
    }

    fn body(&self, name: &str) -> Value {
        match &self.project {
            Some(project) => json!({ "key_name": name, "project_id": project }),
            None => json!({ "key_name": name }),
        }
    }
}

impl Rotator for Neon {
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
            Call::new("preflight", "GET", path.clone()),
            Call::new("mint", "POST", path.clone()).with(self.body("<tag>").to_string()),
            Call::new("test", "GET", self.api.address("/auth")),
            Call::new("watch", "GET", path.clone()),
            Call::new("retire", "DELETE", format!("{path}/<old key>")),
        ]
    }

    fn preflight(&self, ctx: &Ctx<'_>) -> Result<Preflight, Fault> {
        let keys = self.keys(ctx)?;
        let known = ctx.replaces.filter(|id| keys.iter().any(|key| api::id(key).as_ref() == Ok(*id)));
        Ok(api::preflight(known.cloned(), "Neon does not tell which of its keys the current value is: name its id"))
    }

    fn mint(&self, ctx: &Ctx<'_>, tag: &Tag, _: Option<&Chosen>) -> Result<Minted, Fault> {
        let answer = self.api.call(ctx, "POST", &self.path()?, Some(&self.body(tag.as_str())))?;
        let made: Created = answer.good()?.json()?;
        Ok(Minted { value: made.key, id: KeyId::new(made.id.to_string()), expires: None })
    }

    fn find(&self, ctx: &Ctx<'_>, tag: &Tag) -> Result<Vec<Found>, Fault> {
        let keys = self.keys(ctx)?;
        let tagged = keys.iter().filter(|key| api::text(key, "name") == Some(tag.as_str()));
        tagged.map(|key| Ok(api::found(api::id(key)?, api::moment(key.get("created_at"))))).collect()
    }

    fn probe(&self, _: &Ctx<'_>, value: &Secret<String>) -> Result<Verdict, Fault> {
        api::probe(&self.api.http, "neon", value, &Account::default())
    }

    fn identify(&self, _: &Ctx<'_>, _: &Secret<String>) -> Result<Option<KeyId>, Fault> {
        Ok(None)
    }

    fn last_used(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<LastUsed, Fault> {
        let keys = self.keys(ctx)?;
        let Some(key) = keys.iter().find(|key| api::id(key).as_ref() == Ok(id)) else { return Ok(LastUsed::Unknown) };
        let from = api::text(key, "last_used_from_addr").map(str::to_owned);
        Ok(api::moment(key.get("last_used_at")).map_or(LastUsed::Never, |at| LastUsed::At(at, from)))
    }

    fn retire(&self, ctx: &Ctx<'_>, id: &KeyId) -> Result<(), Fault> {
        let path = format!("{}/{}", self.path()?, api::part(id.as_str())?);
        api::ended(self.api.call(ctx, "DELETE", &path, None)?)
    }
}
