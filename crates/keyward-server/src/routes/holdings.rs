//! Who has values outside keyward, and who read them.

use std::sync::Arc;

use axum::Json;
use keyward_client::{Desk, HoldingInfo, ReadsInfo, UseInfo};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Named};
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_holdings)).routes(routes!(close_holdings))
}

/// Who has a value outside keyward.
#[derive(Debug, Serialize, ToSchema)]
struct Holding {
    principal: String,
    version: u64,
    /// `read`, `run`, `export`, `target` or `gateway`.
    kind: String,
    /// RFC 3339.
    since: String,
    /// RFC 3339; none while it is open.
    until: Option<String>,
}

/// How often somebody read a version.
#[derive(Debug, Serialize, ToSchema)]
struct Reads {
    principal: String,
    version: u64,
    /// The first time (RFC 3339).
    first: String,
    /// The last time (RFC 3339).
    last: String,
    n: u64,
}

/// A virtual key that a version was used by.
#[derive(Debug, Serialize, ToSchema)]
struct VersionUse {
    /// Its id.
    virtual_key: String,
    /// Its name, for whoever may see the key.
    name: Option<String>,
    version: u64,
    /// Calls.
    requests: u64,
    /// The beginning of the last hour in which it was (RFC 3339).
    last: String,
}

/// Who has a secret.
#[derive(Debug, Serialize, ToSchema)]
struct Holdings {
    holdings: Vec<Holding>,
    reads: Vec<Reads>,
    /// Which virtual keys used which versions yesterday and today (UTC), the latest use first.
    uses: Vec<VersionUse>,
    /// Where else the same value is stored: `project/environment/NAME`.
    same_as: Vec<String>,
    next: Option<String>,
}

/// Holdings that have ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Ended {
    /// Ids, as the reads gave them.
    ids: Vec<String>,
}

/// How many holdings were closed.
#[derive(Debug, Serialize, ToSchema)]
struct Closed {
    closed: u64,
}

const MOST_IDS: usize = 1000;

/// List who has versions of a secret, and who read them.
#[utoipa::path(
    get, path = "/projects/{project}/environments/{environment}/holdings/{*name}", tag = "holdings",
    responses((status = 200, body = Holdings))
)]
async fn list_holdings(asker: Asker, Named(at, name): Named) -> Result<Json<Holdings>> {
    let detail = asker.ask(move |desk| Ok(desk.show(at, name)?)).await?;
    Ok(Json(Holdings {
        holdings: detail.holdings.into_iter().map(Holding::from).collect(),
        reads: detail.reads.into_iter().map(Reads::from).collect(),
        uses: detail.uses.into_iter().map(VersionUse::from).collect(),
        same_as: detail.same_as,
        next: None,
    }))
}

/// Say that values are held no longer.
#[utoipa::path(
    post, path = "/holdings/close", tag = "holdings",
    request_body = Ended, responses((status = 200, body = Closed))
)]
async fn close_holdings(asker: Asker, input: Input<Ended>) -> Result<Json<Closed>> {
    let closed = asker.ask(move |desk| {
        let ids = input.parse()?.ids;
        if ids.len() > MOST_IDS {
            return Err(Problem::wrong(format!("at most {MOST_IDS} holdings at once")));
        }
        Ok(desk.close_holdings(ids)?)
    });
    Ok(Json(Closed { closed: closed.await? }))
}

impl From<HoldingInfo> for Holding {
    fn from(known: HoldingInfo) -> Self {
        Self {
            principal: known.principal,
            version: known.version.get(),
            kind: known.kind,
            since: known.since.to_string(),
            until: known.until.map(|until| until.to_string()),
        }
    }
}

impl From<UseInfo> for VersionUse {
    fn from(known: UseInfo) -> Self {
        Self {
            virtual_key: known.virtual_key,
            name: known.name,
            version: known.version.get(),
            requests: known.requests,
            last: known.last.to_string(),
        }
    }
}

impl From<ReadsInfo> for Reads {
    fn from(known: ReadsInfo) -> Self {
        Self {
            principal: known.principal,
            version: known.version.get(),
            first: known.first.to_string(),
            last: known.last.to_string(),
            n: known.n,
        }
    }
}
