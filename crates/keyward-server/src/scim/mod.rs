//! SCIM 2.0 (RFC 7643, RFC 7644) under `/scim/v2`: an identity provider keeps accounts and groups.
//!
//! What holds here:
//!
//! - **A token with the scope `scim` opens this, and nothing else does.** It opens nothing else
//!   either, and owners alone make one.
//! - **Nobody gets a role from here.** Groups that the provider made can have roles that an owner has
//!   bound to them, and being in one gives these; groups that people made are theirs.
//! - **`active: false` is the end at once**: tokens and sessions are dead before the answer, and what
//!   is to be rotated is on record. `DELETE` does the same; the account stays, for the log speaks of
//!   it.
//! - Owners' accounts are changed by owners alone, and so not from here.

mod discovery;
mod fault;
mod filter;
mod groups;
mod list;
mod patch;
mod path;
mod session;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::app::App;

pub(crate) use fault::answer;

/// Every call, to be nested under [`BASE`].
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/ServiceProviderConfig", get(discovery::config))
        .route("/ResourceTypes", get(discovery::types))
        .route("/ResourceTypes/{id}", get(discovery::one_type))
        .route("/Schemas", get(discovery::schemas))
        .route("/Schemas/{id}", get(discovery::one_schema))
        .route("/Users", get(users::list).post(users::create))
        .route("/Users/{id}", get(users::show).put(users::replace).patch(users::patch).delete(users::delete))
        .route("/Groups", get(groups::list).post(groups::create))
        .route("/Groups/{id}", get(groups::show).put(groups::replace).patch(groups::patch).delete(groups::delete))
}

/// Where it lies.
pub(crate) const BASE: &str = "/scim/v2";

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
