//! Reads are counted from the log: late, in whatever order, interrupted or twice, and always right.

#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::collections::HashMap;
use std::time::Duration;

use keyward_testing::{Brittle, Seed, Switch, TestVault};
use keyward_types::{SecretId, SecretName, Timestamp};
use keyward_vault::{Actor, Lead, Via};

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

fn secret(desk: &TestVault, text: &str) -> SecretId {
    desk.vault.load(&desk.actor, &desk.scope, &name(text), None).unwrap().head().place.secret
}

fn read(desk: &TestVault, actor: &Actor, names: &[&str], via: Via) -> Vec<String> {
    let load = |text: &&str| desk.vault.load(actor, &desk.scope, &name(text), None).unwrap();
    let opened = desk.vault.read(actor, names.iter().map(load).collect(), via).unwrap();
    opened.into_iter().filter_map(|one| one.holding).collect()
}

fn lead(desk: &TestVault) -> Lead {
    desk.vault.lead("test", Duration::from_secs(15)).unwrap().unwrap()
}

/// Entries from `first` on that leave a row of reads behind.
fn rows_written(desk: &TestVault, first: u64) -> usize {
    let lines = desk.vault.log(first, usize::MAX >> 1).unwrap();
    lines.iter().flat_map(|line| &line.entry.records).filter(|record| record.collection == "reads").count()
}

fn faults(desk: &TestVault) -> Vec<String> {
    desk.vault.verify(None).unwrap().faults
}

#[test]
fn reading_again_writes_an_entry_and_no_row() {
    let desk = TestVault::new(1);
    desk.set("A", "one").unwrap();
    let (a, first) = (secret(&desk, "A"), desk.vault.log_size().unwrap());
    for _ in 0..50 {
        read(&desk, &desk.actor, &["A"], Via::Read);
    }
    assert_eq!(desk.vault.log_size().unwrap(), first + 50);
    assert_eq!(rows_written(&desk, first), 1, "the first read made it");
    desk.clock.advance(60_000);
    read(&desk, &desk.actor, &["A"], Via::Run);
    let counted = desk.vault.reads(a).unwrap().remove(0);
    assert_eq!((counted.n, counted.last.0 - counted.first.0), (51, 60_000), "and all are counted");
    assert!(faults(&desk).is_empty());
    // What there is to go over is worth it or not.
    assert_eq!(desk.vault.count_reads(&lead(&desk), 1000, || ()).unwrap(), 0);
    assert_eq!(desk.vault.count_reads(&lead(&desk), 50, || ()).unwrap(), desk.vault.log_size().unwrap() - 2);
    assert_eq!(rows_written(&desk, first), 2, "fifty at once");
    assert_eq!(desk.vault.reads(a).unwrap().remove(0).n, 51);
    assert!(faults(&desk).is_empty());
}

#[test]
fn whoever_asks_when_gets_what_was_read() {
    let seed = Seed::of_campaign();
    let mut part = seed.part("reads", 0);
    let desk = TestVault::new(2);
    let names = ["A", "B", "C"];
    names.iter().for_each(|text| drop(desk.set(text, &format!("value of {text}")).unwrap()));
    let secrets = names.map(|text| secret(&desk, text));
    let mut model: HashMap<(SecretId, u64), (u64, Timestamp)> = HashMap::new();
    let mut versions = [1_u64; 3];
    let mut holdings: Vec<String> = Vec::new();
    for step in 0..400 {
        desk.clock.advance(10);
        let at = part.below(3);
        match part.below(12) {
            0 => drop(desk.vault.count_reads(&lead(&desk), 0, || ()).unwrap()),
            1 if !holdings.is_empty() => {
                let id = holdings.swap_remove(part.below(holdings.len()));
                desk.vault.close_holdings(&desk.actor, &[id]).unwrap();
            }
            2 => {
                versions[at] += 1;
                desk.set(names[at], &format!("value {step}")).unwrap();
            }
            _ => {
                let via = *part.choose(&[Via::Read, Via::Read, Via::Run, Via::Export, Via::Copy]);
                let asked: Vec<usize> = (0..=part.below(3)).map(|_| part.below(3)).collect();
                let asked_names: Vec<&str> = asked.iter().map(|at| names[*at]).collect();
                holdings.extend(read(&desk, &desk.actor, &asked_names, via));
                for at in asked {
                    let line = model.entry((secrets[at], versions[at])).or_insert((0, Timestamp(0)));
                    *line = (line.0 + 1, desk.vault.now());
                }
            }
        }
        for secret in secrets {
            for reads in desk.vault.reads(secret).unwrap() {
                let counted = (reads.n, reads.last);
                assert_eq!(Some(&counted), model.get(&(secret, reads.version.get())), "step {step}");
            }
        }
    }
    let rows: usize = secrets.iter().map(|secret| desk.vault.reads(*secret).unwrap().len()).sum();
    assert_eq!(rows, model.len());
    assert!(faults(&desk).is_empty(), "{:?}", faults(&desk));
    let person = desk.actor.caller.principal().clone();
    let footprint = desk.vault.footprint(&desk.actor, &person).unwrap();
    let read: u64 = footprint.reads.iter().map(|reads| reads.n).sum();
    assert_eq!(read, model.values().map(|line| line.0).sum::<u64>(), "a leaver's plan says the same");
}

/// A disk that is full in the middle of it, at each commit in turn, and again from the beginning.
#[test]
fn a_count_that_is_interrupted_counts_nothing_twice() {
    let switch = Switch::default();
    let desk = TestVault::over(3, |engine| Box::new(Brittle::new(engine, &switch)));
    let names: Vec<String> = (0..100).map(|n| format!("S{n}")).collect();
    names.iter().for_each(|text| drop(desk.set(text, &format!("value of {text}")).unwrap()));
    let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
    for _ in 0..3 {
        read(&desk, &desk.actor, &wanted, Via::Export);
    }
    let count = |desk: &TestVault| -> Vec<u64> {
        names.iter().map(|text| desk.vault.reads(secret(desk, text)).unwrap()[0].n).collect()
    };
    let mut interrupted = 0;
    for commits in 0.. {
        switch.fail_after(commits);
        let done = desk.vault.count_reads(&lead(&desk), 1, || ());
        switch.fail(false);
        assert_eq!(count(&desk), [3; 100], "after {commits} commits");
        if done.is_ok() {
            break;
        }
        interrupted += 1;
    }
    assert!(interrupted > 3, "{interrupted}: it takes more than one commit");
    assert!(faults(&desk).is_empty(), "{:?}", faults(&desk));
    read(&desk, &desk.actor, &wanted, Via::Export);
    assert_eq!(count(&desk), [4; 100]);
}

#[test]
fn two_who_count_at_once_count_once() {
    let desk = TestVault::new(4);
    desk.set("A", "one").unwrap();
    for _ in 0..200 {
        read(&desk, &desk.actor, &["A"], Via::Run);
    }
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| drop(desk.vault.count_reads(&lead(&desk), 1, || ())));
        }
        scope.spawn(|| (0..50).for_each(|_| drop(read(&desk, &desk.actor, &["A"], Via::Read))));
    });
    assert_eq!(desk.vault.reads(secret(&desk, "A")).unwrap()[0].n, 250);
    assert!(faults(&desk).is_empty(), "{:?}", faults(&desk));
}

/// He had it before somebody closed his holding, or he has one that is open.
#[test]
fn a_holding_that_is_closed_meanwhile_is_not_read_under() {
    let desk = TestVault::new(5);
    desk.set("A", "one").unwrap();
    let a = secret(&desk, "A");
    std::thread::scope(|scope| {
        let desk = &desk;
        scope.spawn(move || {
            for _ in 0..100 {
                let open = desk.vault.holdings(a).unwrap();
                let open: Vec<String> = open.into_iter().filter(|one| one.until.is_none()).map(|one| one.id).collect();
                desk.vault.close_holdings(&desk.actor, &open).unwrap();
            }
        });
        for _ in 0..100 {
            read(desk, &desk.actor, &["A"], Via::Read);
        }
    });
    read(&desk, &desk.actor, &["A"], Via::Read);
    let open = desk.vault.holdings(a).unwrap().into_iter().filter(|one| one.until.is_none()).count();
    assert_eq!(open, 1, "whoever read last has it");
    let row = desk.vault.reads(a).unwrap().remove(0);
    assert_eq!(row.n, 101);
    assert!(faults(&desk).is_empty(), "{:?}", faults(&desk));
}
