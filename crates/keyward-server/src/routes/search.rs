//! Names, wherever they lie.

use std::sync::Arc;

use axum::Json;
use keyward_client::{Code, Desk, LocalDesk, Where};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::Params;
use crate::page::Page;
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(search_names))
}

/// A secret that was found by its name.
#[derive(Debug, Serialize, ToSchema)]
struct Hit {
    /// `project/environment/NAME`.
    path: String,
    project: String,
    environment: String,
    name: String,
    kind: String,
    version: u64,
}

/// A page of what was found.
#[derive(Debug, Serialize, ToSchema)]
struct Hits {
    secrets: Vec<Hit>,
    /// Where the next page begins.
    next: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Search {
    /// Part of a name; upper and lower case are one.
    name: String,
    /// Only in this project.
    project: Option<String>,
    /// Only in environments of this name.
    environment: Option<String>,
    /// Most items of the page, 1 to 1000.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Find secrets by a part of their name, in every environment that the caller may list.
#[utoipa::path(get, path = "/search", tag = "secrets", params(Search), responses((status = 200, body = Hits)))]
async fn search_names(asker: Asker, Params(query): Params<Search>) -> Result<Json<Hits>> {
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    if query.name.is_empty() || query.name.len() > 256 {
        return Err(Problem::wrong("`name` has 1 to 256 characters"));
    }
    let found = asker.ask(move |desk| find(desk, &query)).await?;
    let (secrets, next) = page.cut(found, |hit| hit.path.as_str());
    Ok(Json(Hits { secrets, next }))
}

fn find(desk: &LocalDesk, query: &Search) -> Result<Vec<Hit>> {
    let wanted = query.name.to_ascii_lowercase();
    let is = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    let mut hits = Vec::new();
    for project in desk.projects()?.into_iter().filter(|project| is(&query.project, project.name.as_str())) {
        let environments = project.environments.iter().filter(|one| is(&query.environment, one.name.as_str()));
        for environment in environments {
            let at = Where { project: project.name.clone(), environment: environment.name.clone() };
            let lines = match desk.lines(at) {
                Ok(lines) => lines,
                // It was removed, or its rights changed, since the projects were listed.
                Err(failure) if matches!(failure.code, Code::Denied | Code::NotFound) => continue,
                Err(failure) => return Err(failure.into()),
            };
            hits.extend(
                lines.into_iter().filter(|line| line.name.as_str().to_ascii_lowercase().contains(&wanted)).map(
                    |line| Hit {
                        path: format!("{}/{}/{}", project.name, environment.name, line.name),
                        project: project.name.to_string(),
                        environment: environment.name.to_string(),
                        name: line.name.to_string(),
                        kind: line.kind.to_string(),
                        version: line.version.get(),
                    },
                ),
            );
        }
    }
    hits.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(hits)
}
