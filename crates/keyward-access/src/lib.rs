//! Who may do what.
//!
//! A caller, an action and the thing it is about go in; a [`Permit`] or a [`Denial`] comes out.
//! A permit's fields are private and this room alone makes one, so that code which holds a permit
//! has been through [`authorize`]. It names the vault, the secret *and the version*, and cannot be
//! copied.
//!
//! Who is a member has *roles*: policies in Cedar (`data/roles.cedar`), given by bindings in the
//! vault, a project or an environment. One's own policies stand beside them; what one of them
//! forbids is forbidden. A token takes a part of its owner's present rights: its scopes are
//! compared outside Cedar, in ids and whole segments, and both have to allow. A project may be for
//! some networks alone ([`Bounds`]): then a member's rights in it count from there.

mod bounds;
mod caller;
pub mod credential;
mod decide;
mod decided;
mod device;
mod elevation;
mod facts;
mod group;
mod identity;
mod invite;
pub mod lockout;
mod login;
mod network;
pub mod oidc;
pub mod passkey;
mod permit;
mod policy;
mod restriction;
mod role;
mod scope;
mod session;
mod token;
mod virtual_key;

pub use bounds::Bounds;
pub use caller::{Caller, Standing, SystemTask};
pub use decide::{Verdict, tier};
pub use device::{DeviceLogin, DeviceState};
pub use elevation::{Elevation, ElevationState};
pub use facts::{About, AccountFacts, Facts, Protected, SecretFacts};
pub use group::Group;
pub use identity::{Grant, Identity, IdentityKind};
pub use invite::Invite;
pub use login::{Login, LoginError};
pub use network::{Network, NetworkError};
pub use permit::{Cause, Denial, Object, Permit, authorize};
pub use policy::{Deciding, MAX_POLICY, Policies, PolicyError, PolicyRecord, ROLES_TEXT, SCHEMA_TEXT};
pub use restriction::Restriction;
pub use role::{Role, RoleBinding, Subject};
pub use scope::{ScopeError, ScopeText, Secrets, TokenScope};
pub use session::{Session, SessionFault, SessionKind};
pub use token::{TokenFault, TokenHash, TokenRecord};
pub use virtual_key::{
    Allow, AttenuationKey, BrowserOrigin, Budget, BudgetUnit, BudgetWindow, Caveat, KeyRoute, KeyRules, KeyState,
    Method, ModelGlob, NarrowedKey, PathGlob, PreviousHash, RuleError, SealedAttenuation, UpstreamUrl, VirtualKey,
    is_narrowed,
};
