//! No lost key: the step machine of a rotation against a simulated provider, store, targets and
//! clock. Each schedule comes from a number and can be repeated; whatever happens in it, the promises
//! of `keyward_lifecycle::rotation` are looked at after every step.

#[path = "simulate/run.rs"]
mod run;
#[path = "simulate/world.rs"]
mod world;

use keyward_testing::{Seed, proof, size};

use run::{Run, Tale};

#[test]
fn no_key_is_lost_and_none_is_left_behind() {
    let seed = Seed::of_campaign();
    let schedules = size("KEYWARD_SCHEDULES", 10_000);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let tales: Vec<Tale> = std::thread::scope(|scope| {
        let one = |first: u64| {
            let seed = &seed;
            scope.spawn(move || {
                let numbers = (first..schedules).step_by(threads as usize);
                numbers.fold(Tale::default(), |tale, number| {
                    tale.and(&Run::new(seed.part("schedule", number), number).tell())
                })
            })
        };
        let threads: Vec<_> = (0..threads).map(one).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a schedule broke a promise; its number is above"))
            .collect()
    });
    let tale = tales.iter().fold(Tale::default(), |sum, tale| sum.and(tale));
    for (key, value) in tale.facts() {
        proof(key, value);
    }
    proof("promises broken", 0);
    // A campaign in which nothing went wrong would show nothing.
    if schedules >= 10_000 {
        assert!(tale.facts().iter().all(|(_, value)| *value > 0), "{tale:?}");
    }
}
