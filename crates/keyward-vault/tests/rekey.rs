//! A new root while keys are made: none of them is left under the old one.

#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyward_testing::TestVault;
use keyward_testing::vault::{new_value, open, owner};
use keyward_vault::Error;

#[test]
fn a_key_that_is_made_meanwhile_opens_under_the_new_root() {
    const THREADS: usize = 4;
    const EACH: usize = 12;
    let desk = TestVault::new(31);
    let (database, over) = (desk.database(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let makers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let desk = &desk;
                scope.spawn(move || {
                    for n in 0..EACH {
                        let name = format!("project-{thread}-{n}").parse().unwrap();
                        // The root may be replaced between the wrapping of the key and its commit.
                        while let Err(error) =
                            desk.vault.create_project(&desk.actor, &name, &["development".parse().unwrap()])
                        {
                            assert!(matches!(error, Error::Raced(_)), "{error}");
                        }
                        // Else there would never be a moment in which all keys are the ones that were seen.
                        std::thread::sleep(Duration::from_millis(3));
                    }
                })
            })
            .collect();
        let rekeyed = scope.spawn(|| {
            let mut done = 0;
            while !over.load(Ordering::Relaxed) {
                match desk.vault.rekey(&desk.actor) {
                    Ok(_) => {
                        done += 1;
                        // Else no key would ever be wrapped under the root that is there.
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    Err(error) => assert!(matches!(error, Error::Raced(_)), "{error}"),
                }
            }
            done
        });
        makers.into_iter().for_each(|maker| maker.join().unwrap());
        over.store(true, Ordering::Relaxed);
        assert!(rekeyed.join().unwrap() > 0, "the root was never replaced");
    });
    let (folder, key) = desk.close();
    let vault = open(&database, &key).unwrap();
    let actor = owner(&vault);
    for project in vault.projects().unwrap() {
        let scope = vault.scope(&project.name, &"development".parse().unwrap()).unwrap();
        let written = vault.write(&actor, &scope, vec![new_value("A", "value")]);
        assert!(written.is_ok(), "{}: {written:?}", project.name);
    }
    drop(folder);
}
