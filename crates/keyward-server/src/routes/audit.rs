//! The audit log.

use std::sync::Arc;

use axum::Json;
use keyward_client::{Desk, LogLineInfo};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Params, Part};
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_entries))
        .routes(routes!(checkpoint))
        .routes(routes!(prove_entry))
        .routes(routes!(verify_log))
}

/// One entry of the log, in words.
#[derive(Debug, Serialize, ToSchema)]
struct Entry {
    index: u64,
    /// RFC 3339.
    time: String,
    action: String,
    /// `allowed`, `denied`, `not_found` or `failed`.
    outcome: String,
    principal: String,
    /// `project/environment/NAME`, as far as names are known.
    about: Option<String>,
    version: Option<u64>,
    /// With what program.
    agent: Option<String>,
    /// Why, in the actor's words.
    reason: Option<String>,
    /// What else was said.
    more: std::collections::BTreeMap<String, String>,
}

/// A page of the log.
#[derive(Debug, Serialize, ToSchema)]
struct Entries {
    entries: Vec<Entry>,
    /// Where the next page begins; none at the end of the log.
    next: Option<String>,
}

/// A signed checkpoint (C2SP signed note).
#[derive(Debug, Serialize, ToSchema)]
struct Checkpoint {
    checkpoint: String,
}

/// A proof that an entry is in the log (C2SP tlog-proof).
#[derive(Debug, Serialize, ToSchema)]
struct Proof {
    proof: String,
}

/// What the log is to be compared with.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Against {
    /// A checkpoint that was kept outside; the log has to contain it.
    against: Option<String>,
}

/// What a verification found.
#[derive(Debug, Serialize, ToSchema)]
struct Verdict {
    /// Whether nothing is wrong.
    ok: bool,
    /// Entries that were read.
    entries: u64,
    /// Records that were compared with them.
    records: u64,
    checkpoint: String,
    /// What is wrong, each in one sentence.
    faults: Vec<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// `next` of the page before, or the index of an entry; default: the first.
    cursor: Option<String>,
    /// Most items of the page, 1 to 1000.
    limit: Option<u32>,
}

/// Read entries of the log, the oldest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(Listing), responses((status = 200, body = Entries)))]
async fn list_entries(asker: Asker, Params(query): Params<Listing>) -> Result<Json<Entries>> {
    let limit = u64::from(query.limit.unwrap_or(100));
    if !(1..=1000).contains(&limit) {
        return Err(Problem::wrong("`limit` is between 1 and 1000"));
    }
    let first = query.cursor.as_deref().unwrap_or("0").parse::<u64>();
    let first = first.map_err(|_| Problem::wrong("the cursor of the log is the index of an entry"))?;
    // One more tells whether there is a next page.
    let mut lines = asker.ask(move |desk| Ok(desk.log(first, limit + 1)?)).await?;
    let next = (lines.len() as u64 > limit).then(|| lines.pop()).flatten().map(|line| line.index.to_string());
    Ok(Json(Entries { entries: lines.into_iter().map(Entry::from).collect(), next }))
}

/// Fetch the newest signed checkpoint.
#[utoipa::path(get, path = "/audit/checkpoint", tag = "audit", responses((status = 200, body = Checkpoint)))]
async fn checkpoint(asker: Asker) -> Result<Json<Checkpoint>> {
    let checkpoint = asker.ask(|desk| Ok(desk.checkpoint()?)).await?;
    Ok(Json(Checkpoint { checkpoint }))
}

/// Prove that an entry is in the log.
#[utoipa::path(get, path = "/audit/proof/{index}", tag = "audit", responses((status = 200, body = Proof)))]
async fn prove_entry(asker: Asker, Part(index): Part<u64>) -> Result<Json<Proof>> {
    let proof = asker.ask(move |desk| {
        let size = desk.status()?.log_size;
        if index >= size {
            let missing = keyward_client::Failure::new(
                keyward_client::Code::NotFound,
                format!("the log has {size} entries, and none with index {index}"),
            );
            return Err(missing.into());
        }
        Ok(desk.prove(index)?)
    });
    Ok(Json(Proof { proof: proof.await? }))
}

/// Check the log, and replay it against the store.
#[utoipa::path(
    post, path = "/audit/verify", tag = "audit",
    request_body = Against, responses((status = 200, body = Verdict))
)]
async fn verify_log(asker: Asker, input: Input<Against>) -> Result<Json<Verdict>> {
    let verdict = asker.ask(move |desk| Ok(desk.verify(input.parse()?.against)?)).await?;
    Ok(Json(Verdict {
        ok: verdict.faults.is_empty(),
        entries: verdict.entries,
        records: verdict.records,
        checkpoint: verdict.checkpoint,
        faults: verdict.faults,
    }))
}

impl From<LogLineInfo> for Entry {
    fn from(line: LogLineInfo) -> Self {
        Self {
            index: line.index,
            time: line.time,
            action: line.action,
            outcome: line.outcome,
            principal: line.principal,
            about: line.about,
            version: line.version,
            agent: line.agent,
            reason: line.reason,
            more: line.more,
        }
    }
}
