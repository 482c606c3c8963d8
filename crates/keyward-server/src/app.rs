//! What every request works with, and the routes put together.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use keyward_client::Telemetry;
use keyward_oidc::Providers;
use keyward_vault::Vault;

use crate::authenticate::Authenticate;
use crate::config::Config;
use crate::follow::Freshness;
use crate::likeness::Likeness;
use crate::listener::Bound;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::repeat::{self, Repeats};
use crate::site::Passkeys;
use crate::{closed, health, openapi, request, routes, scim, web};

/// What a server has whether it is open or sealed.
#[derive(Clone)]
pub(crate) struct Edge {
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: Arc<Metrics>,
    /// For what passkeys are.
    pub(crate) site: Arc<Passkeys>,
    /// Where traces go, if anywhere.
    pub(crate) telemetry: Option<Arc<Telemetry>>,
}

/// Shared by all requests to an open server. It goes when the server is sealed, and the vault with it.
pub(crate) struct App {
    pub(crate) vault: Arc<Vault>,
    pub(crate) authenticate: Arc<dyn Authenticate>,
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) repeats: Repeats,
    pub(crate) likeness: Likeness,
    /// What is known of identity providers.
    pub(crate) providers: Providers,
    /// For what passkeys are.
    pub(crate) site: Arc<Passkeys>,
}

impl App {
    pub(crate) fn new(vault: Arc<Vault>, authenticate: Arc<dyn Authenticate>, edge: &Edge) -> Self {
        let Edge { config, metrics, site, .. } = edge.clone();
        // However the vault was opened, and whether it was made just now.
        vault.remember();
        let likeness = Likeness::new(&vault);
        Self {
            vault,
            authenticate,
            config,
            metrics,
            repeats: Repeats::default(),
            likeness,
            providers: Providers::default(),
            site,
        }
    }
}

impl Edge {
    /// `bound`: where it listens.
    pub(crate) fn new(config: Config, bound: &[Bound], telemetry: Option<Arc<Telemetry>>) -> Self {
        let site = Arc::new(Passkeys::of(&config, bound));
        Self { config: Arc::new(config), metrics: Arc::default(), site, telemetry }
    }
}

/// Every route with everything that surrounds it.
pub(crate) fn router(app: &Arc<App>, edge: &Edge, freshness: &Freshness) -> Router {
    let (api, _) = routes::router().split_for_parts();
    let api =
        api.route("/openapi.json", get(openapi::serve)).layer(from_fn_with_state(Arc::clone(app), repeat::answer_once));
    // Whatever is answered out of the vault.
    let answers = Router::new()
        .nest("/api/v1", api)
        .nest(scim::BASE, scim::router())
        .route(crate::feed::PATH, get(crate::feed::feed))
        .layer(from_fn_with_state(freshness.clone(), closed::answer_in_time));
    Router::new()
        .merge(answers)
        .route("/", get(web::page))
        .route("/style.css", get(web::style))
        .route("/app.js", get(web::script))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(|| async { Problem::of_status(StatusCode::NOT_FOUND) })
        .layer(from_fn_with_state(edge.clone(), request::account))
        .with_state(Arc::clone(app))
}
