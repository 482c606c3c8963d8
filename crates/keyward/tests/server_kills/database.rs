//! A real PostgreSQL, with a pair of roles for each secret.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use keyward_testing::postgres::Postgres;

pub(crate) struct Database {
    pub(crate) postgres: Postgres,
    roots: String,
    pairs: AtomicU64,
    _folder: tempfile::TempDir,
}

pub(crate) const FIRST: &str = "the-first-one";
const ADMIN: &str = "made-for-the-test";

impl Database {
    pub(crate) fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let roots = folder.path().join("roots.pem");
        std::fs::write(&roots, made.cert.pem()).unwrap();
        let postgres = Postgres::start_with_tls(&made.cert.pem(), &made.signing_key.serialize_pem(), ADMIN);
        let roots = roots.display().to_string().replace('/', "%2F");
        Self { postgres, roots, pairs: AtomicU64::new(0), _folder: folder }
    }

    /// Two roles that stand in for each other; the first can sign in.
    pub(crate) fn pair(&self) -> [String; 2] {
        let number = self.pairs.fetch_add(1, Ordering::Relaxed);
        let [one, other] = [format!("app{number}_a"), format!("app{number}_b")];
        self.postgres.two_roles([&one, &other], &format!("owner{number}"), FIRST);
        [one, other]
    }

    pub(crate) fn url(&self, user: &str, password: &str) -> String {
        let place = format!("localhost:{}/postgres", self.postgres.port());
        format!("postgresql://{user}:{password}@{place}?sslmode=verify-full&sslrootcert={}", self.roots)
    }

    pub(crate) fn admin(&self) -> String {
        self.url("keyward", ADMIN)
    }

    pub(crate) fn connects(&self, url: &str) -> bool {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-q", "-c", "SELECT 1", url]).stdout(Stdio::null()).stderr(Stdio::null());
        psql.status().unwrap().success()
    }

    /// How many of a pair can sign in.
    pub(crate) fn living(&self, [one, other]: &[String; 2]) -> String {
        let of = format!("rolcanlogin AND rolpassword IS NOT NULL AND rolname IN ('{one}', '{other}')");
        self.postgres.sql("public", &format!("SELECT count(*) FROM pg_authid WHERE {of}"))
    }
}
