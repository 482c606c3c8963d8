//! Campaign: a process that writes and reads is killed at random points. What it acknowledged is
//! there, versions have no gaps, every disclosure has its entry, and the log verifies.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[path = "crash/writer.rs"]
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use keyward_store_sqlite::Sqlite;
use keyward_testing::crash::{Ack, THREADS, value_of};
use keyward_testing::{Seed, TestVault, proof, size, vault};
use keyward_types::Version;
use keyward_vault::{KeyFile, Vault, Via};
use tempfile::TempDir;
use writer::Writer;

/// A vault that is fresh now and then, so that a round does not take longer and longer.
const ROUNDS_A_VAULT: u64 = 10;

/// What a vault's writers have acknowledged.
struct Ledger {
    folder: TempDir,
    key: KeyFile,
    /// The newest acknowledged version of each name.
    written: BTreeMap<String, u64>,
    /// Acknowledged disclosures of each version.
    read: BTreeMap<(String, u64), u64>,
}

#[derive(Default)]
struct Sum {
    kills: u64,
    before_opened: u64,
    writes: u64,
    reads: u64,
    unacknowledged_writes: u64,
    unacknowledged_reads: u64,
    entries: u64,
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let kills = size("KEYWARD_KILLS", 25);
    let mut seed = Seed::of_campaign();
    let mut sum = Sum::default();
    let mut ledger = Ledger::new(&mut seed);
    while sum.kills < kills {
        if sum.kills > 0 && sum.kills % ROUNDS_A_VAULT == 0 {
            ledger = Ledger::new(&mut seed);
        }
        let acks = kill_one(&ledger, &mut seed);
        sum.kills += 1;
        sum.before_opened += u64::from(!acks.contains(&Ack::Opened));
        ledger.enter(&acks, &mut sum);
        ledger.check(&mut sum);
    }
    proof("kills", sum.kills);
    proof("kills before the vault was open", sum.before_opened);
    proof("acknowledged writes", sum.writes);
    proof("acknowledged disclosures", sum.reads);
    proof("writes durable before they were acknowledged", sum.unacknowledged_writes);
    proof("disclosures recorded before they were acknowledged", sum.unacknowledged_reads);
    proof("log entries verified", sum.entries);
    proof("lost", 0);
}

/// Starts a writer, kills it at a random point, and returns what it had acknowledged.
fn kill_one(ledger: &Ledger, seed: &mut Seed) -> Vec<Ack> {
    let mut writer = Writer::start(&ledger.database(), &ledger.key_file(), seed.bits());
    if !seed.once_in(6) {
        let wanted = seed.below(24);
        writer.wait_for(wanted);
    }
    // Microseconds: somewhere within the next commits, or while the vault is being opened.
    std::thread::sleep(Duration::from_micros(seed.below(20_000) as u64));
    writer.kill()
}

impl Ledger {
    fn new(seed: &mut Seed) -> Self {
        let made = TestVault::new(seed.bits());
        let text = made.key.text(made.vault.id());
        let (folder, key) = made.close();
        std::fs::write(folder.path().join("key"), text.as_bytes()).unwrap();
        Self { folder, key, written: BTreeMap::new(), read: BTreeMap::new() }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("vault.db")
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    fn enter(&mut self, acks: &[Ack], sum: &mut Sum) {
        for ack in acks {
            match ack {
                Ack::Opened => {}
                Ack::Wrote { name, version } => {
                    let before = self.written.insert(name.clone(), *version);
                    assert!(before.unwrap_or(0) < *version, "`{name}` {version} came after {before:?}");
                    sum.writes += 1;
                }
                Ack::Read { name, version } => {
                    *self.read.entry((name.clone(), *version)).or_default() += 1;
                    sum.reads += 1;
                }
                other => panic!("the writer says: {other}"),
            }
        }
    }

    /// Opens the vault as the next command would, and looks at everything.
    fn check(&mut self, sum: &mut Sum) {
        let vault = vault::open(&self.database(), &self.key).expect("a killed writer leaves a vault that opens");
        let verified = vault.verify(None).unwrap();
        assert_eq!(verified.faults, [""; 0], "the log verifies");
        sum.entries += verified.entries;
        self.check_disclosures(&vault, sum);
        self.check_values(&vault, sum);
    }

    fn check_disclosures(&mut self, vault: &Vault, sum: &mut Sum) {
        let mut recorded: BTreeMap<(String, u64), u64> = BTreeMap::new();
        for line in vault.log(0, usize::MAX).unwrap() {
            if let (Some(version), Some(private)) = (line.entry.version, line.private)
                && line.entry.action.to_string() == "secret.read"
            {
                let name = private.names.secret.expect("an entry about a secret names it");
                *recorded.entry((name, version)).or_default() += 1;
            }
        }
        for (read, count) in &self.read {
            let entries = recorded.get(read).copied().unwrap_or(0);
            assert!(entries >= *count, "{read:?} was disclosed {count} times, {entries} are on record");
        }
        let in_flight = recorded.values().sum::<u64>() - self.read.values().sum::<u64>();
        assert!(in_flight <= THREADS, "{in_flight} disclosures are on record that nobody acknowledged");
        sum.unacknowledged_reads += in_flight;
        self.read = recorded;
    }

    fn check_values(&mut self, vault: &Vault, sum: &mut Sum) {
        let actor = vault::owner(vault);
        let scope = vault.scope(&"shop".parse().unwrap(), &"development".parse().unwrap()).unwrap();
        let heads = vault.heads(&actor, &scope).unwrap();
        let mut in_flight = 0;
        let mut loaded = Vec::new();
        for head in &heads {
            let name = head.name.to_string();
            let versions: Vec<u64> = head.versions.iter().map(|version| version.version.get()).collect();
            let newest = versions.len() as u64;
            assert_eq!(versions, (1..=newest).collect::<Vec<_>>(), "the versions of `{name}` have no gaps");
            let acknowledged = self.written.insert(name, newest).unwrap_or(0);
            assert!(newest >= acknowledged, "`{}` has {newest} versions of {acknowledged}", head.name);
            in_flight += newest - acknowledged;
            for version in versions {
                let version = Version::new(version).unwrap();
                loaded.push(vault.load(&actor, &scope, &head.name, Some(version)).unwrap());
            }
        }
        assert_eq!(heads.len(), self.written.len(), "every name that was written is there");
        assert!(in_flight <= THREADS, "{in_flight} writes are there that nobody acknowledged");
        sum.unacknowledged_writes += in_flight;
        for opened in vault.read(&actor, loaded, Via::Read).unwrap() {
            let (name, version) = (opened.loaded.head().name.to_string(), opened.loaded.version().get());
            assert_eq!(opened.value.expose(), value_of(&name, version).as_bytes(), "`{name}` {version}");
            *self.read.entry((name, version)).or_default() += 1;
        }
    }
}

/// The engine's own view, without keys: nothing of a killed process is left in the way.
#[test]
fn a_killed_writer_leaves_no_lock_behind() {
    let mut seed = Seed::new(3);
    let ledger = Ledger::new(&mut seed);
    let mut writer = Writer::start(&ledger.database(), &ledger.key_file(), 3);
    writer.wait_for(5);
    writer.kill();
    let engine = Sqlite::open(&ledger.database(), || 0).unwrap();
    assert_eq!(keyward_store::Engine::check(&engine).unwrap(), [""; 0]);
}
