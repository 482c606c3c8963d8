//! Opening the vault, its keys and its copies, as a user meets them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod age_files;
mod agent;
mod copies;
mod first_start;
mod keyring;
mod kit;
mod kms;
mod opening;
mod others_keys;
mod slots;
