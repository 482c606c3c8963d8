//! Every target keeps what the suite asks, in a world of its own.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[cfg(unix)]
mod aws;
mod doubles;
mod here;
#[cfg(unix)]
mod reading;
