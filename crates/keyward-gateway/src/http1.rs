//! HTTP/1.1 on both sides, by nothing but what a call needs.
//!
//! A call's two connections are driven by one task: there is no channel between them, nobody has to be
//! woken, and a head with the body behind it is one read and one write. Requests are read by
//! [`Framing`](crate::Framing) alone.

pub(crate) mod buffers;
pub(crate) mod chunks;
pub(crate) mod client;
pub(crate) mod server;
pub(crate) mod turn;
pub(crate) mod writing;
