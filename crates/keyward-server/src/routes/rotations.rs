//! Replacing secrets by successors.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_client::{
    Desk, PostgresAsk, RotateAsk, RotationInfo, RotationPreview, RotationTarget, ServiceAsk, Wish, account_parts,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{At, Input, Named, Params};
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_rotations))
        .routes(routes!(show_rotation, begin_rotation))
        .routes(routes!(preview_rotation))
        .routes(routes!(decide_rotation))
        .routes(routes!(bring_rotation))
}

/// A rotation, as far as it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rotation {
    id: String,
    /// The secret.
    name: String,
    /// `planned`, `preflight`, `intent`, `ambiguous`, `minted`, `tested`, `staged`, `deployed`,
    /// `confirmed`, `promoted`, `observing`, `suspended`, `retired`, `done`, `aborting`, `rolled-back`
    /// or `needs-a-person`.
    state: String,
    /// What has been reached, also where it waits for a person.
    phase: String,
    /// What is being done; it may have been done or not.
    doing: Option<String>,
    /// Why it does not go on by itself.
    why: Option<String>,
    /// What a person can safely do now: `resume`, `approve`, `abort`, `bring`.
    actions: Vec<String>,
    /// The version that is replaced.
    old: u64,
    /// Its successor.
    new: Option<u64>,
    targets: Vec<RotationStand>,
    /// Who needs the old value still, as far as it is known.
    holders: Vec<String>,
    emergency: bool,
    /// Whether nothing succeeds the value: the key ends.
    revokes: bool,
    /// Whether it has ended.
    over: bool,
    /// When it goes on by itself (RFC 3339).
    due: Option<String>,
    /// RFC 3339.
    begun_at: String,
    /// Id of whoever asked for it.
    begun_by: String,
    /// When it went its last step (RFC 3339).
    written_at: String,
}

/// How far a target of a rotation is.
#[derive(Debug, Serialize, ToSchema)]
struct RotationStand {
    name: String,
    /// `unchecked`, `ready`, `sent`, `confirmed`, `rechecked`, `given-up`, `recalled` or `restored`.
    state: String,
    /// Why it failed the last time.
    fault: Option<String>,
}

/// Rotations of an environment's secrets, the newest first.
#[derive(Debug, Serialize, ToSchema)]
struct Rotations {
    rotations: Vec<Rotation>,
    /// Always null.
    next: Option<String>,
}

/// What a rotation would do.
#[derive(Debug, Serialize, ToSchema)]
struct Preview {
    /// The secret.
    name: String,
    /// The version that is replaced.
    version: u64,
    /// `many-keys`, `two-slots`, `grace-roll`, `in-place`, `keyring` or `console`.
    overlap: String,
    /// Every step, in order.
    steps: Vec<String>,
    /// What somebody should know before.
    warnings: Vec<String>,
    /// Who has the value outside keyward at this moment.
    holders: Vec<String>,
    /// Who used the secret in the last 24 hours.
    users: Vec<String>,
    /// What the successor will be allowed and what was seen, where it is to be narrower.
    narrowed: Vec<String>,
    /// Whether the old key ends before its successor is there.
    kill_first: bool,
}

/// How a successor is asked for.
#[derive(Debug, Default, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Rotate {
    /// The server makes the value itself, in this form: `password`, `hex`, `base64`, `base62`,
    /// `signing-key` or `uuid`. It is remembered. Left out: as before, or as the secret's kind says.
    #[serde(default)]
    generate: Option<String>,
    /// PostgreSQL by two roles: the name of one. It is remembered.
    #[serde(default)]
    role: Option<String>,
    /// The name of the other.
    #[serde(default)]
    other_role: Option<String>,
    /// The secret of the same environment that manages this one: an administrator's connection URL, a
    /// service's admin key.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    #[param(value_type = Option<String>)]
    admin: Option<keyward_types::SecretName>,
    /// By the service whose key it is: what has to be known of the account, `project=shop;user=deploy`;
    /// `key`: the service's id of the present key. It is remembered.
    #[serde(default)]
    account: Option<String>,
    /// The old value ends as soon as its successor is everywhere, whoever holds it.
    #[serde(default)]
    emergency: bool,
    /// Nothing succeeds it: the key is stopped where that can be taken back, and ended.
    #[serde(default)]
    revoke: bool,
    /// The version that is revoked. Left out: the active one.
    #[serde(default)]
    #[schema(value_type = Option<u64>)]
    #[param(value_type = Option<u64>)]
    version: Option<keyward_types::Version>,
    /// The successor may only what the secret was seen in use for at the gateway.
    #[serde(default)]
    narrow: bool,
}

/// A key that a person made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Successor {
    /// Its value.
    value: String,
}

/// What a person decides about a rotation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Decided {
    /// `resume`, `approve` or `abort`.
    #[schema(value_type = String)]
    decision: Wish,
}

/// Which rotations.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Those that are over, too.
    #[serde(default)]
    all: bool,
}

/// List rotations of an environment's secrets.
#[utoipa::path(
    get, path = "/projects/{project}/environments/{environment}/rotations", tag = "rotations",
    params(Which), responses((status = 200, body = Rotations))
)]
async fn list_rotations(asker: Asker, At(at): At, Params(which): Params<Which>) -> Result<Json<Rotations>> {
    let rotations = asker.ask(move |desk| Ok(desk.rotations(at, which.all)?)).await?;
    Ok(Json(Rotations { rotations: rotations.into_iter().map(Rotation::from).collect(), next: None }))
}

/// Show how far a secret's rotation is: the one under way, or the last one.
#[utoipa::path(
    get, path = "/projects/{project}/environments/{environment}/rotations/{*name}", tag = "rotations",
    responses((status = 200, body = Rotation))
)]
async fn show_rotation(asker: Asker, Named(at, name): Named) -> Result<Json<Rotation>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.rotation(at, name)?)).await?.into()))
}

/// Replace a secret by a successor. The answer says how far it came by itself; the server goes on.
#[utoipa::path(
    post, path = "/projects/{project}/environments/{environment}/rotations/{*name}", tag = "rotations",
    request_body = Rotate, responses((status = 201, body = Rotation))
)]
async fn begin_rotation(
    asker: Asker,
    Named(at, name): Named,
    input: Input<Rotate>,
) -> Result<(StatusCode, Json<Rotation>)> {
    let begun = asker.ask(move |desk| Ok(desk.rotate(at, name, input.parse()?.try_into()?)?)).await?;
    Ok((StatusCode::CREATED, Json(begun.into())))
}

/// Show what a rotation would do; nothing is changed.
#[utoipa::path(
    get, path = "/projects/{project}/environments/{environment}/rotation-previews/{*name}", tag = "rotations",
    params(Rotate), responses((status = 200, body = Preview))
)]
async fn preview_rotation(asker: Asker, Named(at, name): Named, Params(ask): Params<Rotate>) -> Result<Json<Preview>> {
    let preview = asker.ask(move |desk| Ok(desk.rotation_preview(at, name, ask.try_into()?)?)).await?;
    Ok(Json(preview.into()))
}

/// Decide about a rotation: go on now, go on although it waits, or undo it.
#[utoipa::path(
    post, path = "/projects/{project}/environments/{environment}/rotation-decisions/{*name}", tag = "rotations",
    request_body = Decided, responses((status = 200, body = Rotation))
)]
async fn decide_rotation(asker: Asker, Named(at, name): Named, input: Input<Decided>) -> Result<Json<Rotation>> {
    let decided = asker.ask(move |desk| Ok(desk.decide_rotation(at, name, input.parse()?.decision)?)).await?;
    Ok(Json(decided.into()))
}

/// Bring the key that a rotation waits for: the service is asked about it, and the rotation goes on.
#[utoipa::path(
    post, path = "/projects/{project}/environments/{environment}/rotation-successors/{*name}", tag = "rotations",
    request_body = Successor, responses((status = 200, body = Rotation))
)]
async fn bring_rotation(asker: Asker, Named(at, name): Named, input: Input<Successor>) -> Result<Json<Rotation>> {
    let brought = asker.ask(move |desk| {
        let value = keyward_client::Bytes::new(input.parse()?.value.into_bytes());
        Ok(desk.bring_rotation(at, name, value)?)
    });
    Ok(Json(brought.await?.into()))
}

impl TryFrom<Rotate> for RotateAsk {
    type Error = Problem;
    fn try_from(asked: Rotate) -> Result<Self> {
        let account = asked.account.as_deref().map(account_parts).transpose()?;
        let (postgres, service) = match (asked.role, asked.other_role, asked.admin, account) {
            (None, None, None, None) => (None, None),
            (None, None, admin, account) => (None, Some(ServiceAsk { account: account.unwrap_or_default(), admin })),
            (Some(one), Some(other), Some(admin), None) => (Some(PostgresAsk { roles: [one, other], admin }), None),
            _ => return Err(Problem::wrong("`role`, `other_role` and `admin` belong together")),
        };
        let Rotate { generate, emergency, revoke, version, narrow, .. } = asked;
        Ok(Self { generate, postgres, service, emergency, revoke, version, narrow })
    }
}

impl From<RotationInfo> for Rotation {
    fn from(known: RotationInfo) -> Self {
        Self {
            id: known.id,
            name: known.name.to_string(),
            state: known.state,
            phase: known.phase,
            doing: known.doing,
            why: known.why,
            actions: known.actions.into_iter().map(|wish| wish.as_str().to_owned()).collect(),
            old: known.old.get(),
            new: known.new.map(keyward_types::Version::get),
            targets: known.targets.into_iter().map(RotationStand::from).collect(),
            holders: known.holders,
            emergency: known.emergency,
            revokes: known.revokes,
            over: known.over,
            due: known.due.map(|due| due.to_string()),
            begun_at: known.begun_at.to_string(),
            begun_by: known.begun_by,
            written_at: known.written_at.to_string(),
        }
    }
}

impl From<RotationTarget> for RotationStand {
    fn from(known: RotationTarget) -> Self {
        Self { name: known.name, state: known.state, fault: known.fault }
    }
}

impl From<RotationPreview> for Preview {
    fn from(known: RotationPreview) -> Self {
        Self {
            name: known.name.to_string(),
            version: known.version.get(),
            overlap: known.overlap,
            steps: known.steps,
            warnings: known.warnings,
            holders: known.holders,
            kill_first: known.kill_first,
            users: known.users,
            narrowed: known.narrowed,
        }
    }
}
