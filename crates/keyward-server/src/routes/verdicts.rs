//! What services say of stored keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use keyward_client::{Desk, KeyQuestion, KeyVerdict};
use keyward_types::Verified;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Named};
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(verify_key))
}

/// Which key, and what its service's address needs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// This version instead of the active one.
    #[serde(default)]
    #[schema(value_type = Option<u64>, minimum = 1)]
    version: Option<keyward_types::Version>,
    /// Parts of the account that the service's address has: `host`, `region`, `user`. Whoever names
    /// them says where the value goes, and has to be allowed to read it.
    #[serde(default)]
    account: BTreeMap<String, String>,
}

/// What a service said of a stored key.
#[derive(Debug, Serialize, ToSchema)]
struct Answered {
    name: String,
    version: u64,
    /// The environment that has it: a parent, where the one asked lacks the name.
    environment: String,
    /// Which service was asked; null: the value is of none that is known.
    provider: Option<String>,
    /// `valid`, `valid_insufficient` (it works, with few rights), `invalid`, `blocked` (it lives and may
    /// not be used from here), `rate_limited` or `indeterminate`.
    verified: Verdict,
    /// What that rests on.
    why: String,
    /// Whose the key is, where the service tells.
    identity: Option<String>,
}

/// What a service said.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Valid,
    ValidInsufficient,
    Invalid,
    Blocked,
    RateLimited,
    Indeterminate,
}

/// Ask a stored key's own service whether it lives. Its use is on record first.
#[utoipa::path(
    post, path = "/projects/{project}/environments/{environment}/verify/{*name}", tag = "values",
    request_body = Question, responses((status = 200, body = Answered))
)]
async fn verify_key(asker: Asker, Named(at, name): Named, input: Input<Question>) -> Result<Json<Answered>> {
    let verdict = asker.ask(move |desk| {
        let Question { version, account } = input.parse()?;
        Ok(desk.verify_key(at, name, KeyQuestion { version, account })?)
    });
    Ok(Json(verdict.await?.into()))
}

impl From<KeyVerdict> for Answered {
    fn from(known: KeyVerdict) -> Self {
        Self {
            name: known.name.to_string(),
            version: known.version.get(),
            environment: known.environment.to_string(),
            provider: known.provider,
            verified: known.verified.into(),
            why: known.why,
            identity: known.identity,
        }
    }
}

impl From<Verified> for Verdict {
    fn from(verified: Verified) -> Self {
        match verified {
            Verified::Valid => Self::Valid,
            Verified::ValidInsufficient => Self::ValidInsufficient,
            Verified::Invalid => Self::Invalid,
            Verified::Blocked => Self::Blocked,
            Verified::RateLimited => Self::RateLimited,
            Verified::NotChecked | Verified::Indeterminate => Self::Indeterminate,
        }
    }
}
