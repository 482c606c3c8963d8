//! Signing in and all around it: passwords, second factors, sessions, links, devices.
//!
//! What is open to everybody are few calls: to sign in, with a password or in two steps with a passkey, to
//! look at a link and to use it, the two of a device that waits, the way to an identity provider and back, and
//! what workloads show. All others are for a person who is signed in, and links are made by
//! who administers accounts. Nothing of this is kept for a repeated request: answers hold what is
//! shown once.

mod devices;
mod identities;
mod links;
mod oidc;
mod passkeys;
mod passwords;
mod qr;
mod second_factor;
mod sessions;
mod sign_in;
mod workloads;

use std::sync::Arc;

use keyward_access::credential::SecondFactor;
use keyward_access::{Identity, Session, SessionKind};
use keyward_types::Secret;
use keyward_vault::SignedIn;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(sign_in::router())
        .merge(sessions::router())
        .merge(passwords::router())
        .merge(second_factor::router())
        .merge(links::router())
        .merge(devices::router())
        .merge(oidc::router())
        .merge(identities::router())
        .merge(workloads::router())
        .merge(passkeys::router())
}

/// Most bytes of a password, a code or a link; what is chosen is shorter.
const LONGEST: usize = 4096;

/// A text that proves who somebody is: wiped when it was used, and printed nowhere.
struct Hidden(Secret<String>);

/// What somebody shows who changes how he proves himself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Shown {
    /// The present password.
    #[schema(value_type = String, format = Password)]
    password: Hidden,
    /// Six digits of the authenticator, or a recovery code, where there is an authenticator.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    code: Option<Hidden>,
}

/// Somebody's account, as he sees it himself.
#[derive(Debug, Serialize, ToSchema)]
struct OwnAccount {
    /// Its id, by which the log knows it.
    principal: String,
    login: Option<String>,
    name: String,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
struct SessionView {
    id: String,
    /// `browser` (an hour idle, twelve in all) or `device` (a week idle, thirty days in all).
    kind: String,
    /// Whether a second factor was shown.
    second_factor: bool,
    /// Whether it is the one of this request.
    current: bool,
    /// With what program.
    agent: String,
    /// From what network.
    network: Option<String>,
    /// RFC 3339.
    created_at: String,
    /// To some minutes in a browser, to some hours on a device (RFC 3339).
    last_seen: String,
    /// However much it is used (RFC 3339).
    expires_at: String,
}

impl Hidden {
    fn expose(&self) -> &Secret<String> {
        &self.0
    }

    /// Digits of an authenticator, or a recovery code. The form is judged before anybody is looked
    /// up, so that it tells nothing about anybody.
    fn code(code: Option<&Self>) -> Result<Option<SecondFactor>> {
        let code = code.map(|code| code.0.expose().parse::<SecondFactor>()).transpose();
        code.map_err(|error| keyward_vault::Error::from(error).into())
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = Secret::new("what proves somebody", String::deserialize(deserializer)?);
        match text.expose().len() <= LONGEST {
            true => Ok(Self(text)),
            false => Err(serde::de::Error::custom("too long")),
        }
    }
}

impl SessionView {
    fn of(session: &Session, current: Option<&SignedIn>) -> Self {
        let kind = match session.kind {
            SessionKind::Browser => "browser",
            SessionKind::Device => "device",
        };
        Self {
            id: session.id.clone(),
            kind: kind.to_owned(),
            second_factor: session.second_factor,
            current: current.is_none_or(|who| who.session().id == session.id),
            agent: session.agent.clone(),
            network: session.network.clone(),
            created_at: session.created_at.to_string(),
            last_seen: session.last_seen.to_string(),
            expires_at: session.expires_at.to_string(),
        }
    }
}

impl From<&Identity> for OwnAccount {
    fn from(account: &Identity) -> Self {
        Self {
            principal: account.principal.to_string(),
            login: account.login.as_ref().map(ToString::to_string),
            name: account.name.clone(),
        }
    }
}
