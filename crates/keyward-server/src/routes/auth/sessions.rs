use std::sync::Arc;

use axum::Json;
use axum::http::HeaderMap;
use keyward_vault::{Actor, Error, SecondFactors, SignedIn, Vault, Visitor};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::sign_in::forgotten;
use super::{OwnAccount, SessionView};
use crate::app::App;
use crate::input::Part;
use crate::person::Person;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(own_session))
        .routes(routes!(list_sessions, end_sessions))
        .routes(routes!(end_session))
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
struct SignedInAs {
    account: OwnAccount,
    session: SessionView,
    second_factor: SecondFactorView,
}

/// What stands beside somebody's password.
#[derive(Debug, Serialize, ToSchema)]
struct SecondFactorView {
    /// An authenticator is in force.
    authenticator: bool,
    /// One waits for its first code.
    waiting: bool,
    /// Recovery codes that were not used.
    recovery_codes: usize,
}

/// One's sessions that serve still, the newest first.
#[derive(Debug, Serialize, ToSchema)]
struct Sessions {
    sessions: Vec<SessionView>,
    /// There is one page.
    next: Option<String>,
}

/// How many sessions ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EndedSessions)]
struct Ended {
    ended: u64,
}

/// Show who is signed in.
#[utoipa::path(get, path = "/auth/session", tag = "auth", responses((status = 200, body = SignedInAs)))]
async fn own_session(person: Person) -> Result<Json<SignedInAs>> {
    let signed = person.ask(|vault, who, _| {
        let account = vault.account_of(who.principal())?.ok_or(Error::NotIdentified)?;
        let (session, second_factor) = (SessionView::of(who.session(), None), vault.second_factors(who)?.into());
        Ok(SignedInAs { account: (&account).into(), session, second_factor })
    });
    Ok(Json(signed.await?))
}

/// List one's sessions.
#[utoipa::path(get, path = "/auth/sessions", tag = "auth", responses((status = 200, body = Sessions)))]
async fn list_sessions(person: Person) -> Result<Json<Sessions>> {
    let sessions = person.ask(|vault, who, from| {
        let sessions = vault.sessions(&actor(who, from), who.principal())?;
        Ok(sessions.iter().map(|session| SessionView::of(session, Some(who))).collect())
    });
    Ok(Json(Sessions { sessions: sessions.await?, next: None }))
}

/// End all of one's sessions, this one too.
#[utoipa::path(delete, path = "/auth/sessions", tag = "auth", responses((status = 200, body = Ended)))]
async fn end_sessions(person: Person) -> Result<(HeaderMap, Json<Ended>)> {
    let forgotten = forgotten(&person);
    let ended = person.ask(|vault, who, from| end(vault, who, from, None)).await?;
    Ok((forgotten, Json(Ended { ended })))
}

/// End one of one's sessions.
#[utoipa::path(delete, path = "/auth/sessions/{id}", tag = "auth", responses((status = 200, body = Ended)))]
async fn end_session(person: Person, Part(id): Part<String>) -> Result<Json<Ended>> {
    Ok(Json(Ended { ended: person.ask(move |vault, who, from| end(vault, who, from, Some(&id))).await? }))
}

fn end(vault: &Vault, who: &SignedIn, from: &Visitor<'_>, only: Option<&str>) -> Result<u64> {
    Ok(vault.end_sessions(&actor(who, from), who.principal(), only)?)
}

/// The person at this request.
fn actor(who: &SignedIn, from: &Visitor<'_>) -> Actor {
    let actor = Actor::new(who.caller().clone(), from.agent);
    Actor { address: from.address.map(|address| address.to_string()), ..actor }
}

impl From<SecondFactors> for SecondFactorView {
    fn from(known: SecondFactors) -> Self {
        let SecondFactors { authenticator, waiting, recovery_codes } = known;
        Self { authenticator, waiting, recovery_codes }
    }
}
