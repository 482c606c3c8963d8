//! A pool on a real PostgreSQL whose roles stand in for each other.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use keyward_access::{Caller, SystemTask};
use keyward_lifecycle::rotation::{Breaker, Executor, Making, Plan, Policy, Shape, State};
use keyward_store_sqlite::Sqlite;
use keyward_sync::Settings;
use keyward_testing::postgres::Postgres;
use keyward_testing::vault::{SystemRandom, new_value, owner};
use keyward_types::SecretName;
use keyward_upstream::Http;
use keyward_vault::{Actor, KeyFile, NewRotation, NewSlot, NewTarget, NewVault, Scope, Vault};

use crate::psql::Psql;
use crate::{EVERY, Stop, Tally};

const CLIENTS: usize = 4;
/// After so many requests a connection is given up, as pools do.
const LIFE: u64 = 100;

struct Shop {
    postgres: Postgres,
    vault: Vault,
    scope: Scope,
    actor: Actor,
    folder: tempfile::TempDir,
    roots: String,
}

/// Works for so long; answers how often the password was replaced.
pub(crate) fn rotations_under_load(tally: &Tally, time: Duration) -> u64 {
    let shop = Shop::open();
    let file = shop.file();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| work(&file, tally));
        }
        let _stop = Stop(tally);
        let (begun, mut rotations) = (Instant::now(), 0);
        while begun.elapsed() < time {
            let one = Instant::now();
            shop.rotate();
            rotations += 1;
            std::thread::sleep(EVERY.saturating_sub(one.elapsed()));
        }
        rotations
    })
}

/// A client as an application has it: what its file says is read again before each use of a connection.
fn work(file: &Path, tally: &Tally) {
    let (mut url, mut client, mut asked) = (String::new(), None::<Psql>, 0);
    while !tally.is_over() {
        let now = what_is_read(file);
        if now != url || asked >= LIFE {
            drop(client.take());
            (url, asked) = (now, 0);
        }
        let connection = client.get_or_insert_with(|| Psql::start(&url));
        match connection.ask() {
            Ok(()) if asked == 0 => drop(tally.connections.fetch_add(1, Ordering::Relaxed)),
            Ok(()) => {}
            Err(why) => {
                tally.failed(why);
                client = None;
                continue;
            }
        }
        asked += 1;
        tally.requests.fetch_add(1, Ordering::Relaxed);
    }
}

fn what_is_read(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let parsed = keyward_dotenv::parse(&text, keyward_dotenv::Dialect::Node, &|_| None).unwrap();
    parsed.value("DATABASE_URL").unwrap().to_owned()
}

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

impl Shop {
    fn open() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let roots = folder.path().join("roots.pem");
        std::fs::write(&roots, made.cert.pem()).unwrap();
        let admin = "made-for-the-test";
        let postgres = Postgres::start_with_tls(&made.cert.pem(), &made.signing_key.serialize_pem(), admin);
        postgres.two_roles(["app_a", "app_b"], "app_owner", "the-first-one");
        let tools = keyward_client::tools();
        let key = KeyFile::generate(&*tools.random).unwrap();
        let slots = vec![(NewSlot::KeyFile(&key), "test".into())];
        let new = NewVault { slots, owner: "Ada".into(), agent: "test".into() };
        let engine = Sqlite::create(&folder.path().join("vault.db"), || 0).unwrap();
        let vault = Vault::create(Box::new(engine), &new, tools).unwrap();
        let (actor, shop) = (owner(&vault), "shop".parse().unwrap());
        vault.create_project(&actor, &shop, &["production".parse().unwrap()]).unwrap();
        let scope = vault.scope(&shop, &"production".parse().unwrap()).unwrap();
        let roots = roots.display().to_string().replace('/', "%2F");
        let shop = Self { postgres, vault, scope, actor, folder, roots };
        let (first, admin) = (shop.url("app_a", "the-first-one"), shop.url("keyward", admin));
        let values = vec![new_value("DATABASE_URL", &first), new_value("ADMIN_URL", &admin)];
        shop.vault.write(&shop.actor, &shop.scope, values).unwrap();
        std::fs::write(shop.file(), format!("DATABASE_URL='{first}'\n")).unwrap();
        let settings = Settings::EnvFile { path: shop.file(), variable: "DATABASE_URL".into(), restart: None };
        let settings = serde_json::to_value(settings).unwrap();
        let new = NewTarget {
            name: "web".parse().unwrap(),
            settings,
            kind: "env-file",
            credential: None,
            proof: None,
            required: true,
        };
        let draft = shop.vault.draft_target(&shop.actor, &shop.scope, &name("DATABASE_URL"), new).unwrap();
        shop.vault.add_target(&shop.actor, draft).unwrap();
        shop
    }

    fn url(&self, user: &str, password: &str) -> String {
        let place = format!("127.0.0.1:{}/postgres", self.postgres.port());
        format!("postgresql://{user}:{password}@{place}?sslmode=verify-full&sslrootcert={}", self.roots)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(".env")
    }

    /// A whole rotation: the old role is to be silent for two seconds, and then stopped for one.
    fn rotate(&self) {
        let policy = Policy { soak: 2000, suspended: 1000, first_wait: 200, longest_wait: 1000, ..Policy::routine() };
        let admin = self.vault.head(&self.actor, &self.scope, &name("ADMIN_URL")).unwrap().place;
        let making = Making::PostgresRoles { roles: ["app_a".into(), "app_b".into()], admin };
        let (http, breakers) = (Http::new(), Mutex::<HashMap<String, Breaker>>::default());
        let state = State::new(Shape::of(&*making.rotator(&http).unwrap()), [("web".to_owned(), true)]);
        let plan = serde_json::to_value(Plan { making, policy, emergency: false }).unwrap();
        let (word, state) = (state.word().to_owned(), serde_json::to_value(&state).unwrap());
        let new = NewRotation { plan, state, word, holder: "one".into(), old: None };
        let row = self.vault.begin_rotation(&self.actor, &self.scope, &name("DATABASE_URL"), new).unwrap();
        let executor = Executor {
            vault: &self.vault,
            actor: Actor::new(Caller::system(SystemTask::Rotation), "test"),
            holder: "one".into(),
            clock: self.vault.clock(),
            random: &SystemRandom,
            http: &http,
            breakers: &breakers,
        };
        let row = executor.run(row, Duration::from_secs(60)).unwrap();
        assert_eq!(row.rotation().word, "done", "{:#?}", State::of(row.rotation()));
    }
}
