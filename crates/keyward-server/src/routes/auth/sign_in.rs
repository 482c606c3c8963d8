use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use keyward_access::{Session, SessionKind};
use keyward_types::token::PlainToken;
use keyward_vault::{Error, SignIn, Vault, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Hidden, OwnAccount, SessionView};
use crate::app::App;
use crate::credential;
use crate::input::Input;
use crate::origin::Origin;
use crate::person::{Guest, Person};
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(sign_in)).routes(routes!(sign_out))
}

/// What somebody brings who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    login: String,
    #[schema(value_type = String, format = Password)]
    password: Hidden,
    /// Six digits of the authenticator, or a recovery code.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    code: Option<Hidden>,
    /// Where the session lives; default: `browser`.
    #[serde(default)]
    kind: Kind,
}

/// Where a session lives.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// In a cookie that no script can read: an hour idle, twelve in all.
    #[default]
    Browser,
    /// With the program that asks: a week idle, thirty days in all.
    Device,
}

/// Somebody who is signed in from now on.
#[derive(Serialize, ToSchema)]
pub(super) struct SignedInNow {
    pub(super) account: OwnAccount,
    pub(super) session: SessionView,
    /// For `device`: what is sent as `Authorization: Bearer`. It is in this answer and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
}

/// Sign in.
///
/// 401 `not_identified` says no more than that something is not right; 401 `second_factor` asks for
/// a code beside the right password; 429 says when it may be tried again.
#[utoipa::path(post, path = "/auth/sign-in", tag = "auth", request_body = Credentials, security(()),
    responses((status = 200, body = SignedInNow)))]
async fn sign_in(guest: Guest, input: Input<Credentials>) -> Result<(HeaderMap, Json<SignedInNow>)> {
    let given = input.parse()?;
    let (origin, old) = (guest.origin.clone(), guest.cookie.clone());
    let kind = given.kind;
    let opened = guest.ask(move |vault, from| open(vault, &given, from, old.as_ref())).await?;
    handed_over(&origin, kind, opened)
}

/// The session as its kind is kept: in a cookie, or in the answer.
pub(super) fn handed_over(
    origin: &Origin,
    kind: Kind,
    (token, mut signed): (PlainToken, SignedInNow),
) -> Result<(HeaderMap, Json<SignedInNow>)> {
    let headers = match kind {
        Kind::Browser => keep(origin, &token)?,
        Kind::Device => {
            signed.token = Some(token.expose().to_owned());
            HeaderMap::new()
        }
    };
    Ok((headers, Json(signed)))
}

fn open(
    vault: &Vault,
    given: &Credentials,
    from: &Visitor<'_>,
    old: Option<&PlainToken>,
) -> Result<(PlainToken, SignedInNow)> {
    let second = Hidden::code(given.code.as_ref())?;
    let (login, password) = (given.login.as_str(), given.password.expose());
    let with = SignIn { login, password, second: second.as_ref(), kind: given.kind.into(), from: *from };
    in_place_of(vault, vault.sign_in(&with)?, from, old)
}

/// A session is made anew whatever the browser brings along, and the one before it ends.
pub(super) fn in_place_of(
    vault: &Vault,
    (token, session): (PlainToken, Session),
    from: &Visitor<'_>,
    old: Option<&PlainToken>,
) -> Result<(PlainToken, SignedInNow)> {
    if let Some(Ok(old)) = old.map(|old| vault.signed_in(old, from)) {
        vault.sign_out(&old, from)?;
    }
    let account = vault.account_of(&session.principal)?.ok_or(Error::NotIdentified)?;
    let session = SessionView::of(&session, None);
    Ok((token, SignedInNow { account: (&account).into(), session, token: None }))
}

pub(super) fn keep(origin: &Origin, token: &PlainToken) -> Result<HeaderMap> {
    let cookie = credential::cookie(origin, token).ok_or_else(Problem::internal)?;
    Ok(HeaderMap::from_iter([(header::SET_COOKIE, cookie)]))
}

/// Sign out: the session of this request ends.
#[utoipa::path(post, path = "/auth/sign-out", tag = "auth", responses((status = 204)))]
async fn sign_out(person: Person) -> Result<(StatusCode, HeaderMap)> {
    let forgotten = forgotten(&person);
    person.ask(|vault, who, from| Ok(vault.sign_out(who, from)?)).await?;
    Ok((StatusCode::NO_CONTENT, forgotten))
}

/// Makes the browser forget the session of a request, if it is the one that keeps it.
pub(super) fn forgotten(person: &Person) -> HeaderMap {
    let cookie = person.by_cookie().then(|| credential::no_cookie(person.origin())).flatten();
    cookie.into_iter().map(|cookie| (header::SET_COOKIE, cookie)).collect()
}

impl From<Kind> for SessionKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Browser => Self::Browser,
            Kind::Device => Self::Device,
        }
    }
}
