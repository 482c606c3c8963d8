//! Where values are deployed to, and what is due. Targets are files and programs of the server's
//! machine: they are added there, and never over the API.

use std::sync::Arc;

use axum::Json;
use keyward_client::{Desk, DriftInfo, DueEntry, Login, TargetInfo};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{At, Named, Params};
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_targets))
        .routes(routes!(remove_target))
        .routes(routes!(target_drift))
        .routes(routes!(calendar))
}

/// A place that a secret's values go to.
#[derive(Debug, Serialize, ToSchema)]
struct Target {
    name: String,
    secret: String,
    /// `env-file`, `command`, `webhook`, `vault-kv`, `kubernetes`, `github-actions`, `aws-sm`, `aws-ssm`,
    /// `azure-kv` or `gcp-sm`.
    kind: String,
    /// Where it is, and under which name the value lies there.
    address: String,
    /// The secret that it is signed in to with.
    credential: Option<String>,
    /// What has to be seen before it counts as having a value: `accepted`, `read-back`, `restarted` or
    /// `in-use`.
    proof: String,
    /// Whether the old value lives until this place has the new one.
    required: bool,
    /// RFC 3339.
    created_at: String,
    created_by: String,
}

/// The targets of an environment's secrets.
#[derive(Debug, Serialize, ToSchema)]
struct Targets {
    targets: Vec<Target>,
    /// Always null.
    next: Option<String>,
}

/// Whether a target has what it should have.
#[derive(Debug, Serialize, ToSchema)]
struct Drift {
    target: Target,
    /// `same`, `differs`, `unknown` or `unreachable`.
    state: String,
    why: Option<String>,
}

/// What targets have, compared with what they should have.
#[derive(Debug, Serialize, ToSchema)]
struct Drifts {
    target_drift: Vec<Drift>,
    /// Always null.
    next: Option<String>,
}

/// Something that is due.
#[derive(Debug, Serialize, ToSchema)]
struct DueItem {
    /// RFC 3339.
    at: String,
    /// `rotation`, `expiry` or `review`.
    what: String,
    /// `project/environment/NAME`.
    about: String,
    owner: Option<String>,
    /// Whether it is due this soon because nobody knows how old the value is.
    age_unknown: bool,
}

/// What is due, the soonest first.
#[derive(Debug, Serialize, ToSchema)]
struct DueItems {
    calendar: Vec<DueItem>,
    /// Always null.
    next: Option<String>,
}

/// Which target.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct WhichTarget {
    #[param(value_type = String, required)]
    #[serde(default)]
    target: Option<Login>,
}

/// List where the values of an environment's secrets are deployed to.
#[utoipa::path(
    get, path = "/projects/{project}/environments/{environment}/targets", tag = "targets",
    responses((status = 200, body = Targets))
)]
async fn list_targets(asker: Asker, At(at): At) -> Result<Json<Targets>> {
    let targets = asker.ask(move |desk| Ok(desk.targets(at)?)).await?;
    Ok(Json(Targets { targets: targets.into_iter().map(Target::from).collect(), next: None }))
}

/// End a target of a secret; what lies there stays there.
#[utoipa::path(
    delete, path = "/projects/{project}/environments/{environment}/targets/{*name}", tag = "targets",
    params(WhichTarget), responses((status = 200, body = Target))
)]
async fn remove_target(
    asker: Asker,
    Named(at, name): Named,
    Params(which): Params<WhichTarget>,
) -> Result<Json<Target>> {
    let missing = || Problem::wrong("`target` names the one that is meant");
    let gone = asker.ask(move |desk| Ok(desk.remove_target(at, name, which.target.ok_or_else(missing)?)?)).await?;
    Ok(Json(gone.into()))
}

/// Compare what an environment's targets have with what they should have. For who may read the values.
#[utoipa::path(
    get, path = "/projects/{project}/environments/{environment}/target-drift", tag = "targets",
    responses((status = 200, body = Drifts))
)]
async fn target_drift(asker: Asker, At(at): At) -> Result<Json<Drifts>> {
    let drifts = asker.ask(move |desk| Ok(desk.target_drift(at)?)).await?;
    Ok(Json(Drifts { target_drift: drifts.into_iter().map(Drift::from).collect(), next: None }))
}

/// List what is due of an environment's secrets.
#[utoipa::path(
    get, path = "/projects/{project}/environments/{environment}/calendar", tag = "rotations",
    responses((status = 200, body = DueItems))
)]
async fn calendar(asker: Asker, At(at): At) -> Result<Json<DueItems>> {
    let entries = asker.ask(move |desk| Ok(desk.calendar(at)?)).await?;
    Ok(Json(DueItems { calendar: entries.into_iter().map(DueItem::from).collect(), next: None }))
}

impl From<TargetInfo> for Target {
    fn from(known: TargetInfo) -> Self {
        Self {
            name: known.name.to_string(),
            secret: known.secret.to_string(),
            kind: known.kind,
            address: known.address,
            credential: known.credential.map(|name| name.to_string()),
            proof: known.proof,
            required: known.required,
            created_at: known.created_at.to_string(),
            created_by: known.created_by,
        }
    }
}

impl From<DriftInfo> for Drift {
    fn from(known: DriftInfo) -> Self {
        Self { target: known.target.into(), state: known.state, why: known.why }
    }
}

impl From<DueEntry> for DueItem {
    fn from(known: DueEntry) -> Self {
        Self {
            at: known.at.to_string(),
            what: known.what.as_str().to_owned(),
            about: known.about,
            owner: known.owner,
            age_unknown: known.age_unknown,
        }
    }
}
