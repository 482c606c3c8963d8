//! Carries out what a service offers for its keys: asking whether one lives, making one, ending one.
//!
//! [`Rotator`] is one service's way to replace a key, step by step. It keeps nothing and decides
//! nothing: the machine that calls it writes down what it is about to do and what came of it, and
//! what came of it may be that nobody knows ([`Fault::Ambiguous`]).
//!
//! What holds here: values are borrowed for one call and go to their own provider alone; no fault
//! repeats a value or what the other side wrote; only a documented answer makes a key dead.

mod aws;
mod fault;
mod http;
mod kms;
mod rotator;
pub mod rotators;
mod stream;
mod tls;
mod verify;

pub use aws::{AwsService, aws_code, aws_fault, is_region};
pub use fault::{Fault, Refusal};
pub use http::{Answer, Ask, Hosts, HostsError, Http, Site, SiteError, escape, secret};
pub use keyward_sign::sigv4::{AccessKey, Signed};
pub use kms::{Kms, Wrapped};
pub use rotator::{
    Call, Chosen, Ctx, Found, KeyId, KeyState, LastUsed, Minted, Minting, Preflight, Rotator, Slots, Tag, TagError,
    Verdict,
};
pub use verify::{Account, Verifier};
