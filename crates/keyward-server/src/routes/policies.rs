//! Own policies, in Cedar.

use std::sync::Arc;

use axum::Json;
use keyward_client::{Desk, DraftInfo, Login, PolicyInfo, QuestionInfo, VerdictInfo};
use keyward_types::{EnvironmentName, Operation, ProjectName, SecretName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Params, Part};
use crate::page::Page;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_policies))
        .routes(routes!(put_policy, delete_policy))
        .routes(routes!(test_policy))
}

/// A policy.
#[derive(Debug, Serialize, ToSchema)]
struct Policy {
    name: String,
    /// Cedar.
    text: String,
    /// Whether it counts.
    enabled: bool,
    /// RFC 3339.
    changed_at: String,
    changed_by: String,
}

/// A page of policies.
#[derive(Debug, Serialize, ToSchema)]
struct Policies {
    policies: Vec<Policy>,
    /// Where the next page begins.
    next: Option<String>,
}

/// A policy to be written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPolicy {
    /// Cedar; it has to fit the schema.
    text: String,
    /// Whether it counts; default: it does.
    #[serde(default = "yes")]
    enabled: bool,
}

/// What its author should know of a policy that was written.
#[derive(Debug, Serialize, ToSchema)]
struct Written {
    warnings: Vec<String>,
}

/// What the policies are asked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// Who would do it.
    #[schema(value_type = String)]
    account: Login,
    /// `read`, `use`, `sign`, `match`, `write`, `administer` or `list`.
    #[schema(value_type = String)]
    operation: Operation,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    project: Option<ProjectName>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    environment: Option<EnvironmentName>,
    /// It need not exist.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    secret: Option<SecretName>,
    /// As if this policy were there already.
    #[serde(default)]
    draft: Option<Draft>,
}

/// A policy that is not written yet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Draft {
    #[schema(value_type = String)]
    name: Login,
    /// Cedar.
    text: String,
}

/// What the policies say.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicyVerdict)]
struct Verdict {
    allowed: bool,
    /// What decided; nothing when nothing permits it.
    deciding: Vec<Deciding>,
    /// The roles that counted.
    #[schema(value_type = Vec<String>)]
    roles: Vec<keyward_client::Role>,
}

/// A policy that decided.
#[derive(Debug, Serialize, ToSchema)]
struct Deciding {
    name: String,
    /// Whether it is one of the roles' policies.
    of_role: bool,
    /// Whether it forbids.
    forbids: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// Most items of the page, 1 to 1000.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

fn yes() -> bool {
    true
}

/// List policies.
#[utoipa::path(get, path = "/policies", tag = "policies", params(Listing), responses((status = 200, body = Policies)))]
async fn list_policies(asker: Asker, Params(query): Params<Listing>) -> Result<Json<Policies>> {
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let mut policies = asker.ask(|desk| Ok(desk.policies()?)).await?;
    policies.sort_by(|a, b| a.name.cmp(&b.name));
    let (policies, next) = page.cut(policies, |policy| policy.name.as_str());
    Ok(Json(Policies { policies: policies.into_iter().map(Policy::from).collect(), next }))
}

/// Write a policy.
#[utoipa::path(
    put, path = "/policies/{policy}", tag = "policies",
    request_body = NewPolicy, responses((status = 200, body = Written))
)]
async fn put_policy(asker: Asker, Part(name): Part<Login>, input: Input<NewPolicy>) -> Result<Json<Written>> {
    let warnings = asker.ask(move |desk| {
        let NewPolicy { text, enabled } = input.parse()?;
        Ok(desk.put_policy(name, text, enabled)?)
    });
    Ok(Json(Written { warnings: warnings.await? }))
}

/// Delete a policy.
#[utoipa::path(delete, path = "/policies/{policy}", tag = "policies", responses((status = 200, body = Policy)))]
async fn delete_policy(asker: Asker, Part(name): Part<Login>) -> Result<Json<Policy>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.delete_policy(name)?)).await?.into()))
}

/// Ask what the policies say to something that nobody does.
#[utoipa::path(
    post, path = "/policy-test", tag = "policies",
    request_body = Question, responses((status = 200, body = Verdict))
)]
async fn test_policy(asker: Asker, input: Input<Question>) -> Result<Json<Verdict>> {
    let verdict = asker.ask(move |desk| Ok(desk.test_policy(input.parse()?.into())?)).await?;
    Ok(Json(verdict.into()))
}

impl From<Question> for QuestionInfo {
    fn from(asked: Question) -> Self {
        Self {
            account: asked.account,
            operation: asked.operation,
            project: asked.project,
            environment: asked.environment,
            secret: asked.secret,
            draft: asked.draft.map(|Draft { name, text }| DraftInfo { name, text }),
        }
    }
}

impl From<VerdictInfo> for Verdict {
    fn from(said: VerdictInfo) -> Self {
        let deciding = said.deciding.into_iter();
        let deciding = deciding.map(|one| Deciding { name: one.name, of_role: one.of_role, forbids: one.forbids });
        Self { allowed: said.allowed, deciding: deciding.collect(), roles: said.roles }
    }
}

impl From<PolicyInfo> for Policy {
    fn from(known: PolicyInfo) -> Self {
        Self {
            name: known.name.to_string(),
            text: known.text,
            enabled: known.enabled,
            changed_at: known.changed_at.to_string(),
            changed_by: known.changed_by,
        }
    }
}
