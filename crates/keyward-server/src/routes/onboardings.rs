//! Somebody comes: roles from a template, and how far he is.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_client::{Confirmed, Desk, Login, OnboardingInfo, OnboardingItem};
use keyward_types::ProjectName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Part};
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(onboard)).routes(routes!(show_onboarding)).routes(routes!(confirm_onboarding))
}

/// How far a newcomer is.
#[derive(Debug, Serialize, ToSchema)]
struct Onboarding {
    /// Who came, by login.
    account: String,
    template: String,
    /// RFC 3339.
    started_at: String,
    /// Whether nothing is left to do.
    complete: bool,
    items: Vec<Item>,
    /// The policy that everybody accepts.
    policy: String,
}

/// A line of the checklist, ticked by evidence.
#[derive(Debug, Serialize, ToSchema)]
struct Item {
    /// `policy-accepted`, `second-factor`, `own-account-only`, `first-run` or `leak-contact`.
    step: String,
    /// Since when it is done (RFC 3339).
    done: Option<String>,
    /// What to do, or what shows that it is done.
    note: String,
}

/// Somebody who comes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Newcomer {
    #[schema(value_type = String)]
    login: Login,
    /// `developer`, `operator` or `auditor`.
    template: String,
    /// For templates that are for a project.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    project: Option<ProjectName>,
}

/// What only the newcomer himself can say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Said {
    /// `policy` or `leak_contact`.
    #[schema(value_type = String)]
    said: Confirmed,
}

/// Give a newcomer the roles of a template, and begin his checklist.
#[utoipa::path(
    post, path = "/onboardings", tag = "team", request_body = Newcomer, responses((status = 201, body = Onboarding))
)]
async fn onboard(asker: Asker, input: Input<Newcomer>) -> Result<(StatusCode, Json<Onboarding>)> {
    let begin = move |desk: &keyward_client::LocalDesk| {
        let Newcomer { login, template, project } = input.parse()?;
        Ok(desk.onboard(login, template, project)?)
    };
    let begun = asker.ask(begin).await?;
    Ok((StatusCode::CREATED, Json(Onboarding::of(begun)?)))
}

/// Show how far a newcomer is.
#[utoipa::path(get, path = "/onboardings/{login}", tag = "team", responses((status = 200, body = Onboarding)))]
async fn show_onboarding(asker: Asker, Part(login): Part<Login>) -> Result<Json<Onboarding>> {
    Ok(Json(Onboarding::of(asker.ask(move |desk| Ok(desk.onboarding(login)?)).await?)?))
}

/// Say of one's own onboarding what only oneself can say.
#[utoipa::path(
    post, path = "/onboardings/{login}/confirm", tag = "team",
    request_body = Said, responses((status = 200, body = Onboarding))
)]
async fn confirm_onboarding(asker: Asker, Part(login): Part<Login>, input: Input<Said>) -> Result<Json<Onboarding>> {
    let said = asker.ask(move |desk| Ok(desk.confirm_onboarding(login, input.parse()?.said)?)).await?;
    Ok(Json(Onboarding::of(said)?))
}

impl Onboarding {
    fn of(known: OnboardingInfo) -> Result<Self> {
        Ok(Self {
            account: known.account.to_string(),
            template: known.template,
            started_at: known.started_at.to_string(),
            complete: known.complete,
            items: known.items.into_iter().map(Item::of).collect::<Result<_>>()?,
            policy: known.policy,
        })
    }
}

impl Item {
    fn of(known: OnboardingItem) -> Result<Self> {
        // Its word on the wire is the one by which every other reader knows it.
        let step = serde_json::to_value(known.step).ok().and_then(|step| step.as_str().map(str::to_owned));
        let step = step.ok_or_else(Problem::internal)?;
        Ok(Self { step, done: known.done.map(|at| at.to_string()), note: known.note })
    }
}
