//! Secrets without their values: lists, metadata, new values, deletion.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keyward_client::{Desk, EditInfo, Examined, SecretInfo, StoredChange, examine};
use keyward_types::{Access, Kind, SecretName};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::versions::Version;
use crate::app::App;
use crate::asker::Asker;
use crate::etag;
use crate::input::{At, Input, Named, Params, Value, object};
use crate::page::Page;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_secrets)).routes(routes!(
        show_secret,
        write_secret,
        edit_secret,
        delete_secret
    ))
}

/// What is known of a secret without opening it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Secret {
    name: String,
    environment: String,
    /// `api-key`, `service-account-key`, `bearer-token`, `signing-key`, `connection-string`,
    /// `password`, `certificate`, `document` or `config`.
    kind: String,
    /// The active version; none when it is deleted or destroyed.
    version: Option<u64>,
    /// When the active version was written (RFC 3339).
    created_at: String,
    /// When the value stops working (RFC 3339).
    expires_at: Option<String>,
    provider: Option<String>,
    owner: Option<String>,
    description: Option<String>,
    /// What it allows at the service, as far as it is known.
    access: Option<String>,
    rotate_every_days: Option<u32>,
    /// How many values are kept at most; writing one more destroys the oldest.
    max_versions: Option<u32>,
    tags: Vec<String>,
    /// Whether `run` hands it over as a private file.
    as_file: bool,
    /// Whether the active value was brought from somewhere else, and may be older than `created_at`
    /// says: it is due within 14 days.
    age_unknown: bool,
    /// Estimated entropy of the active value in bits.
    bits: u16,
    /// Length of the active value in bytes.
    size: u32,
    /// Every version, the newest last.
    versions: Vec<Version>,
    /// Entity tag of this state, also in the header `ETag`.
    tag: String,
    /// In lists: equal for equal values, within the lists of this vault; none for `config`.
    #[serde(skip_serializing_if = "Option::is_none")]
    same: Option<String>,
}

/// A page of secrets.
#[derive(Debug, Serialize, ToSchema)]
struct Secrets {
    secrets: Vec<Secret>,
    /// Where the next page begins.
    next: Option<String>,
}

/// A value to be stored. What is not said of it is recognised from it where it can be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewValue {
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

/// Metadata to be changed: what is absent stays, `null` clears.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Metadata {
    #[schema(value_type = Option<String>)]
    kind: Option<Kind>,
    #[serde(deserialize_with = "stated")]
    #[schema(value_type = Option<String>)]
    provider: Option<Option<String>>,
    #[serde(deserialize_with = "stated")]
    #[schema(value_type = Option<String>)]
    owner: Option<Option<String>>,
    #[serde(deserialize_with = "stated")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// `read-only`, `read-write` or `admin`.
    #[serde(deserialize_with = "stated")]
    #[schema(value_type = Option<String>)]
    access: Option<Option<Access>>,
    /// RFC 3339.
    #[serde(deserialize_with = "stated")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<String>>,
    #[serde(deserialize_with = "stated")]
    #[schema(value_type = Option<u32>)]
    rotate_every_days: Option<Option<u32>>,
    tags: Option<Vec<String>>,
    as_file: Option<bool>,
    /// How many versions keep their value, at least 1.
    #[serde(deserialize_with = "stated")]
    #[schema(value_type = Option<u32>)]
    max_versions: Option<Option<u32>>,
    /// Whether nobody knows how old the value is. With a value: of that, if it is a new one; without
    /// one: of the active version.
    age_unknown: Option<bool>,
}

/// What became of a value that was to be stored.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stored {
    name: String,
    /// The version that is active now.
    version: u64,
    kind: String,
    /// `added`, `changed` or `unchanged`.
    change: String,
    /// Where else the same value is stored: `project/environment/NAME`.
    same_as: Vec<String>,
    /// What its owner should know; no value is in it.
    advice: Vec<String>,
    /// Entity tag of the state now.
    tag: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// Most items of the page, 1 to 1000.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only names that begin with this.
    prefix: Option<String>,
    /// Only this kind.
    #[param(value_type = Option<String>)]
    kind: Option<Kind>,
    /// Only this service's.
    provider: Option<String>,
    /// Only with this tag.
    tag: Option<String>,
    /// Only this person's.
    owner: Option<String>,
    /// Deleted ones, too.
    #[serde(default)]
    deleted: bool,
}

/// List the secrets of an environment; nothing is opened.
#[utoipa::path(
    get, path = "/projects/{project}/environments/{environment}/secrets", tag = "secrets",
    params(Listing), responses((status = 200, body = Secrets))
)]
async fn list_secrets(
    State(app): State<Arc<App>>,
    asker: Asker,
    At(at): At,
    Params(query): Params<Listing>,
) -> Result<Json<Secrets>> {
    let page = Page::new(query.limit, query.cursor.as_deref())?;
    let mut secrets = asker.ask(move |desk| Ok(desk.list(at)?)).await?;
    secrets.retain(|secret| query.wants(secret));
    let (secrets, next) = page.cut(secrets, |secret| secret.name.as_str());
    let listed = |mut known: SecretInfo| {
        let same = known.same.take().map(|fingerprint| app.likeness.of(&fingerprint));
        Secret { same, ..Secret::from(known) }
    };
    Ok(Json(Secrets { secrets: secrets.into_iter().map(listed).collect(), next }))
}

/// Show what is known of a secret; nothing is opened.
#[utoipa::path(
    get, path = "/projects/{project}/environments/{environment}/secrets/{*name}", tag = "secrets",
    responses((status = 200, body = Secret), (status = 304, description = "You have this state"))
)]
async fn show_secret(asker: Asker, Named(at, name): Named, headers: HeaderMap) -> Result<Response> {
    let secret = asker.ask(move |desk| Ok(desk.show(at, name)?.secret)).await?;
    if etag::is_known(&headers, &secret.tag) {
        return Ok((StatusCode::NOT_MODIFIED, tagged(&secret.tag)).into_response());
    }
    Ok((tagged(&secret.tag), Json(Secret::from(secret))).into_response())
}

/// Store a value as a new version.
#[utoipa::path(
    put, path = "/projects/{project}/environments/{environment}/secrets/{*name}", tag = "secrets",
    request_body = NewValue,
    responses((status = 200, body = Stored), (status = 201, description = "The name is new", body = Stored))
)]
async fn write_secret(asker: Asker, Named(at, name): Named, input: Input<NewValue>) -> Result<Response> {
    let bytes = input.len();
    let (stored, advice) = asker.write(at, bytes, move || look(name.clone(), input.parse()?)).await?;
    let stored = Stored::of(stored, advice);
    let status = if stored.change == "added" { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, tagged(&stored.tag), Json(stored)).into_response())
}

/// Change what is known of a secret, without a new value.
#[utoipa::path(
    patch, path = "/projects/{project}/environments/{environment}/secrets/{*name}", tag = "secrets",
    request_body = Metadata, responses((status = 200, body = Secret))
)]
async fn edit_secret(asker: Asker, Named(at, name): Named, input: Input<Metadata>) -> Result<Response> {
    let secret = asker.ask(move |desk| Ok(desk.edit(at, name, input.parse()?.edit()?)?)).await?;
    Ok((tagged(&secret.tag), Json(Secret::from(secret))).into_response())
}

/// Hide a secret; `undelete` brings it back.
#[utoipa::path(
    delete, path = "/projects/{project}/environments/{environment}/secrets/{*name}", tag = "secrets",
    responses((status = 200, body = Secret))
)]
async fn delete_secret(asker: Asker, Named(at, name): Named) -> Result<Response> {
    let secret = asker.ask(move |desk| Ok(desk.delete(at, name)?)).await?;
    Ok((tagged(&secret.tag), Json(Secret::from(secret))).into_response())
}

fn look(name: SecretName, new: NewValue) -> Result<Examined> {
    let NewValue { value, value_base64, metadata } = new;
    let value = Value { value, value_base64 }.bytes()?;
    Ok(examine(name, value, metadata.edit()?))
}

pub(super) fn tagged(tag: &str) -> [(HeaderName, HeaderValue); 1] {
    [(header::ETAG, etag::header_of(tag))]
}

/// A field that is there, also as `null`.
fn stated<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

impl Stored {
    pub(super) fn of(stored: keyward_client::Stored, advice: Vec<String>) -> Self {
        let change = match stored.change {
            StoredChange::Added => "added",
            StoredChange::Changed => "changed",
            StoredChange::Unchanged => "unchanged",
        };
        Self {
            name: stored.name.to_string(),
            version: stored.version.get(),
            kind: stored.kind.to_string(),
            change: change.to_owned(),
            same_as: stored.same_as,
            advice,
            tag: stored.tag,
        }
    }
}

impl Metadata {
    pub(super) fn edit(self) -> Result<EditInfo> {
        let moment = |text: String| super::moment("expires_at", &text);
        Ok(EditInfo {
            looks_like: None,
            kind: self.kind,
            provider: self.provider,
            owner: self.owner,
            description: self.description,
            access: self.access,
            expires_at: self.expires_at.map(|at| at.map(moment).transpose()).transpose()?,
            rotate_every_days: self.rotate_every_days,
            tags: self.tags,
            as_file: self.as_file,
            max_versions: self.max_versions,
            age_unknown: self.age_unknown,
        })
    }
}

impl Listing {
    fn wants(&self, secret: &SecretInfo) -> bool {
        let is = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        (self.deleted || secret.version.is_some())
            && self.prefix.as_deref().is_none_or(|prefix| secret.name.as_str().starts_with(prefix))
            && self.kind.is_none_or(|kind| secret.kind == kind)
            && is(&self.provider, &secret.provider)
            && is(&self.owner, &secret.owner)
            && self.tag.as_ref().is_none_or(|tag| secret.tags.contains(tag))
    }
}

impl From<SecretInfo> for Secret {
    fn from(known: SecretInfo) -> Self {
        Self {
            name: known.name.to_string(),
            environment: known.environment.to_string(),
            kind: known.kind.to_string(),
            version: known.version.map(keyward_types::Version::get),
            created_at: known.created_at.to_string(),
            expires_at: known.expires_at.map(|at| at.to_string()),
            provider: known.provider,
            owner: known.owner,
            description: known.description,
            access: known.access.map(|access| access.to_string()),
            rotate_every_days: known.rotate_every_days,
            max_versions: known.max_versions,
            tags: known.tags,
            as_file: known.as_file,
            age_unknown: known.age_unknown,
            bits: known.bits,
            size: known.size,
            versions: known.versions.into_iter().map(Version::from).collect(),
            tag: known.tag,
            same: None,
        }
    }
}
