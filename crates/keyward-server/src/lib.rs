//! The control API: the calls of the desk over HTTP.
//!
//! What holds here:
//!
//! - **A route decides nothing.** It takes a request apart, makes a desk for whoever calls, asks it
//!   on a thread that may block, and puts the answer together. Rights, records and durability are
//!   the vault's; what it refuses becomes `application/problem+json` in one place (`problem.rs`).
//! - **Nobody is served unidentified.** A handler gets at the vault only through an `Asker`, which
//!   exists for requests with a well-formed token or session, and which looks its holder up before
//!   each call. How somebody signs in is changed by a `Person` alone, who holds a session.
//! - **A browser's cookie counts for pages of this server alone.** What other pages begin is refused
//!   by headers that no page can write (`origin.rs`).
//! - **Plain HTTP stays on this machine.** A listener on any other address than loopback or a Unix
//!   socket needs TLS, or the process does not start.
//! - **A sealed server has no vault.** Its routes are others, and one of them takes shares.
//! - **A server that does not know says so.** What other nodes change reaches it within half a second,
//!   and when the database is out of reach for too long it answers nothing.
//! - **No line about a request holds a value or a name.** Logs and metrics know routes by their
//!   patterns.

mod address;
mod app;
mod asker;
mod authenticate;
mod blocking;
pub mod ca;
mod closed;
mod config;
mod connection;
mod credential;
mod etag;
mod feed;
pub mod firewall;
mod follow;
mod gate;
mod gateway;
mod health;
mod input;
mod jobs;
mod likeness;
mod listener;
mod metrics;
mod openapi;
mod origin;
mod page;
mod person;
mod problem;
mod query;
mod repeat;
mod request;
mod routes;
mod schemas;
mod scim;
mod server;
mod site;
mod stop;
mod tls;
mod unsealing;
mod web;

pub use authenticate::{Authenticate, Tokens};
pub use config::{Config, Limits, Listen, Store, Tls, Unlock};
pub use gate::Keyhole;
pub use gateway::GatewayConfig;
pub use openapi::document as openapi;
pub use server::Server;
pub use stop::Stop;
