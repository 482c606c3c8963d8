//! Sinks against real receivers on this machine.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod dispatching;
mod kit;
mod mail;
mod posts;
