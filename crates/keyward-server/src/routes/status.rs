//! Who calls, and what the vault is.

use std::sync::Arc;

use axum::Json;
use keyward_client::{Desk, Status as Known};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(whoami))
}

/// The caller and the vault.
#[derive(Debug, Serialize, ToSchema)]
struct Status {
    /// Id of the vault.
    vault: String,
    /// Id of whoever calls.
    principal: String,
    /// What people call him.
    name: String,
    /// Tells two lives of one vault apart.
    incarnation: String,
    /// When the vault was made.
    created_at: String,
    /// Why nothing irreversible is done at present.
    safe_mode: Option<String>,
    /// Number of entries in the log.
    log_size: u64,
    /// The key by which others verify the log.
    log_key: String,
}

/// Show who calls, and the vault.
#[utoipa::path(get, path = "/whoami", tag = "status", responses((status = 200, body = Status)))]
async fn whoami(asker: Asker) -> Result<Json<Status>> {
    let status = asker.ask(|desk| Ok(desk.status()?)).await?;
    Ok(Json(status.into()))
}

impl From<Known> for Status {
    fn from(known: Known) -> Self {
        Self {
            vault: known.vault.to_string(),
            principal: known.principal,
            name: known.name,
            incarnation: known.incarnation,
            created_at: known.created_at.to_string(),
            safe_mode: known.safe_mode,
            log_size: known.log_size,
            log_key: known.log_key,
        }
    }
}
