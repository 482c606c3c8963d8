//! A database's password through the whole, against the real PostgreSQL: by two roles, while one
//! program still uses the old one.

#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use keyward_access::{Caller, SystemTask};
use keyward_lifecycle::rotation::{Breaker, Executor, Making, Phase, Plan, Policy, Shape, State};
use keyward_sync::Settings;
use keyward_testing::TestVault;
use keyward_testing::postgres::Postgres;
use keyward_testing::vault::SeededRandom;
use keyward_types::SecretName;
use keyward_upstream::Http;
use keyward_vault::{Actor, NewRotation, NewTarget, RotationRow};

struct Shop {
    postgres: Postgres,
    vault: TestVault,
    random: SeededRandom,
    http: Http,
    breakers: Mutex<HashMap<String, Breaker>>,
    folder: tempfile::TempDir,
    roots: String,
}

const HOUR: i64 = 3_600_000;

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
        let roots = roots.display().to_string().replace('/', "%2F");
        let (vault, breakers) = (TestVault::new(1), Mutex::default());
        let shop = Self { postgres, vault, random: SeededRandom::new(7), http: Http::new(), breakers, folder, roots };
        shop.vault.set("DATABASE_URL", &shop.url("app_a", "the-first-one")).unwrap();
        shop.vault.set("ADMIN_URL", &shop.url("keyward", admin)).unwrap();
        let path = shop.folder.path().join(".env");
        let settings = Settings::EnvFile { path, variable: "DATABASE_URL".into(), restart: None };
        let settings = serde_json::to_value(settings).unwrap();
        let new = NewTarget {
            name: "web".parse().unwrap(),
            settings,
            kind: "env-file",
            credential: None,
            proof: None,
            required: true,
        };
        let (vault, actor) = (&shop.vault.vault, &shop.vault.actor);
        let draft = vault.draft_target(actor, &shop.vault.scope, &name("DATABASE_URL"), new).unwrap();
        vault.add_target(actor, draft).unwrap();
        shop
    }

    fn url(&self, user: &str, password: &str) -> String {
        let place = format!("127.0.0.1:{}/postgres", self.postgres.port());
        format!("postgresql://{user}:{password}@{place}?sslmode=verify-full&sslrootcert={}", self.roots)
    }

    fn executor(&self) -> Executor<'_> {
        Executor {
            vault: &self.vault.vault,
            actor: Actor::new(Caller::system(SystemTask::Rotation), "test"),
            holder: "one".into(),
            clock: &*self.vault.clock,
            random: &self.random,
            http: &self.http,
            breakers: &self.breakers,
        }
    }

    fn begin(&self, policy: Policy) -> RotationRow {
        let (vault, actor, scope) = (&self.vault.vault, &self.vault.actor, &self.vault.scope);
        let admin = vault.head(actor, scope, &name("ADMIN_URL")).unwrap().place;
        let making = Making::PostgresRoles { roles: ["app_a".into(), "app_b".into()], admin };
        let state = State::new(Shape::of(&*making.rotator(&self.http).unwrap()), [("web".to_owned(), true)]);
        let plan = serde_json::to_value(Plan { making, policy, emergency: false }).unwrap();
        let (word, state) = (state.word().to_owned(), serde_json::to_value(&state).unwrap());
        let new = NewRotation { plan, state, word, holder: "one".into(), old: None };
        vault.begin_rotation(actor, scope, &name("DATABASE_URL"), new).unwrap()
    }

    /// Goes on until it is over or so many hours have passed.
    fn go_on(&self, mut row: RotationRow, hours: i64) -> State {
        for _ in 0..hours * 4 {
            row = self.executor().run(row, Duration::ZERO).unwrap();
            if row.rotation().over {
                break;
            }
            self.vault.clock.advance(HOUR / 4);
        }
        State::of(row.rotation()).unwrap()
    }

    fn connects(&self, url: &str) -> bool {
        let ran = psql(url, "SELECT 1").stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        ran.success()
    }

    fn file(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join(".env")).unwrap();
        keyward_dotenv::parse(&text, keyward_dotenv::Dialect::Node, &|_| None)
            .unwrap()
            .value("DATABASE_URL")
            .unwrap()
            .to_owned()
    }
}

fn psql(url: &str, sql: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-c", sql, url]);
    command
}

/// A program that goes on using what it has.
struct Straggler(Child);

impl Straggler {
    fn start(shop: &Shop, url: &str) -> Self {
        let url = url.replace('?', "?application_name=billing-cron&");
        let child = psql(&url, "SELECT pg_sleep(120)").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let seen = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'billing-cron'";
            shop.postgres.sql("public", sql).trim() == "1"
        });
        assert!(seen, "it does not connect");
        Self(child)
    }

    /// A server that waits does not see that its client is gone: the connection is ended there.
    fn end(&mut self, shop: &Shop) {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'billing-cron'";
        shop.postgres.sql("public", sql);
        self.0.wait().unwrap();
    }
}

impl Drop for Straggler {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn patient() -> Policy {
    Policy { soak: 2 * HOUR, suspended: HOUR, ..Policy::routine() }
}

#[test]
fn the_old_role_rests_when_its_last_connection_is_gone_and_who_has_it_is_named() {
    let shop = Shop::open();
    let first = shop.url("app_a", "the-first-one");
    let mut straggler = Straggler::start(&shop, &first);
    let row = shop.begin(patient());
    let id = row.rotation().id;
    let held = shop.go_on(row, 12);
    assert_eq!(held.phase, Phase::Observing, "{held:?}");
    assert!(held.soak.holders.iter().any(|who| who.contains("billing-cron")), "{:?}", held.soak.holders);
    let second = shop.file();
    assert!(second.contains("//app_b:") && shop.connects(&second) && shop.connects(&first), "both work meanwhile");
    assert_eq!(shop.vault.get("DATABASE_URL", None).unwrap(), second);
    // Reading it just now made a holder of the new version, who is none of the old one.
    straggler.end(&shop);
    let row = shop.vault.vault.rotation(id).unwrap().unwrap();
    let done = shop.go_on(row, 24);
    assert_eq!(done.phase, Phase::Done, "{done:?}");
    assert!(!shop.connects(&first) && shop.connects(&second));
    let closed = shop.vault.vault.holdings(held_secret(&shop)).unwrap();
    let ids: Vec<String> = closed.into_iter().map(|holding| holding.id).collect();
    shop.vault.vault.close_holdings(&shop.vault.actor, &ids).unwrap();
    // And back again.
    let again = shop.go_on(shop.begin(patient()), 24);
    assert_eq!(again.phase, Phase::Done, "{again:?}");
    let third = shop.file();
    assert!(third.contains("//app_a:") && third != first && shop.connects(&third) && !shop.connects(&second));
    // The password never reached the server, but as its verifier.
    let verifiers = shop.postgres.sql("public", "SELECT rolpassword FROM pg_authid WHERE rolname = 'app_a'");
    assert!(verifiers.starts_with("SCRAM-SHA-256$"), "{verifiers}");
}

#[test]
fn in_an_emergency_connections_of_the_old_role_end_with_it() {
    let shop = Shop::open();
    let first = shop.url("app_a", "the-first-one");
    let mut straggler = Straggler::start(&shop, &first);
    let done = shop.go_on(shop.begin(Policy::emergency()), 2);
    assert_eq!(done.phase, Phase::Done, "{done:?}");
    assert!(!shop.connects(&first) && shop.connects(&shop.file()));
    let ended = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        straggler.0.try_wait().unwrap().is_some()
    });
    assert!(ended, "it is connected still");
}

#[test]
fn a_wrong_administrator_changes_nothing() {
    let shop = Shop::open();
    shop.vault.set("ADMIN_URL", &shop.url("keyward", "not-this-one")).unwrap();
    let stuck = shop.go_on(shop.begin(patient()), 1);
    assert_eq!(stuck.word(), "needs-a-person");
    assert!(stuck.stuck.as_ref().unwrap().why.contains("admin"), "{stuck:?}");
    assert!(shop.connects(&shop.url("app_a", "the-first-one")));
    assert!(!shop.folder.path().join(".env").exists());
}

fn held_secret(shop: &Shop) -> keyward_types::SecretId {
    let (vault, actor, scope) = (&shop.vault.vault, &shop.vault.actor, &shop.vault.scope);
    vault.head(actor, scope, &name("DATABASE_URL")).unwrap().place.secret
}
