//! Names that can be read, without what else is known of them.

use std::sync::Arc;

use axum::Json;
use keyward_client::Desk;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{At, Params};
use crate::page::Page;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_names))
}

/// A name and the version that answers.
#[derive(Debug, Serialize, ToSchema)]
struct NamedVersion {
    name: String,
    #[schema(minimum = 1)]
    version: u64,
}

/// A page of names.
#[derive(Debug, Serialize, ToSchema)]
struct Names {
    names: Vec<NamedVersion>,
    /// Where the next page begins.
    next: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// Most items of the page, 1 to 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List the names of an environment and its parents, as a program would get them; nothing is opened.
#[utoipa::path(
    get, path = "/projects/{project}/environments/{environment}/names", tag = "secrets",
    params(Listing), responses((status = 200, body = Names))
)]
async fn list_names(asker: Asker, At(at): At, Params(query): Params<Listing>) -> Result<Json<Names>> {
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let mut names = asker.ask(move |desk| Ok(desk.names(at)?)).await?;
    names.sort_by(|a, b| a.name.cmp(&b.name));
    let (names, next) = page.cut(names, |one| one.name.as_str());
    let named =
        |one: keyward_client::NamedVersion| NamedVersion { name: one.name.to_string(), version: one.version.get() };
    Ok(Json(Names { names: names.into_iter().map(named).collect(), next }))
}
