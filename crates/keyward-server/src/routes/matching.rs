//! Recognising stored values without handing them out: for scanners and CI.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use keyward_client::{Bytes, Desk};
use keyward_types::KnownSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Value, objects};
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(match_candidates)).routes(routes!(match_bundle))
}

/// Values that a scan found.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Candidates {
    /// At most 1000, each `value` or `value_base64`.
    #[serde(deserialize_with = "objects")]
    candidates: Vec<Value>,
}

/// The stored secret that a value is.
#[derive(Debug, Serialize, ToSchema)]
struct Known {
    project: String,
    environment: String,
    name: String,
    version: u64,
}

/// What each candidate is, in their order; `null`: nothing that is stored.
#[derive(Debug, Serialize, ToSchema)]
struct Matches {
    matches: Vec<Option<Known>>,
}

/// So few at a time, so that guessing weak values takes many records.
const MOST: usize = 1000;

/// Say which stored secrets these values are. Nothing of them is kept; it is recorded as one `match`.
#[utoipa::path(
    post, path = "/match/candidates", tag = "match",
    request_body = Candidates, responses((status = 200, body = Matches))
)]
async fn match_candidates(asker: Asker, input: Input<Candidates>) -> Result<Json<Matches>> {
    let found = asker.ask(move |desk| {
        let candidates = input.parse()?.candidates;
        if candidates.len() > MOST {
            return Err(Problem::wrong(format!("at most {MOST} candidates at once")));
        }
        let values = candidates.into_iter().map(Value::bytes).collect::<Result<Vec<Bytes>>>()?;
        Ok(desk.identify(values)?)
    });
    let matches = found.await?.into_iter().map(|known| known.map(Known::from)).collect();
    Ok(Json(Matches { matches }))
}

/// Fetch what recognises every strong stored value, without being able to read one.
#[utoipa::path(
    get, path = "/match/bundle", tag = "match",
    responses((status = 200, description = "The bundle", body = Vec<u8>, content_type = "application/octet-stream"))
)]
async fn match_bundle(asker: Asker) -> Result<Response> {
    let bundle = asker.ask(|desk| Ok(desk.match_bundle()?)).await?;
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))];
    Ok((kind, bundle.expose().to_vec()).into_response())
}

impl From<KnownSecret> for Known {
    fn from(known: KnownSecret) -> Self {
        Self {
            project: known.project.to_string(),
            environment: known.environment.to_string(),
            name: known.name.to_string(),
            version: known.version.get(),
        }
    }
}
