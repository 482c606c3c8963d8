//! Campaign: what the store acknowledged is there, whatever happens to the process or the disk.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[path = "durability/check.rs"]
mod check;
#[path = "durability/child.rs"]
mod child;
#[path = "durability/crash.rs"]
mod crash;
#[path = "durability/disk.rs"]
mod disk;
