use std::sync::Arc;

use axum::http::StatusCode;
use keyward_vault::Proof;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Hidden;
use crate::app::App;
use crate::input::Input;
use crate::person::Person;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(change_password))
}

/// A password that takes the place of another one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The present password.
    #[schema(value_type = String, format = Password)]
    password: Hidden,
    /// Six digits of the authenticator, or a recovery code, where there is an authenticator.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    code: Option<Hidden>,
    /// At least 10 characters that would not soon be guessed.
    #[schema(value_type = String, format = Password)]
    new: Hidden,
}

/// Choose another password; all other sessions end.
#[utoipa::path(put, path = "/auth/password", tag = "auth", request_body = NewPassword, responses((status = 204)))]
async fn change_password(person: Person, input: Input<NewPassword>) -> Result<StatusCode> {
    let changed = person.ask(move |vault, who, from| {
        let given = input.parse()?;
        let second = Hidden::code(given.code.as_ref())?;
        let proof = Proof { password: given.password.expose(), second: second.as_ref() };
        Ok(vault.set_password(who, &proof, given.new.expose(), from)?)
    });
    changed.await.map(|()| StatusCode::NO_CONTENT)
}
