//! What virtual keys were used for.

use std::sync::Arc;

use axum::Json;
use keyward_client::{Desk, UsageInfo};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::moment;
use crate::app::App;
use crate::asker::Asker;
use crate::input::Params;
use crate::page::Page;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_usage))
}

/// What one virtual key used of one secret at one service with one model.
#[derive(Debug, Serialize, ToSchema)]
struct Used {
    /// The virtual key, by id.
    key: String,
    /// What people call it; null when its record is gone.
    name: Option<String>,
    /// `project/environment/NAME`; the secret's id when it is gone.
    secret: String,
    version: u64,
    provider: String,
    /// Empty where there is none.
    model: String,
    /// What its holder has it counted under, where he made it narrower; else empty.
    tag: String,
    requests: u64,
    /// Those that the service did not answer well.
    failed: u64,
    /// Tokens of input, cached ones among them.
    tokens_in: u64,
    /// Tokens of output, those of reasoning among them.
    tokens_out: u64,
    cached: u64,
    reasoning: u64,
    /// Millionths of a US dollar.
    cost_microusd: u64,
    /// Requests whose counts are estimated, as the service did not get to name them.
    estimated: u64,
    estimated_microusd: u64,
}

/// A page of usage.
#[derive(Debug, Serialize, ToSchema)]
struct Usage {
    usage: Vec<Used>,
    /// Where the next page begins.
    next: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// A moment of the first day (RFC 3339); days are whole, in UTC.
    from: String,
    /// A moment of the last day (RFC 3339), at most 400 days after the first.
    to: String,
    /// Most items of the page, 1 to 1000.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// What virtual keys were used for: one's own and those of one's programs, or all of them for who may list
/// the vault.
#[utoipa::path(get, path = "/usage", tag = "virtual keys", params(Listing), responses((status = 200, body = Usage)))]
async fn list_usage(asker: Asker, Params(query): Params<Listing>) -> Result<Json<Usage>> {
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let (from, to) = (moment("from", &query.from)?, moment("to", &query.to)?);
    let used = asker.ask(move |desk| Ok(desk.usage(from, to)?)).await?;
    let mut used: Vec<(String, UsageInfo)> = used.into_iter().map(|one| (place_of(&one), one)).collect();
    used.sort_by(|(a, _), (b, _)| a.cmp(b));
    let (used, next) = page.cut(used, |(place, _)| place.as_str());
    Ok(Json(Usage { usage: used.into_iter().map(|(_, one)| one.into()).collect(), next }))
}

/// What tells one from every other, in an order that stays.
fn place_of(one: &UsageInfo) -> String {
    [&one.key, &one.secret, &one.version.to_string(), &one.provider, &one.model, &one.tag]
        .map(String::as_str)
        .join("\u{1}")
}

impl From<UsageInfo> for Used {
    fn from(known: UsageInfo) -> Self {
        let counts = known.counts;
        Self {
            key: known.key,
            name: known.name.map(|name| name.to_string()),
            secret: known.secret,
            version: known.version.get(),
            provider: known.provider,
            model: known.model,
            tag: known.tag,
            requests: counts.requests,
            failed: counts.failed,
            tokens_in: counts.tokens_in,
            tokens_out: counts.tokens_out,
            cached: counts.cached,
            reasoning: counts.reasoning,
            cost_microusd: counts.cost_microusd,
            estimated: counts.estimated,
            estimated_microusd: counts.estimated_microusd,
        }
    }
}
