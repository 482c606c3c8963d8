//! When the store cannot record, nothing is handed out and nothing is changed; when it can again,
//! everything goes on.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use keyward_testing::vault::new_value;
use keyward_testing::{Brittle, Switch, TestVault};
use keyward_vault::{Credential, Error, Via};

fn brittle() -> (TestVault, Switch) {
    let switch = Switch::default();
    let vault = TestVault::over(5, |engine| Box::new(Brittle::new(engine, &switch)));
    vault.set("A", "the first value").unwrap();
    (vault, switch)
}

#[test]
fn a_read_that_cannot_be_recorded_gives_nothing() {
    let (vault, switch) = brittle();
    let size = vault.vault.log_size().unwrap();
    switch.fail(true);
    let refused = vault.get("A", None);
    assert!(matches!(refused, Err(Error::Store(keyward_store::Error::Full))), "{refused:?}");
    let loaded = vault.vault.load_all(&vault.actor, &vault.scope).unwrap();
    assert!(vault.vault.read(&vault.actor, loaded, Via::Run).is_err(), "nor to a child");
    assert_eq!(vault.vault.log_size().unwrap(), size);
    switch.fail(false);
    assert_eq!(vault.get("A", None).unwrap(), "the first value");
    assert_eq!(vault.vault.log_size().unwrap(), size + 1);
    let secret = vault.vault.heads(&vault.actor, &vault.scope).unwrap()[0].place.secret;
    assert_eq!(vault.vault.reads(secret).unwrap()[0].n, 1, "what was refused was not counted");
    assert_eq!(vault.vault.verify(None).unwrap().faults, [""; 0]);
}

#[test]
fn a_change_that_cannot_be_recorded_is_not_made() {
    let (vault, switch) = brittle();
    switch.fail(true);
    assert!(vault.set("A", "the second value").is_err());
    assert!(vault.set("B", "another one").is_err());
    let several = vec![new_value("C", "one of two"), new_value("D", "two of two")];
    assert!(vault.vault.write(&vault.actor, &vault.scope, several).is_err());
    assert!(vault.vault.delete(&vault.actor, &vault.scope, &"A".parse().unwrap()).is_err());
    assert!(vault.vault.rekey(&vault.actor).is_err());
    switch.fail(false);
    let heads = vault.vault.heads(&vault.actor, &vault.scope).unwrap();
    assert_eq!(heads.iter().map(|head| head.name.as_str()).collect::<Vec<_>>(), ["A"]);
    assert_eq!(heads[0].versions.len(), 1);
    assert_eq!(vault.set("A", "the second value").unwrap().version.get(), 2, "versions have no gap");
    assert_eq!(vault.get("A", Some(1)).unwrap(), "the first value");
    assert_eq!(vault.vault.verify(None).unwrap().faults, [""; 0]);
}

#[test]
fn an_answer_that_cannot_be_recorded_is_not_given() {
    let (vault, switch) = brittle();
    switch.fail(true);
    let missing = vault.get("NOT_THERE", None);
    assert!(matches!(missing, Err(Error::Store(_))), "an answer that is not on record is not given: {missing:?}");
}

#[test]
fn a_new_root_that_could_not_be_written_leaves_the_old_one() {
    let (vault, switch) = brittle();
    switch.fail(true);
    assert!(vault.vault.rekey(&vault.actor).is_err());
    switch.fail(false);
    let tools = keyward_testing::vault::tools();
    let database = vault.database();
    vault.set("A", "written under the old root").unwrap();
    let (folder, key) = vault.close();
    let engine = keyward_store_sqlite::Sqlite::open(&database, || 0).unwrap();
    let opened = keyward_vault::Vault::unlock(Box::new(engine), &Credential::KeyFile(&key), tools);
    assert!(opened.is_ok(), "the slots still hold the root that is in use");
    drop(folder);
}
