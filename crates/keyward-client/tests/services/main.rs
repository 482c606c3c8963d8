//! Each service's keys from `rotate` to the end, by the calls that commands make: against doubles of the
//! services and against the real Redis and MariaDB, with a `.env` file that gets every value.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod guided;
mod in_use;
mod managed;
mod misdeployed;
mod narrowed;
mod refused;
mod shop;
