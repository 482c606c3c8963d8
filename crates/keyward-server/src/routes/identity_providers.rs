//! Identity providers that people sign in at, and whose identity is whose.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_client::{Bytes, Desk, IdentityInfo, IdentityProviderInfo, Login, NewIdentityProviderInfo};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Part, Two};
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_identity_providers, add_identity_provider))
        .routes(routes!(remove_identity_provider))
        .routes(routes!(list_identities))
        .routes(routes!(unlink_identity))
}

/// A provider that people sign in at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IdentityProvider)]
struct Provider {
    name: String,
    /// What people read on its button.
    title: String,
    /// To the letter, as its tokens name it.
    issuer: String,
    client_id: String,
    /// Whether it knows us by a secret too.
    has_secret: bool,
    /// Whose verified mail addresses are let in; empty: all.
    domains: Vec<String>,
    /// What it has to say of whoever is let in, as `CLAIM=VALUE`.
    claims: Vec<String>,
    /// The claim that is the `externalId` under which SCIM brought the same people.
    scim_claim: Option<String>,
    /// Whether its certificates are signed by an authority of one's own.
    own_ca: bool,
    /// Whether it may lie at a private address.
    allow_private: bool,
    /// Whether owners may sign in there: an owner added it.
    for_owners: bool,
    /// RFC 3339.
    created_at: String,
    created_by: String,
}

/// Every provider that people sign in at.
#[derive(Debug, Serialize, ToSchema)]
struct IdentityProviders {
    identity_providers: Vec<Provider>,
    /// Always null: there are 32 at most.
    next: Option<String>,
}

/// A provider that is to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewProvider {
    /// 1 to 64 of `a-z 0-9 . _ - @`; it stands in the redirect URI.
    #[schema(value_type = String)]
    name: Login,
    /// What people read on its button; default: the name.
    #[serde(default)]
    title: String,
    /// To the letter, as its tokens name it.
    issuer: String,
    client_id: String,
    /// The secret that it knows us by; without one PKCE alone shows that we are we.
    #[serde(default)]
    #[schema(format = Password)]
    client_secret: Option<String>,
    /// Whose verified mail addresses are let in; empty: all.
    #[serde(default)]
    domains: Vec<String>,
    /// What it has to say of whoever is let in, as `CLAIM=VALUE`.
    #[serde(default)]
    claims: Vec<String>,
    /// The claim that is the `externalId` under which SCIM brought the same people.
    #[serde(default)]
    scim_claim: Option<String>,
    /// Who signs its certificates, in PEM; default: whoever the server's system trusts.
    #[serde(default)]
    ca: Option<String>,
    /// Whether it may lie at a private address: this machine, or a network around it.
    #[serde(default)]
    allow_private: bool,
}

/// An identity at a provider that belongs to an account.
#[derive(Debug, Serialize, ToSchema)]
struct Identity {
    id: String,
    /// Who vouches for it.
    issuer: String,
    /// For whom, in the issuer's words.
    subject: String,
    /// `invite`, `person` or `scim`: how it came to the account.
    by: String,
    /// RFC 3339.
    created_at: String,
}

/// The identities of an account.
#[derive(Debug, Serialize, ToSchema)]
struct Identities {
    identities: Vec<Identity>,
    /// Always null: there are 16 at most.
    next: Option<String>,
}

/// List the providers that people sign in at.
#[utoipa::path(
    get, path = "/identity-providers", tag = "identity providers", responses((status = 200, body = IdentityProviders))
)]
async fn list_identity_providers(asker: Asker) -> Result<Json<IdentityProviders>> {
    let providers = asker.ask(|desk| Ok(desk.identity_providers()?)).await?;
    Ok(Json(IdentityProviders { identity_providers: providers.into_iter().map(Provider::from).collect(), next: None }))
}

/// Add a provider that people sign in at.
#[utoipa::path(
    post, path = "/identity-providers", tag = "identity providers",
    request_body = NewProvider, responses((status = 201, body = Provider))
)]
async fn add_identity_provider(asker: Asker, input: Input<NewProvider>) -> Result<(StatusCode, Json<Provider>)> {
    let added = asker.ask(move |desk| Ok(desk.add_identity_provider(input.parse()?.into())?)).await?;
    Ok((StatusCode::CREATED, Json(added.into())))
}

/// Remove a provider: nobody signs in there any more.
#[utoipa::path(
    delete, path = "/identity-providers/{provider}", tag = "identity providers",
    responses((status = 200, body = Provider))
)]
async fn remove_identity_provider(asker: Asker, Part(name): Part<Login>) -> Result<Json<Provider>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.remove_identity_provider(name)?)).await?.into()))
}

/// List the identities by which somebody signs in.
#[utoipa::path(
    get, path = "/accounts/{login}/identities", tag = "identity providers", responses((status = 200, body = Identities))
)]
async fn list_identities(asker: Asker, Part(login): Part<Login>) -> Result<Json<Identities>> {
    let identities = asker.ask(move |desk| Ok(desk.identities(login)?)).await?;
    Ok(Json(Identities { identities: identities.into_iter().map(Identity::from).collect(), next: None }))
}

/// Take an identity away from an account, and end the account's sessions.
#[utoipa::path(
    delete, path = "/accounts/{login}/identities/{id}", tag = "identity providers",
    responses((status = 200, body = Identity))
)]
async fn unlink_identity(asker: Asker, Two(login, id): Two<String>) -> Result<Json<Identity>> {
    let gone = asker.ask(move |desk| {
        let login = login.parse::<Login>().map_err(|error| crate::problem::Problem::wrong(error.to_string()))?;
        Ok(desk.unlink_identity(login, id)?)
    });
    Ok(Json(gone.await?.into()))
}

impl From<NewProvider> for NewIdentityProviderInfo {
    fn from(new: NewProvider) -> Self {
        Self {
            name: new.name,
            title: new.title,
            issuer: new.issuer,
            client_id: new.client_id,
            client_secret: new.client_secret.map(|secret| Bytes::new(secret.into_bytes())),
            domains: new.domains,
            claims: new.claims,
            scim_claim: new.scim_claim,
            ca: new.ca,
            allow_private: new.allow_private,
        }
    }
}

impl From<IdentityProviderInfo> for Provider {
    fn from(known: IdentityProviderInfo) -> Self {
        Self {
            name: known.name.to_string(),
            title: known.title,
            issuer: known.issuer,
            client_id: known.client_id,
            has_secret: known.has_secret,
            domains: known.domains,
            claims: known.claims,
            scim_claim: known.scim_claim,
            own_ca: known.own_ca,
            allow_private: known.allow_private,
            for_owners: known.for_owners,
            created_at: known.created_at.to_string(),
            created_by: known.created_by,
        }
    }
}

impl From<IdentityInfo> for Identity {
    fn from(known: IdentityInfo) -> Self {
        let IdentityInfo { id, issuer, subject, by, created_at } = known;
        Self { id, issuer, subject, by, created_at: created_at.to_string() }
    }
}
