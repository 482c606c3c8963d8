//! When secrets are rotated by themselves.

use std::sync::Arc;

use axum::Json;
use keyward_client::{Desk, ScheduleAbout, ScheduleInfo, ScheduleRule};
use keyward_types::{Kind, SecretName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{At, Input, Params};
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_schedules, set_schedule, clear_schedule))
}

/// A rule of when secrets are rotated.
#[derive(Debug, Serialize, ToSchema)]
struct Schedule {
    /// Of which secret; null: of all, or of all of a kind.
    secret: Option<String>,
    /// Of which kind.
    kind: Option<String>,
    rule: Rule,
    /// The rule in words.
    told: String,
    /// RFC 3339.
    set_at: String,
    /// Id of whoever set it.
    set_by: String,
}

/// What is set.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Rule {
    /// Days from one value to the next; 0: never; null: as it is usual.
    #[schema(minimum = 0, maximum = 3650)]
    every_days: Option<u32>,
    /// When a rotation may begin by itself: `mon-fri 02:00-05:00`.
    window: Option<String>,
    /// The time zone of windows and blackouts, as IANA calls it; null: UTC.
    zone: Option<String>,
    /// Days on which none begins by itself: `2026-12-20..2027-01-02`.
    blackouts: Vec<String>,
    /// Secrets that turn together, one after the other.
    group: Option<String>,
    /// Which of them is first.
    order: u32,
    /// Whether keyward begins what is due.
    acts: bool,
    /// Whether nothing begins until somebody says so.
    paused: bool,
}

/// The rules of an environment, the widest first.
#[derive(Debug, Serialize, ToSchema)]
struct Schedules {
    schedules: Vec<Schedule>,
    /// Always null.
    next: Option<String>,
}

/// A rule that is to be set: of a secret, of a kind, or of every secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSchedule {
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    secret: Option<SecretName>,
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    kind: Option<Kind>,
    #[serde(default)]
    rule: Rule,
}

/// Which rule.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    #[param(value_type = Option<String>)]
    #[serde(default)]
    secret: Option<SecretName>,
    #[param(value_type = Option<String>)]
    #[serde(default)]
    kind: Option<Kind>,
}

/// List the rules of when an environment's secrets are rotated.
#[utoipa::path(
    get, path = "/projects/{project}/environments/{environment}/schedules", tag = "rotations",
    responses((status = 200, body = Schedules))
)]
async fn list_schedules(asker: Asker, At(at): At) -> Result<Json<Schedules>> {
    let rules = asker.ask(move |desk| Ok(desk.schedules(at)?)).await?;
    Ok(Json(Schedules { schedules: rules.into_iter().map(Schedule::from).collect(), next: None }))
}

/// Set a rule of when secrets are rotated.
#[utoipa::path(
    put, path = "/projects/{project}/environments/{environment}/schedules", tag = "rotations",
    request_body = NewSchedule, responses((status = 200, body = Schedule))
)]
async fn set_schedule(asker: Asker, At(at): At, new: Input<NewSchedule>) -> Result<Json<Schedule>> {
    let set = asker
        .ask(move |desk| {
            let NewSchedule { secret, kind, rule } = new.parse()?;
            Ok(desk.set_schedule(at, ScheduleAbout { secret, kind }, rule.read()?)?)
        })
        .await?;
    Ok(Json(set.into()))
}

/// Take a rule away.
#[utoipa::path(
    delete, path = "/projects/{project}/environments/{environment}/schedules", tag = "rotations",
    params(Which), responses((status = 200, body = Schedule))
)]
async fn clear_schedule(asker: Asker, At(at): At, Params(which): Params<Which>) -> Result<Json<Schedule>> {
    let about = ScheduleAbout { secret: which.secret, kind: which.kind };
    let gone = asker.ask(move |desk| Ok(desk.clear_schedule(at, about)?)).await?;
    Ok(Json(gone.into()))
}

impl Rule {
    fn read(self) -> Result<ScheduleRule> {
        let wrong = |error: keyward_client::ScheduleRuleError| crate::problem::Problem::wrong(error.to_string());
        let blackouts = self.blackouts.iter().map(|text| text.parse().map_err(wrong)).collect::<Result<Vec<_>>>()?;
        Ok(ScheduleRule {
            every_days: self.every_days,
            window: self.window.map(|text| text.parse().map_err(wrong)).transpose()?,
            zone: self.zone,
            blackouts,
            group: self.group,
            order: self.order,
            acts: self.acts,
            paused: self.paused,
        })
    }
}

impl From<ScheduleInfo> for Schedule {
    fn from(known: ScheduleInfo) -> Self {
        let rule = known.rule;
        Self {
            secret: known.secret.map(|name| name.to_string()),
            kind: known.kind.map(|kind| kind.to_string()),
            rule: Rule {
                every_days: rule.every_days,
                window: rule.window.map(|window| window.to_string()),
                zone: rule.zone,
                blackouts: rule.blackouts.iter().map(ToString::to_string).collect(),
                group: rule.group,
                order: rule.order,
                acts: rule.acts,
                paused: rule.paused,
            },
            told: known.told,
            set_at: known.set_at.to_string(),
            set_by: known.set_by,
        }
    }
}
