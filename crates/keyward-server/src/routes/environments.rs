//! Environments of a project.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_client::{Desk, EnvironmentInfo};
use keyward_types::{EnvironmentName, ProjectName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::projects::Gone;
use crate::app::App;
use crate::asker::Asker;
use crate::input::{At, Input, Params, Part};
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_environments, add_environment))
        .routes(routes!(change_environment, remove_environment))
}

/// An environment.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Environment {
    name: String,
    /// Where a missing name is read instead.
    parent: Option<String>,
    /// For how many seconds clients may keep what they read of it, for when this server is not reached;
    /// none: not at all.
    offline_seconds: Option<u32>,
}

/// What becomes of an environment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EnvironmentChange {
    /// For how many seconds, at most 30 days, clients may keep what they read of it from now on; null:
    /// not at all.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required, minimum = 1, maximum = 2_592_000)]
    offline_seconds: Option<u32>,
}

/// The environments of a project; there are few, so that they are one page.
#[derive(Debug, Serialize, ToSchema)]
struct Environments {
    environments: Vec<Environment>,
    next: Option<String>,
}

/// An environment to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewEnvironment {
    #[schema(value_type = String)]
    name: EnvironmentName,
    /// Where a missing name is read instead.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    parent: Option<EnvironmentName>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Removal {
    /// Also where it holds secrets, which are gone for ever then.
    #[serde(default)]
    with_secrets: bool,
}

/// List the environments of a project.
#[utoipa::path(
    get, path = "/projects/{project}/environments", tag = "projects",
    responses((status = 200, body = Environments))
)]
async fn list_environments(asker: Asker, Part(project): Part<ProjectName>) -> Result<Json<Environments>> {
    let found = asker.ask(move |desk| Ok(desk.project(project)?)).await?;
    let environments = found.environments.into_iter().map(Environment::from).collect();
    Ok(Json(Environments { environments, next: None }))
}

/// Add an environment.
#[utoipa::path(
    post, path = "/projects/{project}/environments", tag = "projects",
    request_body = NewEnvironment, responses((status = 201, body = Environment))
)]
async fn add_environment(
    asker: Asker,
    Part(project): Part<ProjectName>,
    input: Input<NewEnvironment>,
) -> Result<(StatusCode, Json<Environment>)> {
    let made = asker.ask(move |desk| {
        let NewEnvironment { name, parent } = input.parse()?;
        Ok(desk.add_environment(project, name, parent)?)
    });
    Ok((StatusCode::CREATED, Json(made.await?.into())))
}

/// Set for how long clients may keep what they read of an environment.
#[utoipa::path(
    patch, path = "/projects/{project}/environments/{environment}", tag = "projects",
    request_body = EnvironmentChange, responses((status = 200, body = Environment))
)]
async fn change_environment(asker: Asker, At(at): At, input: Input<EnvironmentChange>) -> Result<Json<Environment>> {
    let changed = asker.ask(move |desk| Ok(desk.keep_offline(at, input.parse()?.offline_seconds)?));
    Ok(Json(changed.await?.into()))
}

/// Remove an environment: not reversible.
#[utoipa::path(
    delete, path = "/projects/{project}/environments/{environment}", tag = "projects",
    params(Removal), responses((status = 200, body = Gone))
)]
async fn remove_environment(asker: Asker, At(at): At, Params(query): Params<Removal>) -> Result<Json<Gone>> {
    let secrets = asker.ask(move |desk| Ok(desk.remove_environment(at, query.with_secrets)?)).await?;
    Ok(Json(Gone { secrets }))
}

impl From<EnvironmentInfo> for Environment {
    fn from(known: EnvironmentInfo) -> Self {
        let parent = known.parent.map(|parent| parent.to_string());
        Self { name: known.name.to_string(), parent, offline_seconds: known.offline_seconds }
    }
}
