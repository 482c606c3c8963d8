//! Whether the server lives and can serve, and what it counted. Nobody signs in for these, and they
//! hold no names.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::app::App;
use crate::problem::{Problem, Result};

/// The process answers.
pub(crate) async fn alive() -> Json<Value> {
    Json(json!({ "status": "alive" }))
}

/// The store answers.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Value>> {
    match log_size(app).await {
        Some(_) => Ok(Json(json!({ "status": "ready" }))),
        None => Err(Problem::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "store", "the store does not answer")),
    }
}

/// The counters, for Prometheus.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let size = log_size(Arc::clone(&app)).await;
    text(app.metrics.text(size))
}

/// What Prometheus reads.
pub(crate) fn text(counters: String) -> Response {
    let mut response = counters.into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

async fn log_size(app: Arc<App>) -> Option<u64> {
    tokio::task::spawn_blocking(move || app.vault.log_size().ok()).await.ok().flatten()
}
