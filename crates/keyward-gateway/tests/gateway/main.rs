//! The gateway end to end, over loopback: raw sockets on both sides, so that what is sent is what stands
//! here, byte for byte.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

mod support;

mod budgets;
mod drain;
mod echoes;
mod framing;
mod grpc;
mod hang_ups;
mod http2;
mod keys;
mod leases;
mod lessons;
mod signing;
mod socket_ends;
mod sockets;
mod streams;
mod upstreams;
