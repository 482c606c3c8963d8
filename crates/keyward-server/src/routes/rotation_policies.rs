//! What may be done with a leaked key.

use std::sync::Arc;

use axum::Json;
use keyward_client::{Desk, KillFirstInfo};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Named};
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(show_rotation_policy, set_rotation_policy))
}

/// What may be done with a leaked key of a secret.
#[derive(Debug, Serialize, ToSchema)]
struct RotationPolicy {
    /// The secret.
    name: String,
    /// Whether an emergency ends the key before its successor is there.
    kill_first: bool,
    /// Id of whoever said so.
    set_by: Option<String>,
    /// RFC 3339.
    set_at: Option<String>,
}

/// What may be done from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRotationPolicy {
    /// Whether an emergency ends the key before its successor is there.
    kill_first: bool,
}

/// Show whether a leaked key may end before its successor is there.
#[utoipa::path(
    get, path = "/projects/{project}/environments/{environment}/rotation-policies/{*name}", tag = "rotations",
    responses((status = 200, body = RotationPolicy))
)]
async fn show_rotation_policy(asker: Asker, Named(at, name): Named) -> Result<Json<RotationPolicy>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.kill_first(at, name)?)).await?.into()))
}

/// Say, beforehand, whether it may.
#[utoipa::path(
    put, path = "/projects/{project}/environments/{environment}/rotation-policies/{*name}", tag = "rotations",
    request_body = NewRotationPolicy, responses((status = 200, body = RotationPolicy))
)]
async fn set_rotation_policy(
    asker: Asker,
    Named(at, name): Named,
    input: Input<NewRotationPolicy>,
) -> Result<Json<RotationPolicy>> {
    let set = asker.ask(move |desk| Ok(desk.allow_kill_first(at, name, input.parse()?.kill_first)?)).await?;
    Ok(Json(set.into()))
}

impl From<KillFirstInfo> for RotationPolicy {
    fn from(known: KillFirstInfo) -> Self {
        Self {
            name: known.name.to_string(),
            kill_first: known.kill_first,
            set_by: known.set_by,
            set_at: known.set_at.map(|at| at.to_string()),
        }
    }
}
