//! Every rotator keeps what the suite asks, in its service's world.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod doubles;
mod kms;
mod mariadb;
mod moto;
mod postgres;
mod qdrant_jwt;
mod redis;
