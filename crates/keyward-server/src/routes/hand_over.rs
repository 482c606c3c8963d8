//! Whose vault it is.

use std::sync::Arc;

use axum::Json;
use keyward_client::{Desk, Login};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::Part;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(hand_over))
}

/// In whose name the vault is opened now.
#[derive(Debug, Serialize, ToSchema)]
struct HandedOver {
    owner: String,
}

/// Hand the vault over: whoever opens it with a key slot acts in this owner's name from now on.
#[utoipa::path(
    post, path = "/accounts/{login}/hand-over", tag = "accounts", responses((status = 200, body = HandedOver))
)]
async fn hand_over(asker: Asker, Part(login): Part<Login>) -> Result<Json<HandedOver>> {
    let owner = login.to_string();
    asker.ask(move |desk| Ok(desk.hand_over(login)?)).await?;
    Ok(Json(HandedOver { owner }))
}
