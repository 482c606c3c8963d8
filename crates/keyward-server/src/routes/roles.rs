//! Who has which role where.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_client::{Desk, GrantInfo, Grantee, Login, Role, RoleBindingInfo};
use keyward_types::{EnvironmentName, ProjectName, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::moment;
use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Params, Part};
use crate::page::Page;
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_role_bindings, grant_role)).routes(routes!(revoke_role))
}

/// A role that somebody has.
#[derive(Debug, Serialize, ToSchema)]
struct RoleBinding {
    id: String,
    /// The account that has it.
    account: Option<String>,
    /// The group that has it.
    group: Option<String>,
    /// `owner`, `admin`, `developer`, `operator`, `auditor` or `ci`.
    #[schema(value_type = String)]
    role: Role,
    /// None: in all.
    project: Option<String>,
    /// None: in all of the project.
    environment: Option<String>,
    /// From when on it gives nothing any more (RFC 3339).
    until: Option<String>,
    granted_by: String,
    /// RFC 3339.
    created_at: String,
}

/// A page of role bindings.
#[derive(Debug, Serialize, ToSchema)]
struct RoleBindings {
    role_bindings: Vec<RoleBinding>,
    /// Where the next page begins.
    next: Option<String>,
}

/// A role that is to be given to an `account` or a `group`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRoleBinding {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    account: Option<Login>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    group: Option<Login>,
    /// `owner`, `admin`, `developer`, `operator`, `auditor` or `ci`.
    #[schema(value_type = String)]
    role: Role,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    project: Option<ProjectName>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    environment: Option<EnvironmentName>,
    /// RFC 3339.
    #[serde(default)]
    until: Option<String>,
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

/// List who has which role where.
#[utoipa::path(
    get, path = "/role-bindings", tag = "roles", params(Listing), responses((status = 200, body = RoleBindings))
)]
async fn list_role_bindings(asker: Asker, Params(query): Params<Listing>) -> Result<Json<RoleBindings>> {
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let mut bindings = asker.ask(|desk| Ok(desk.role_bindings()?)).await?;
    bindings.sort_by(|a, b| a.id.cmp(&b.id));
    let (bindings, next) = page.cut(bindings, |binding| binding.id.as_str());
    Ok(Json(RoleBindings { role_bindings: bindings.into_iter().map(RoleBinding::from).collect(), next }))
}

/// Give a role.
#[utoipa::path(
    post, path = "/role-bindings", tag = "roles",
    request_body = NewRoleBinding, responses((status = 201, body = RoleBinding))
)]
async fn grant_role(asker: Asker, input: Input<NewRoleBinding>) -> Result<(StatusCode, Json<RoleBinding>)> {
    let made = asker.ask(move |desk| Ok(desk.grant_role(input.parse()?.grant()?)?)).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Take a role away.
#[utoipa::path(delete, path = "/role-bindings/{id}", tag = "roles", responses((status = 200, body = RoleBinding)))]
async fn revoke_role(asker: Asker, Part(id): Part<String>) -> Result<Json<RoleBinding>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.revoke_role(id)?)).await?.into()))
}

impl NewRoleBinding {
    fn grant(self) -> Result<GrantInfo> {
        let to = match (self.account, self.group) {
            (Some(account), None) => Grantee::Account(account),
            (None, Some(group)) => Grantee::Group(group),
            _ => return Err(Problem::wrong("a role is given to an `account` or to a `group`, one of them")),
        };
        let until: Option<Timestamp> = self.until.as_deref().map(|text| moment("until", text)).transpose()?;
        Ok(GrantInfo { to, role: self.role, project: self.project, environment: self.environment, until })
    }
}

impl From<RoleBindingInfo> for RoleBinding {
    fn from(known: RoleBindingInfo) -> Self {
        Self {
            id: known.id,
            account: known.account,
            group: known.group,
            role: known.role,
            project: known.project.map(|name| name.to_string()),
            environment: known.environment.map(|name| name.to_string()),
            until: known.until.map(|at| at.to_string()),
            granted_by: known.granted_by,
            created_at: known.created_at.to_string(),
        }
    }
}
