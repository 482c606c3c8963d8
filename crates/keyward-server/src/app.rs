//! What every request works with, and the routes put together.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use keyward_vault::Vault;

use crate::authenticate::Authenticate;
use crate::config::Config;
use crate::likeness::Likeness;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::repeat::{self, Repeats};
use crate::{health, openapi, request, routes, scim, web};

/// Shared by all requests.
pub(crate) struct App {
    pub(crate) vault: Arc<Vault>,
    pub(crate) authenticate: Box<dyn Authenticate>,
    pub(crate) config: Config,
    pub(crate) metrics: Metrics,
    pub(crate) repeats: Repeats,
    pub(crate) likeness: Likeness,
    /// The OpenAPI document, as it is served.
    pub(crate) document: String,
    /// The page at `/`, rendered from it.
    pub(crate) page: String,
}

impl App {
    pub(crate) fn new(vault: Arc<Vault>, authenticate: Box<dyn Authenticate>, config: Config) -> Self {
        let document = openapi::document();
        let page = web::render(&document);
        let document = serde_json::to_string(&document).unwrap_or_default();
        let likeness = Likeness::new(&vault);
        Self {
            vault,
            authenticate,
            config,
            metrics: Metrics::default(),
            repeats: Repeats::default(),
            likeness,
            document,
            page,
        }
    }
}

/// Every route with everything that surrounds it.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let (api, _) = routes::router().split_for_parts();
    let api = api
        .route("/openapi.json", get(openapi::serve))
        .layer(from_fn_with_state(Arc::clone(app), repeat::answer_once))
        .layer(from_fn(request::no_store));
    Router::new()
        .nest("/api/v1", api)
        .nest(scim::BASE, scim::router().layer(from_fn(request::no_store)))
        .route("/", get(web::page))
        .route("/style.css", get(web::style))
        .route("/app.js", get(web::script))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(|| async { Problem::of_status(StatusCode::NOT_FOUND) })
        .layer(from_fn_with_state(Arc::clone(app), request::guard))
        .layer(from_fn_with_state(Arc::clone(app), request::account))
        .with_state(Arc::clone(app))
}
