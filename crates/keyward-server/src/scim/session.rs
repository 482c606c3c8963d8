//! Who calls: somebody with a token for provisioning, looked up on the thread that then works.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keyward_client::{LocalDesk, Occasion};
use keyward_types::token::PlainToken;
use keyward_vault::{Actor, Error, Vault};
use serde_json::{Map, Value};

use crate::address::Client;
use crate::app::App;
use crate::credential::bearer;
use crate::input;
use crate::problem::Problem;
use crate::scim::fault::{Fault, Result};

/// Whoever sent a request; nobody has looked him up yet.
pub(super) struct Caller {
    app: Arc<App>,
    token: PlainToken,
    from: Option<IpAddr>,
}

/// An identity provider at work.
pub(super) struct Session {
    pub(super) vault: Arc<Vault>,
    pub(super) actor: Actor,
}

/// What the log calls the program.
const AGENT: &str = "scim";

/// How often a change is tried. Each time that it fails another one was made, so that this is about
/// how many requests may be for one person or group at once.
const TRIES: usize = 16;

impl Caller {
    /// Looks him up and carries `call` out.
    pub(super) async fn ask<T: Send + 'static>(
        self,
        call: impl FnOnce(&Session) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let done = tokio::task::spawn_blocking(move || call(&self.session()?));
        done.await.unwrap_or_else(|_panicked| Err(Problem::internal().into()))
    }

    /// The same for a change that is made up from what is there: anew when somebody else was faster.
    pub(super) async fn change<T: Send + 'static>(
        self,
        call: impl Fn(&Session) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let call = move |session: &Session| {
            let mut done = call(session);
            for _ in 1..TRIES {
                if !done.as_ref().is_err_and(Fault::is_raced) {
                    break;
                }
                done = call(session);
            }
            done
        };
        self.ask(call).await
    }

    fn session(self) -> Result<Session> {
        let vault = Arc::clone(&self.app.vault);
        let caller = match vault.provisioner_of_token(&self.token, self.from) {
            Ok(caller) => caller,
            Err(Error::NotIdentified) => {
                self.app.metrics.unidentified();
                return Err(Problem::unidentified().into());
            }
            Err(error) => return Err(error.into()),
        };
        let mut actor = Actor::new(caller, AGENT);
        actor.address = self.from.map(|address| address.to_string());
        Ok(Session { vault, actor })
    }
}

impl Session {
    /// The desk, for what it puts together of several calls.
    pub(super) fn desk(&self) -> LocalDesk {
        let occasion = Occasion { agent: AGENT.to_owned(), reason: Some("the identity provider ended it".into()) };
        let desk = LocalDesk::acting(Arc::clone(&self.vault), self.actor.caller.clone(), occasion);
        match &self.actor.address {
            Some(address) => desk.from_address(address.clone()),
            None => desk,
        }
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let token = bearer(&parts.headers).inspect_err(|_| app.metrics.unidentified())?;
        let from = parts.extensions.get::<Client>().and_then(|client| client.0);
        Ok(Self { app: Arc::clone(app), token, from })
    }
}

/// A body: an object, in SCIM's media type or as plain JSON.
pub(super) struct Sent(pub(super) Map<String, Value>);

impl FromRequest<Arc<App>> for Sent {
    type Rejection = Fault;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !matches!(kind.as_str(), "application/scim+json" | "application/json") {
            let detail = "the body has to be `application/scim+json`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", detail).into());
        }
        let bytes = input::collect(body, app.config.limits.body).await?;
        // The parser quotes what it stumbles over, which is somebody's data.
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|_| Fault::wrong("invalidSyntax", "the body is no JSON object"))
    }
}

/// An answer in SCIM's media type.
pub(super) fn shown(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, Body::from(body.to_string())).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/scim+json"));
    if let Some(location) = body["meta"]["location"].as_str().filter(|_| status == StatusCode::CREATED)
        && let Ok(location) = HeaderValue::from_str(location)
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
