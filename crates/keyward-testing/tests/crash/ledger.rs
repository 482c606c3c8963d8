//! What writers have acknowledged, and the comparison of it with the vault.

use std::collections::BTreeMap;
use std::path::PathBuf;

use keyward_testing::crash::{Ack, THREADS, value_of};
use keyward_testing::{Seed, TestVault, vault};
use keyward_types::Version;
use keyward_vault::{KeyFile, Vault, Via};
use tempfile::TempDir;

/// What a vault's writers have acknowledged.
pub(crate) struct Ledger {
    folder: TempDir,
    key: KeyFile,
    /// The newest acknowledged version of each name.
    written: BTreeMap<String, u64>,
    /// Acknowledged disclosures of each version.
    read: BTreeMap<(String, u64), u64>,
}

/// Counts of a campaign.
#[derive(Default)]
pub(crate) struct Sum {
    pub(crate) kills: u64,
    pub(crate) before_opened: u64,
    pub(crate) writes: u64,
    pub(crate) reads: u64,
    pub(crate) unacknowledged_writes: u64,
    pub(crate) unacknowledged_reads: u64,
    pub(crate) entries: u64,
    pub(crate) refusals: u64,
}

impl Ledger {
    pub(crate) fn new(seed: &mut Seed) -> Self {
        let made = TestVault::new(seed.bits());
        let text = made.key.text(made.vault.id());
        let (folder, key) = made.close();
        std::fs::write(folder.path().join("key"), text.as_bytes()).unwrap();
        Self { folder, key, written: BTreeMap::new(), read: BTreeMap::new() }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("vault.db")
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    pub(crate) fn enter(&mut self, acks: &[Ack], sum: &mut Sum) {
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
                Ack::Refused { .. } => sum.refusals += 1,
                other => panic!("the writer says: {other}"),
            }
        }
    }

    /// Opens the vault as the next command would, and looks at everything.
    pub(crate) fn check(&mut self, sum: &mut Sum) {
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
