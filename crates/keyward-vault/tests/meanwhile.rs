//! What is looked at while others go on writing is of one moment.

#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyward_testing::TestVault;
use keyward_vault::{Standing, Via};

/// Has secrets written and read by two threads while `look` looks.
fn while_others_work(desk: &TestVault, look: impl FnOnce()) {
    let over = AtomicBool::new(false);
    desk.set("A", "value").unwrap();
    std::thread::scope(|scope| {
        let worker = |work: &'static (dyn Fn(&TestVault) + Sync)| {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    work(desk);
                    // A log that grows faster than it is read is never read to its end.
                    std::thread::sleep(Duration::from_millis(2));
                }
            })
        };
        worker(&|desk| drop(desk.set("A", "another value").unwrap()));
        worker(&|desk| {
            let loaded = desk.vault.load(&desk.actor, &desk.scope, &"A".parse().unwrap(), None).unwrap();
            desk.vault.read(&desk.actor, vec![loaded], Via::Read).unwrap();
        });
        let _over = Over(&over);
        look();
    });
}

/// Ends the others' work, also where what was looked at was not as it should be.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_log_that_grows_is_not_taken_for_another() {
    let desk = TestVault::new(71);
    let anchor = desk.vault.anchor().unwrap();
    while_others_work(&desk, || {
        for _ in 0..200 {
            assert_eq!(desk.vault.standing(&anchor).unwrap(), Standing::Continues);
        }
    });
}

#[test]
fn a_busy_vault_verifies() {
    let desk = TestVault::new(72);
    while_others_work(&desk, || {
        for _ in 0..8 {
            let verified = desk.vault.verify(None).unwrap();
            assert!(verified.faults.is_empty(), "{:?}", verified.faults);
            // The checkpoint is of what was verified.
            let against = desk.vault.verify(Some(&verified.checkpoint)).unwrap();
            assert!(against.faults.is_empty(), "{:?}", against.faults);
            let size: u64 = verified.checkpoint.lines().nth(1).unwrap().parse().unwrap();
            assert_eq!(size, verified.entries);
        }
    });
}
