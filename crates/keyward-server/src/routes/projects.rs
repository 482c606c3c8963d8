//! Projects.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_access::Network;
use keyward_client::{Desk, ProjectInfo};
use keyward_types::{EnvironmentName, ProjectName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::environments::Environment;
use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Params, Part};
use crate::page::Page;
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_projects, create_project)).routes(routes!(
        show_project,
        change_project,
        delete_project
    ))
}

/// A project and its environments.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Project {
    name: String,
    /// When it was made (RFC 3339).
    created_at: String,
    /// In the order in which they were made.
    environments: Vec<Environment>,
    /// From where it may be used (CIDR); empty: from everywhere.
    networks: Vec<String>,
}

/// A page of projects.
#[derive(Debug, Serialize, ToSchema)]
struct Projects {
    projects: Vec<Project>,
    /// Where the next page begins.
    next: Option<String>,
}

/// A project to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewProject {
    #[schema(value_type = String)]
    name: ProjectName,
    /// Default: development, staging, production.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    environments: Option<Vec<EnvironmentName>>,
}

/// What becomes of a project: its new name, or from where it may be used.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProjectChange {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    name: Option<ProjectName>,
    /// The networks (CIDR) from which alone it may be used; none: from everywhere.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    networks: Option<Vec<Network>>,
    /// Also where the caller's own address is in none of these networks.
    #[serde(default)]
    force: bool,
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

/// How many secrets went with something.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Gone {
    pub(super) secrets: u64,
}

/// List projects and their environments.
#[utoipa::path(get, path = "/projects", tag = "projects", params(Listing), responses((status = 200, body = Projects)))]
async fn list_projects(asker: Asker, Params(query): Params<Listing>) -> Result<Json<Projects>> {
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let projects = asker.ask(|desk| Ok(desk.projects()?)).await?;
    let (projects, next) = page.cut(projects, |project| project.name.as_str());
    Ok(Json(Projects { projects: projects.into_iter().map(Project::from).collect(), next }))
}

/// Make a project.
#[utoipa::path(
    post, path = "/projects", tag = "projects",
    request_body = NewProject, responses((status = 201, body = Project))
)]
async fn create_project(asker: Asker, input: Input<NewProject>) -> Result<(StatusCode, Json<Project>)> {
    let made = asker.ask(move |desk| {
        let NewProject { name, environments } = input.parse()?;
        Ok(desk.create_project(name, environments.unwrap_or_else(EnvironmentName::usual))?)
    });
    Ok((StatusCode::CREATED, Json(made.await?.into())))
}

/// Show one project.
#[utoipa::path(get, path = "/projects/{project}", tag = "projects", responses((status = 200, body = Project)))]
async fn show_project(asker: Asker, Part(name): Part<ProjectName>) -> Result<Json<Project>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.project(name)?)).await?.into()))
}

/// Give a project another name, or set the networks from which it may be used.
#[utoipa::path(
    patch, path = "/projects/{project}", tag = "projects",
    request_body = ProjectChange, responses((status = 200, body = Project))
)]
async fn change_project(
    asker: Asker,
    Part(name): Part<ProjectName>,
    input: Input<ProjectChange>,
) -> Result<Json<Project>> {
    let changed = asker.ask(move |desk| match input.parse()? {
        ProjectChange { name: Some(to), networks: None, .. } => Ok(desk.rename_project(name, to)?),
        ProjectChange { name: None, networks: Some(networks), force } => Ok(desk.limit_project(name, networks, force)?),
        _ => Err(Problem::wrong("this changes `name` or `networks`, one of them at a time")),
    });
    Ok(Json(changed.await?.into()))
}

/// Delete a project with its keys: its values are gone for ever.
#[utoipa::path(delete, path = "/projects/{project}", tag = "projects", responses((status = 200, body = Gone)))]
async fn delete_project(asker: Asker, Part(name): Part<ProjectName>) -> Result<Json<Gone>> {
    let secrets = asker.ask(move |desk| Ok(desk.delete_project(name)?)).await?;
    Ok(Json(Gone { secrets }))
}

impl From<ProjectInfo> for Project {
    fn from(known: ProjectInfo) -> Self {
        Self {
            name: known.name.to_string(),
            created_at: known.created_at.to_string(),
            environments: known.environments.into_iter().map(Environment::from).collect(),
            networks: known.networks.iter().map(ToString::to_string).collect(),
        }
    }
}
