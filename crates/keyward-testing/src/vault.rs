//! A vault in a folder of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use keyward_store::Engine;
use keyward_store_sqlite::Sqlite;
use keyward_types::{Clock, Kind, Random, RandomError, Secret, Timestamp, Version};
use keyward_vault::{
    Actor, Credential, Edit, Error, KeyFile, NewSlot, NewValue, NewVault, Scope, Tools, Vault, Via, Written,
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A vault over the embedded engine, opened by a key file. Project `shop`, environments
/// `development` and `production`.
pub struct TestVault {
    /// The vault.
    pub vault: Vault,
    /// Its owner.
    pub actor: Actor,
    /// `shop/development`.
    pub scope: Scope,
    /// The key file of its first slot.
    pub key: KeyFile,
    /// The clock it goes by.
    pub clock: Arc<TestClock>,
    folder: TempDir,
}

/// A clock that stands still until it is moved.
pub struct TestClock(AtomicI64);

/// Reproducible bytes. Not for keys that protect anything.
pub struct SeededRandom {
    seed: u64,
    next: AtomicU64,
}

/// The operating system's randomness.
pub struct SystemRandom;

impl TestVault {
    /// A new vault whose keys and ids come from `seed`.
    ///
    /// # Panics
    /// When the temporary folder cannot be written.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::over(seed, |engine| Box::new(engine))
    }

    /// The same in memory, where the system has a place for files there: for a test that lives through days
    /// with many commits each and asks nothing of the disk.
    ///
    /// # Panics
    /// When the temporary folder cannot be written.
    #[must_use]
    pub fn in_memory(seed: u64) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self::in_folder(seed, folder.expect("there is a place for temporary files"), |engine| Box::new(engine))
    }

    /// The same over an engine that `wrap` makes of the embedded one.
    ///
    /// # Panics
    /// When the temporary folder cannot be written.
    #[must_use]
    pub fn over(seed: u64, wrap: impl FnOnce(Sqlite) -> Box<dyn Engine>) -> Self {
        Self::in_folder(seed, tempfile::tempdir().expect("there is a place for temporary files"), wrap)
    }

    fn in_folder(seed: u64, folder: TempDir, wrap: impl FnOnce(Sqlite) -> Box<dyn Engine>) -> Self {
        let clock = Arc::new(TestClock::new());
        let tools = Tools { clock: clock.clone(), random: Arc::new(SeededRandom::new(seed)) };
        let key = KeyFile::generate(&*tools.random).expect("seeded bytes never run out");
        let new = NewVault {
            slots: vec![(NewSlot::KeyFile(&key), "test".into())],
            owner: "Ada".into(),
            agent: "test".into(),
        };
        let engine = Sqlite::create(&folder.path().join(DATABASE), || 0).expect("the folder is writable");
        let vault = Vault::create(wrap(engine), &new, tools).expect("the store is empty");
        let actor = owner(&vault);
        let environments = ["development", "production"].map(|name| name.parse().expect("a plain word"));
        let shop = "shop".parse().expect("a plain word");
        vault.create_project(&actor, &shop, &environments).expect("the vault is empty");
        let scope = vault.scope(&shop, &environments[0]).expect("it was just made");
        Self { vault, actor, scope, key, clock, folder }
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder.path().join(DATABASE)
    }

    /// Ends the vault and keeps its folder and key.
    #[must_use]
    pub fn close(self) -> (TempDir, KeyFile) {
        (self.folder, self.key)
    }

    /// The vault by itself, and the folder that it lies in, which goes away with what is given.
    #[must_use]
    pub fn into_parts(self) -> (Vault, TempDir) {
        (self.vault, self.folder)
    }

    /// Stores a value as a new version.
    ///
    /// # Errors
    /// What the vault says.
    ///
    /// # Panics
    /// When `name` is no name.
    pub fn set(&self, name: &str, value: &str) -> Result<Written, Error> {
        let mut written = self.vault.write(&self.actor, &self.scope, vec![new_value(name, value)])?;
        Ok(written.remove(0))
    }

    /// Reads a version, or the active one.
    ///
    /// # Errors
    /// What the vault says.
    ///
    /// # Panics
    /// When `name` is no name or the value is no text.
    pub fn get(&self, name: &str, version: Option<u64>) -> Result<String, Error> {
        read(&self.vault, &self.actor, &self.scope, name, version)
    }
}

impl TestClock {
    fn new() -> Self {
        Self(AtomicI64::new(1_795_000_000_000))
    }

    /// A clock that stands at this moment.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Moves it on.
    pub fn advance(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

impl SeededRandom {
    /// Bytes from this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, next: AtomicU64::new(0) }
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        for chunk in bytes.chunks_mut(32) {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            let block = Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(next.to_be_bytes()).finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(|error| RandomError(error.to_string()))
    }
}

/// A folder in memory where the system has such, for databases whose durability is not the point.
///
/// # Panics
/// When there is no place for temporary files.
#[must_use]
pub fn folder_in_memory() -> TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    in_memory.expect("there is a place for temporary files")
}

/// A clock that stands still and the system's randomness.
#[must_use]
pub fn tools() -> Tools {
    Tools { clock: Arc::new(TestClock::new()), random: Arc::new(SystemRandom) }
}

/// Opens the vault of a database by its key file.
///
/// # Errors
/// What the engine and the vault say.
pub fn open(database: &Path, key: &KeyFile) -> Result<Vault, Error> {
    open_at(database, key, Arc::new(TestClock::new()))
}

/// The same by a clock that the test moves.
///
/// # Errors
/// What the engine and the vault say.
pub fn open_at(database: &Path, key: &KeyFile, clock: Arc<TestClock>) -> Result<Vault, Error> {
    let tools = Tools { clock, random: Arc::new(SystemRandom) };
    Vault::unlock(Box::new(Sqlite::open(database, || 0)?), &Credential::KeyFile(key), tools)
}

/// The owner of a vault, at a test.
///
/// # Panics
/// When his record is missing.
#[must_use]
pub fn owner(vault: &Vault) -> Actor {
    let (_, caller) = vault.owner().expect("a vault has an owner");
    Actor::new(caller, "test")
}

/// Reads one value as text.
///
/// # Errors
/// What the vault says.
///
/// # Panics
/// When `name` is no name or the value is no text.
pub fn read(vault: &Vault, actor: &Actor, scope: &Scope, name: &str, version: Option<u64>) -> Result<String, Error> {
    let version = version.map(|number| Version::new(number).expect("versions begin with 1"));
    let loaded = vault.load(actor, scope, &name.parse().expect("a name"), version)?;
    let opened = vault.read(actor, vec![loaded], Via::Read)?;
    Ok(String::from_utf8(opened[0].value.expose().clone()).expect("tests store text"))
}

/// A value to be stored, as an API key.
///
/// # Panics
/// When `name` is no name.
#[must_use]
pub fn new_value(name: &str, value: &str) -> NewValue {
    NewValue {
        name: name.parse().expect("a name"),
        value: Secret::new(name.to_owned(), value.as_bytes().to_vec()),
        bits: 128,
        edit: Edit { kind: Some(Kind::ApiKey), ..Edit::default() },
    }
}

const DATABASE: &str = "vault.db";
