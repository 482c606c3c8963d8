//! Asking OpenID providers: where their endpoints are, which keys they sign with, and for the ID
//! token behind a code. What they answer is believed in `keyward-access` or not at all.
//!
//! What holds here:
//!
//! - A provider is spoken to by TLS, or in the clear on this machine alone. No redirect is followed
//!   and no proxy asked; every answer is bounded, in bytes and in time.
//! - It is the address that is judged, each time one is connected to: link-local ones never, private
//!   ones where a person said so.
//! - Keys are kept for some minutes. A token with another key has them fetched anew, but not more
//!   often than each half a minute, whoever sends what.
//! - Nothing blocks for longer than a request may, and few wait at a time.

mod encode;
mod fault;
mod fetch;
mod issuer;
mod providers;
mod redeem;

pub use fault::Fault;
pub use issuer::{Issuer, IssuerError};
pub use providers::{Known, Pace, Providers, Question};
pub use redeem::Redemption;
