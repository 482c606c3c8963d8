//! Campaign: a company lives a year on a real vault: people join groups and leave them, write, read,
//! export and run, values are replaced, copied elsewhere, hidden and destroyed. What everybody knows
//! at the end is kept beside it by a model that has neither versions' fingerprints nor the vault's
//! rows. For each of them the plan for his leaving has to say the same.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[path = "offboard/company.rs"]
mod company;
#[path = "offboard/compare.rs"]
mod compare;
#[path = "offboard/truth.rs"]
mod truth;
#[path = "offboard/year.rs"]
mod year;

use std::time::{Duration, Instant};

use keyward_lifecycle::offboarding;
use keyward_testing::{Seed, proof, size};

use year::Size;

#[test]
fn the_plan_for_anybody_equals_the_truth() {
    let seed = Seed::of_campaign();
    let size = Size {
        people: size("KEYWARD_PEOPLE", 10),
        secrets: size("KEYWARD_SECRETS", 250),
        reads: size("KEYWARD_READS", 10_000),
    };
    let (company, truth) = year::lived(&size, &seed);
    let (mut slowest, mut whole, mut lines, mut compared) = (Duration::ZERO, Duration::ZERO, [0; 3], 0);
    for person in 0..truth.people() {
        let start = Instant::now();
        let facts = company.facts(person);
        let plan = offboarding::plan(&facts, company.principal(person), company.now());
        let took = start.elapsed();
        (slowest, whole) = (slowest.max(took), whole + took);
        compared += compare::plan(&plan, &truth, person, &company);
        lines = [lines[0] + plan.rotate.len(), lines[1] + plan.past.len(), lines[2] + plan.reachable.len()];
    }
    truth.state();
    proof("plans compared with the truth", truth.people());
    proof("values to replace, in all of them", lines[0]);
    proof("values read and not in use any more", lines[1]);
    proof("values that could have been read", lines[2]);
    proof("lines of plans that say what the truth says", compared);
    proof("slowest plan with its facts, ms", slowest.as_millis());
    proof("a plan with its facts on average, ms", whole.as_millis() / truth.people() as u128);
    assert!(lines.iter().all(|some| *some > 0), "nothing was compared");
    let limit = Duration::from_secs(2);
    assert!(slowest <= limit, "a plan took {slowest:?}, {limit:?} is allowed");
}
