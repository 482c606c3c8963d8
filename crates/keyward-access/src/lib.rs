//! Who may do what.
//!
//! A caller, an action and the thing it is about go in; a [`Permit`] or a [`Denial`] comes out.
//! A permit's fields are private and this room alone makes one, so that code which holds a permit
//! has been through [`authorize`]. It names the vault, the secret *and the version*, and cannot be
//! copied.

mod caller;
pub mod credential;
mod device;
mod identity;
mod invite;
pub mod lockout;
mod permit;
mod session;
mod token;

pub use caller::{Caller, SystemTask};
pub use device::{DeviceLogin, DeviceState};
pub use identity::{Grant, Identity, IdentityKind};
pub use invite::Invite;
pub use permit::{Denial, Object, Permit, Protected, authorize};
pub use session::{Session, SessionFault, SessionKind};
pub use token::TokenHash;
