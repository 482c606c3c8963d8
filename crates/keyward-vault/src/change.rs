//! A change and the entries that tell of it, committed together. Every entry of a change that
//! touches records carries the hash of what it leaves behind, so that `audit verify` can replay
//! the log against the store.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use keyward_access::{Object, Permit};
use keyward_audit::{Action as ActionName, Entry, Hash, Outcome, PrivatePart, RecordChange, Via};
use keyward_store::{Batch, Committed, Delete, Expect, LogEntry, NonEmpty, Put, header_hash, record_hash};
use keyward_types::{Action, EnvironmentName, ProjectName, Record, SecretName, Version};

use crate::actor::Actor;
use crate::crypto::Key;
use crate::key_table::KeyTable;
use crate::records::{self, KeyMark, StoredKey};
use crate::roster::Known;
use crate::{Error, Once, Vault};

/// A change under way. Made from a permit, which it uses up.
pub(crate) struct Change<'a> {
    vault: &'a Vault,
    actor: &'a Actor,
    told: Vec<Told>,
    expects: Vec<Expect>,
    header: Option<Vec<u8>>,
    /// The root that comes into force with the change.
    root: Option<Key>,
}

/// One entry and what it changes.
struct Told {
    telling: Telling,
    puts: Vec<Put>,
    /// What is made of some of them, by their places.
    made: Vec<(usize, Arc<dyn Any + Send + Sync>)>,
    deletes: Vec<Delete>,
}

/// One entry before it is sealed.
#[derive(Clone, Debug)]
pub(crate) struct Telling {
    pub(crate) action: ActionName,
    pub(crate) outcome: Outcome,
    pub(crate) object: Object,
    pub(crate) version: Option<Version>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) via: Option<Via>,
    pub(crate) count: Option<u64>,
    pub(crate) names: Names,
}

/// Names at the time of the act, for the private part of an entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) project: Option<ProjectName>,
    pub(crate) environment: Option<EnvironmentName>,
    pub(crate) secret: Option<SecretName>,
    pub(crate) more: BTreeMap<String, String>,
}

impl Telling {
    pub(crate) fn new(action: ActionName, object: Object) -> Self {
        Self {
            action,
            outcome: Outcome::Allowed,
            object,
            version: None,
            fingerprint: None,
            via: None,
            count: None,
            names: Names::default(),
        }
    }

    pub(crate) fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    pub(crate) fn names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    pub(crate) fn version(mut self, version: Version, fingerprint: &str) -> Self {
        self.version = Some(version);
        self.fingerprint = Some(fingerprint.to_owned());
        self
    }

    pub(crate) fn via(mut self, via: Via) -> Self {
        self.via = Some(via);
        self
    }

    pub(crate) fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }
}

impl Names {
    pub(crate) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.more.insert(key.to_owned(), value.into());
        self
    }
}

impl<'a> Change<'a> {
    /// A change that `permit` allows.
    pub(crate) fn permitted<A: Action>(
        vault: &'a Vault,
        actor: &'a Actor,
        permit: Permit<A>,
        telling: Telling,
    ) -> Self {
        debug_assert_eq!(permit.object().vault(), telling.object.vault(), "a permit is for one vault");
        drop(permit);
        Self::told(vault, actor, telling)
    }

    /// An entry that needs no permit of its own: the record of a permit, of a denial, or of work
    /// that comes with the opening of the vault.
    pub(crate) fn told(vault: &'a Vault, actor: &'a Actor, telling: Telling) -> Self {
        Self { vault, actor, told: vec![Told::new(telling)], expects: vec![], header: None, root: None }
    }

    /// A further entry in the same change; what is put from now on stands in it.
    pub(crate) fn also(&mut self, telling: Telling) {
        self.told.push(Told::new(telling));
    }

    /// The same for what `permit` allows.
    pub(crate) fn also_permitted<A: Action>(&mut self, permit: Permit<A>, telling: Telling) {
        debug_assert_eq!(permit.object().vault(), telling.object.vault(), "a permit is for one vault");
        drop(permit);
        self.also(telling);
    }

    pub(crate) fn put<R: Record>(&mut self, record: &R) {
        self.present().puts.push(records::put(record));
    }

    /// The same of a record that is asked for again soon: whoever does has this one. Gives it as it is to be
    /// stored.
    pub(crate) fn put_shared<R>(&mut self, record: Arc<R>) -> &[u8]
    where
        R: Record + PartialEq + Debug + Send + Sync + 'static,
    {
        let put = records::put(&*record);
        debug_assert_eq!(serde_json::from_slice::<R>(&put.value).ok().as_ref(), Some(&*record), "it is read otherwise");
        let Told { puts, made, .. } = self.present();
        made.push((puts.len(), record));
        puts.push(put);
        puts.last().map_or(&[], |put| &put.value)
    }

    pub(crate) fn delete<R: Record>(&mut self, key: Vec<u8>) {
        self.present().deletes.push(Delete { collection: R::COLLECTION.to_owned(), key });
    }

    fn present(&mut self) -> &mut Told {
        self.told.last_mut().expect("a change begins with an entry")
    }

    pub(crate) fn expect(&mut self, expect: Expect) {
        self.expects.push(expect);
    }

    pub(crate) fn expect_free<R: Record>(&mut self, index: &str, value: Vec<u8>) {
        self.expects.push(Expect::AbsentIndex { collection: R::COLLECTION.to_owned(), index: index.to_owned(), value });
    }

    pub(crate) fn header(&mut self, bytes: Vec<u8>) {
        self.header = Some(bytes);
    }

    /// The change replaces the root by this one.
    pub(crate) fn root(&mut self, root: Key) {
        self.root = Some(root);
    }

    /// The root under which this change leaves the vault, where it replaces the header: whoever makes
    /// it holds that, and expects the old one to be there still.
    fn root_ahead(&self) -> Option<Key> {
        self.header.as_ref().map(|_| self.root.clone().unwrap_or_else(|| self.vault.ring.root()))
    }

    /// Makes the change durable together with its entries.
    pub(crate) fn commit(mut self) -> Result<Committed, Error> {
        let vault = self.vault;
        let birth = vault.birth_of(self.actor.principal(), self.root_ahead())?;
        if let Some(birth) = &birth {
            self.expects.extend(birth.under.clone());
            self.expects.push(records::absent(&birth.stored));
            self.told[0].puts.push(records::put(&birth.stored));
        }
        let once = self.once();
        let batch = self.into_batch()?;
        let changed: Vec<(String, Vec<u8>)> = batch.changes().iter().filter_map(of_access).collect();
        let of_keys: Vec<(String, Vec<u8>)> = batch.changes().iter().filter_map(of_keys).collect();
        let committed = vault.store.commit(batch).map_err(|error| vault.refused(error))?;
        if let Some(birth) = birth {
            birth.settle();
        }
        if let Some(once) = once {
            once.settle();
        }
        vault.known.forget(&changed);
        if vault.keys.note(&of_keys) {
            vault.tell_of_keys();
        }
        Ok(committed)
    }

    /// The same without waiting: `call` is made with the answer. False when that is not possible
    /// and nothing was done: the first entry about somebody makes his key, and what decides who may
    /// do what has to be forgotten when it changes.
    pub(crate) fn submit(
        self,
        call: impl FnOnce(keyward_store::Result<Committed>) + Send + 'static,
    ) -> Result<bool, Error> {
        let vault = self.vault;
        if self.once().is_some() || !vault.knows_subject(self.actor.principal())? {
            return Ok(false);
        }
        let batch = self.into_batch()?;
        if batch.changes().iter().any(|change| of_access(change).is_some()) {
            return Ok(false);
        }
        vault.store.submit(batch, call)?;
        Ok(true)
    }

    /// What marks it as done, where it is done once. A denial is no part of that.
    fn once(&self) -> Option<&'a Once> {
        self.actor.once.as_ref().filter(|_| self.told[0].telling.outcome == Outcome::Allowed)
    }

    fn into_batch(mut self) -> Result<Batch, Error> {
        self.expects.extend(self.actor.lead.as_ref().and_then(|lead| lead.expect()));
        if let Some((before, mark)) = self.once().and_then(|once| once.mark()) {
            self.expects.push(before);
            self.told[0].puts.push(records::put(mark));
        }
        for told in &mut self.told {
            if told.puts.iter().any(|put| put.collection == StoredKey::COLLECTION) {
                told.puts.push(records::put(&KeyMark {}));
            }
        }
        let mut entries = Vec::with_capacity(self.told.len());
        for (i, told) in self.told.iter().enumerate() {
            let header = self.header.as_ref().filter(|_| i == 0).map(|bytes| Hash(header_hash(bytes)));
            entries.extend(self.vault.entries(self.actor, told, header)?);
        }
        let mut batch = Batch::record(NonEmpty::try_from(entries)?);
        for expect in self.expects {
            batch = batch.expect(expect);
        }
        for told in self.told {
            batch = told.deletes.into_iter().fold(batch, Batch::delete);
            let mut made = told.made.into_iter().peekable();
            for (at, put) in told.puts.into_iter().enumerate() {
                batch = match made.next_if(|(of, _)| *of == at) {
                    Some((_, made)) => batch.put_made(put, made),
                    None => batch.put(put),
                };
            }
        }
        if let Some(header) = self.header {
            batch = batch.header(header);
        }
        Ok(batch)
    }
}

/// Who has lost the lead is told that, and who asks for what is being done already that, and not that
/// somebody changed the same thing.
pub(crate) fn replaced(error: keyward_store::Error) -> Error {
    match error {
        keyward_store::Error::Conflict(expect) if matches!(*expect, Expect::Lease { .. }) => Error::Replaced,
        keyward_store::Error::Conflict(expect) if Once::is_in_the_way(&expect) => {
            Error::Raced("the request with this key".into())
        }
        other => other.into(),
    }
}

/// Where a change lies, if it is of what decides who may do what.
fn of_access(change: &keyward_store::Change) -> Option<(String, Vec<u8>)> {
    let (collection, key) = place_of(change);
    Known::concerns(collection).then(|| (collection.to_owned(), key.to_vec()))
}

/// The same of what decides which virtual keys serve, and with what.
fn of_keys(change: &keyward_store::Change) -> Option<(String, Vec<u8>)> {
    let (collection, key) = place_of(change);
    KeyTable::concerns(collection).then(|| (collection.to_owned(), key.to_vec()))
}

fn place_of(change: &keyward_store::Change) -> (&str, &[u8]) {
    match change {
        keyward_store::Change::Put(put) => (&put.collection, &put.key),
        keyward_store::Change::Delete(delete) => (&delete.collection, &delete.key),
    }
}

impl Told {
    fn new(telling: Telling) -> Self {
        Self { telling, puts: Vec::new(), made: Vec::new(), deletes: Vec::new() }
    }

    fn record_changes(&self) -> Vec<RecordChange> {
        let deleted = self.deletes.iter().map(|delete| RecordChange {
            collection: delete.collection.clone(),
            key: delete.key.clone(),
            hash: None,
        });
        let put = self.puts.iter().map(|put| RecordChange {
            collection: put.collection.clone(),
            key: put.key.clone(),
            hash: Some(Hash(record_hash(&put.collection, &put.key, &put.value, &put.indexes))),
        });
        deleted.chain(put).collect()
    }
}

impl Vault {
    /// The sealed entries of one telling: one, or several where its records do not fit one.
    fn entries(&self, actor: &Actor, told: &Told, header: Option<Hash>) -> Result<Vec<LogEntry>, Error> {
        let telling = &told.telling;
        let names = &telling.names;
        let private = PrivatePart {
            reason: actor.reason.clone(),
            agent: Some(actor.agent.clone()),
            address: actor.address.clone(),
            names: keyward_audit::private::Names {
                project: names.project.as_ref().map(ToString::to_string),
                environment: names.environment.as_ref().map(ToString::to_string),
                secret: names.secret.as_ref().map(ToString::to_string),
            },
            more: names.more.clone(),
        };
        let (salted, commit) = self.salted(&private)?;
        let object = &telling.object;
        let entry = Entry {
            project: object.project().map(|id| id.to_string()),
            environment: object.environment().map(|id| id.to_string()),
            secret: match object {
                Object::Secret(place, _) => Some(place.secret.to_string()),
                _ => None,
            },
            version: telling.version.map(Version::get),
            fingerprint: telling.fingerprint.clone(),
            via: telling.via,
            count: telling.count,
            records: told.record_changes(),
            header,
            ..Entry::new(
                telling.action,
                telling.outcome,
                actor.principal().to_string(),
                object.vault().to_string(),
                self.tools.clock.now().to_string(),
                commit,
            )
        };
        let sealed = salted.seal(&entry, actor.principal().as_str(), &*self.ring)?;
        entry
            .into_parts()
            .iter()
            .map(|part| Ok(LogEntry { public: part.canonical()?, private: sealed.clone() }))
            .collect()
    }
}
