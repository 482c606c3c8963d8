//! What programs' accounts trust, and what workloads get for what they show.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_client::{Desk, Login, NewTrustInfo, TrustInfo};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Part, Two};
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_trusts, add_trust)).routes(routes!(remove_trust))
}

/// What a program's account trusts.
#[derive(Debug, Serialize, ToSchema)]
struct Trust {
    id: String,
    /// Whose token it gives.
    account: String,
    /// Who signs, to the letter.
    issuer: String,
    /// For whom the tokens are made that are shown.
    audience: String,
    /// What they have to say, as `CLAIM=VALUE`.
    claims: Vec<String>,
    /// What of the account's rights is given; empty: all.
    scopes: Vec<String>,
    read_only: bool,
    /// Whether one token may be shown again.
    reusable: bool,
    /// For how many seconds the given token lives.
    seconds: u32,
    /// Whether the issuer's certificates are signed by an authority of one's own.
    own_ca: bool,
    /// Whether the issuer may lie at a private address.
    allow_private: bool,
    /// RFC 3339.
    created_at: String,
    created_by: String,
}

/// What a program's account trusts.
#[derive(Debug, Serialize, ToSchema)]
struct Trusts {
    trusts: Vec<Trust>,
    /// Always null: there are 16 at most.
    next: Option<String>,
}

/// A trust that is to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTrust {
    /// Who signs, to the letter.
    issuer: String,
    /// For whom the tokens are made that are shown: usually this server's address.
    audience: String,
    /// What they have to say, as `CLAIM=VALUE`, with a `*` at the end where it is open. One of
    /// `sub`, `repository` and `repository_id` is among them.
    claims: Vec<String>,
    /// What of the account's rights is given, for example `read:shop/production/*`; empty: all.
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    read_only: bool,
    /// Whether one token may be shown again: those of pods stay in their file for an hour.
    #[serde(default)]
    reusable: bool,
    /// For how many seconds the given token lives; default: 900.
    #[serde(default)]
    seconds: Option<u32>,
    /// Who signs the issuer's certificates, in PEM; default: whoever the server's system trusts.
    #[serde(default)]
    ca: Option<String>,
    /// Whether the issuer may lie at a private address: this machine, or a network around it.
    #[serde(default)]
    allow_private: bool,
}

/// List what a program's account trusts.
#[utoipa::path(
    get, path = "/service-accounts/{login}/trusts", tag = "workloads", responses((status = 200, body = Trusts))
)]
async fn list_trusts(asker: Asker, Part(login): Part<Login>) -> Result<Json<Trusts>> {
    let trusts = asker.ask(move |desk| Ok(desk.trusts(login)?)).await?;
    Ok(Json(Trusts { trusts: trusts.into_iter().map(Trust::from).collect(), next: None }))
}

/// Let a program's workloads show what an issuer signed, for a token.
#[utoipa::path(
    post, path = "/service-accounts/{login}/trusts", tag = "workloads",
    request_body = NewTrust, responses((status = 201, body = Trust))
)]
async fn add_trust(
    asker: Asker,
    Part(login): Part<Login>,
    input: Input<NewTrust>,
) -> Result<(StatusCode, Json<Trust>)> {
    let added = asker.ask(move |desk| Ok(desk.add_trust(login, input.parse()?.into())?)).await?;
    Ok((StatusCode::CREATED, Json(added.into())))
}

/// End a trust, with every token that was given for it.
#[utoipa::path(
    delete, path = "/service-accounts/{login}/trusts/{id}", tag = "workloads",
    responses((status = 200, body = Trust))
)]
async fn remove_trust(asker: Asker, Two(login, id): Two<String>) -> Result<Json<Trust>> {
    let gone = asker.ask(move |desk| {
        let login = login.parse::<Login>().map_err(|error| Problem::wrong(error.to_string()))?;
        Ok(desk.remove_trust(login, id)?)
    });
    Ok(Json(gone.await?.into()))
}

impl From<NewTrust> for NewTrustInfo {
    fn from(new: NewTrust) -> Self {
        Self {
            issuer: new.issuer,
            audience: new.audience,
            claims: new.claims,
            scopes: new.scopes,
            read_only: new.read_only,
            reusable: new.reusable,
            seconds: new.seconds,
            ca: new.ca,
            allow_private: new.allow_private,
        }
    }
}

impl From<TrustInfo> for Trust {
    fn from(known: TrustInfo) -> Self {
        Self {
            id: known.id,
            account: known.account,
            issuer: known.issuer,
            audience: known.audience,
            claims: known.claims,
            scopes: known.scopes,
            read_only: known.read_only,
            reusable: known.reusable,
            seconds: known.seconds,
            own_ca: known.own_ca,
            allow_private: known.allow_private,
            created_at: known.created_at.to_string(),
            created_by: known.created_by,
        }
    }
}
