//! Changes that are carried out once however often they are asked for.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use keyward_access::{Caller, Identity};
use keyward_testing::TestVault;
use keyward_types::Timestamp;
use keyward_vault::{Actor, Error, Once};

const HOUR: i64 = 60 * 60 * 1000;
const REQUEST: [u8; 32] = [7; 32];

fn once(vault: &TestVault) -> Once {
    vault.vault.once(vault.actor.principal(), "key", REQUEST).unwrap()
}

fn asking(vault: &TestVault, once: &Once) -> Actor {
    Actor { once: Some(once.clone()), ..vault.actor.clone() }
}

fn repeated(vault: &TestVault) -> Option<(bool, Option<u16>, Option<Vec<u8>>)> {
    let found = vault.vault.repeated(vault.actor.principal(), "key", REQUEST).unwrap()?;
    Some((found.same, found.status, found.answer.map(|answer| answer.to_vec())))
}

fn create(vault: &TestVault, once: &Once, name: &str) -> Result<(), Error> {
    vault.vault.create_project(&asking(vault, once), &name.parse().unwrap(), &[]).map(drop)
}

#[test]
fn the_change_itself_carries_the_mark() {
    let vault = TestVault::new(61);
    let (first, second) = (once(&vault), once(&vault));
    assert_eq!(repeated(&vault), None);
    let before = vault.vault.log_size().unwrap();
    create(&vault, &first, "blog").unwrap();
    assert_eq!(vault.vault.log_size().unwrap(), before + 1, "one commit, one entry");
    assert!(first.is_marked());
    assert_eq!(repeated(&vault), Some((true, None, None)), "from here on a crash cannot make it twice");
    // Whoever began at the same time, on another node, comes too late.
    assert!(matches!(create(&vault, &second, "other"), Err(Error::Raced(_))));
    assert!(vault.vault.project(&"other".parse().unwrap()).is_err());
    vault.vault.keep_answer(&first, 201, Some(b"the answer of this test")).unwrap();
    assert_eq!(repeated(&vault), Some((true, Some(201), Some(b"the answer of this test".to_vec()))));
    let other = vault.vault.repeated(vault.actor.principal(), "key", [8; 32]).unwrap().unwrap();
    assert_eq!((other.same, other.answer), (false, None), "an answer is for who asks the same");
    let nobody = "user:nobody".parse().unwrap();
    assert_eq!(vault.vault.repeated(&nobody, "key", REQUEST).unwrap(), None, "keys of two callers are two keys");
    let stored = std::fs::read(vault.database()).unwrap();
    assert!(!stored.windows(12).any(|window| window == b"of this test"), "it is sealed");
    assert!(vault.vault.verify(None).unwrap().faults.is_empty());
}

#[test]
fn what_was_refused_or_failed_may_be_tried_again() {
    let vault = TestVault::new(62);
    let nobody = Identity { grants: vec![], ..Identity::owner("user:n".parse().unwrap(), "N".into(), Timestamp(0)) };
    let key = vault.vault.once(&nobody.principal, "key", REQUEST).unwrap();
    let actor = Actor { once: Some(key.clone()), ..Actor::new(Caller::identified(&nobody), "test") };
    assert!(matches!(vault.vault.create_project(&actor, &"blog".parse().unwrap(), &[]), Err(Error::Denied(_))));
    assert!(!key.is_marked(), "a denial is on record, and marks nothing");
    assert_eq!(vault.vault.repeated(&nobody.principal, "key", REQUEST).unwrap(), None);
    let key = once(&vault);
    create(&vault, &key, "blog").unwrap();
    vault.vault.forget_request(&key).unwrap();
    assert_eq!(repeated(&vault), None);
    create(&vault, &once(&vault), "journal").unwrap();
}

#[test]
fn a_key_is_kept_for_a_day() {
    let vault = TestVault::new(63);
    let lead = vault.vault.lead("test", std::time::Duration::from_secs(60)).unwrap().unwrap();
    create(&vault, &once(&vault), "blog").unwrap();
    vault.clock.advance(23 * HOUR);
    assert_eq!(vault.vault.sweep_requests(&lead).unwrap(), 0);
    assert!(repeated(&vault).is_some());
    vault.clock.advance(HOUR);
    assert_eq!(repeated(&vault), None);
    // It makes room also before it is swept away.
    create(&vault, &once(&vault), "journal").unwrap();
    vault.clock.advance(25 * HOUR);
    assert_eq!((vault.vault.sweep_requests(&lead).unwrap(), vault.vault.sweep_requests(&lead).unwrap()), (1, 0));
    assert!(vault.vault.verify(None).unwrap().faults.is_empty());
}
