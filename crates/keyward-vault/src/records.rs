//! What the vault keeps beside heads: projects, environments, wrapped keys, sealed values,
//! bindings of folders, reads and holdings; and the typed door to the store.

use std::sync::Arc;

use keyward_access::Network;
use keyward_store::{Expect, KeyRange, Made, Put, Store};
use keyward_types::{
    EnvironmentId, EnvironmentName, Place, PrincipalId, ProjectId, ProjectName, Record, Timestamp, Version,
};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::header::WrappedKey;

/// A project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name, unique in the vault.
    pub name: ProjectName,
    /// When it was made.
    pub created_at: Timestamp,
    /// The generation of its key that new values are sealed under.
    pub key_generation: u32,
    /// From where it may be used; empty: from everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
}

/// An environment of a project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Its id.
    pub id: EnvironmentId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// Its name, unique in the project.
    pub name: EnvironmentName,
    /// Where a missing name is read instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<EnvironmentId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// For how many seconds a client may keep what it read of it, for when it does not reach its server;
    /// `None`: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline_seconds: Option<u32>,
}

/// A value as it lies in the store: only the vault's keys open it, and only in its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// Where it belongs.
    pub place: Place,
    /// Which version it is.
    pub version: Version,
    /// The generation of the project's key.
    pub key_generation: u32,
    /// `nonce ‖ ciphertext ‖ tag`, base64.
    pub(crate) body: String,
}

/// A wrapped key of a project or of a principal's private log parts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredKey {
    pub(crate) key: WrappedKey,
}

/// Put with every wrapped key: whoever replaces the root sees by its generation that a key came
/// after he had looked for all of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyMark {}

/// The folder that `init` or `trust` bound to a project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// Canonical path.
    pub path: String,
    /// Its git origin at that time, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The project whose secrets it may have.
    pub project: ProjectId,
    /// Since when.
    pub created_at: Timestamp,
}

/// How often a principal has read a version. Made with his first read; the others are counted from the
/// log (`counting.rs`), whose pruning it survives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reads {
    /// Who.
    pub principal: PrincipalId,
    /// What.
    pub place: Place,
    /// Which version.
    pub version: Version,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
    /// How often.
    pub n: u64,
    /// The first entry of the log that is not counted in it, where it is counted from the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<u64>,
    /// The holding that these reads opened, while it is open: reading again opens no other, as
    /// nobody has a value twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holding: Option<String>,
}

/// Who has a value outside keyward.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// Names it: 16 random bytes in hex.
    pub id: String,
    /// Who.
    pub principal: PrincipalId,
    /// What.
    pub place: Place,
    /// Which version.
    pub version: Version,
    /// How it was handed out.
    pub kind: HoldingKind,
    /// Since when.
    pub since: Timestamp,
    /// Until when; a read or an export stays open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// How a value was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldingKind {
    /// `get`, an API read, the clipboard.
    Read,
    /// A child process.
    Run,
    /// A file or a pipe.
    Export,
    /// A deployment target.
    Target,
    /// A gateway node's lease.
    Gateway,
}

impl Record for Project {
    const COLLECTION: &'static str = "project";
    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("name", self.name.as_str().as_bytes().to_vec())]
    }
}

impl Environment {
    /// One that reads from no other, and of which nothing is kept elsewhere.
    pub(crate) fn new(id: EnvironmentId, project: ProjectId, name: EnvironmentName, created_at: Timestamp) -> Self {
        Self { id, project, name, parent: None, created_at, offline_seconds: None }
    }
}

impl Record for Environment {
    const COLLECTION: &'static str = "environment";
    fn key(&self) -> Vec<u8> {
        [&self.project.as_bytes()[..], self.id.as_bytes()].concat()
    }
    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("name", environment_index(self.project, &self.name))]
    }
}

pub(crate) fn environment_index(project: ProjectId, name: &EnvironmentName) -> Vec<u8> {
    [&project.as_bytes()[..], name.as_str().as_bytes()].concat()
}

impl Record for Sealed {
    const COLLECTION: &'static str = "value";
    fn key(&self) -> Vec<u8> {
        self.place.version_key(self.version)
    }
}

impl Record for StoredKey {
    const COLLECTION: &'static str = "key";
    fn key(&self) -> Vec<u8> {
        stored_key_key(&self.key.purpose, self.key.generation)
    }
}

impl Record for KeyMark {
    const COLLECTION: &'static str = "key.mark";
    fn key(&self) -> Vec<u8> {
        Vec::new()
    }
}

pub(crate) fn stored_key_key(purpose: &str, generation: u32) -> Vec<u8> {
    format!("{purpose}/{generation:010}").into_bytes()
}

impl Record for Binding {
    const COLLECTION: &'static str = "binding";
    fn key(&self) -> Vec<u8> {
        self.path.as_bytes().to_vec()
    }
    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("project", self.project.as_bytes().to_vec())]
    }
}

impl Record for Reads {
    const COLLECTION: &'static str = "reads";
    fn key(&self) -> Vec<u8> {
        reads_key(&self.principal, &self.place, self.version)
    }
    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("secret", self.place.secret.as_bytes().to_vec())]
    }
}

pub(crate) fn reads_key(principal: &PrincipalId, place: &Place, version: Version) -> Vec<u8> {
    [principal.as_str().as_bytes(), &[0], &place.version_key(version)].concat()
}

impl Record for Holding {
    const COLLECTION: &'static str = "holding";
    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }
    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![
            ("secret", self.place.secret.as_bytes().to_vec()),
            ("principal", self.principal.as_str().as_bytes().to_vec()),
        ]
    }
}

/// A record and how often its row was written, to be named in [`Expect::Generation`].
pub(crate) struct Row<R> {
    pub(crate) record: R,
    pub(crate) generation: u64,
}

pub(crate) fn load<R: Record>(store: &Store, key: &[u8]) -> Result<Option<Row<R>>, Error> {
    store.shared(R::COLLECTION, key)?.map(|row| parse(&row)).transpose()
}

/// The same of what is rarely asked for twice: it takes no room from what is.
pub(crate) fn load_passing<R: Record>(store: &Store, key: &[u8]) -> Result<Option<Row<R>>, Error> {
    store.passing().get(R::COLLECTION, key)?.map(|row| parse(&row)).transpose()
}

/// The same for whoever only looks at it: parsed once for as long as the store remembers it.
pub(crate) fn load_shared<R: Record + Send + Sync + 'static>(
    store: &Store,
    key: &[u8],
) -> Result<Option<Arc<R>>, Error> {
    Ok(store.reader().made(R::COLLECTION, key, parse_record)?.map(|made| made.what))
}

pub(crate) fn find<R: Record>(store: &Store, index: &str, value: &[u8]) -> Result<Vec<Row<R>>, Error> {
    store.by_index(R::COLLECTION, index, value)?.iter().map(parse).collect()
}

/// The same for whoever only looks at them, as [`load_shared`].
pub(crate) fn find_shared<R: Record + Send + Sync + 'static>(
    store: &Store,
    index: &str,
    value: &[u8],
) -> Result<Vec<Arc<R>>, Error> {
    Ok(made_by_index(store, index, value)?.into_iter().map(|made| made.what).collect())
}

/// The same for whoever changes them: each is copied, which costs less than to parse it.
pub(crate) fn find_copied<R: Record + Clone + Send + Sync + 'static>(
    store: &Store,
    index: &str,
    value: &[u8],
) -> Result<Vec<Row<R>>, Error> {
    let found = made_by_index(store, index, value)?.into_iter();
    let row = |made: Made<R>| Row { record: Arc::unwrap_or_clone(made.what), generation: made.generation };
    Ok(found.map(row).collect())
}

fn made_by_index<R: Record + Send + Sync + 'static>(
    store: &Store,
    index: &str,
    value: &[u8],
) -> Result<Vec<Made<R>>, Error> {
    let declares = |record: &R| record.indexes().iter().any(|(name, declared)| *name == index && declared == value);
    store.reader().made_by_index(R::COLLECTION, index, value, parse_record, declares)
}

fn parse_record<R: Record>(row: &keyward_store::Record) -> Result<R, Error> {
    parse(row).map(|row| row.record)
}

/// Every record whose key begins with `prefix`, in the order of keys.
pub(crate) fn scan<R: Record + Send>(store: &Store, prefix: &[u8]) -> Result<Vec<Row<R>>, Error> {
    store.map(R::COLLECTION, &KeyRange::prefix(prefix), |row| parse(&row))
}

pub(crate) fn put<R: Record>(record: &R) -> Put {
    Put {
        collection: R::COLLECTION.to_owned(),
        key: record.key(),
        value: serde_json::to_vec(record).expect("records have string keys and no failing values"),
        indexes: record.indexes().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    }
}

pub(crate) fn unchanged<R: Record>(row: &Row<R>) -> Expect {
    written(R::COLLECTION, &row.record.key(), row.generation)
}

/// That a row was written so often and no more.
pub(crate) fn written(collection: &str, key: &[u8], generation: u64) -> Expect {
    Expect::Generation { collection: collection.to_owned(), key: key.to_vec(), generation }
}

pub(crate) fn absent<R: Record>(record: &R) -> Expect {
    absent_at::<R>(record.key())
}

/// The same of a record that nobody has made.
pub(crate) fn absent_at<R: Record>(key: Vec<u8>) -> Expect {
    Expect::Absent { collection: R::COLLECTION.to_owned(), key }
}

/// The MAC was checked by the store, so that bytes which do not parse are of another keyward.
pub(crate) fn parse<R: Record>(row: &keyward_store::Record) -> Result<Row<R>, Error> {
    let record = serde_json::from_slice(&row.value)
        .map_err(|_| Error::Damaged("a record was written by a newer keyward, or by none"))?;
    Ok(Row { record, generation: row.generation })
}
