//! Reading and storing for who cannot wait: the same record, the same proofs, the same refusals.

#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::sync::mpsc;

use keyward_access::Caller;
use keyward_testing::TestVault;
use keyward_testing::vault::new_value;
use keyward_types::{SecretName, Version};
use keyward_vault::{Actor, Error, Opened, Unopened, Via};

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

fn begin(desk: &TestVault, actor: &Actor, names: &[&str]) -> Option<Unopened> {
    let names: Vec<(SecretName, Option<Version>)> = names.iter().map(|text| (name(text), None)).collect();
    let (tell, told) = mpsc::channel();
    let done = move |unopened| tell.send(unopened).unwrap();
    let begun = desk.vault.begin_read(actor, &desk.scope, &names, Via::Read, done).unwrap();
    begun.then(|| told.recv().unwrap())
}

fn values(opened: Vec<Opened>) -> Vec<String> {
    opened.into_iter().map(|one| String::from_utf8(one.value.expose().to_vec()).unwrap()).collect()
}

#[test]
fn what_was_recorded_is_opened() {
    let desk = TestVault::new(1);
    desk.set("A", "one").unwrap();
    desk.set("B", "two").unwrap();
    let secret = desk.vault.load(&desk.actor, &desk.scope, &name("A"), None).unwrap().head().place.secret;
    let before = desk.vault.log_size().unwrap();
    let unopened = begin(&desk, &desk.actor, &["A", "B"]).unwrap();
    assert_eq!(desk.vault.log_size().unwrap(), before + 2, "an entry each, before anything is opened");
    assert_eq!(values(desk.vault.open_unopened(unopened).unwrap().unwrap()), ["one", "two"]);
    assert_eq!(desk.vault.reads(secret).unwrap()[0].n, 1);
    assert_eq!(desk.vault.holdings(secret).unwrap().len(), 1);
    drop(begin(&desk, &desk.actor, &["A"]).unwrap());
    assert_eq!(desk.vault.reads(secret).unwrap()[0].n, 2, "a record without a read, never a read without a record");
}

#[test]
fn what_has_to_be_written_down_first_goes_the_other_way() {
    let desk = TestVault::new(2);
    desk.set("A", "one").unwrap();
    let mut nobody = desk.vault.owner().unwrap().0;
    nobody.grants.clear();
    let nobody = Actor { caller: Caller::identified(&nobody), ..desk.actor.clone() };
    let before = desk.vault.log_size().unwrap();
    assert!(begin(&desk, &nobody, &["A"]).is_none(), "a denial");
    assert!(begin(&desk, &desk.actor, &["MISSING"]).is_none(), "a missing name");
    assert!(begin(&desk, &desk.actor, &["A", "MISSING"]).is_none(), "all or none");
    let values = vec![new_value("A", "two")];
    let written = desk.vault.begin_write(&nobody, &desk.scope, values, |_| panic!("it was not begun")).unwrap();
    assert!(written.is_none());
    let values = vec![new_value("A", "one")];
    let written = desk.vault.begin_write(&desk.actor, &desk.scope, values, |_| panic!("it was not begun")).unwrap();
    assert!(written.is_none(), "nothing changes");
    assert_eq!(desk.vault.log_size().unwrap(), before, "and nothing was recorded on this way");
}

#[test]
fn somebodys_first_act_makes_his_key_on_the_other_way() {
    let desk = TestVault::new(3);
    desk.set("A", "one").unwrap();
    let mut new = desk.vault.owner().unwrap().0;
    new.principal = "user:new".parse().unwrap();
    let new = Actor { caller: Caller::opener(&new), ..desk.actor.clone() };
    assert!(begin(&desk, &new, &["A"]).is_none());
    let loaded = desk.vault.load(&new, &desk.scope, &name("A"), None).unwrap();
    desk.vault.read(&new, vec![loaded], Via::Read).unwrap();
    assert!(begin(&desk, &new, &["A"]).is_some());
}

#[test]
fn many_who_read_the_same_at_once_are_all_counted() {
    let desk = TestVault::new(4);
    desk.set("A", "one").unwrap();
    desk.get("A", None).unwrap();
    let secret = desk.vault.load(&desk.actor, &desk.scope, &name("A"), None).unwrap().head().place.secret;
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (desk, tell) = (&desk, tell.clone());
            scope.spawn(move || {
                for _ in 0..25 {
                    let (tell, names) = (tell.clone(), [(name("A"), None)]);
                    let done = move |unopened| tell.send(unopened).unwrap();
                    assert!(desk.vault.begin_read(&desk.actor, &desk.scope, &names, Via::Read, done).unwrap());
                }
            });
        }
    });
    for _ in 0..100 {
        let read = desk.vault.open_unopened(told.recv().unwrap()).unwrap();
        assert_eq!(values(read.expect("none is in the way of another")), ["one"]);
    }
    assert_eq!(desk.vault.reads(secret).unwrap()[0].n, 101);
    assert_eq!(desk.vault.holdings(secret).unwrap().len(), 1);
    // Who waits is counted among them.
    desk.get("A", None).unwrap();
    assert!(begin(&desk, &desk.actor, &["A"]).is_some());
    assert_eq!(desk.vault.reads(secret).unwrap()[0].n, 103);
}

#[test]
fn a_first_read_that_another_came_before_says_so() {
    let desk = TestVault::new(6);
    let (tell, told) = mpsc::channel();
    let (mut read, mut not, mut begun) = (0, 0, 0);
    for n in 0..50 {
        let text = format!("S{n}");
        desk.set(&text, &format!("value {n}")).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let (tell, names, desk) = (tell.clone(), [(name(&text), None)], &desk);
                scope.spawn(move || {
                    let done = move |unopened| tell.send(unopened).unwrap();
                    assert!(desk.vault.begin_read(&desk.actor, &desk.scope, &names, Via::Read, done).unwrap());
                });
            }
        });
        begun += 4;
        let secret = desk.vault.load(&desk.actor, &desk.scope, &name(&text), None).unwrap().head().place.secret;
        let opened: Vec<_> = (0..4).map(|_| desk.vault.open_unopened(told.recv().unwrap()).unwrap()).collect();
        let here = opened.iter().filter(|opened| opened.is_some()).count();
        assert!(here > 0, "one of them made the row");
        assert_eq!(desk.vault.reads(secret).unwrap()[0].n, here as u64, "who was told so was counted, and no others");
        assert_eq!(desk.vault.holdings(secret).unwrap().len(), 1);
        (read, not) = (read + here, not + 4 - here);
    }
    assert_eq!(read + not, begun);
}

#[test]
fn what_is_durable_is_there() {
    let desk = TestVault::new(5);
    let (tell, told) = mpsc::channel();
    for value in ["one", "two"] {
        let tell = tell.clone();
        let done = move |committed: keyward_store::Result<_>| tell.send(committed.is_ok()).unwrap();
        let written = desk.vault.begin_write(&desk.actor, &desk.scope, vec![new_value("A", value)], done).unwrap();
        assert!(told.recv().unwrap());
        assert_eq!(desk.get("A", None).unwrap(), value);
        assert_eq!(desk.get("A", Some(written.unwrap()[0].version.get())).unwrap(), value);
    }
    let stale = Actor { expects: keyward_vault::Expected::Absent, ..desk.actor.clone() };
    let refused = desk.vault.begin_write(&stale, &desk.scope, vec![new_value("A", "three")], |_| ());
    assert!(matches!(refused, Err(Error::Stale(_))));
}

#[test]
fn what_is_asked_for_twice_is_counted_twice() {
    let desk = TestVault::new(7);
    desk.set("A", "one").unwrap();
    let load = || desk.vault.load(&desk.actor, &desk.scope, &name("A"), None).unwrap();
    let secret = load().head().place.secret;
    desk.vault.read(&desk.actor, vec![load(), load()], Via::Read).unwrap();
    assert_eq!(desk.vault.reads(secret).unwrap()[0].n, 2);
    let unopened = begin(&desk, &desk.actor, &["A", "A"]).unwrap();
    assert_eq!(values(desk.vault.open_unopened(unopened).unwrap().unwrap()), ["one", "one"]);
    assert!(begin(&desk, &desk.actor, &["A"]).is_some(), "and the next one follows on it");
    assert_eq!(desk.vault.reads(secret).unwrap()[0].n, 5);
    assert_eq!(desk.vault.holdings(secret).unwrap().len(), 1);
    let faults = desk.vault.verify(None).unwrap().faults;
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn what_a_parent_has_is_read_the_other_way() {
    let desk = TestVault::new(8);
    desk.set("A", "one").unwrap();
    let (shop, child) = ("shop".parse().unwrap(), "preview".parse().unwrap());
    let parent = desk.scope.environment.name.clone();
    desk.vault.add_environment(&desk.actor, &shop, &child, Some(&parent)).unwrap();
    let scope = desk.vault.scope(&shop, &child).unwrap();
    let begun = desk.vault.begin_read(&desk.actor, &scope, &[(name("A"), None)], Via::Read, |_| panic!("not begun"));
    assert!(!begun.unwrap(), "whether the child lacks it takes a look at all that it has");
    let loaded = desk.vault.load(&desk.actor, &scope, &name("A"), None).unwrap();
    assert_eq!(loaded.environment(), &parent);
}

/// Where names lead is remembered, until one of them changes.
#[test]
fn a_place_is_found_by_its_present_names_alone() {
    let desk = TestVault::new(9);
    let of = |project: &str, environment: &str| {
        desk.vault.scope(&project.parse().unwrap(), &environment.parse().unwrap()).map(|scope| scope.environment.id)
    };
    let (shop, store) = ("shop".parse().unwrap(), "store".parse().unwrap());
    let development = of("shop", "development").unwrap();
    assert_eq!(of("shop", "development").unwrap(), development);
    assert!(matches!(of("shop", "preview"), Err(Error::NoEnvironment { .. })));
    desk.vault.add_environment(&desk.actor, &shop, &"preview".parse().unwrap(), None).unwrap();
    assert!(of("shop", "preview").is_ok(), "that it was missing is not remembered");
    desk.vault.rename_project(&desk.actor, &shop, &store).unwrap();
    assert!(matches!(of("shop", "development"), Err(Error::NoProject(_))));
    assert_eq!(of("store", "development").unwrap(), development);
    let preview = desk.vault.scope(&store, &"preview".parse().unwrap()).unwrap();
    desk.vault.remove_environment(&desk.actor, &preview, false).unwrap();
    assert!(matches!(of("store", "preview"), Err(Error::NoEnvironment { .. })));
}
