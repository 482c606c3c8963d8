//! The calls, one module a noun. A handler takes the request apart, asks the desk once, and puts the
//! answer together.

mod audit;
mod environments;
mod holdings;
mod matching;
mod projects;
mod search;
mod secrets;
mod status;
mod values;
mod versions;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// Every call of `/api/v1`, with its description.
pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(status::router())
        .merge(projects::router())
        .merge(environments::router())
        .merge(secrets::router())
        .merge(values::router())
        .merge(versions::router())
        .merge(holdings::router())
        .merge(search::router())
        .merge(matching::router())
        .merge(audit::router())
}
