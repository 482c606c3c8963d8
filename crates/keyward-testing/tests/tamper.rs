//! Campaign: whatever somebody alters in the database who has none of the keys, no wrong value is
//! served, and verification names it.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[path = "tamper/store.rs"]
mod store;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use keyward_testing::tamper::{Kind, Rows, World};
use keyward_testing::{Seed, proof, size, vault};
use keyward_vault::Standing;
use store::{Store, Values};

/// What became of one altered store.
#[derive(Debug, Default)]
struct Outcome {
    /// The vault did not open.
    refused_at_opening: bool,
    /// What verification said first.
    named: Option<String>,
    right: u64,
    refused: u64,
    /// An earlier value of that very name, authentic as a record.
    earlier: Vec<String>,
    wrong: Vec<String>,
}

/// What all rounds share.
struct Campaign {
    store: Store,
    world: World,
}

#[test]
fn no_alteration_goes_unnoticed_and_no_wrong_value_is_served() {
    let rounds = size("KEYWARD_TAMPER_ROUNDS", 50);
    let mut seed = Seed::of_campaign();
    let store = Store::build(&seed);
    let mut earlier: Vec<Rows> = store.stages.iter().map(|stage| stage.rows.clone()).collect();
    let present = earlier.pop().expect("the last stage is the present");
    let foreign = Store::build(&seed.part("foreign", 0)).stages.pop().expect("it has stages").rows;
    let campaign = Arc::new(Campaign { store, world: World { present, earlier, foreign } });
    assert_sound(&campaign);

    let mut failures = Vec::new();
    let mut kinds: BTreeMap<Kind, u64> = BTreeMap::new();
    let mut sum = Outcome::default();
    let (mut at_opening, mut by_verification) = (0, 0);
    for number in 0..rounds {
        let (kind, rows) = alteration(&campaign, &mut seed);
        let what = format!("round {number} ({}: {})", kind.name(), rows.difference(&campaign.world.present));
        let outcome = within_time(&what, &campaign, rows);
        *kinds.entry(kind).or_default() += 1;
        at_opening += u64::from(outcome.refused_at_opening);
        by_verification += u64::from(outcome.named.is_some());
        if !outcome.refused_at_opening && outcome.named.is_none() {
            failures.push(format!("{what}: undetected"));
        }
        failures.extend(outcome.wrong.iter().map(|wrong| format!("{what}: {wrong}")));
        if !kind.leaves_authentic_records() {
            let served = outcome.earlier.iter();
            failures.extend(served.map(|value| format!("{what}: served {value}")));
        }
        sum.right += outcome.right;
        sum.refused += outcome.refused;
        sum.earlier.extend(outcome.earlier);
    }
    proof("alterations", rounds);
    for (kind, count) in kinds {
        proof(&format!("of these {}", kind.name()), count);
    }
    proof("refused at opening", at_opening);
    proof("named by verification", by_verification);
    proof("undetected", rounds - at_opening - by_verification);
    proof("reads that gave the right value", sum.right);
    proof("reads refused", sum.refused);
    proof(
        "reads that gave an earlier value, named by verification (a record was put back or deleted)",
        sum.earlier.len(),
    );
    proof("wrong values served", failures.iter().filter(|failure| failure.contains("wrong")).count());
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn a_store_put_back_whole_is_found_by_what_lies_outside() {
    let seed = Seed::new(11);
    let store = Store::build(&seed);
    let last = store.stages.last().expect("there are stages");
    for old in &store.stages[..store.stages.len() - 1] {
        let vault = vault::open(&old.path, &store.key).expect("an older state is authentic");
        assert_eq!(vault.verify(None).expect("it can be read").faults, [""; 0], "alone it looks sound");
        let verified = vault.verify(Some(&last.checkpoint)).expect("it can be read");
        assert!(verified.faults.iter().any(|fault| fault.contains("the store is older")), "{:?}", verified.faults);
        assert_eq!(vault.standing(&last.anchor).expect("it can be read"), Standing::Older);
    }
    let vault = vault::open(&last.path, &store.key).expect("the present state opens");
    for old in &store.stages {
        assert_eq!(vault.verify(Some(&old.checkpoint)).expect("it can be read").faults, [""; 0]);
        assert_eq!(vault.standing(&old.anchor).expect("it can be read"), Standing::Continues);
    }
}

#[test]
fn a_store_that_went_on_from_an_older_state_is_another_history() {
    let store = Store::build(&Seed::new(12));
    let [.., old, last] = &store.stages[..] else { panic!("there are stages") };
    let vault = vault::open(&old.path, &store.key).expect("an older state is authentic");
    let actor = vault::owner(&vault);
    while vault.log_size().expect("it can be read") <= last.anchor.size() {
        vault.create_project(&actor, &format!("p{}", vault.log_size().unwrap()).parse().unwrap(), &[]).unwrap();
    }
    let verified = vault.verify(Some(&last.checkpoint)).expect("it can be read");
    assert!(verified.faults.iter().any(|fault| fault.contains("another history")), "{:?}", verified.faults);
    assert_eq!(vault.standing(&last.anchor).expect("it can be read"), Standing::Forked);
}

/// The unaltered store reads right and verifies, or the campaign would prove nothing.
fn assert_sound(campaign: &Campaign) {
    let outcome = examine(campaign, &campaign.world.present);
    assert!(!outcome.refused_at_opening && outcome.named.is_none() && outcome.wrong.is_empty(), "{outcome:?}");
    assert!(outcome.right > 20 && outcome.refused > 0, "{outcome:?}");
}

/// A choice that changes something and that the tables take.
fn alteration(campaign: &Campaign, seed: &mut Seed) -> (Kind, Rows) {
    loop {
        let kind = *seed.choose(&Kind::ALL);
        let Some(rows) = kind.apply(&campaign.world, seed) else { continue };
        let trial = vault::folder_in_memory();
        let path = trial.path().join("vault.db");
        std::fs::copy(campaign.store.database(), &path).expect("the store can be copied");
        if rows.write(&path, &campaign.world.present).is_ok() {
            return (kind, rows);
        }
    }
}

/// A store must not be able to make its reader hang.
fn within_time(what: &str, campaign: &Arc<Campaign>, rows: Rows) -> Outcome {
    let (sender, receiver) = mpsc::channel();
    let campaign = Arc::clone(campaign);
    std::thread::spawn(move || sender.send(examine(&campaign, &rows)));
    match receiver.recv_timeout(Duration::from_secs(60)) {
        Ok(outcome) => outcome,
        Err(error) => panic!("{what}: {error}"),
    }
}

fn examine(campaign: &Campaign, rows: &Rows) -> Outcome {
    let folder = vault::folder_in_memory();
    let path = folder.path().join("vault.db");
    std::fs::copy(campaign.store.database(), &path).expect("the store can be copied");
    rows.write(&path, &campaign.world.present).expect("it was tried before");
    let mut outcome = Outcome::default();
    let Ok(vault) = vault::open(&path, &campaign.store.key) else {
        outcome.refused_at_opening = true;
        return outcome;
    };
    outcome.named = match vault.verify(None) {
        Ok(verified) => verified.faults.into_iter().next(),
        Err(error) => Some(error.to_string()),
    };
    drop(vault);
    read_all(&path, campaign, &mut outcome);
    outcome
}

fn read_all(path: &Path, campaign: &Campaign, outcome: &mut Outcome) {
    let Ok(vault) = vault::open(path, &campaign.store.key) else {
        return outcome.wrong.push("it opened once and then no more".into());
    };
    let Ok((_, caller)) = vault.owner() else {
        outcome.refused += campaign.store.values.len() as u64;
        return;
    };
    let actor = keyward_vault::Actor::new(caller, "test");
    for (address, values) in &campaign.store.values {
        let Values { now, before } = values;
        match address.read(&vault, &actor) {
            Err(_) => outcome.refused += 1,
            Ok(value) if Some(&value) == now.as_ref() => outcome.right += 1,
            Ok(value) if before.contains(&value) => outcome.earlier.push(format!("an earlier value of {address}")),
            Ok(value) => outcome.wrong.push(format!("a wrong value of {address}: {value}")),
        }
    }
}
