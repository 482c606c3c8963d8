//! What a server answers that has no vault to answer from: because it is sealed, or because it does
//! not know any more what others have changed.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::app::Edge;
use crate::follow::Freshness;
use crate::gate::Gate;
use crate::problem::Problem;
use crate::routes::seal;
use crate::{health, request, web};

/// Why it answers nothing else.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Closed {
    /// It has no key.
    Sealed,
    /// The database was not reached for longer than `max_stale_seconds`.
    Stale,
}

impl Closed {
    fn problem(self) -> Problem {
        let unavailable = |code, detail| Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        match self {
            Self::Sealed => unavailable("sealed", "the server is sealed: it has no key and answers nothing")
                .hint("`keyward unseal`, or POST /api/v1/unseal, takes the shares that open it"),
            Self::Stale => {
                unavailable("stale", "the database is not reached, so that rights may have changed without our knowing")
                    .hint("try again when the database answers; other nodes may reach it")
            }
        }
    }
}

/// The routes of a server that has no vault.
pub(crate) fn closed(edge: &Edge, why: Closed) -> Router {
    let refuse = move || async move { why.problem() };
    let page = move || async move {
        match why {
            Closed::Sealed => web::closed(
                "This server is sealed",
                "It has no key: nobody can sign in, and nothing is answered.",
                "Whoever holds shares opens it with `keyward unseal` on its machine, or over the API.",
            ),
            Closed::Stale => web::closed(
                "This server does not reach its database",
                "What it knows may be out of date, so that it answers nothing.",
                "It goes on by itself when the database answers; other nodes may reach it.",
            ),
        }
    };
    Router::new()
        .route("/", get(page))
        .route("/style.css", get(web::style))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(refuse))
        .route("/metrics", get(metrics))
        .route("/api/v1/seal", get(seal::state).fallback(refuse))
        .route("/api/v1/unseal", post(seal::unseal).fallback(refuse))
        .fallback(refuse)
        .layer(from_fn_with_state(edge.clone(), request::account))
}

/// Holds back an answer when the database was out of reach for too long while it was under way:
/// whoever asked may have lost the rights that were looked up when the request came.
pub(crate) async fn answer_in_time(State(freshness): State<Freshness>, request: Request, next: Next) -> Response {
    let mark = freshness.mark();
    let response = next.run(request).await;
    if freshness.is_broken_since(mark) {
        return Closed::Stale.problem().into_response();
    }
    response
}

async fn metrics(Extension(gate): Extension<Arc<Gate>>) -> Response {
    health::text(gate.edge().metrics.text(None))
}
