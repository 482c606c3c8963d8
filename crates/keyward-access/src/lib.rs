//! Who may do what.
//!
//! A caller, an action and the thing it is about go in; a [`Permit`] or a [`Denial`] comes out.
//! A permit's fields are private and this room alone makes one, so that code which holds a permit
//! has been through [`authorize`]. It names the vault, the secret *and the version*, and cannot be
//! copied.

mod caller;
mod identity;
mod permit;
mod token;

pub use caller::{Caller, SystemTask};
pub use identity::{Grant, Identity, IdentityKind};
pub use permit::{Denial, Object, Permit, Protected, authorize};
pub use token::TokenHash;
