//! People, roles, policies and tokens over a real vault: what each may do, and what is refused.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod alerts;
mod elevation;
mod kit;
mod leases;
mod networks;
mod people;
mod policies;
mod provisioning;
mod seen;
mod tokens;
mod usage;
mod virtual_keys;
