//! The real server on a real vault in a folder of its own, asked over sockets.

#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod alerts;
mod answers;
mod audit;
mod auth;
mod bad_input;
mod findings;
mod kit;
mod leaving;
mod lessons;
mod limits;
mod matching;
mod matrix;
mod networks;
mod offline;
mod oidc;
mod openapi;
mod page;
mod projects;
mod repeats;
mod rights;
mod scim;
mod seal;
mod secrets;
mod team;
mod tls;
mod values;
mod verdicts;
mod versions;
mod virtual_keys;
