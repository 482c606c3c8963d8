//! One's own identities at providers.

use std::sync::Arc;

use axum::Json;
use keyward_vault::{Actor, IdentityLink, SignedIn, Visitor};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::input::Part;
use crate::person::Person;
use crate::problem::Result;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_own_identities)).routes(routes!(give_up_identity))
}

/// An identity at a provider.
#[derive(Debug, Serialize, ToSchema)]
struct OwnIdentity {
    id: String,
    /// Who vouches for it.
    issuer: String,
    /// For whom, in the issuer's words.
    subject: String,
    /// RFC 3339.
    created_at: String,
}

/// One's identities.
#[derive(Debug, Serialize, ToSchema)]
struct OwnIdentities {
    identities: Vec<OwnIdentity>,
    /// Always null: there are 16 at most.
    next: Option<String>,
}

/// List one's identities at providers, by which one signs in.
#[utoipa::path(get, path = "/auth/identities", tag = "auth", responses((status = 200, body = OwnIdentities)))]
async fn list_own_identities(person: Person) -> Result<Json<OwnIdentities>> {
    let identities = person.ask(|vault, who, from| Ok(vault.identities(&actor(who, from), who.principal())?)).await?;
    Ok(Json(OwnIdentities { identities: identities.into_iter().map(OwnIdentity::from).collect(), next: None }))
}

/// Sign in by an identity no more.
#[utoipa::path(delete, path = "/auth/identities/{id}", tag = "auth", responses((status = 200, body = OwnIdentity)))]
async fn give_up_identity(person: Person, Part(id): Part<String>) -> Result<Json<OwnIdentity>> {
    let gone =
        person.ask(move |vault, who, from| Ok(vault.unlink_identity(&actor(who, from), who.principal(), &id)?));
    Ok(Json(gone.await?.into()))
}

fn actor(who: &SignedIn, from: &Visitor<'_>) -> Actor {
    let actor = Actor::new(who.caller().clone(), from.agent);
    Actor { address: from.address.map(|address| address.to_string()), ..actor }
}

impl From<IdentityLink> for OwnIdentity {
    fn from(link: IdentityLink) -> Self {
        Self { id: link.id, issuer: link.issuer, subject: link.subject, created_at: link.created_at.to_string() }
    }
}
