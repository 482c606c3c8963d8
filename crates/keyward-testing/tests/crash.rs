//! Campaign: a process that writes and reads is killed at random points, or its disk fails. What it
//! acknowledged is there, versions have no gaps, every disclosure has its entry, the log verifies.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[cfg(target_os = "linux")]
#[path = "crash/disk.rs"]
mod disk;
#[path = "crash/ledger.rs"]
mod ledger;
#[path = "crash/writer.rs"]
mod writer;

use std::time::Duration;

use keyward_store_sqlite::Sqlite;
use keyward_testing::crash::Ack;
use keyward_testing::{Seed, proof, size};
use ledger::{Ledger, Sum};
use writer::Writer;

/// A vault that is fresh now and then, so that a round does not take longer and longer.
const ROUNDS_A_VAULT: u64 = 10;

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let kills = size("KEYWARD_KILLS", 25);
    let mut seed = Seed::of_campaign();
    let mut sum = Sum::default();
    let mut ledger = Ledger::new(&mut seed);
    while sum.kills < kills {
        if sum.kills > 0 && sum.kills % ROUNDS_A_VAULT == 0 {
            ledger = Ledger::new(&mut seed);
        }
        let acks = kill_one(&ledger, &mut seed);
        assert!(!acks.iter().any(|ack| matches!(ack, Ack::Refused { .. })), "nothing is refused on a sound disk");
        sum.kills += 1;
        sum.before_opened += u64::from(!acks.contains(&Ack::Opened));
        ledger.enter(&acks, &mut sum);
        ledger.check(&mut sum);
    }
    proof("kills", sum.kills);
    proof("kills before the vault was open", sum.before_opened);
    proof("acknowledged writes", sum.writes);
    proof("acknowledged disclosures", sum.reads);
    proof("writes durable before they were acknowledged", sum.unacknowledged_writes);
    proof("disclosures recorded before they were acknowledged", sum.unacknowledged_reads);
    proof("log entries verified", sum.entries);
    proof("lost", 0);
}

/// Starts a writer, kills it at a random point, and returns what it had acknowledged.
fn kill_one(ledger: &Ledger, seed: &mut Seed) -> Vec<Ack> {
    let mut writer = Writer::start(&ledger.database(), &ledger.key_file(), seed.bits());
    if !seed.once_in(6) {
        let wanted = seed.below(24);
        writer.wait_for(wanted);
    }
    // Microseconds: somewhere within the next commits, or while the vault is being opened.
    std::thread::sleep(Duration::from_micros(seed.below(20_000) as u64));
    writer.kill()
}

/// The engine's own view, without keys: nothing of a killed process is left in the way.
#[test]
fn a_killed_writer_leaves_no_lock_behind() {
    let mut seed = Seed::new(3);
    let ledger = Ledger::new(&mut seed);
    let mut writer = Writer::start(&ledger.database(), &ledger.key_file(), 3);
    writer.wait_for(5);
    writer.kill();
    let engine = Sqlite::open(&ledger.database(), || 0).unwrap();
    assert_eq!(keyward_store::Engine::check(&engine).unwrap(), [""; 0]);
}
