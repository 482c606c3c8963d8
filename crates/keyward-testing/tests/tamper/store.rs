//! The store that is tampered with: several projects and environments, versions, deletions, slots,
//! keys of several generations, and a copy of it after each step.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use keyward_store_sqlite::Sqlite;
use keyward_testing::Seed;
use keyward_testing::tamper::Rows;
use keyward_testing::vault::{folder_in_memory, new_value, open, owner, read, tools};
use keyward_types::{Secret, Version};
use keyward_vault::{Actor, Anchor, Cost, Edit, Error, KeyFile, NewSlot, NewVault, RecoveryCode, Scope, Vault};
use tempfile::TempDir;

/// A store with a past.
pub(crate) struct Store {
    folder: TempDir,
    /// Opens it.
    pub(crate) key: KeyFile,
    /// What every name holds and held.
    pub(crate) values: BTreeMap<Address, Values>,
    /// Its states, oldest first; the last one is the present.
    pub(crate) stages: Vec<Stage>,
    seed: Seed,
}

/// Where a value is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    project: &'static str,
    environment: &'static str,
    name: String,
}

/// What is to be read there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    /// `None` when nothing is to be had.
    pub(crate) now: Option<String>,
    /// What was to be had before.
    pub(crate) before: BTreeSet<String>,
}

/// The store at one moment.
pub(crate) struct Stage {
    /// A copy of its database.
    pub(crate) path: PathBuf,
    /// The rows of it.
    pub(crate) rows: Rows,
    /// The newest checkpoint then.
    pub(crate) checkpoint: String,
    /// What a machine would have kept outside.
    pub(crate) anchor: Anchor,
}

impl Address {
    /// Reads what lies there.
    pub(crate) fn read(&self, vault: &Vault, actor: &Actor) -> Result<String, Error> {
        let scope = vault.scope(&self.project.parse().unwrap(), &self.environment.parse().unwrap())?;
        read(vault, actor, &scope, &self.name, None)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.project, self.environment, self.name)
    }
}

impl Store {
    /// The present database.
    pub(crate) fn database(&self) -> &Path {
        &self.stages.last().expect("there are stages").path
    }

    /// Makes a store and lives in it for a while.
    pub(crate) fn build(seed: &Seed) -> Self {
        let folder = folder_in_memory();
        let tools = tools();
        let key = KeyFile::generate(&*tools.random).unwrap();
        let new = NewVault {
            slots: vec![(NewSlot::KeyFile(&key), "here".into())],
            owner: "Ada".into(),
            agent: "test".into(),
        };
        let engine = Sqlite::create(&folder.path().join("live.db"), || 0).unwrap();
        drop(Vault::create(Box::new(engine), &new, tools).unwrap());
        let mut store = Self { folder, key, values: BTreeMap::new(), stages: Vec::new(), seed: seed.part("store", 0) };
        store.stage(Self::projects);
        store.stage(Self::first_values);
        store.stage(Self::new_versions);
        store.stage(Self::deletions);
        store.stage(Self::slots_and_keys);
        store.stage(Self::endings);
        store.stage(Self::new_versions);
        store
    }

    fn stage(&mut self, live: fn(&mut Self, &Vault, &Actor)) {
        let database = self.folder.path().join("live.db");
        let vault = open(&database, &self.key).unwrap();
        let actor = owner(&vault);
        live(self, &vault, &actor);
        let (checkpoint, anchor) = (vault.checkpoint().unwrap(), vault.anchor().unwrap());
        drop(vault);
        let path = self.folder.path().join(format!("stage-{}.db", self.stages.len()));
        std::fs::copy(&database, &path).unwrap();
        self.stages.push(Stage { rows: Rows::read(&path).unwrap(), path, checkpoint, anchor });
    }

    fn projects(&mut self, vault: &Vault, actor: &Actor) {
        for (project, environments) in [("shop", ["development", "production"]), ("blog", ["development", "test"])] {
            let environments = environments.map(|name| name.parse().unwrap());
            vault.create_project(actor, &project.parse().unwrap(), &environments).unwrap();
        }
        let (staging, development) = ("staging".parse().unwrap(), "development".parse().unwrap());
        vault.add_environment(actor, &"shop".parse().unwrap(), &staging, Some(&development)).unwrap();
    }

    fn first_values(&mut self, vault: &Vault, actor: &Actor) {
        for number in 0..6 {
            self.set(vault, actor, "shop", "development", number);
            self.set(vault, actor, "blog", "test", number);
        }
        // Production has some of them, and staging reads from development what it does not have.
        for number in 0..4 {
            self.set(vault, actor, "shop", "production", number);
        }
        for number in 0..2 {
            self.set(vault, actor, "shop", "staging", number);
        }
    }

    fn new_versions(&mut self, vault: &Vault, actor: &Actor) {
        for (project, environment) in [("shop", "development"), ("shop", "staging"), ("blog", "test")] {
            self.set(vault, actor, project, environment, 1);
            self.set(vault, actor, project, environment, 0);
        }
        self.set(vault, actor, "shop", "production", 0);
        for address in self.values.keys().filter(|address| address.name.ends_with(['0', '3'])) {
            let _ = address.read(vault, actor);
        }
    }

    fn deletions(&mut self, vault: &Vault, actor: &Actor) {
        let blog = scope(vault, "blog", "test");
        vault.delete(actor, &blog, &name(4)).unwrap();
        vault.undelete(actor, &blog, &name(4)).unwrap();
        vault.delete(actor, &blog, &name(5)).unwrap();
        self.now("blog", "test", 5, None);
        let edit = Edit { description: Some(Some("for payments".into())), ..Edit::default() };
        vault.edit(actor, &scope(vault, "shop", "production"), &name(2), &edit).unwrap();
        vault.trust(actor, "/src/shop", None, &vault.project(&"shop".parse().unwrap()).unwrap()).unwrap();
        vault.trust(actor, "/src/old", None, &vault.project(&"blog".parse().unwrap()).unwrap()).unwrap();
        vault.untrust(actor, "/src/old").unwrap();
    }

    fn slots_and_keys(&mut self, vault: &Vault, actor: &Actor) {
        let passphrase = Secret::new("passphrase", ["correct", "horse"].concat());
        vault.add_slot(actor, &NewSlot::Passphrase(&passphrase, Cost::TEST), "mine".into()).unwrap();
        let code = RecoveryCode::generate(&*tools().random).unwrap();
        vault.add_slot(actor, &NewSlot::Recovery(&code), "paper".into()).unwrap();
        vault.rekey(actor).unwrap();
        vault.rekey_data(actor, &"shop".parse().unwrap()).unwrap();
    }

    fn endings(&mut self, vault: &Vault, actor: &Actor) {
        let shop = scope(vault, "shop", "development");
        let versions = [1, 2].map(|number| Version::new(number).unwrap());
        vault.rollback(actor, &shop, &name(1), versions[0]).unwrap();
        let before = self.entry("shop", "development", 1).before.iter().next().cloned();
        self.now("shop", "development", 1, before);
        vault.destroy(actor, &shop, &name(1), versions[1]).unwrap();
        let gone = "gone".parse().unwrap();
        vault.create_project(actor, &gone, &["development".parse().unwrap()]).unwrap();
        let value = new_value("KEY_0", "a value that is shredded");
        vault.write(actor, &scope(vault, "gone", "development"), vec![value]).unwrap();
        vault.delete_project(actor, &gone).unwrap();
    }

    fn set(&mut self, vault: &Vault, actor: &Actor, project: &'static str, environment: &'static str, number: u64) {
        let value = format!("{project}-{environment}-{number}-{:016x}", self.seed.bits());
        vault
            .write(actor, &scope(vault, project, environment), vec![new_value(name(number).as_str(), &value)])
            .unwrap();
        self.now(project, environment, number, Some(value.clone()));
        // Who has none of his own reads his parent's, and would again if it were deleted.
        if (project, environment) == ("shop", "development") {
            match number {
                0 | 1 => drop(self.entry(project, "staging", number).before.insert(value)),
                _ => self.now(project, "staging", number, Some(value)),
            }
        }
    }

    fn now(&mut self, project: &'static str, environment: &'static str, number: u64, value: Option<String>) {
        let values = self.entry(project, environment, number);
        values.before.extend(values.now.take());
        values.now = value;
    }

    fn entry(&mut self, project: &'static str, environment: &'static str, number: u64) -> &mut Values {
        self.values.entry(Address { project, environment, name: name(number).to_string() }).or_default()
    }
}

fn scope(vault: &Vault, project: &str, environment: &str) -> Scope {
    vault.scope(&project.parse().unwrap(), &environment.parse().unwrap()).unwrap()
}

fn name(number: u64) -> keyward_types::SecretName {
    format!("KEY_{number}").parse().unwrap()
}
