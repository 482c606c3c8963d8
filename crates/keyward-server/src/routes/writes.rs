//! Several values at once: all of them are stored, or none.

use std::sync::Arc;

use axum::Json;
use keyward_client::{Desk, examine};
use keyward_types::SecretName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::secrets::{Metadata, Stored};
use crate::app::App;
use crate::asker::Asker;
use crate::input::{At, Input, Value, object, objects};
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(write_secrets))
}

/// Values to be stored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewValues {
    /// 1 to 1000.
    #[serde(deserialize_with = "objects")]
    #[schema(min_items = 1, max_items = 1000)]
    secrets: Vec<NamedValue>,
}

/// A value with its name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NamedValue {
    #[schema(value_type = String)]
    name: SecretName,
    /// The value, when it is text; at most 64 KiB.
    #[serde(default)]
    value: Option<String>,
    /// The value in base64, when it is not.
    #[serde(default)]
    value_base64: Option<String>,
    /// Metadata that is set with it.
    #[serde(default, deserialize_with = "object")]
    metadata: Metadata,
}

/// What became of the values.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WrittenValues)]
struct Written {
    stored: Vec<Stored>,
}

const MOST: usize = 1000;

/// Store several values, all or none.
#[utoipa::path(
    post, path = "/projects/{project}/environments/{environment}/secrets", tag = "secrets",
    request_body = NewValues, responses((status = 200, body = Written))
)]
async fn write_secrets(asker: Asker, At(at): At, input: Input<NewValues>) -> Result<Json<Written>> {
    let stored = asker.ask(move |desk| {
        let secrets = input.parse()?.secrets;
        if secrets.is_empty() || secrets.len() > MOST {
            return Err(Problem::wrong(format!("1 to {MOST} values are stored at once")));
        }
        let (mut values, mut advice) = (Vec::with_capacity(secrets.len()), Vec::with_capacity(secrets.len()));
        for NamedValue { name, value, value_base64, metadata } in secrets {
            let examined = examine(name, Value { value, value_base64 }.bytes()?, metadata.edit()?);
            values.push(examined.secret);
            advice.push(examined.advice);
        }
        let stored = desk.write(at, values)?;
        Ok(stored.into_iter().zip(advice).map(|(stored, advice)| Stored::of(stored, advice)).collect())
    });
    Ok(Json(Written { stored: stored.await? }))
}
