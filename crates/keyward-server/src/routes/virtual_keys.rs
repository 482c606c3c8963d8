//! Virtual keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_client::{
    Desk, KeyRulesInfo, KeySecretInfo, Login, MadeVirtualKey, NewChildKeyInfo, NewVirtualKeyInfo, VirtualKeyDetail,
    VirtualKeyInfo,
};
use keyward_types::SecretName;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::moment;
use crate::app::App;
use crate::asker::Asker;
use crate::input::{At, Input, Params, Part, object, objects};
use crate::page::Page;
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_virtual_keys))
        .routes(routes!(create_virtual_key))
        .routes(routes!(show_virtual_key, revoke_virtual_key))
        .routes(routes!(rotate_virtual_key))
        .routes(routes!(mint_virtual_key))
}

/// A virtual key, without its text.
#[derive(Debug, Serialize, ToSchema)]
struct VirtualKey {
    id: String,
    name: String,
    /// `live`, `expired` or `revoked`.
    state: String,
    /// The account whose rights it has a part of.
    account: String,
    /// Its project; null when that is gone.
    project: Option<String>,
    /// Its environment; null when that is gone.
    environment: Option<String>,
    secrets: Vec<KeySecret>,
    rules: KeyRules,
    /// RFC 3339.
    expires_at: Option<String>,
    /// RFC 3339.
    revoked_at: Option<String>,
    /// Until when its text before this one serves (RFC 3339).
    previous_until: Option<String>,
    /// The key that it is a child of.
    parent: Option<String>,
    /// For whom it was made, as a backend calls its user.
    subject: Option<String>,
    /// RFC 3339.
    created_at: String,
    created_by: String,
}

/// A page of virtual keys.
#[derive(Debug, Serialize, ToSchema)]
struct VirtualKeys {
    virtual_keys: Vec<VirtualKey>,
    /// Where the next page begins.
    next: Option<String>,
}

/// A virtual key with what became of it.
#[derive(Debug, Serialize, ToSchema)]
struct KeyDetail {
    virtual_key: VirtualKey,
    /// How many children of it there are, dead ones too.
    children: u64,
    budgets: Vec<BudgetUse>,
}

/// A cap, and how much of it is reserved or spent in its present window.
#[derive(Debug, Serialize, ToSchema)]
struct BudgetUse {
    /// `5usd/day`.
    budget: String,
    /// Millionths of a US dollar, tokens or requests.
    amount: u64,
    used: u64,
}

/// A virtual key that has a new text.
#[derive(Serialize, ToSchema)]
struct MadeKey {
    /// What its holder sends; it is in this answer and nowhere else.
    text: String,
    virtual_key: VirtualKey,
    /// Where the gateway of this server is called, without a `/` at its end; null when it has none.
    gateway: Option<String>,
}

/// A secret of a virtual key, and where it goes.
#[derive(Debug, Serialize, ToSchema)]
struct KeySecret {
    /// Null when the secret is gone.
    secret: Option<String>,
    provider: Option<String>,
    upstream: Option<String>,
}

/// A secret that a virtual key is to stand for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKeySecret {
    #[schema(value_type = String)]
    secret: SecretName,
    /// The service, by the catalogue's id; default: the one that the secret belongs to. Another one takes
    /// the right to read the secret.
    #[serde(default)]
    provider: Option<String>,
    /// Where requests go, where that is not the catalogue's address. That takes the right to read the
    /// secret.
    #[serde(default)]
    upstream: Option<String>,
}

/// What a virtual key is good for. What is empty or null limits nothing.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct KeyRules {
    /// `POST /v1/chat/*`.
    allow: Vec<String>,
    /// `gpt-4o*`.
    models: Vec<String>,
    /// The most that a number at the top of the body may be.
    max_fields: BTreeMap<String, u64>,
    /// From where it may be used (CIDR).
    networks: Vec<String>,
    /// Pages that may use it in a browser; empty: none.
    origins: Vec<String>,
    /// Requests a minute.
    rpm: Option<u64>,
    /// Tokens a minute.
    tpm: Option<u64>,
    /// Requests at a time.
    parallel: Option<u64>,
    /// `5usd/day`, `100000tokens/month`, `20usd/total`.
    budgets: Vec<String>,
    /// Whether a node reserves for each request by itself.
    strict: bool,
    /// How often it may be used.
    uses: Option<u64>,
    /// For how many seconds a node that hears nothing goes on serving it.
    max_stale: Option<u32>,
    tags: Vec<String>,
    /// Whether it is a trap: it serves nobody, and whoever shows it raises an alarm.
    canary: bool,
}

/// A virtual key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewVirtualKey {
    #[schema(value_type = String)]
    name: Login,
    /// The account whose rights it has a part of; default: the caller's.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    account: Option<Login>,
    /// 1 to 16, each at a service of its own.
    #[serde(deserialize_with = "objects")]
    #[schema(min_items = 1, max_items = 16)]
    secrets: Vec<NewKeySecret>,
    #[serde(default, deserialize_with = "object")]
    rules: KeyRules,
    /// RFC 3339, at most 366 days from now; default: until it is revoked.
    #[serde(default)]
    expires_at: Option<String>,
}

/// A narrower key to be made of one.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct NewChildKey {
    /// The services it is for; empty: all of its parent's.
    providers: Vec<String>,
    /// What it says nothing of is as with its parent.
    #[serde(deserialize_with = "object")]
    rules: KeyRules,
    /// How long it lives, a day at most; default: an hour.
    seconds: Option<u32>,
    /// For whom, as the backend calls its user.
    subject: Option<String>,
}

/// How a virtual key is to be replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct KeyRotation {
    /// For how many seconds the old text serves still, a week at most; default: not at all.
    grace_seconds: u32,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// Most items of the page, 1 to 1000.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List virtual keys: one's own and those of one's programs, or all of them for who may list the vault.
/// Children are left out.
#[utoipa::path(
    get, path = "/virtual-keys", tag = "virtual keys", params(Listing),
    responses((status = 200, body = VirtualKeys))
)]
async fn list_virtual_keys(asker: Asker, Params(query): Params<Listing>) -> Result<Json<VirtualKeys>> {
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let mut keys = asker.ask(|desk| Ok(desk.virtual_keys()?)).await?;
    keys.sort_by(|a, b| a.id.cmp(&b.id));
    let (keys, next) = page.cut(keys, |key| key.id.as_str());
    Ok(Json(VirtualKeys { virtual_keys: keys.into_iter().map(VirtualKey::from).collect(), next }))
}

/// Make a virtual key: for oneself, or for a program whose roles one could give.
#[utoipa::path(
    post, path = "/projects/{project}/environments/{environment}/virtual-keys", tag = "virtual keys",
    request_body = NewVirtualKey, responses((status = 201, body = MadeKey))
)]
async fn create_virtual_key(
    asker: Asker,
    At(at): At,
    input: Input<NewVirtualKey>,
) -> Result<(StatusCode, Json<MadeKey>)> {
    let made = asker.ask(move |desk| Ok(desk.create_virtual_key(at, input.parse()?.info()?)?)).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// One virtual key, with its children and budgets.
#[utoipa::path(
    get, path = "/virtual-keys/{id}", tag = "virtual keys", responses((status = 200, body = KeyDetail))
)]
async fn show_virtual_key(asker: Asker, Part(id): Part<String>) -> Result<Json<KeyDetail>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.virtual_key(id)?)).await?.into()))
}

/// Revoke a virtual key with its children; they are dead when this is answered.
#[utoipa::path(
    delete, path = "/virtual-keys/{id}", tag = "virtual keys", responses((status = 200, body = VirtualKey))
)]
async fn revoke_virtual_key(asker: Asker, Part(id): Part<String>) -> Result<Json<VirtualKey>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.revoke_virtual_key(id)?)).await?.into()))
}

/// Give a virtual key another text. Its id, its rules and its children stay.
#[utoipa::path(
    post, path = "/virtual-keys/{id}/rotate", tag = "virtual keys", request_body = KeyRotation,
    responses((status = 200, body = MadeKey))
)]
async fn rotate_virtual_key(asker: Asker, Part(id): Part<String>, input: Input<KeyRotation>) -> Result<Json<MadeKey>> {
    let made = asker.ask(move |desk| Ok(desk.rotate_virtual_key(id, input.parse()?.grace_seconds)?)).await?;
    Ok(Json(made.into()))
}

/// Make a narrower key of one, short-lived, for example for a signed-in user of a backend. Its owner may,
/// with the right to use the secrets and no other.
#[utoipa::path(
    post, path = "/virtual-keys/{id}/children", tag = "virtual keys", request_body = NewChildKey,
    responses((status = 201, body = MadeKey))
)]
async fn mint_virtual_key(
    asker: Asker,
    Part(id): Part<String>,
    input: Input<NewChildKey>,
) -> Result<(StatusCode, Json<MadeKey>)> {
    let made = asker.ask(move |desk| Ok(desk.mint_virtual_key(id, input.parse()?.info()?)?)).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

impl NewVirtualKey {
    fn info(self) -> Result<NewVirtualKeyInfo> {
        let expires_at = self.expires_at.as_deref().map(|text| moment("expires_at", text)).transpose()?;
        let secret = |one: NewKeySecret| KeySecretInfo {
            secret: Some(one.secret),
            provider: one.provider,
            upstream: one.upstream,
        };
        Ok(NewVirtualKeyInfo {
            name: self.name,
            account: self.account,
            secrets: self.secrets.into_iter().map(secret).collect(),
            rules: self.rules.info()?,
            expires_at,
        })
    }
}

impl NewChildKey {
    fn info(self) -> Result<NewChildKeyInfo> {
        let Self { providers, rules, seconds, subject } = self;
        Ok(NewChildKeyInfo { providers, rules: rules.info()?, seconds, subject })
    }
}

impl KeyRules {
    /// The names are the same: what one has and the other has not is found out by the tests of both.
    fn info(self) -> Result<KeyRulesInfo> {
        let value = serde_json::to_value(self).and_then(serde_json::from_value);
        value.map_err(|error| Problem::wrong(error.to_string()))
    }
}

impl From<KeyRulesInfo> for KeyRules {
    fn from(known: KeyRulesInfo) -> Self {
        Self {
            allow: known.allow,
            models: known.models,
            max_fields: known.max_fields,
            networks: known.networks,
            origins: known.origins,
            rpm: known.rpm,
            tpm: known.tpm,
            parallel: known.parallel,
            budgets: known.budgets,
            strict: known.strict,
            uses: known.uses,
            max_stale: known.max_stale,
            tags: known.tags,
            canary: known.canary,
        }
    }
}

impl From<VirtualKeyInfo> for VirtualKey {
    fn from(known: VirtualKeyInfo) -> Self {
        let secret = |one: KeySecretInfo| KeySecret {
            secret: one.secret.map(|name| name.to_string()),
            provider: one.provider,
            upstream: one.upstream,
        };
        Self {
            id: known.id,
            name: known.name.to_string(),
            state: known.state,
            account: known.account,
            project: known.project.map(|name| name.to_string()),
            environment: known.environment.map(|name| name.to_string()),
            secrets: known.secrets.into_iter().map(secret).collect(),
            rules: known.rules.into(),
            expires_at: known.expires_at.map(|at| at.to_string()),
            revoked_at: known.revoked_at.map(|at| at.to_string()),
            previous_until: known.previous_until.map(|at| at.to_string()),
            parent: known.parent,
            subject: known.subject,
            created_at: known.created_at.to_string(),
            created_by: known.created_by,
        }
    }
}

impl From<VirtualKeyDetail> for KeyDetail {
    fn from(known: VirtualKeyDetail) -> Self {
        let budgets = known.budgets.into_iter();
        let budgets = budgets.map(|one| BudgetUse { budget: one.budget, amount: one.amount, used: one.used });
        Self { virtual_key: known.virtual_key.into(), children: known.children, budgets: budgets.collect() }
    }
}

impl From<MadeVirtualKey> for MadeKey {
    fn from(made: MadeVirtualKey) -> Self {
        let text = String::from_utf8_lossy(made.text.expose()).into_owned();
        Self { text, virtual_key: made.virtual_key.into(), gateway: made.gateway }
    }
}
