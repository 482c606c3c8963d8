use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_access::credential::{RecoveryCode, TotpCode};
use keyward_vault::{Enrolment, Error, Proof};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::qr::{self, Drawn};
use super::{Hidden, Shown};
use crate::app::App;
use crate::input::Input;
use crate::person::Person;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(begin_authenticator))
        .routes(routes!(confirm_authenticator))
        .routes(routes!(remove_authenticator))
        .routes(routes!(renew_recovery_codes))
}

/// An authenticator's secret; it is in this answer and nowhere else.
#[derive(Serialize, ToSchema)]
struct NewAuthenticator {
    /// To be typed into an app: base32.
    secret: String,
    /// The same as what a QR code holds (`otpauth://totp/…`).
    uri: String,
    /// That code, to be drawn.
    qr: Option<Drawn>,
}

/// The first code of an authenticator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FirstCode {
    /// Six digits.
    #[schema(value_type = String)]
    code: Hidden,
}

/// Codes that stand in for the authenticator, each once; they are in this answer and nowhere else.
#[derive(Serialize, ToSchema)]
struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// Begin with an authenticator; it is in force once its first code came.
#[utoipa::path(post, path = "/auth/second-factor", tag = "auth", request_body = Shown,
    responses((status = 200, body = NewAuthenticator)))]
async fn begin_authenticator(person: Person, input: Input<Shown>) -> Result<Json<NewAuthenticator>> {
    let begun = person.ask(move |vault, who, from| {
        let shown = input.parse()?;
        Ok(shown.proved(|proof| vault.begin_totp(who, proof, from))?.into())
    });
    Ok(Json(begun.await?))
}

/// Put the authenticator in force with its first code; all other sessions end.
#[utoipa::path(post, path = "/auth/second-factor/confirm", tag = "auth", request_body = FirstCode,
    responses((status = 200, body = RecoveryCodes)))]
async fn confirm_authenticator(person: Person, input: Input<FirstCode>) -> Result<Json<RecoveryCodes>> {
    let confirmed = person.ask(move |vault, who, from| {
        let code: TotpCode = input.parse()?.code.expose().expose().parse().map_err(Error::from)?;
        Ok(vault.confirm_totp(who, code, from)?.into())
    });
    Ok(Json(confirmed.await?))
}

/// Give the authenticator up, with a code of it or a recovery code; all other sessions end.
#[utoipa::path(post, path = "/auth/second-factor/remove", tag = "auth", request_body = Shown, responses((status = 204)))]
async fn remove_authenticator(person: Person, input: Input<Shown>) -> Result<StatusCode> {
    let removed = person.ask(move |vault, who, from| {
        let shown = input.parse()?;
        shown.proved(|proof| vault.remove_totp(who, proof, from))
    });
    removed.await.map(|()| StatusCode::NO_CONTENT)
}

/// Make fresh recovery codes; the old ones are dead.
#[utoipa::path(post, path = "/auth/recovery-codes", tag = "auth", request_body = Shown,
    responses((status = 200, body = RecoveryCodes)))]
async fn renew_recovery_codes(person: Person, input: Input<Shown>) -> Result<Json<RecoveryCodes>> {
    let renewed = person.ask(move |vault, who, from| {
        let shown = input.parse()?;
        Ok(shown.proved(|proof| vault.renew_recovery_codes(who, proof, from))?.into())
    });
    Ok(Json(renewed.await?))
}

impl Shown {
    pub(super) fn proved<T>(&self, call: impl FnOnce(&Proof<'_>) -> Result<T, Error>) -> Result<T> {
        let second = Hidden::code(self.code.as_ref())?;
        Ok(call(&Proof { password: self.password.expose(), second: second.as_ref() })?)
    }
}

impl From<Enrolment> for NewAuthenticator {
    fn from(begun: Enrolment) -> Self {
        let uri = begun.uri.expose().clone();
        Self { secret: begun.secret.expose().clone(), qr: qr::drawn(&uri), uri }
    }
}

impl From<Vec<RecoveryCode>> for RecoveryCodes {
    fn from(codes: Vec<RecoveryCode>) -> Self {
        Self { recovery_codes: codes.iter().map(|code| code.text().expose().clone()).collect() }
    }
}
