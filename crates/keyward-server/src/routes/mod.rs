//! The calls, one module a noun. A handler takes the request apart, asks the desk once, and puts the
//! answer together.

mod accounts;
mod alerts;
mod audit;
mod auth;
mod elevations;
mod environments;
mod findings;
mod groups;
mod hand_over;
mod holdings;
mod identity_providers;
mod matching;
mod names;
mod offboardings;
mod offline_uses;
mod onboardings;
mod policies;
mod projects;
mod reviews;
mod roles;
mod rotation_policies;
mod rotations;
mod schedules;
pub(crate) mod seal;
mod search;
mod secrets;
mod status;
mod targets;
mod tokens;
mod trusts;
mod usage;
mod values;
mod verdicts;
mod versions;
mod virtual_keys;
mod writes;

use std::sync::Arc;

use keyward_types::Timestamp;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::problem::{Problem, Result};

/// Every call of `/api/v1`, with its description.
pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(status::router())
        .merge(auth::router())
        .merge(projects::router())
        .merge(environments::router())
        .merge(secrets::router())
        .merge(writes::router())
        .merge(names::router())
        .merge(values::router())
        .merge(offline_uses::router())
        .merge(versions::router())
        .merge(verdicts::router())
        .merge(holdings::router())
        .merge(rotations::router())
        .merge(rotation_policies::router())
        .merge(targets::router())
        .merge(schedules::router())
        .merge(search::router())
        .merge(matching::router())
        .merge(findings::router())
        .merge(accounts::router())
        .merge(hand_over::router())
        .merge(groups::router())
        .merge(roles::router())
        .merge(policies::router())
        .merge(tokens::router())
        .merge(virtual_keys::router())
        .merge(usage::router())
        .merge(elevations::router())
        .merge(audit::router())
        .merge(seal::router())
        .merge(alerts::router())
        .merge(offboardings::router())
        .merge(onboardings::router())
        .merge(reviews::router())
        .merge(identity_providers::router())
        .merge(trusts::router())
}

/// A moment as RFC 3339 writes it.
fn moment(field: &str, text: &str) -> Result<Timestamp> {
    text.parse().map_err(|_| Problem::wrong(format!("`{field}` is no moment as RFC 3339 writes it")))
}
