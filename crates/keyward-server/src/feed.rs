//! `/calendar/PROJECT/ENVIRONMENT/TOKEN.ics`: what is due, as calendar programs subscribe to it. They
//! send no header, so that the address is the secret; a token that may do anything but list is not
//! taken there, since addresses are kept in many places.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use keyward_client::{Desk, Where, calendar_feed};
use keyward_types::Operation;
use keyward_types::token::PlainToken;

use crate::app::App;
use crate::asker::Asker;
use crate::problem::{Problem, Result};

/// What lies below this path is out of the vault, too.
pub(crate) const BASE: &str = "/calendar/";

/// The route.
pub(crate) const PATH: &str = "/calendar/{project}/{environment}/{feed}";

/// The feed of an environment.
pub(crate) async fn feed(
    State(app): State<Arc<App>>,
    Path((project, environment, feed)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response> {
    let unknown = || {
        app.metrics.unidentified();
        Problem::unidentified()
    };
    let token: PlainToken = feed.strip_suffix(".ics").and_then(|text| text.parse().ok()).ok_or_else(unknown)?;
    let (project, environment) = (project.parse().map_err(|_| unknown())?, environment.parse().map_err(|_| unknown())?);
    let (parts, _) = request.into_parts();
    let asker = Asker::of_address(&app, token, &parts);
    let now = asker.now();
    let entries = asker
        .ask_as(
            |caller| {
                let scopes = caller.restriction().map(|restriction| &restriction.scopes);
                scopes.is_some_and(|scopes| {
                    !scopes.is_empty() && scopes.iter().all(|scope| scope.operations == [Operation::List])
                })
            },
            move |desk| Ok(desk.calendar(Where { project, environment })?),
        )
        .await?;
    let mut response = calendar_feed(&entries, now).into_response();
    let kind = HeaderValue::from_static("text/calendar; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}
