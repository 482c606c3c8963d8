//! Versions of a secret: what there was, and what can be made of it.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use keyward_client::{Desk, LocalDesk, SecretInfo, VersionInfo};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::secrets::{Secret, tagged};
use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Named};
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_versions))
        .routes(routes!(undelete_secret))
        .routes(routes!(rollback_secret))
        .routes(routes!(destroy_version))
}

/// One version of a secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Version {
    version: u64,
    /// `live`, `deleted` or `destroyed`.
    state: String,
    /// When it was written (RFC 3339).
    created_at: String,
    /// Id of whoever wrote it.
    created_by: String,
    /// `active`, `previous` and others.
    labels: Vec<String>,
    /// Length in bytes.
    size: u32,
    /// Whether it was brought from somewhere else, and may be older than `created_at` says.
    age_unknown: bool,
}

/// Every version of a secret, the newest last.
#[derive(Debug, Serialize, ToSchema)]
struct Versions {
    versions: Vec<Version>,
    next: Option<String>,
}

/// Which version.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Chosen {
    #[schema(value_type = u64, minimum = 1)]
    version: keyward_types::Version,
}

/// List every version of a secret; nothing is opened.
#[utoipa::path(
    get, path = "/projects/{project}/environments/{environment}/versions/{*name}", tag = "versions",
    responses((status = 200, body = Versions))
)]
async fn list_versions(asker: Asker, Named(at, name): Named) -> Result<Json<Versions>> {
    let secret = asker.ask(move |desk| Ok(desk.show(at, name)?.secret)).await?;
    Ok(Json(Versions { versions: secret.versions.into_iter().map(Version::from).collect(), next: None }))
}

/// Bring a deleted secret back.
#[utoipa::path(
    post, path = "/projects/{project}/environments/{environment}/undelete/{*name}", tag = "versions",
    responses((status = 200, body = Secret))
)]
async fn undelete_secret(asker: Asker, Named(at, name): Named) -> Result<Response> {
    changed(asker, move |desk| Ok(desk.undelete(at, name)?)).await
}

/// Make an older version the active one.
#[utoipa::path(
    post, path = "/projects/{project}/environments/{environment}/rollback/{*name}", tag = "versions",
    request_body = Chosen, responses((status = 200, body = Secret))
)]
async fn rollback_secret(asker: Asker, Named(at, name): Named, input: Input<Chosen>) -> Result<Response> {
    changed(asker, move |desk| Ok(desk.rollback(at, name, input.parse()?.version)?)).await
}

/// Destroy one version's value for ever.
#[utoipa::path(
    post, path = "/projects/{project}/environments/{environment}/destroy/{*name}", tag = "versions",
    request_body = Chosen, responses((status = 200, body = Secret))
)]
async fn destroy_version(asker: Asker, Named(at, name): Named, input: Input<Chosen>) -> Result<Response> {
    changed(asker, move |desk| Ok(desk.destroy(at, name, input.parse()?.version)?)).await
}

async fn changed(
    asker: Asker,
    change: impl FnOnce(&LocalDesk) -> Result<SecretInfo> + Send + 'static,
) -> Result<Response> {
    let secret = asker.ask(change).await?;
    Ok((tagged(&secret.tag), Json(Secret::from(secret))).into_response())
}

impl From<VersionInfo> for Version {
    fn from(known: VersionInfo) -> Self {
        let state = match known.state {
            keyward_types::VersionState::Live => "live",
            keyward_types::VersionState::Deleted => "deleted",
            keyward_types::VersionState::Destroyed => "destroyed",
        };
        Self {
            version: known.version.get(),
            state: state.to_owned(),
            created_at: known.created_at.to_string(),
            created_by: known.created_by,
            labels: known.labels,
            size: known.size,
            age_unknown: known.age_unknown,
        }
    }
}
