//! Campaign: nobody notices a rotation. Clients work at full rate while their credential is replaced every
//! ten seconds: on a real PostgreSQL by two roles, where a pool reads its file again and the last
//! connection of the old role decides; and through the gateway of `keyward up`, where callers hold a
//! virtual key and every emergency ends the old key at once. No request fails.
//!
//! `cargo xtask prove rotation` runs it for ten minutes each.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[path = "rotation/database.rs"]
mod database;
#[path = "rotation/gateway.rs"]
mod gateway;
#[path = "rotation/psql.rs"]
mod psql;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use keyward_testing::{proof, size};

/// How often a credential is replaced.
pub(crate) const EVERY: Duration = Duration::from_secs(10);

/// What clients counted.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) stop: AtomicBool,
    pub(crate) requests: AtomicU64,
    pub(crate) connections: AtomicU64,
    failures: Mutex<Vec<String>>,
}

impl Tally {
    pub(crate) fn failed(&self, why: String) {
        self.failures.lock().unwrap().push(why);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Nothing failed, and there was work.
    fn tell(&self, of: &str, rotations: u64, seconds: u64) {
        let (requests, failures) = (self.requests.load(Ordering::Relaxed), self.failures.lock().unwrap());
        assert!(
            failures.is_empty(),
            "{of}: {} of {requests} failed: {:#?}",
            failures.len(),
            &failures[..failures.len().min(5)]
        );
        assert!(requests > seconds * 20, "{of}: {requests} requests are no load");
        assert!(rotations * 10 + 20 >= seconds, "{of}: {rotations} rotations in {seconds} s");
        proof(&format!("{of}: rotations"), rotations);
        proof(&format!("{of}: requests"), requests);
        proof(&format!("{of}: connections that signed in"), self.connections.load(Ordering::Relaxed));
        proof(&format!("{of}: requests that failed"), 0);
    }
}

/// Ends the clients, whatever fails.
pub(crate) struct Stop<'a>(pub(crate) &'a Tally);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

fn seconds() -> u64 {
    size("KEYWARD_SECONDS", 60)
}

#[test]
fn a_pool_on_postgresql_does_not_notice() {
    let (tally, seconds) = (Tally::default(), seconds());
    let rotations = database::rotations_under_load(&tally, Duration::from_secs(seconds));
    tally.tell("PostgreSQL", rotations, seconds);
}

#[test]
fn callers_of_the_gateway_do_not_notice() {
    let (tally, seconds) = (Tally::default(), seconds());
    let rotations = gateway::rotations_under_load(&tally, Duration::from_secs(seconds));
    tally.tell("gateway", rotations, seconds);
}
