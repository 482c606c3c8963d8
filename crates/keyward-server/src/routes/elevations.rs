//! More rights for a while: asked for and given by somebody else, or taken in an emergency.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_client::{Desk, ElevationAsk, ElevationInfo, Role};
use keyward_types::{EnvironmentName, ProjectName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Params, Part};
use crate::page::Page;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_elevations, request_elevation))
        .routes(routes!(approve_elevation))
        .routes(routes!(deny_elevation))
        .routes(routes!(break_glass))
}

/// A request for more rights, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
struct Elevation {
    id: String,
    /// Who asked.
    account: String,
    #[schema(value_type = String)]
    role: Role,
    /// None: in all.
    project: Option<String>,
    /// None: in all of the project.
    environment: Option<String>,
    seconds: u32,
    reason: String,
    /// `open`, `approved`, `denied`, `broken-glass`, or `lapsed` when nobody decided.
    state: String,
    /// RFC 3339.
    created_at: String,
    decided_by: Option<String>,
    /// Until when the rights last (RFC 3339).
    until: Option<String>,
}

/// A page of requests.
#[derive(Debug, Serialize, ToSchema)]
struct Elevations {
    elevations: Vec<Elevation>,
    /// Where the next page begins.
    next: Option<String>,
}

/// What is asked for, or taken in an emergency.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// An emergency gives what it gives.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    project: Option<ProjectName>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    environment: Option<EnvironmentName>,
    /// For how long.
    seconds: u32,
    reason: String,
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

/// List requests for more rights.
#[utoipa::path(
    get, path = "/elevations", tag = "elevations", params(Listing), responses((status = 200, body = Elevations))
)]
async fn list_elevations(asker: Asker, Params(query): Params<Listing>) -> Result<Json<Elevations>> {
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let mut elevations = asker.ask(|desk| Ok(desk.elevations()?)).await?;
    elevations.sort_by(|a, b| a.id.cmp(&b.id));
    let (elevations, next) = page.cut(elevations, |one| one.id.as_str());
    Ok(Json(Elevations { elevations: elevations.into_iter().map(Elevation::from).collect(), next }))
}

/// Ask for a role for some time.
#[utoipa::path(
    post, path = "/elevations", tag = "elevations",
    request_body = Wanted, responses((status = 201, body = Elevation))
)]
async fn request_elevation(asker: Asker, input: Input<Wanted>) -> Result<(StatusCode, Json<Elevation>)> {
    let made = asker.ask(move |desk| Ok(desk.request_elevation(input.parse()?.into())?)).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Give what somebody else asked for.
#[utoipa::path(post, path = "/elevations/{id}/approve", tag = "elevations", responses((status = 200, body = Elevation)))]
async fn approve_elevation(asker: Asker, Part(id): Part<String>) -> Result<Json<Elevation>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.approve_elevation(id)?)).await?.into()))
}

/// Refuse what somebody else asked for.
#[utoipa::path(post, path = "/elevations/{id}/deny", tag = "elevations", responses((status = 200, body = Elevation)))]
async fn deny_elevation(asker: Asker, Part(id): Part<String>) -> Result<Json<Elevation>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.deny_elevation(id)?)).await?.into()))
}

/// Take emergency rights, with an alarm.
#[utoipa::path(
    post, path = "/break-glass", tag = "elevations",
    request_body = Wanted, responses((status = 201, body = Elevation))
)]
async fn break_glass(asker: Asker, input: Input<Wanted>) -> Result<(StatusCode, Json<Elevation>)> {
    let made = asker.ask(move |desk| Ok(desk.break_glass(input.parse()?.into())?)).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

impl From<Wanted> for ElevationAsk {
    fn from(wanted: Wanted) -> Self {
        Self {
            role: wanted.role,
            project: wanted.project,
            environment: wanted.environment,
            seconds: wanted.seconds,
            reason: wanted.reason,
        }
    }
}

impl From<ElevationInfo> for Elevation {
    fn from(known: ElevationInfo) -> Self {
        Self {
            id: known.id,
            account: known.account,
            role: known.role,
            project: known.project.map(|name| name.to_string()),
            environment: known.environment.map(|name| name.to_string()),
            seconds: known.seconds,
            reason: known.reason,
            state: known.state,
            created_at: known.created_at.to_string(),
            decided_by: known.decided_by,
            until: known.until.map(|at| at.to_string()),
        }
    }
}
