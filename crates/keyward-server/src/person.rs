//! The way to the vault of who signs in, and of who is signed in: not of tokens, however much they
//! may.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use keyward_oidc::Providers;
use keyward_types::token::{PlainToken, TokenKind};
use keyward_vault::{Error, SignedIn, Vault, Visitor};

use crate::address::Client;
use crate::app::App;
use crate::asker::{agent, identify};
use crate::blocking::blocking;
use crate::credential::{Credential, in_cookie, in_journey_cookie};
use crate::origin::Origin;
use crate::problem::{Problem, Result};

/// Whoever comes, known or not.
pub(crate) struct Guest {
    app: Arc<App>,
    address: Option<IpAddr>,
    agent: String,
    pub(crate) origin: Origin,
    /// The session that the browser has still.
    pub(crate) cookie: Option<PlainToken>,
    /// What it keeps of a sign-in at a provider, sealed.
    pub(crate) journey: Option<String>,
}

/// Whoever comes back from an identity provider: another page sent him, and what he brings has to
/// show that he went from here.
pub(crate) struct Returning(pub(crate) Guest);

/// Whoever goes by a link of ours, or by typing the address.
pub(crate) struct Going(pub(crate) Guest);

/// Somebody who holds a session that nobody has looked up yet.
pub(crate) struct Person {
    guest: Guest,
    credential: Credential,
}

impl Guest {
    /// Carries `call` out on a thread that may block.
    pub(crate) async fn ask<T: Send + 'static>(
        self,
        call: impl FnOnce(&Vault, &Visitor<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        blocking(move || {
            let from = Visitor { address: self.address, agent: &self.agent };
            call(&self.app.vault, &from)
        })
        .await
    }

    /// The same for what asks identity providers too.
    pub(crate) async fn ask_with<T: Send + 'static>(
        self,
        call: impl FnOnce(&Vault, &Providers, &Visitor<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        blocking(move || {
            let from = Visitor { address: self.address, agent: &self.agent };
            call(&self.app.vault, &self.app.providers, &from)
        })
        .await
    }

    fn of(parts: &Parts, app: &Arc<App>) -> Result<Self> {
        let origin = parts.extensions.get::<Origin>().cloned().ok_or_else(Problem::internal)?;
        let address = parts.extensions.get::<Client>().and_then(|client| client.0);
        let cookie = in_cookie(&parts.headers, &origin);
        let journey = in_journey_cookie(&parts.headers, &origin);
        Ok(Self { app: Arc::clone(app), address, agent: agent(&parts.headers), origin, cookie, journey })
    }
}

impl Person {
    /// Looks the session up and carries `call` out for whoever is signed in by it.
    pub(crate) async fn ask<T: Send + 'static>(
        self,
        call: impl FnOnce(&Vault, &SignedIn, &Visitor<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (app, token) = (Arc::clone(&self.guest.app), self.credential.token);
        self.guest.ask(move |vault, from| call(vault, &signed_in(&app, &token, from)?, from)).await
    }

    /// The same for what asks identity providers too.
    pub(crate) async fn ask_with<T: Send + 'static>(
        self,
        call: impl FnOnce(&Vault, &Providers, &SignedIn, &Visitor<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (app, token) = (Arc::clone(&self.guest.app), self.credential.token);
        self.guest
            .ask_with(move |vault, providers, from| call(vault, providers, &signed_in(&app, &token, from)?, from))
            .await
    }

    /// Whether a browser keeps the session.
    pub(crate) fn by_cookie(&self) -> bool {
        self.credential.by_cookie
    }

    /// Under which address the person reaches us.
    pub(crate) fn origin(&self) -> &Origin {
        &self.guest.origin
    }
}

fn signed_in(app: &App, token: &PlainToken, from: &Visitor<'_>) -> Result<SignedIn> {
    if token.kind() != TokenKind::Session {
        identify(app, token, from)?;
        return Err(Problem::new(StatusCode::FORBIDDEN, "session_needed", "this is for a person who is signed in")
            .hint("sign in first; no token changes how its owner signs in"));
    }
    app.vault.signed_in(token, from).map_err(|error| match error {
        Error::NotIdentified => {
            app.metrics.unidentified();
            Problem::unidentified()
        }
        error => error.into(),
    })
}

impl FromRequestParts<Arc<App>> for Guest {
    type Rejection = Problem;

    /// A page of somebody else signs nobody in here: not into his own account either.
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let guest = Self::of(parts, app)?;
        guest.origin.not_from_elsewhere(&parts.headers)?;
        Ok(guest)
    }
}

impl FromRequestParts<Arc<App>> for Returning {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        Guest::of(parts, app).map(Self)
    }
}

impl FromRequestParts<Arc<App>> for Going {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let guest = Guest::of(parts, app)?;
        guest.origin.began_here(&parts.method, &parts.headers)?;
        Ok(Self(guest))
    }
}

impl FromRequestParts<Arc<App>> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let credential = Credential::of(parts).inspect_err(|_| app.metrics.unidentified())?;
        Ok(Self { guest: Guest::of(parts, app)?, credential })
    }
}
