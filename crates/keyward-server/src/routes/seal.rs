//! The server's seal. These calls are there also while it is sealed, and two of them need nobody to
//! be identified: how it stands, and taking a share.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::{Extension, Json};
use keyward_client::SealInfo;
use keyward_vault::Share;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroize;

use crate::address::Client;
use crate::app::App;
use crate::asker::{Asker, agent};
use crate::blocking::blocking;
use crate::gate::Gate;
use crate::input::{self, Input};
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(state, seal)).routes(routes!(unseal))
}

/// Whether the server is sealed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Seal {
    /// Nothing is answered but what unseals it.
    sealed: bool,
    /// Shares given so far, of those who belong to the last one.
    given: u32,
    /// How many are needed; none where no slot of the vault is made of shares.
    threshold: Option<u8>,
}

/// One share of a slot.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Given {
    /// The share as it was written down: `KWS-…`.
    #[schema(write_only, max_length = 200)]
    share: String,
}

impl Drop for Given {
    fn drop(&mut self) {
        self.share.zeroize();
    }
}

/// Longer bodies hold no share.
const LONGEST: usize = 4096;

/// Show whether the server is sealed, and how many shares it has.
#[utoipa::path(
    get, path = "/seal", tag = "seal", operation_id = "seal_state", security(()),
    responses((status = 200, body = Seal))
)]
pub(crate) async fn state(Extension(gate): Extension<Arc<Gate>>) -> Result<Json<Seal>> {
    told(move || Ok(gate.state())).await
}

/// Give a share of the slot that opens the vault; enough of them unseal the server.
#[utoipa::path(
    post, path = "/unseal", tag = "seal", security(()),
    request_body = Given, responses((status = 200, body = Seal))
)]
pub(crate) async fn unseal(Extension(gate): Extension<Arc<Gate>>, request: Request) -> Result<Json<Seal>> {
    let from = request.extensions().get::<Client>().and_then(|client| client.0);
    if gate.is_too_often(from) {
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_often", "too many shares were given in a minute")
            .hint("wait for a minute"));
    }
    let (parts, body) = request.into_parts();
    input::must_be_json(&parts.headers)?;
    let given: Given = Input::of(input::collect(body, LONGEST).await?).parse()?;
    let agent = agent(&parts.headers);
    told(move || {
        let share = Share::parse(&given.share).map_err(|error| Problem::wrong(error.to_string()))?;
        Ok(gate.take_share(share, from, &agent)?)
    })
    .await
}

/// Seal the server: it gives up every key, and answers nothing until it is unsealed.
#[utoipa::path(post, path = "/seal", tag = "seal", responses((status = 200, body = Seal)))]
pub(crate) async fn seal(asker: Asker, Extension(gate): Extension<Arc<Gate>>) -> Result<Json<Seal>> {
    let sealing = Arc::clone(&gate);
    asker.ask(move |desk| Ok(desk.record_seal(&sealing.node_to_seal()?)?)).await?;
    told(move || {
        // This request holds the vault until it is answered, as others do that are under way.
        gate.close();
        Ok(gate.state())
    })
    .await
}

async fn told(work: impl FnOnce() -> Result<SealInfo> + Send + 'static) -> Result<Json<Seal>> {
    let SealInfo { sealed, given, threshold } = blocking(work).await?;
    Ok(Json(Seal { sealed, given, threshold }))
}
