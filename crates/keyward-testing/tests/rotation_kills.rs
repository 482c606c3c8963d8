//! Campaign: a process that rotates the password of a real PostgreSQL is killed by SIGKILL before and
//! after each of its commits, so between every call to the outside and the row that tells of it. At that
//! moment what applications read works, and so does what the vault gives; another process ends the
//! rotation, and one role alone is left that can sign in.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use keyward_sync::Settings;
use keyward_testing::halting::HERE;
use keyward_testing::postgres::Postgres;
use keyward_testing::vault::{open_at, owner, read};
use keyward_testing::{Seed, TestVault, proof, size};
use keyward_types::Clock;
use keyward_vault::NewTarget;

/// The database server, and how it is reached.
struct Server {
    postgres: Postgres,
    roots: String,
    _folder: tempfile::TempDir,
}

/// One vault with one database's password, and the file of an application.
struct Shop<'a> {
    server: &'a Server,
    roles: [String; 2],
    database: PathBuf,
    key_file: PathBuf,
    file: PathBuf,
    now: i64,
    _folders: [tempfile::TempDir; 2],
}

const ADMIN: &str = "made-for-the-test";
const FIRST: &str = "the-first-one";

impl Server {
    fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let roots = folder.path().join("roots.pem");
        std::fs::write(&roots, made.cert.pem()).unwrap();
        let postgres = Postgres::start_with_tls(&made.cert.pem(), &made.signing_key.serialize_pem(), ADMIN);
        Self { postgres, roots: roots.display().to_string().replace('/', "%2F"), _folder: folder }
    }

    fn url(&self, user: &str, password: &str) -> String {
        let place = format!("127.0.0.1:{}/postgres", self.postgres.port());
        format!("postgresql://{user}:{password}@{place}?sslmode=verify-full&sslrootcert={}", self.roots)
    }

    fn connects(&self, url: &str) -> bool {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-q", "-c", "SELECT 1", url]).stdout(Stdio::null()).stderr(Stdio::null());
        psql.status().unwrap().success()
    }
}

impl<'a> Shop<'a> {
    fn open(server: &'a Server, number: u64) -> Self {
        let [one, other] = [format!("app{number}_a"), format!("app{number}_b")];
        server.postgres.two_roles([&one, &other], &format!("owner{number}"), FIRST);
        let (vault, files) = (TestVault::new(number), tempfile::tempdir().unwrap());
        vault.set("DATABASE_URL", &server.url(&one, FIRST)).unwrap();
        vault.set("ADMIN_URL", &server.url("keyward", ADMIN)).unwrap();
        let file = files.path().join(".env");
        std::fs::write(&file, format!("DATABASE_URL='{}'\n", server.url(&one, FIRST))).unwrap();
        let settings = Settings::EnvFile { path: file.clone(), variable: "DATABASE_URL".into(), restart: None };
        let settings = serde_json::to_value(settings).unwrap();
        let target = NewTarget {
            name: "web".parse().unwrap(),
            settings,
            kind: "env-file",
            credential: None,
            proof: None,
            required: true,
        };
        let secret = "DATABASE_URL".parse().unwrap();
        let draft = vault.vault.draft_target(&vault.actor, &vault.scope, &secret, target).unwrap();
        vault.vault.add_target(&vault.actor, draft).unwrap();
        let key_file = files.path().join("key");
        std::fs::write(&key_file, &*vault.key.text(vault.vault.id())).unwrap();
        let (database, now) = (vault.database(), vault.clock.now().0);
        let (folder, _) = vault.close();
        Self { server, roles: [one, other], database, key_file, file, now, _folders: [folder, files] }
    }

    /// Lets a process go until it is at this commit, and kills it there; `None`: it came to its end, and
    /// what it said is the state.
    fn run(&mut self, commit: u64, edge: &str) -> Option<String> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rotator"))
            .args([&self.database, &self.key_file])
            .args([&self.now.to_string(), &commit.to_string(), edge])
            .args(&self.roles)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut word = None;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if line == HERE {
                child.kill().unwrap();
                word = None;
                break;
            }
            word = Some(line);
        }
        child.wait().unwrap();
        word
    }

    /// What an application reads works, and so does what the vault gives to whoever asks.
    fn is_served(&self, at: &str) {
        let read = what_is_read(&self.file);
        assert!(self.server.connects(&read), "{at}: what the application has does not work");
        let clock = Arc::new(keyward_testing::vault::TestClock::at(keyward_types::Timestamp(self.now)));
        let key = keyward_vault::KeyFile::parse(&std::fs::read_to_string(&self.key_file).unwrap()).unwrap();
        let vault = open_at(&self.database, &key, clock).unwrap();
        let scope = vault.scope(&"shop".parse().unwrap(), &"development".parse().unwrap()).unwrap();
        // Whoever reads it holds it: what is looked at here is looked at without reading.
        let head = vault.head(&owner(&vault), &scope, &"DATABASE_URL".parse().unwrap()).unwrap();
        let lease = vault.lease_for_rotation(&system(), &head.place, head.active().unwrap().version).unwrap();
        let works = lease.apply(keyward_types::Timestamp(self.now), |value| {
            self.server.connects(std::str::from_utf8(value).unwrap())
        });
        assert_eq!(works, Some(true), "{at}: what the vault gives does not work");
    }

    fn has_ended_well(&self, at: &str) {
        let key = keyward_vault::KeyFile::parse(&std::fs::read_to_string(&self.key_file).unwrap()).unwrap();
        let clock = Arc::new(keyward_testing::vault::TestClock::at(keyward_types::Timestamp(self.now)));
        let vault = open_at(&self.database, &key, clock).unwrap();
        let (actor, scope) =
            (owner(&vault), vault.scope(&"shop".parse().unwrap(), &"development".parse().unwrap()).unwrap());
        let value = read(&vault, &actor, &scope, "DATABASE_URL", None).unwrap();
        assert_eq!(value, what_is_read(&self.file), "{at}");
        assert!(value.contains(&self.roles[1]) && self.server.connects(&value), "{at}: {} is in use", self.roles[1]);
        assert!(!self.server.connects(&self.server.url(&self.roles[0], FIRST)), "{at}: the old password works");
        let sql = format!(
            "SELECT count(*) FROM pg_authid WHERE rolcanlogin AND rolpassword IS NOT NULL AND rolname IN ('{}', '{}')",
            self.roles[0], self.roles[1]
        );
        assert_eq!(self.server.postgres.sql("public", &sql), "1", "{at}: one role alone signs in");
        let head = vault.head(&actor, &scope, &"DATABASE_URL".parse().unwrap()).unwrap();
        assert!(!head.labels.contains_key(&keyward_types::Label::pending()), "{at}: nothing is pending");
    }
}

fn system() -> keyward_vault::Actor {
    keyward_vault::Actor::new(keyward_access::Caller::system(keyward_access::SystemTask::Rotation), "test")
}

fn what_is_read(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let parsed = keyward_dotenv::parse(&text, keyward_dotenv::Dialect::Node, &|_| None).unwrap();
    parsed.value("DATABASE_URL").unwrap().to_owned()
}

#[test]
fn a_rotation_whose_process_is_killed_at_any_step_is_ended_by_another() {
    let mut seed = Seed::of_campaign();
    println!("seed {}", seed.number());
    let every = size("KEYWARD_KILL_EVERY", 6);
    let server = Server::start();
    let (mut kills, mut commits, mut number) = (0_u64, 0_u64, 0_u64);
    let first = 1 + seed.below(every as usize) as u64;
    for edge in ["before", "after"] {
        let mut commit = first;
        loop {
            number += 1;
            let mut shop = Shop::open(&server, number);
            let at = format!("killed {edge} commit {commit}");
            match shop.run(commit, edge) {
                Some(word) => {
                    assert_eq!(word, "done", "{at}: it was not reached");
                    break;
                }
                None => kills += 1,
            }
            shop.is_served(&at);
            // Whoever comes next waits until a call of the first must have ended.
            shop.now += 24 * 3_600_000;
            let word = shop.run(0, "after");
            assert_eq!(word.as_deref(), Some("done"), "{at}");
            shop.has_ended_well(&at);
            commits = commits.max(commit);
            commit += every;
        }
    }
    assert!(commits > 20, "a rotation is many steps: {commits}");
    proof("kills", kills);
    proof("commits of one rotation, at least", commits);
    proof("rotations that another process ended", kills);
    proof("moments at which an application or the vault had a value that does not work", 0);
}
