//! Somebody leaves: what that takes, and how far it is.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_client::{Desk, Login, OffboardingInfo, OffboardingPlan, Settlement, TaskItem, TaskName, TaskState};
use keyward_types::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Part};
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(offboard))
        .routes(routes!(show_offboarding))
        .routes(routes!(settle_offboarding_task))
}

/// What somebody's leaving takes.
#[derive(Debug, Serialize, ToSchema)]
struct Offboarding {
    /// Who leaves, by login.
    account: String,
    /// Since when the account is dead (RFC 3339); null: it lives.
    disabled_at: Option<String>,
    /// What he knows, could have known and works with: `rotate`, `past`, `reachable`,
    /// `credentials`, the worst first. Times in it are milliseconds since 1970.
    #[schema(value_type = Object)]
    plan: OffboardingPlan,
    /// The lines to be worked off, with how far each is.
    #[schema(value_type = Vec<Object>)]
    tasks: Vec<TaskItem>,
}

/// Who leaves.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Leaver {
    #[schema(value_type = String)]
    login: Login,
}

/// What somebody says of a task.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Settled {
    /// `project/environment/NAME`, or the name or id of a credential.
    name: String,
    /// Which version, where there are tasks about several.
    #[serde(default)]
    #[schema(value_type = Option<u64>)]
    version: Option<Version>,
    /// `done`, `dismissed` or `reopened`.
    settlement: String,
    /// Why it need not be done; for `dismissed`.
    #[serde(default)]
    reason: Option<String>,
}

/// How far a task is.
#[derive(Debug, Serialize, ToSchema)]
struct State {
    /// `todo`, `done` or `dismissed`.
    state: String,
    by: Option<String>,
    /// RFC 3339.
    at: Option<String>,
    reason: Option<String>,
}

/// Show what somebody's leaving would take, or takes; nothing is changed.
#[utoipa::path(
    get, path = "/offboardings/{login}", tag = "team", responses((status = 200, body = Offboarding))
)]
async fn show_offboarding(asker: Asker, Part(login): Part<Login>) -> Result<Json<Offboarding>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.offboarding_plan(login)?)).await?.into()))
}

/// End an account with its tokens and sessions, and put on record what is to be done.
#[utoipa::path(
    post, path = "/offboardings", tag = "team", request_body = Leaver, responses((status = 201, body = Offboarding))
)]
async fn offboard(asker: Asker, input: Input<Leaver>) -> Result<(StatusCode, Json<Offboarding>)> {
    let done = asker.ask(move |desk| Ok(desk.offboard(input.parse()?.login)?)).await?;
    Ok((StatusCode::CREATED, Json(done.into())))
}

/// Say of a task that it is done, need not be done, or is to be done after all.
#[utoipa::path(
    post, path = "/offboardings/{login}/settle", tag = "team",
    request_body = Settled, responses((status = 200, body = State))
)]
async fn settle_offboarding_task(asker: Asker, Part(login): Part<Login>, input: Input<Settled>) -> Result<Json<State>> {
    let settle = move |desk: &keyward_client::LocalDesk| {
        let (name, settlement) = input.parse()?.into_parts()?;
        Ok(desk.settle_task(login, name, settlement)?)
    };
    Ok(Json(asker.ask(settle).await?.into()))
}

impl Settled {
    fn into_parts(self) -> Result<(TaskName, Settlement)> {
        let settlement = match (self.settlement.as_str(), self.reason) {
            ("done", None) => Settlement::Done,
            ("reopened", None) => Settlement::Reopened,
            ("dismissed", Some(reason)) => Settlement::Dismissed(reason),
            ("dismissed", None) => return Err(Problem::wrong("say in `reason` why it need not be done")),
            ("done" | "reopened", Some(_)) => return Err(Problem::wrong("a `reason` is for `dismissed`")),
            _ => return Err(Problem::wrong("`settlement` is `done`, `dismissed` or `reopened`")),
        };
        Ok((TaskName { name: self.name, version: self.version }, settlement))
    }
}

impl From<OffboardingInfo> for Offboarding {
    fn from(known: OffboardingInfo) -> Self {
        let OffboardingInfo { account, disabled_at, plan, tasks } = known;
        Self { account: account.to_string(), disabled_at: disabled_at.map(|at| at.to_string()), plan, tasks }
    }
}

impl From<TaskState> for State {
    fn from(state: TaskState) -> Self {
        let (word, by, at, reason) = match state {
            TaskState::Todo => ("todo", None, None, None),
            TaskState::Done { by, at } => ("done", Some(by), Some(at), None),
            TaskState::Dismissed { by, at, reason } => ("dismissed", Some(by), Some(at), Some(reason)),
        };
        Self { state: word.to_owned(), by: by.map(|by| by.to_string()), at: at.map(|at| at.to_string()), reason }
    }
}
