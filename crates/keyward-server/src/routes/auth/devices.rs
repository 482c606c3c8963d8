//! A device without a browser, in the shapes of RFC 8628, with JSON where that has forms.

use std::sync::Arc;

use axum::Json;
use keyward_access::DeviceLogin;
use keyward_access::credential::UserCode;
use keyward_types::token::{PlainToken, TokenKind};
use keyward_vault::{DeviceAnswer, DeviceGrant, Error, Vault, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Hidden;
use crate::app::App;
use crate::input::Input;
use crate::origin::Origin;
use crate::person::{Guest, Person};
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(begin_device))
        .routes(routes!(ask_for_device))
        .routes(routes!(look_at_device))
        .routes(routes!(decide_device))
}

/// A device asks; it says nothing more than its `User-Agent`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDevice {}

/// What a device shows, and what it asks with (RFC 8628, 3.2).
#[derive(Serialize, ToSchema)]
struct DeviceAuthorization {
    /// What it asks with from now on.
    device_code: String,
    /// What it shows.
    user_code: String,
    /// Where a person types that.
    verification_uri: String,
    /// The same with the code in it.
    verification_uri_complete: String,
    /// For how many seconds both codes last.
    expires_in: u64,
    /// How many seconds it waits between two questions.
    interval: u64,
}

/// What a device asks with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DeviceCode {
    #[schema(value_type = String)]
    device_code: Hidden,
}

/// A device that is let in (RFC 8628, 3.5; RFC 6749, 5.1).
#[derive(Serialize, ToSchema)]
struct DeviceToken {
    /// What is sent as `Authorization: Bearer`. It is in this answer and nowhere else.
    access_token: String,
    /// `Bearer`.
    token_type: String,
    /// After how many seconds the session ends, however much it is used.
    expires_in: u64,
    /// The same as a moment (RFC 3339).
    expires_at: String,
    /// In whose name.
    account: String,
}

/// What a device shows, typed by a person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TypedCode {
    user_code: String,
}

/// A person's decision on a device.
#[derive(Deserialize, ToSchema)]
#[schema(as = DeviceDecision)]
#[serde(deny_unknown_fields)]
struct Decision {
    user_code: String,
    /// Whether it is let in, in one's own name.
    approve: bool,
}

/// A device that waits, to be looked at before it is let in.
#[derive(Serialize, ToSchema)]
struct WaitingDevice {
    /// What program it calls itself.
    agent: String,
    /// From what network it asks; `null`: from this machine.
    network: Option<String>,
    /// Since when (RFC 3339).
    created_at: String,
}

/// Begin: ask for a code.
#[utoipa::path(post, path = "/auth/device/authorization", tag = "auth", request_body = NewDevice, security(()),
    responses((status = 200, body = DeviceAuthorization)))]
async fn begin_device(guest: Guest, input: Input<NewDevice>) -> Result<Json<DeviceAuthorization>> {
    let NewDevice {} = input.parse()?;
    let origin = guest.origin.clone();
    let grant = guest.ask(|vault, from| Ok(vault.begin_device(from)?)).await?;
    Ok(Json(DeviceAuthorization::of(&grant, &origin)))
}

/// Ask whether the device is let in: `authorization_pending`, `slow_down`, `access_denied` or
/// `expired_token` until it is.
#[utoipa::path(post, path = "/auth/device/token", tag = "auth", request_body = DeviceCode, security(()),
    responses((status = 200, body = DeviceToken)))]
async fn ask_for_device(guest: Guest, input: Input<DeviceCode>) -> Result<Json<DeviceToken>> {
    let code = input.parse()?.device_code.expose().expose().parse::<PlainToken>().ok();
    let code = code.filter(|code| code.kind() == TokenKind::OneTime).ok_or_else(over)?;
    Ok(Json(guest.ask(move |vault, from| let_in(vault, &code, from)).await?))
}

fn let_in(vault: &Vault, code: &PlainToken, from: &Visitor<'_>) -> Result<DeviceToken> {
    let (token, session) = match vault.ask_for_device(code, from)? {
        DeviceAnswer::Pending => {
            return Err(Problem::oauth("authorization_pending", "nobody has let this device in yet"));
        }
        DeviceAnswer::SlowDown => {
            return Err(Problem::oauth("slow_down", "it asks too often: five seconds more between two questions"));
        }
        DeviceAnswer::Denied => return Err(Problem::oauth("access_denied", "a person said no")),
        DeviceAnswer::Expired => return Err(over()),
        DeviceAnswer::Session(token, session) => (token, session),
    };
    let account = vault.account_of(&session.principal)?.ok_or(Error::NotIdentified)?;
    let lasts = session.expires_at.0.saturating_sub(session.created_at.0).max(0).unsigned_abs();
    Ok(DeviceToken {
        access_token: token.expose().to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: lasts / 1000,
        expires_at: session.expires_at.to_string(),
        account: account.login.map_or_else(|| account.principal.to_string(), String::from),
    })
}

/// Look at the device that shows a code.
#[utoipa::path(post, path = "/auth/device/look", tag = "auth", request_body = TypedCode,
    responses((status = 200, body = WaitingDevice)))]
async fn look_at_device(person: Person, input: Input<TypedCode>) -> Result<Json<WaitingDevice>> {
    let found = person.ask(move |vault, who, from| {
        let code = typed(&input.parse()?.user_code)?;
        Ok(vault.device(who, &code, from)?.into())
    });
    Ok(Json(found.await?))
}

/// Let a device in, in one's own name, or refuse it.
#[utoipa::path(post, path = "/auth/device/decision", tag = "auth", request_body = Decision,
    responses((status = 200, body = WaitingDevice)))]
async fn decide_device(person: Person, input: Input<Decision>) -> Result<Json<WaitingDevice>> {
    let decided = person.ask(move |vault, who, from| {
        let Decision { user_code, approve } = input.parse()?;
        Ok(vault.decide_device(who, &typed(&user_code)?, approve, from)?.into())
    });
    Ok(Json(decided.await?))
}

fn typed(text: &str) -> Result<UserCode> {
    text.parse::<UserCode>().map_err(|_| {
        Problem::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, "code", "a device's code has eight consonants")
            .hint("it is written like `BCDF-GHJK`; case, spaces and hyphens do not matter")
    })
}

fn over() -> Problem {
    Problem::oauth("expired_token", "the code is over, was used, or is none")
}

impl DeviceAuthorization {
    fn of(grant: &DeviceGrant, origin: &Origin) -> Self {
        let (user_code, page) = (grant.user_code.text().expose().clone(), format!("{}/#device", origin.text()));
        Self {
            device_code: grant.device_code.expose().to_owned(),
            verification_uri_complete: format!("{page}={user_code}"),
            verification_uri: page,
            user_code,
            expires_in: grant.expires_in,
            interval: grant.interval,
        }
    }
}

impl From<DeviceLogin> for WaitingDevice {
    fn from(device: DeviceLogin) -> Self {
        Self {
            agent: device.agent,
            network: Some(device.network).filter(|network| !network.is_empty()),
            created_at: device.created_at.to_string(),
        }
    }
}
