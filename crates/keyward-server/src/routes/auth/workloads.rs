//! Workloads: a build or a pod shows what its issuer signed, and gets a token for some minutes.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_access::oidc::Expected;
use keyward_oidc::{Fault, Issuer, Providers};
use keyward_types::{Secret, Timestamp};
use keyward_vault::{Error, Vault, Visitor, WorkloadTrust};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::input::Input;
use crate::person::Guest;
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(exchange_workload_token))
}

/// What a workload shows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ShownByWorkload {
    /// The program's account whose token it wants.
    service_account: String,
    /// The JWT that its issuer gave it, made for the audience of a trust of that account.
    token: String,
}

/// What a workload gets (RFC 6749, 5.1).
#[derive(Serialize, ToSchema)]
struct WorkloadToken {
    /// What is sent as `Authorization: Bearer`. It is in this answer and nowhere else.
    access_token: String,
    /// `Bearer`.
    token_type: String,
    /// For how many seconds it lives.
    expires_in: u64,
    /// The same as a moment (RFC 3339).
    expires_at: String,
    /// Whose it is.
    account: String,
    /// What of the account's rights it has; empty: all.
    scopes: Vec<String>,
}

/// Exchange a workload's token for one of a program's account.
///
/// 401 `not_trusted` says no more than that something is not right; the log has the reason.
#[utoipa::path(post, path = "/auth/workload", tag = "auth", request_body = ShownByWorkload, security(()),
    responses((status = 200, body = WorkloadToken)))]
async fn exchange_workload_token(guest: Guest, input: Input<ShownByWorkload>) -> Result<Json<WorkloadToken>> {
    let shown = input.parse()?;
    let token = Secret::new("a workload's token", shown.token);
    let given =
        guest.ask_with(move |vault, providers, from| exchange(vault, providers, &shown.service_account, &token, from));
    Ok(Json(given.await?))
}

fn exchange(
    vault: &Vault,
    providers: &Providers,
    login: &str,
    token: &Secret<String>,
    from: &Visitor<'_>,
) -> Result<WorkloadToken> {
    let trusts = vault.trusts_for(login, token.expose(), from).map_err(refused)?;
    let (mut last, mut admitted) = (None, None);
    for trust in &trusts {
        match verified(providers, trust, token.expose(), vault.now()) {
            Ok(claims) if trust.admits(&claims) => {
                admitted = Some((trust, claims));
                break;
            }
            Ok(_) => last = Some((trust, "conditions")),
            Err(fault @ (Fault::Unreachable(_) | Fault::Odd(_))) => {
                tracing::warn!(account = login, issuer = trust.issuer, "a workload's token is not looked at: {fault}");
                return Err(super::oidc::refused(&fault));
            }
            Err(fault) => last = Some((trust, fault.as_str())),
        }
    }
    let Some((trust, claims)) = admitted else {
        let (trust, why) = last.ok_or_else(Problem::internal)?;
        return Err(refused(vault.refuse_trust(trust, why, from)));
    };
    let (token, record) = vault.workload_token(trust, &claims, from).map_err(refused)?;
    let account = vault.account_of(&record.owner)?.ok_or(Error::NotIdentified).map_err(refused)?;
    Ok(WorkloadToken {
        access_token: token.expose().to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: u64::from(trust.seconds),
        expires_at: record.expires_at.map(|end| end.to_string()).unwrap_or_default(),
        account: account.login.map_or_else(|| account.principal.to_string(), String::from),
        scopes: record.scopes.into_iter().map(|scope| scope.text).collect(),
    })
}

fn verified(
    providers: &Providers,
    trust: &WorkloadTrust,
    token: &str,
    now: Timestamp,
) -> Result<keyward_access::oidc::Claims, Fault> {
    let issuer = Issuer::new(&trust.issuer, trust.ca.clone(), trust.allow_private);
    let issuer = issuer.map_err(|error| Fault::Unreachable(error.to_string()))?;
    let expected = Expected { issuer: &trust.issuer, audience: &trust.audience, nonce: None, access_token: None };
    providers.verified(&issuer, token, &expected, now)
}

fn refused(error: Error) -> Problem {
    match error {
        Error::NotIdentified => {
            Problem::new(StatusCode::UNAUTHORIZED, "not_trusted", "no trust of this account takes this token").hint(
                "`keyward service-account trust list ACCOUNT` shows issuer, audience and claims that are taken; `keyward audit log` why this was not; a token serves once",
            )
        }
        error => error.into(),
    }
}
