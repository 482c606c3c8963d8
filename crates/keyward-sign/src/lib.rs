//! Signatures of requests: what a service wants in place of the key itself.
//!
//! [`sigv4`] is AWS's, for whoever asks AWS or passes requests on to it; [`keyed`] is what most others mean by
//! a signed request: an HMAC of a text that is put together from its parts.

pub mod keyed;
pub mod sigv4;
