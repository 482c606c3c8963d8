//! Values. Each that leaves is on record first.

use std::sync::Arc;

use axum::Json;
use keyward_client::{Desk, Disclosed, Purpose, Selection};
use keyward_types::SecretName;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::{Asker, Wanted};
use crate::input::{At, Named, Params, Value};
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(read_environment)).routes(routes!(read_value))
}

/// A value that left.
#[derive(Debug, Serialize, ToSchema)]
struct Opened {
    name: String,
    version: u64,
    kind: String,
    /// Estimated entropy in bits: what is weak cannot be masked in output.
    bits: u16,
    /// The environment that answered: a parent, where the one asked lacks the name.
    environment: String,
    /// Whether `run` hands it over as a private file.
    as_file: bool,
    /// The holding that was opened, or that your account has of this version already: `POST
    /// /holdings/close` ends it when none of your programs has the value any more.
    holding: Option<String>,
    /// Until when it may be kept for when this server is not reached (RFC 3339), where `offline` was
    /// asked for and its environment allows that.
    #[serde(skip_serializing_if = "Option::is_none")]
    offline_until: Option<String>,
    /// `value` when it is text, else `value_base64`.
    #[serde(flatten)]
    value: Value,
}

/// The values of an environment.
#[derive(Debug, Serialize, ToSchema)]
struct Values {
    values: Vec<Opened>,
    /// The server's clock (RFC 3339), by which `offline_until` is meant.
    now: String,
    next: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// This version instead of the active one.
    #[param(minimum = 1)]
    version: Option<u64>,
    /// `run` when it goes into a child's environment, `export` into a file, `copy` to the clipboard;
    /// default `read`.
    #[param(value_type = Option<String>)]
    purpose: Option<Purpose>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Batch {
    /// Only these names, joined by commas, all of which have to be there; else every active one.
    names: Option<String>,
    /// `run` when they go into a child's environment, `export` into a file; default `read`.
    #[param(value_type = Option<String>)]
    purpose: Option<Purpose>,
    /// That the caller keeps them for when this server is not reached, as long as each one's environment
    /// allows; it goes on record with the read.
    #[serde(default)]
    offline: bool,
}

/// Names of one batch; each is an entry in the log.
const MOST_NAMES: usize = 1000;

/// Read one value.
#[utoipa::path(
    get, path = "/projects/{project}/environments/{environment}/values/{*name}", tag = "values",
    params(Which), responses((status = 200, body = Opened))
)]
async fn read_value(asker: Asker, Named(at, name): Named, Params(query): Params<Which>) -> Result<Json<Opened>> {
    let version = query.version.map(keyward_types::Version::new).transpose()?;
    let mut read = asker.read(at, vec![(name, version)], query.purpose.unwrap_or(Purpose::Read)).await?;
    read.pop().map(|one| Json(one.into())).ok_or_else(Problem::internal)
}

/// Read every value of an environment and its parents, or some: all or none.
#[utoipa::path(
    get, path = "/projects/{project}/environments/{environment}/values", tag = "values",
    params(Batch), responses((status = 200, body = Values))
)]
async fn read_environment(asker: Asker, At(at): At, Params(query): Params<Batch>) -> Result<Json<Values>> {
    let purpose = query.purpose.unwrap_or(Purpose::Read);
    let (now, asker) = (asker.now().to_string(), asker.keeping(query.offline));
    let read = match query.names.as_deref() {
        Some(list) => asker.read(at, names(list)?, purpose).await?,
        None => asker.ask(move |desk| Ok(desk.read(at, Selection::All, purpose)?)).await?,
    };
    Ok(Json(Values { values: read.into_iter().map(Opened::from).collect(), now, next: None }))
}

fn names(text: &str) -> Result<Vec<Wanted>> {
    let names = text.split(',').map(str::parse).collect::<Result<Vec<SecretName>, _>>()?;
    if names.len() > MOST_NAMES {
        return Err(Problem::wrong(format!("a batch has at most {MOST_NAMES} names")));
    }
    Ok(names.into_iter().map(|name| (name, None)).collect())
}

impl From<Disclosed> for Opened {
    fn from(read: Disclosed) -> Self {
        Self {
            name: read.name.to_string(),
            version: read.version.get(),
            kind: read.kind.to_string(),
            bits: read.bits,
            environment: read.environment.to_string(),
            as_file: read.as_file,
            value: Value::of(&read.value),
            holding: read.holding,
            offline_until: read.offline_until.map(|until| until.to_string()),
        }
    }
}
