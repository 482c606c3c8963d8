//! Groups.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_client::{Desk, GroupInfo, Login};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Params, Part, Two};
use crate::page::Page;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_groups, create_group))
        .routes(routes!(delete_group))
        .routes(routes!(join_group, leave_group))
}

/// A group.
#[derive(Debug, Serialize, ToSchema)]
struct Group {
    name: String,
    /// Who is in it, by login.
    members: Vec<String>,
    /// RFC 3339.
    created_at: String,
}

/// A page of groups.
#[derive(Debug, Serialize, ToSchema)]
struct Groups {
    groups: Vec<Group>,
    /// Where the next page begins.
    next: Option<String>,
}

/// A group to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewGroup {
    /// 1 to 64 of `a-z 0-9 . _ - @`.
    #[schema(value_type = String)]
    name: Login,
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

/// List groups with their members.
#[utoipa::path(get, path = "/groups", tag = "groups", params(Listing), responses((status = 200, body = Groups)))]
async fn list_groups(asker: Asker, Params(query): Params<Listing>) -> Result<Json<Groups>> {
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let mut groups = asker.ask(|desk| Ok(desk.groups()?)).await?;
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    let (groups, next) = page.cut(groups, |group| group.name.as_str());
    Ok(Json(Groups { groups: groups.into_iter().map(Group::from).collect(), next }))
}

/// Make a group.
#[utoipa::path(post, path = "/groups", tag = "groups", request_body = NewGroup, responses((status = 201, body = Group)))]
async fn create_group(asker: Asker, input: Input<NewGroup>) -> Result<(StatusCode, Json<Group>)> {
    let made = asker.ask(move |desk| Ok(desk.create_group(input.parse()?.name)?)).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Delete a group with its role bindings.
#[utoipa::path(delete, path = "/groups/{group}", tag = "groups", responses((status = 200, body = Group)))]
async fn delete_group(asker: Asker, Part(name): Part<Login>) -> Result<Json<Group>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.delete_group(name)?)).await?.into()))
}

/// Take an account into a group.
#[utoipa::path(put, path = "/groups/{group}/members/{login}", tag = "groups", responses((status = 200, body = Group)))]
async fn join_group(asker: Asker, Two(group, member): Two<Login>) -> Result<Json<Group>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.join_group(group, member)?)).await?.into()))
}

/// Take an account out of a group.
#[utoipa::path(delete, path = "/groups/{group}/members/{login}", tag = "groups", responses((status = 200, body = Group)))]
async fn leave_group(asker: Asker, Two(group, member): Two<Login>) -> Result<Json<Group>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.leave_group(group, member)?)).await?.into()))
}

impl From<GroupInfo> for Group {
    fn from(known: GroupInfo) -> Self {
        Self { name: known.name.to_string(), members: known.members, created_at: known.created_at.to_string() }
    }
}
