//! Passkeys: made and given up by a person who is signed in, shown by who signs in.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use keyward_access::passkey::Passkey;
use keyward_client::{Desk, Login};
use keyward_vault::{PasskeyAnswer, PasskeyQuestion, PasskeySignIn};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Shown;
use super::sign_in::{Kind, SignedInNow, handed_over, in_place_of};
use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Part};
use crate::person::{Guest, Person};
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_passkeys, add_passkey))
        .routes(routes!(begin_passkey))
        .routes(routes!(remove_passkey))
        .routes(routes!(begin_passkey_sign_in))
        .routes(routes!(sign_in_with_passkey))
        .routes(routes!(reset_passkeys))
}

/// A browser asks; it says nothing more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AnyPasskey {}

/// A question to an authenticator. It stands for two minutes and is answered once.
#[derive(Serialize, ToSchema)]
#[schema(as = PasskeyQuestion)]
struct Question {
    /// The options of WebAuthn as JSON: `PublicKeyCredential.parseCreationOptionsFromJSON` or
    /// `parseRequestOptionsFromJSON` takes them.
    #[schema(value_type = Object)]
    options: Value,
    /// To be sent back with the answer.
    ceremony: String,
}

/// A passkey that an authenticator made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPasskey {
    /// How its owner calls it.
    name: String,
    /// What came with the question.
    ceremony: String,
    /// What the authenticator answered: `PublicKeyCredential.toJSON()`.
    #[schema(value_type = Object)]
    credential: Value,
}

/// A passkey that somebody shows who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ShownPasskey {
    /// What came with the question.
    ceremony: String,
    /// What the authenticator answered: `PublicKeyCredential.toJSON()`.
    #[schema(value_type = Object)]
    credential: Value,
    /// Where the session lives; default: `browser`.
    #[serde(default)]
    kind: Kind,
}

/// A passkey of the person who is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = Passkey)]
struct PasskeyView {
    id: String,
    /// How its owner calls it.
    name: String,
    /// For which domain it is.
    site: String,
    /// Whether its owner's other devices may have it too.
    synced: bool,
    /// RFC 3339.
    created_at: String,
    /// When somebody last signed in with it (RFC 3339).
    last_used: Option<String>,
}

/// One's passkeys, the newest first.
#[derive(Serialize, ToSchema)]
struct Passkeys {
    passkeys: Vec<PasskeyView>,
    /// There is one page.
    next: Option<String>,
}

/// How many passkeys are gone.
#[derive(Serialize, ToSchema)]
struct RemovedPasskeys {
    removed: u64,
}

/// Ask for a new passkey, with one's password once more.
#[utoipa::path(post, path = "/auth/passkeys/begin", tag = "auth", request_body = Shown,
    responses((status = 200, body = Question)))]
async fn begin_passkey(State(app): State<Arc<App>>, person: Person, input: Input<Shown>) -> Result<Json<Question>> {
    let origin = person.origin().clone();
    let question = person.ask(move |vault, who, from| {
        let shown = input.parse()?;
        let site = app.site.here(&origin)?;
        Ok(shown.proved(|proof| vault.begin_passkey(who, proof, site, from))?.into())
    });
    Ok(Json(question.await?))
}

/// Take the passkey that was asked for.
#[utoipa::path(post, path = "/auth/passkeys", tag = "auth", request_body = NewPasskey,
    responses((status = 201, body = PasskeyView)))]
async fn add_passkey(
    State(app): State<Arc<App>>,
    person: Person,
    input: Input<NewPasskey>,
) -> Result<(StatusCode, Json<PasskeyView>)> {
    let origin = person.origin().clone();
    let added = person.ask(move |vault, who, from| {
        let NewPasskey { name, ceremony, credential } = input.parse()?;
        let site = app.site.here(&origin)?;
        let answer = PasskeyAnswer { ceremony: &ceremony, credential: &credential, site };
        Ok(vault.add_passkey(who, &answer, &name, from)?.into())
    });
    Ok((StatusCode::CREATED, Json(added.await?)))
}

/// List one's passkeys.
#[utoipa::path(get, path = "/auth/passkeys", tag = "auth", responses((status = 200, body = Passkeys)))]
async fn list_passkeys(person: Person) -> Result<Json<Passkeys>> {
    let found = person.ask(|vault, who, _| Ok(vault.passkeys(who)?.into_iter().map(PasskeyView::from).collect()));
    Ok(Json(Passkeys { passkeys: found.await?, next: None }))
}

/// Give one of one's passkeys up, with one's password once more; all other sessions end.
#[utoipa::path(post, path = "/auth/passkeys/{id}/remove", tag = "auth", request_body = Shown,
    responses((status = 204)))]
async fn remove_passkey(person: Person, Part(id): Part<String>, input: Input<Shown>) -> Result<StatusCode> {
    let removed = person.ask(move |vault, who, from| {
        let shown = input.parse()?;
        shown.proved(|proof| vault.remove_passkey(who, proof, &id, from))
    });
    removed.await.map(|()| StatusCode::NO_CONTENT)
}

/// Ask for any passkey of this server, to sign in with.
#[utoipa::path(post, path = "/auth/passkeys/sign-in/begin", tag = "auth", request_body = AnyPasskey, security(()),
    responses((status = 200, body = Question)))]
async fn begin_passkey_sign_in(
    State(app): State<Arc<App>>,
    guest: Guest,
    input: Input<AnyPasskey>,
) -> Result<Json<Question>> {
    let AnyPasskey {} = input.parse()?;
    let origin = guest.origin.clone();
    let question = guest.ask(move |vault, from| Ok(vault.begin_passkey_sign_in(app.site.here(&origin)?, from)?.into()));
    Ok(Json(question.await?))
}

/// Sign in with a passkey, which counts as both factors.
///
/// 401 `not_identified` says no more than that something is not right; 409 that the question does not
/// stand any more; 422 that the answer is none; 429 says when it may be tried again.
#[utoipa::path(post, path = "/auth/passkeys/sign-in", tag = "auth", request_body = ShownPasskey, security(()),
    responses((status = 200, body = SignedInNow)))]
async fn sign_in_with_passkey(
    State(app): State<Arc<App>>,
    guest: Guest,
    input: Input<ShownPasskey>,
) -> Result<(HeaderMap, Json<SignedInNow>)> {
    let ShownPasskey { ceremony, credential, kind } = input.parse()?;
    let (origin, old) = (guest.origin.clone(), guest.cookie.clone());
    let at = origin.clone();
    let opened = guest.ask(move |vault, from| {
        let answer = PasskeyAnswer { ceremony: &ceremony, credential: &credential, site: app.site.here(&at)? };
        let opened = vault.sign_in_with_passkey(&PasskeySignIn { answer, kind: kind.into(), from: *from })?;
        in_place_of(vault, opened, from, old.as_ref())
    });
    handed_over(&origin, kind, opened.await?)
}

/// Take all passkeys of a person away; all sessions of the person end.
#[utoipa::path(delete, path = "/accounts/{login}/passkeys", tag = "accounts",
    responses((status = 200, body = RemovedPasskeys)))]
async fn reset_passkeys(asker: Asker, Part(login): Part<Login>) -> Result<Json<RemovedPasskeys>> {
    let removed = asker.ask(move |desk| Ok(desk.reset_passkeys(login)?)).await?;
    Ok(Json(RemovedPasskeys { removed }))
}

impl From<PasskeyQuestion> for Question {
    fn from(asked: PasskeyQuestion) -> Self {
        Self { options: asked.options, ceremony: asked.ceremony }
    }
}

impl From<Passkey> for PasskeyView {
    fn from(known: Passkey) -> Self {
        Self {
            synced: known.is_synced(),
            id: known.id,
            name: known.name,
            site: known.site,
            created_at: known.created_at.to_string(),
            last_used: known.last_used.map(|at| at.to_string()),
        }
    }
}
