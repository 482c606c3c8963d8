//! The vault over its embedded engine: what callers see.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use keyward_access::Caller;
use keyward_store_sqlite::Sqlite;
use keyward_types::{Clock, Kind, Random, RandomError, Secret, SecretName, Timestamp, Version};
use keyward_vault::{
    Actor, Cost, Credential, Edit, Error, KeyFile, NewSlot, NewValue, NewVault, RecoveryCode, Scope, Tools,
    ValueChange, Vault, Via,
};

struct Ticking(AtomicI64);
impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

struct Counting(AtomicU64);
impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        use sha2::{Digest, Sha256};
        for chunk in bytes.chunks_mut(32) {
            let n = self.0.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&Sha256::digest(n.to_be_bytes())[..chunk.len()]);
        }
        Ok(())
    }
}

fn tools(seed: u64) -> Tools {
    Tools {
        clock: Arc::new(Ticking(AtomicI64::new(1_795_000_000_000))),
        random: Arc::new(Counting(AtomicU64::new(seed << 32))),
    }
}

struct Desk {
    vault: Vault,
    actor: Actor,
    scope: Scope,
    folder: tempfile::TempDir,
    key: KeyFile,
}

fn desk() -> Desk {
    let tools = tools(1);
    let folder = tempfile::tempdir().unwrap();
    let key = KeyFile::generate(&*tools.random).unwrap();
    let new =
        NewVault { slots: vec![(NewSlot::KeyFile(&key), "here".into())], owner: "Ada".into(), agent: "test".into() };
    let vault =
        Vault::create(Box::new(Sqlite::create(&folder.path().join("vault.db"), || 0).unwrap()), &new, tools).unwrap();
    let (_, caller) = vault.owner().unwrap();
    let actor = Actor::new(caller, "test");
    let environments = ["development", "production"].map(|name| name.parse().unwrap());
    vault.create_project(&actor, &"shop".parse().unwrap(), &environments).unwrap();
    let scope = vault.scope(&"shop".parse().unwrap(), &environments[0]).unwrap();
    Desk { vault, actor, scope, folder, key }
}

fn engine(folder: &tempfile::TempDir) -> Box<dyn keyward_store::Engine> {
    Box::new(Sqlite::open(&folder.path().join("vault.db"), || 0).unwrap())
}

fn new_value(name: &str, value: &str) -> NewValue {
    NewValue {
        name: name.parse().unwrap(),
        value: Secret::new(name.to_owned(), value.as_bytes().to_vec()),
        bits: 128,
        edit: Edit { kind: Some(Kind::ApiKey), ..Edit::default() },
    }
}

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

impl Desk {
    fn set(&self, name: &str, value: &str) -> keyward_vault::Written {
        self.vault.write(&self.actor, &self.scope, vec![new_value(name, value)]).unwrap().remove(0)
    }

    fn get(&self, text: &str, version: Option<u64>) -> Result<String, Error> {
        let version = version.map(|n| Version::new(n).unwrap());
        let loaded = self.vault.load(&self.actor, &self.scope, &name(text), version)?;
        let opened = self.vault.read(&self.actor, vec![loaded], Via::Read)?;
        Ok(String::from_utf8(opened[0].value.expose().clone()).unwrap())
    }
}

#[test]
fn a_value_comes_back_and_every_version_stays() {
    let desk = desk();
    assert_eq!(desk.set("OPENAI_API_KEY", "one-value-of-16+").change, ValueChange::Added);
    assert_eq!(desk.set("OPENAI_API_KEY", "one-value-of-16+").change, ValueChange::Unchanged);
    let second = desk.set("OPENAI_API_KEY", "two-value-of-16+");
    assert_eq!((second.change, second.version.get()), (ValueChange::Changed, 2));
    assert_eq!(desk.get("OPENAI_API_KEY", None).unwrap(), "two-value-of-16+");
    assert_eq!(desk.get("OPENAI_API_KEY", Some(1)).unwrap(), "one-value-of-16+");
    assert!(matches!(desk.get("OPENAI_API_KEY", Some(3)), Err(Error::NoVersion { .. })));
    assert!(matches!(desk.get("OTHER", None), Err(Error::NoSecret { .. })));
}

#[test]
fn a_kind_stays_until_somebody_changes_it() {
    let desk = desk();
    let looking_like = |value: &str, kind: Kind| NewValue {
        edit: Edit { looks_like: Some(kind), ..Edit::default() },
        ..new_value("A", value)
    };
    let write = |value| desk.vault.write(&desk.actor, &desk.scope, vec![value]).unwrap().remove(0).kind;
    assert_eq!(write(looking_like("info", Kind::Config)), Kind::Config);
    // A secret comes into what was none.
    assert_eq!(write(looking_like("one-value-of-16+", Kind::ApiKey)), Kind::ApiKey);
    assert_eq!(write(looking_like("my dog is called rex", Kind::Config)), Kind::ApiKey);
    assert_eq!(write(looking_like("two-value-of-16+", Kind::Password)), Kind::ApiKey);
    let edit = Edit { kind: Some(Kind::Config), ..Edit::default() };
    let head = desk.vault.edit(&desk.actor, &desk.scope, &name("A"), &edit).unwrap();
    assert_eq!(head.kind, Kind::Config);
    // Whoever read it then knows a secret.
    let secret: Vec<bool> = head.versions.iter().map(|version| head.was_secret(version)).collect();
    assert_eq!(secret, [true, true, true, true]);
    assert_eq!(write(new_value("B", "three-value-of-16")), Kind::ApiKey);
    let last = desk.vault.log(desk.vault.log_size().unwrap() - 2, 1).unwrap().remove(0);
    assert_eq!(last.private.unwrap().more["kind"], "api-key to config");
}

#[test]
fn the_vault_opens_again_with_its_key_and_with_no_other() {
    let desk = desk();
    desk.set("A", "value");
    let Desk { vault, folder, key, .. } = desk;
    drop(vault);
    let other = KeyFile::generate(&*tools(9).random).unwrap();
    let refused = Vault::unlock(engine(&folder), &Credential::KeyFile(&other), tools(2));
    assert!(matches!(refused, Err(Error::WrongCredential("key file"))));
    let text = key.text(Vault::peek(&*engine(&folder)).unwrap().vault);
    let again = KeyFile::parse(&text).unwrap();
    let vault = Vault::unlock(engine(&folder), &Credential::KeyFile(&again), tools(2)).unwrap();
    let (_, caller) = vault.owner().unwrap();
    let actor = Actor::new(caller, "test");
    let scope = vault.scope(&"shop".parse().unwrap(), &"development".parse().unwrap()).unwrap();
    let loaded = vault.load(&actor, &scope, &name("A"), None).unwrap();
    assert_eq!(vault.read(&actor, vec![loaded], Via::Read).unwrap()[0].value.expose(), b"value");
}

#[test]
fn every_slot_opens_after_a_rekey_and_values_stay() {
    let desk = desk();
    desk.set("A", "value");
    let random = tools(5).random;
    let code = RecoveryCode::generate(&*random).unwrap();
    let passphrase = Secret::new("passphrase", "correct horse battery staple".to_owned());
    desk.vault.add_slot(&desk.actor, &NewSlot::Recovery(&code), "paper".into()).unwrap();
    desk.vault.add_slot(&desk.actor, &NewSlot::Passphrase(&passphrase, Cost::TEST), "mine".into()).unwrap();
    assert_eq!(desk.vault.rekey(&desk.actor).unwrap(), 2);
    desk.vault.rekey_data(&desk.actor, &"shop".parse().unwrap()).unwrap();
    assert_eq!(desk.get("A", None).unwrap(), "value");
    let folder = desk.folder;
    drop(desk.vault);
    let typed = RecoveryCode::parse(code.text().expose()).unwrap();
    let wrong = Secret::new("passphrase", "correct horse".to_owned());
    let open = |credential: &Credential<'_>| Vault::unlock(engine(&folder), credential, tools(3));
    assert!(open(&Credential::Recovery(&typed)).is_ok());
    assert!(open(&Credential::Passphrase(&passphrase)).is_ok());
    assert!(open(&Credential::KeyFile(&desk.key)).is_ok());
    assert!(matches!(open(&Credential::Passphrase(&wrong)), Err(Error::WrongCredential("passphrase"))));
}

#[test]
fn deletion_is_undone_and_destruction_is_not() {
    let desk = desk();
    desk.set("A", "one");
    desk.set("A", "two");
    desk.vault.delete(&desk.actor, &desk.scope, &name("A")).unwrap();
    assert!(desk.get("A", None).is_err() && desk.get("A", Some(1)).is_err());
    desk.vault.undelete(&desk.actor, &desk.scope, &name("A")).unwrap();
    assert_eq!(desk.get("A", None).unwrap(), "two");
    desk.vault.rollback(&desk.actor, &desk.scope, &name("A"), Version::FIRST).unwrap();
    assert_eq!(desk.get("A", None).unwrap(), "one");
    assert_eq!(desk.set("A", "three").version.get(), 3);
    desk.vault.destroy(&desk.actor, &desk.scope, &name("A"), Version::FIRST).unwrap();
    assert!(desk.get("A", Some(1)).is_err());
    assert!(desk.vault.rollback(&desk.actor, &desk.scope, &name("A"), Version::FIRST).is_err());
}

#[test]
fn equal_values_are_named_and_reads_are_counted() {
    let desk = desk();
    desk.set("A", "the-same-long-value");
    assert_eq!(desk.set("B", "the-same-long-value").same_as, ["shop/development/A"]);
    for _ in 0..3 {
        desk.get("A", None).unwrap();
    }
    let loaded = desk.vault.load(&desk.actor, &desk.scope, &name("A"), None).unwrap();
    let secret = loaded.head().place.secret;
    assert_eq!(desk.vault.reads(secret).unwrap()[0].n, 3);
    let holdings = desk.vault.holdings(secret).unwrap();
    assert_eq!(holdings.len(), 1, "nobody has a value twice");
    assert_eq!(desk.vault.close_holdings(&desk.actor, std::slice::from_ref(&holdings[0].id)).unwrap(), 1);
    assert_eq!(desk.vault.close_holdings(&desk.actor, &[holdings[0].id.clone()]).unwrap(), 0);
    desk.get("A", None).unwrap();
    let holdings = desk.vault.holdings(secret).unwrap();
    let open: Vec<_> = holdings.iter().filter(|holding| holding.until.is_none()).collect();
    assert_eq!((holdings.len(), open.len()), (2, 1), "who reads it again has it again");
    assert_eq!(desk.vault.reads(secret).unwrap()[0].n, 4);
}

#[test]
fn a_name_stands_once_in_a_write() {
    let desk = desk();
    let before = desk.vault.log_size().unwrap();
    for values in [["A", "A"], ["B", "B"]] {
        let values = values.map(|text| new_value(text, "value")).into();
        assert!(matches!(desk.vault.write(&desk.actor, &desk.scope, values), Err(Error::Refused(_))));
        desk.set("B", "there");
    }
    assert!(desk.get("A", None).is_err());
    assert_eq!(desk.get("B", None).unwrap(), "there");
    assert!(desk.vault.log_size().unwrap() > before);
}

#[test]
fn who_has_no_rights_gets_a_denial_that_is_on_record() {
    let desk = desk();
    desk.set("A", "value");
    let mut nobody = desk.vault.owner().unwrap().0;
    nobody.grants.clear();
    nobody.principal = "user:nobody".parse().unwrap();
    let actor = Actor { caller: Caller::identified(&nobody), ..desk.actor.clone() };
    let before = desk.vault.log_size().unwrap();
    let loaded = desk.vault.load(&desk.actor, &desk.scope, &name("A"), None).unwrap();
    assert!(matches!(desk.vault.read(&actor, vec![loaded], Via::Read), Err(Error::Denied(_))));
    assert!(matches!(desk.vault.write(&actor, &desk.scope, vec![new_value("A", "x")]), Err(Error::Denied(_))));
    assert!(matches!(desk.vault.heads(&actor, &desk.scope), Err(Error::Denied(_))));
    assert_eq!(desk.vault.log_size().unwrap(), before + 3);
}
