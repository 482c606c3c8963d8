//! The disk fails under the writer: full, unable to flush, read-only.

use std::time::Duration;

use keyward_testing::crash::{Ack, THREADS};
use keyward_testing::faults::{Faults, Mode};
use keyward_testing::{Seed, proof, size};

use crate::ledger::{Ledger, Sum};
use crate::writer::Writer;

/// So many refusals one after the other, and no thread is still at what it had begun before.
const REFUSALS: usize = 4 * THREADS as usize;

#[test]
fn a_failing_disk_refuses_everything_and_then_works_again() {
    let rounds = size("KEYWARD_FAULTS", 6);
    let mut seed = Seed::of_campaign().part("disk", 0);
    let mut sum = Sum::default();
    for round in 0..rounds {
        let mut ledger = Ledger::new(&mut seed);
        let faults = Faults::build(ledger.database().parent().unwrap());
        let mut writer = Writer::start_under(&faults, &ledger.database(), &ledger.key_file(), seed.bits());
        writer.wait_for(5 + seed.below(10));
        for _ in 0..1 + seed.below(3) {
            let after = u32::try_from(seed.below(4)).unwrap();
            let modes = [Mode::Enospc { after }, Mode::Eio { after }, Mode::Erofs { after }];
            faults.set(modes[usize::try_from(round).unwrap() % modes.len()]);
            writer.wait_for_refusals(REFUSALS);
            faults.set(Mode::Off);
            writer.wait_for_successes(6);
        }
        std::thread::sleep(Duration::from_micros(seed.below(10_000) as u64));
        let acks = writer.kill();
        ledger.enter(&acks, &mut sum);
        ledger.check(&mut sum);
    }
    proof("vaults whose disk failed", rounds);
    proof("requests refused meanwhile", sum.refusals);
    proof("acknowledged on these disks", sum.writes + sum.reads);
    proof("lost on these disks", 0);
}

impl Writer {
    /// Waits until so much was refused in a row.
    fn wait_for_refusals(&mut self, wanted: usize) {
        let mut in_a_row = 0;
        while in_a_row < wanted {
            in_a_row = if matches!(self.next(), Ack::Refused { .. }) { in_a_row + 1 } else { 0 };
        }
    }

    fn wait_for_successes(&mut self, wanted: usize) {
        let mut successes = 0;
        while successes < wanted {
            successes += usize::from(matches!(self.next(), Ack::Wrote { .. } | Ack::Read { .. }));
        }
    }
}
