use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_access::Identity;
use keyward_client::{Desk, Login};
use keyward_types::token::{PlainToken, TokenKind};
use keyward_vault::Error;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Hidden;
use crate::app::App;
use crate::asker::Asker;
use crate::input::Input;
use crate::person::Guest;
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(make_link)).routes(routes!(look_at_link)).routes(routes!(use_link))
}

/// For whom a link is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewLink {
    #[schema(value_type = String)]
    login: Login,
    /// Whether it takes the authenticator away too, for who has lost it and the recovery codes.
    #[serde(default)]
    without_second_factor: bool,
}

/// A link by which a person chooses a password, once.
#[derive(Serialize, ToSchema)]
struct MadeLink {
    /// To be given to that person and nobody else; it is in this answer and nowhere else.
    link: String,
    login: String,
    /// RFC 3339.
    expires_at: String,
}

/// What a link holds.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Link {
    /// What stands in the link behind `#link=`.
    #[schema(value_type = String)]
    link: Hidden,
}

/// Whom a link is for.
#[derive(Serialize, ToSchema)]
struct LinkHolder {
    login: Option<String>,
    name: String,
}

/// A password that is chosen with a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChosenPassword {
    /// What stands in the link behind `#link=`.
    #[schema(value_type = String)]
    link: Hidden,
    /// At least 10 characters that would not soon be guessed.
    #[schema(value_type = String, format = Password)]
    password: Hidden,
    /// Six digits of the authenticator, or a recovery code, where there is an authenticator.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    code: Option<Hidden>,
}

/// Make a link by which a person chooses a password; an earlier one for the same person is dead.
#[utoipa::path(post, path = "/auth/links", tag = "auth", request_body = NewLink,
    responses((status = 201, body = MadeLink)))]
async fn make_link(guest: Guest, asker: Asker, input: Input<NewLink>) -> Result<(StatusCode, Json<MadeLink>)> {
    let made = asker.ask(move |desk| {
        let NewLink { login, without_second_factor } = input.parse()?;
        Ok(desk.invite(login, without_second_factor)?)
    });
    let made = made.await?;
    let link = made.at(&guest.origin.text()).to_string();
    let made = MadeLink { link, login: made.login.to_string(), expires_at: made.expires_at.to_string() };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Look whom a link is for, without using it up.
#[utoipa::path(post, path = "/auth/links/look", tag = "auth", request_body = Link, security(()),
    responses((status = 200, body = LinkHolder)))]
async fn look_at_link(guest: Guest, input: Input<Link>) -> Result<Json<LinkHolder>> {
    let link = token(&input.parse()?.link)?;
    let holder = guest.ask(move |vault, _| vault.invited(&link).map(LinkHolder::from).map_err(refused));
    Ok(Json(holder.await?))
}

/// Choose a password with a link, which is used up by it; all sessions of the person end.
#[utoipa::path(post, path = "/auth/links/use", tag = "auth", request_body = ChosenPassword, security(()),
    responses((status = 200, body = LinkHolder)))]
async fn use_link(guest: Guest, input: Input<ChosenPassword>) -> Result<Json<LinkHolder>> {
    let given = input.parse()?;
    let (link, second) = (token(&given.link)?, Hidden::code(given.code.as_ref())?);
    let used = guest.ask(move |vault, from| {
        let chosen = vault.choose_password(&link, given.password.expose(), second.as_ref(), from);
        chosen.map(LinkHolder::from).map_err(|error| refused_use(error, second.is_some()))
    });
    Ok(Json(used.await?))
}

fn token(link: &Hidden) -> Result<PlainToken> {
    let token = link.expose().expose().parse::<PlainToken>().ok();
    token.filter(|token| token.kind() == TokenKind::OneTime).ok_or_else(|| refused(Error::NotIdentified))
}

/// The link or, where one was sent, the code beside it.
fn refused_use(error: Error, with_code: bool) -> Problem {
    match error {
        Error::NotIdentified if with_code => {
            Problem::new(StatusCode::UNAUTHORIZED, "link_or_code", "the link or the code is not right any more")
                .hint("a code serves once: wait for the next one; a link lasts an hour and serves once")
        }
        error => refused(error),
    }
}

pub(super) fn refused(error: Error) -> Problem {
    match error {
        Error::NotIdentified => {
            Problem::new(StatusCode::UNAUTHORIZED, "link", "the link is over, was used, or is none").hint(
                "a link lasts an hour and serves once; who may administer accounts makes another one, and so does `keyward user invite`",
            )
        }
        error => error.into(),
    }
}

impl From<Identity> for LinkHolder {
    fn from(account: Identity) -> Self {
        Self { login: account.login.map(String::from), name: account.name }
    }
}
