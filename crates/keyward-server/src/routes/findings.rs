//! What scans reported: where something that should be secret stands in the open.

use std::sync::Arc;

use axum::Json;
use keyward_client::{Desk, FindingInfo, FindingReport, FindingState};
use keyward_types::{EnvironmentName, Fingerprint, KnownSecret, ProjectName, SecretName, Version};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Params, Part, objects};
use crate::page::Page;
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_findings, report_findings)).routes(routes!(show_finding, resolve_finding))
}

/// A finding; never the value.
#[derive(Debug, Serialize, ToSchema)]
struct Finding {
    id: String,
    /// The repository or folder that was scanned.
    source: String,
    /// Recognises it later; no oracle for the value.
    fingerprint: String,
    rule: String,
    path: String,
    line: Option<u32>,
    commit: Option<String>,
    /// The stored secret that it is: `project/environment/NAME`.
    secret: Option<String>,
    version: Option<u64>,
    /// `open`, `fixed`, `revoked`, `false-positive` or `accepted`.
    #[schema(value_type = String)]
    state: FindingState,
    reported_by: String,
    /// RFC 3339.
    first_seen: String,
    /// RFC 3339.
    last_seen: String,
    resolved_by: Option<String>,
    /// RFC 3339.
    resolved_at: Option<String>,
    note: Option<String>,
    /// What a leak of that secret is about, for whoever may see who is who.
    exposure: Option<Exposure>,
}

/// Who is concerned by a leak, and what replaces the value.
#[derive(Debug, Serialize, ToSchema)]
struct Exposure {
    /// Who answers for the secret.
    owner: Option<String>,
    /// Whether the leaked version is the active one.
    active: bool,
    /// Who has that version outside keyward at this moment.
    holders: Vec<String>,
    /// Where new values go.
    targets: Vec<String>,
    /// The command that replaces it.
    command: String,
    /// What has to be put in that command first, and where it is looked up.
    needs: Option<String>,
}

/// A page of findings.
#[derive(Debug, Serialize, ToSchema)]
struct Findings {
    findings: Vec<Finding>,
    /// Where the next page begins.
    next: Option<String>,
}

/// What a scan found.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Report {
    /// The repository or folder that was scanned.
    source: String,
    /// At most 1000.
    #[serde(deserialize_with = "objects")]
    findings: Vec<Found>,
}

/// One place.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Found {
    /// `kwf1:` and 32 hexadecimal digits, as `keyward scan` says it.
    #[schema(pattern = "^kwf1:[0-9a-f]{32}$")]
    fingerprint: String,
    rule: String,
    path: String,
    #[serde(default)]
    line: Option<u32>,
    #[serde(default)]
    commit: Option<String>,
    /// The stored secret that it is, as `POST /match/candidates` named it.
    #[serde(default)]
    secret: Option<Stored>,
}

/// A stored secret.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = FoundSecret)]
#[serde(deny_unknown_fields)]
struct Stored {
    #[schema(value_type = String)]
    project: ProjectName,
    #[schema(value_type = String)]
    environment: EnvironmentName,
    #[schema(value_type = String)]
    name: SecretName,
    #[schema(value_type = u64, minimum = 1)]
    version: Version,
}

/// A decision on a finding.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Decision {
    /// `open`, `fixed`, `revoked`, `false-positive` or `accepted`.
    #[schema(value_type = String)]
    state: FindingState,
    /// Why.
    #[serde(default)]
    note: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// Most items of the page, 1 to 1000.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only in this state.
    #[param(value_type = Option<String>)]
    state: Option<FindingState>,
    /// Only of this source.
    source: Option<String>,
}

/// List findings.
#[utoipa::path(get, path = "/findings", tag = "findings", params(Listing), responses((status = 200, body = Findings)))]
async fn list_findings(asker: Asker, Params(query): Params<Listing>) -> Result<Json<Findings>> {
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let mut findings = asker.ask(|desk| Ok(desk.findings()?)).await?;
    findings.retain(|finding| {
        query.state.is_none_or(|state| finding.state == state)
            && query.source.as_ref().is_none_or(|source| finding.source == *source)
    });
    findings.sort_by(|a, b| a.id.cmp(&b.id));
    let (findings, next) = page.cut(findings, |finding| finding.id.as_str());
    Ok(Json(Findings { findings: findings.into_iter().map(Finding::from).collect(), next }))
}

/// Report what a scan found; a token with the scope `match` will do.
#[utoipa::path(
    post, path = "/findings", tag = "findings", request_body = Report, responses((status = 200, body = Findings))
)]
async fn report_findings(asker: Asker, input: Input<Report>) -> Result<Json<Findings>> {
    let kept = asker.ask(move |desk| {
        let Report { source, findings } = input.parse()?;
        Ok(desk.report_findings(findings.into_iter().map(|found| found.of(&source)).collect())?)
    });
    Ok(Json(Findings { findings: kept.await?.into_iter().map(Finding::from).collect(), next: None }))
}

/// Show one finding.
#[utoipa::path(get, path = "/findings/{id}", tag = "findings", responses((status = 200, body = Finding)))]
async fn show_finding(asker: Asker, Part(id): Part<String>) -> Result<Json<Finding>> {
    let found = asker.ask(move |desk| {
        let found = desk.findings()?.into_iter().find(|finding| finding.id == id);
        let missing = || keyward_client::Failure::new(keyward_client::Code::NotFound, "there is no such finding");
        found.ok_or_else(|| Problem::from(missing()))
    });
    Ok(Json(found.await?.into()))
}

/// Decide on a finding.
#[utoipa::path(
    patch, path = "/findings/{id}", tag = "findings", request_body = Decision, responses((status = 200, body = Finding))
)]
async fn resolve_finding(asker: Asker, Part(id): Part<String>, input: Input<Decision>) -> Result<Json<Finding>> {
    let resolved = asker.ask(move |desk| {
        let Decision { state, note } = input.parse()?;
        Ok(desk.resolve_finding(id, state, note)?)
    });
    Ok(Json(resolved.await?.into()))
}

impl Found {
    fn of(self, source: &str) -> FindingReport {
        let secret = self.secret.map(|Stored { project, environment, name, version }| KnownSecret {
            project,
            environment,
            name,
            version,
        });
        FindingReport {
            source: source.to_owned(),
            fingerprint: Fingerprint(self.fingerprint),
            rule: self.rule,
            path: self.path,
            line: self.line,
            commit: self.commit,
            secret,
        }
    }
}

impl From<FindingInfo> for Finding {
    fn from(known: FindingInfo) -> Self {
        let secret = known.secret.as_ref();
        Self {
            secret: secret.map(|secret| format!("{}/{}/{}", secret.project, secret.environment, secret.name)),
            version: secret.map(|secret| secret.version.get()),
            id: known.id,
            source: known.source,
            fingerprint: known.fingerprint,
            rule: known.rule,
            path: known.path,
            line: known.line,
            commit: known.commit,
            state: known.state,
            reported_by: known.reported_by,
            first_seen: known.first_seen.to_string(),
            last_seen: known.last_seen.to_string(),
            resolved_by: known.resolved_by,
            resolved_at: known.resolved_at.map(|at| at.to_string()),
            note: known.note,
            exposure: known.exposure.map(|known| Exposure {
                owner: known.owner,
                active: known.active,
                holders: known.holders,
                targets: known.targets,
                command: known.command,
                needs: known.needs,
            }),
        }
    }
}
