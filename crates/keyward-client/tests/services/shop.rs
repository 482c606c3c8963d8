//! A vault whose clock the test moves, a `.env` file, and every double in one process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use keyward_client::{
    Bytes, Desk, LocalDesk, NewTargetInfo, Occasion, RotateAsk, RotationInfo, ServiceAsk, TargetSettings, Where, Wish,
    go_on_with_rotations,
};
use keyward_testing::TestVault;
use keyward_testing::doubles::{
    Anthropic, ApiKeys, Cohere, Double, GitHub, Iam, Neon, OpenAi, Qdrant, QdrantNode, Service,
};
use keyward_testing::vault::{TestClock, new_value, open_at};
use keyward_types::{SecretName, Version};
use keyward_vault::{Actor, Vault};
use tempfile::TempDir;

/// The services. Each is one test's at a time, which puts it into the state that it needs.
pub(crate) struct Doubles {
    pub(crate) openai: Double<OpenAi>,
    pub(crate) anthropic: Double<Anthropic>,
    pub(crate) google: Double<ApiKeys>,
    pub(crate) qdrant: Double<Qdrant>,
    pub(crate) node: Double<QdrantNode>,
    pub(crate) neon: Double<Neon>,
    pub(crate) iam: Double<Iam>,
    pub(crate) github: Double<GitHub>,
    pub(crate) cohere: Double<Cohere>,
}

/// The doubles, and the turn at them.
pub(crate) fn doubles() -> (&'static Doubles, MutexGuard<'static, ()>) {
    static DOUBLES: OnceLock<Doubles> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let doubles = DOUBLES.get_or_init(|| {
        let doubles = Doubles {
            openai: Double::start(OpenAi::new().0),
            anthropic: Double::start(Anthropic::new().0),
            google: Double::start(ApiKeys::new().0),
            qdrant: Double::start(Qdrant::new().0),
            node: Double::start(QdrantNode::new().0),
            neon: Double::start(Neon::new().0),
            iam: Double::start(Iam::new().0),
            github: Double::start(GitHub::new().0),
            cohere: Double::start(Cohere::new().0),
        };
        let hosts = [
            doubles.openai.hosts(),
            doubles.anthropic.hosts(),
            doubles.google.hosts(),
            doubles.qdrant.hosts(),
            doubles.node.hosts(),
            doubles.neon.hosts(),
            doubles.iam.hosts(),
            doubles.github.hosts(),
            doubles.cohere.hosts(),
        ];
        keyward_client::hosts_are_at(&hosts.join(",")).unwrap();
        doubles
    });
    (doubles, TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Puts a double into this state.
pub(crate) fn becomes<S: Service>(double: &Double<S>, state: S) {
    *double.service() = state;
}

pub(crate) struct Shop {
    vault: Arc<Vault>,
    actor: Actor,
    pub(crate) desk: LocalDesk,
    clock: Arc<TestClock>,
    folder: TempDir,
    _database: TempDir,
}

pub(crate) const HOUR: i64 = 3_600_000;

impl Shop {
    /// With a key of this service, and what manages it.
    pub(crate) fn new(provider: &str, value: &str, admin: Option<&str>) -> Self {
        let made = TestVault::in_memory(1);
        let (database, clock) = (made.database(), Arc::clone(&made.clock));
        let (folder_of_database, key) = made.close();
        let vault = Arc::new(open_at(&database, &key, Arc::clone(&clock)).unwrap());
        let desk = LocalDesk::new(Arc::clone(&vault), Occasion { reason: None, agent: "test".into() }).unwrap();
        let actor = keyward_testing::vault::owner(&vault);
        let folder = tempfile::tempdir().unwrap();
        let shop = Self { vault, actor, desk, clock, folder, _database: folder_of_database };
        shop.store("KEY", value, provider);
        if let Some(admin) = admin {
            shop.store("ADMIN", admin, provider);
        }
        let settings = TargetSettings::EnvFile { path: shop.path(), variable: "KEY".into(), restart: None };
        let target = NewTargetInfo {
            name: "web".parse().unwrap(),
            secrets: vec![name()],
            settings,
            credential: None,
            proof: None,
            required: true,
        };
        std::fs::write(shop.path(), "PORT=80\n").unwrap();
        shop.desk.add_target(at(), target).unwrap();
        shop
    }

    pub(crate) fn store(&self, name: &str, value: &str, provider: &str) {
        let mut new = new_value(name, value);
        new.edit.provider = Some(Some(provider.to_owned()));
        let scope = self.vault.scope(&at().project, &at().environment).unwrap();
        self.vault.write(&self.actor, &scope, vec![new]).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(".env")
    }

    /// What the application reads.
    pub(crate) fn file(&self) -> String {
        let text = std::fs::read_to_string(self.path()).unwrap();
        let parsed = keyward_dotenv::parse(&text, keyward_dotenv::Dialect::Node, &|_| None).unwrap();
        parsed.value("KEY").unwrap_or_default().to_owned()
    }

    /// Hours pass, and the server's job goes on with what is due.
    pub(crate) fn hours(&self, hours: i64) -> RotationInfo {
        for _ in 0..hours {
            self.clock.advance(HOUR);
            self.job();
            if self.shown().over {
                break;
            }
        }
        self.shown()
    }

    /// The same for minutes.
    pub(crate) fn minutes(&self, minutes: i64) -> RotationInfo {
        for _ in 0..minutes {
            self.clock.advance(HOUR / 60);
            self.job();
        }
        self.shown()
    }

    /// So many hours pass, and nobody does anything.
    pub(crate) fn pass(&self, hours: i64) {
        self.clock.advance(hours * HOUR);
    }

    pub(crate) fn read_by_owner(&self) {
        let scope = self.vault.scope(&at().project, &at().environment).unwrap();
        keyward_testing::vault::read(&self.vault, &self.actor, &scope, "KEY", None).unwrap();
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.vault
    }

    pub(crate) fn owner(&self) -> &Actor {
        &self.actor
    }

    pub(crate) fn now(&self) -> keyward_types::Timestamp {
        self.vault.clock().now()
    }

    /// Where the key is.
    pub(crate) fn place(&self) -> keyward_types::Place {
        let scope = self.vault.scope(&at().project, &at().environment).unwrap();
        self.vault.head(&self.actor, &scope, &name()).unwrap().place
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    fn job(&self) {
        let lead = self.vault.lead("test", std::time::Duration::from_secs(60)).unwrap().unwrap();
        go_on_with_rotations(&self.vault, &lead, "test").unwrap();
    }

    pub(crate) fn shown(&self) -> RotationInfo {
        self.desk.rotation(at(), name()).unwrap()
    }

    pub(crate) fn rotate(&self, ask: RotateAsk) -> RotationInfo {
        self.desk.rotate(at(), name(), ask).unwrap()
    }

    pub(crate) fn wish(&self, wish: Wish) -> RotationInfo {
        self.desk.decide_rotation(at(), name(), wish).unwrap()
    }

    pub(crate) fn bring(&self, value: &str) -> keyward_client::Result<RotationInfo> {
        self.desk.bring_rotation(at(), name(), Bytes::new(value.as_bytes().to_vec()))
    }

    /// Every target has what it should have.
    #[track_caller]
    pub(crate) fn is_in_step(&self) {
        let drift = self.desk.target_drift(at()).unwrap();
        assert!(drift.iter().all(|one| matches!(one.state.as_str(), "same" | "unknown")), "{drift:?}");
    }
}

pub(crate) fn at() -> Where {
    Where { project: "shop".parse().unwrap(), environment: "development".parse().unwrap() }
}

pub(crate) fn name() -> SecretName {
    "KEY".parse().unwrap()
}

pub(crate) fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

/// By its service, with these parts of the account.
pub(crate) fn by(parts: &[(&str, &str)], managed: bool) -> RotateAsk {
    let account: BTreeMap<String, String> =
        parts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let admin = managed.then(|| "ADMIN".parse().unwrap());
    RotateAsk { service: Some(ServiceAsk { account, admin }), ..RotateAsk::default() }
}
