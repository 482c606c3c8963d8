//! The gateway's data plane: callers use a key and never hold it.
//!
//! A caller presents a *virtual key* wherever its SDK puts one. The path of a request is the list of
//! files: what the bytes may look like ([`framing`](self)), which key it is ([`identify`]), whether its
//! [`Grant`] allows the call ([`judge`]), how fast ([`rate`]) and how dear ([`Budgets`]) it may be,
//! with which value it goes out ([`Lease`]), where to ([`Upstream`]), what must not come back
//! ([`Redactor`]), and what it used ([`Meter`]).
//!
//! What holds here:
//! - Host, port and TLS name come from the [`Snapshot`]; nothing in a request chooses them.
//! - The value is put in when the connection to the checked address stands, and is looked for in all
//!   that comes back: names and values of headers, bodies at any split, trailers, coded bodies.
//! - A call spends from what was durably reserved before, and ends exactly once: settled, or estimated.
//! - Nothing on the path of a request takes a lock that another core may hold, or does I/O but that of
//!   the call itself. Each core has its own runtime, socket, connections and records.
//!
//! Nothing of the vault is known here: it gives a [`Snapshot`], and implements [`Leases`], [`Budgets`]
//! and [`UsageSink`].

mod alarm;
mod ask;
mod body;
mod budget;
mod call;
mod coding;
mod config;
mod cors;
mod dial;
mod endpoint;
mod forward;
mod framing;
mod gateway;
mod glob;
mod grant;
mod grpc;
mod headers;
mod http1;
pub mod identify;
pub mod judge;
mod lease;
mod meter;
mod narrowing;
mod pace;
mod pool;
mod price;
mod proxy;
pub mod rate;
mod read_on;
mod reading;
mod redact;
mod refusal;
mod shared;
mod signing;
mod snapshot;
mod socket;
mod upstream;
mod usage;
mod watch;
mod wire;
mod worker;

pub use ask::{Asked, Unreadable};
pub use budget::{Budgets, Refill};
pub use config::{Config, Limits, ServerTls, Times};
pub use framing::{Framing, Length, Part};
pub use gateway::{Gateway, Running};
pub use glob::Glob;
pub use grant::{Budget, BudgetId, Call, Grant, Route, Unit, VirtualKeyId};
pub use keyward_sign::keyed;
pub use lease::{Lease, Leases};
pub use meter::{Counts, Interface, Meter, Passed, Said, Writing};
pub use narrowing::{Condition, Narrowing};
pub use price::{Price, Prices};
pub use redact::{Patterns, Redactor, redact_header};
pub use refusal::{Reason, Refusal, Shape};
pub use shared::Shared;
pub use signing::{KeyedHeader, Signing};
pub use snapshot::{Lookup, Presented, Snapshot};
pub use upstream::{Injection, Transport, Upstream};
pub use usage::{CannotRecord, DenialCount, Denied, End, Short, Truth, UsageRecord, UsageSink};
