//! The example, served from a vault, on a PostgreSQL of the test's own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use keyward_testing::postgres::Postgres;
use keyward_testing::{Program, Up};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

pub(crate) struct Shop {
    application: Application,
    _up: Up,
    postgres: Postgres,
    program: Program,
    roots: PathBuf,
}

pub(crate) const ROLES: [&str; 2] = ["chatbot_a", "chatbot_b"];
const AT: [&str; 2] = ["-e", "production"];
const FIRST: &str = "the-first-one";
const ADMIN: &str = "made-for-the-test";

impl Shop {
    pub(crate) fn open() -> Self {
        let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let roots = program.home.root().join("roots.pem");
        std::fs::write(&roots, made.cert.pem()).unwrap();
        let postgres = Postgres::start_with_tls(&made.cert.pem(), &made.signing_key.serialize_pem(), ADMIN);
        postgres.two_roles(ROLES, "chatbot_owner", FIRST);
        postgres.sql("public", "CREATE DATABASE chatbot OWNER chatbot_owner");
        fill(&program, &postgres, &roots);
        let up = Up::start(&program);
        let application = Application::start(&program);
        Self { application, _up: up, postgres, program, roots }
    }

    /// Where the page is.
    pub(crate) fn address(&self) -> String {
        format!("http://localhost:{}/", self.application.port)
    }

    /// The whole rotation, to the end of the old role; the command, and what it said.
    pub(crate) fn rotate(&self, first: bool) -> (String, String) {
        let how = ["--postgres-roles", "chatbot_a,chatbot_b", "--admin", "ADMIN_URL"];
        // How it is made is said once.
        let how = if first { &how[..] } else { &[] };
        let rotate = [&["rotate", "DATABASE_URL", "--emergency", "--yes"], &AT[..], how].concat();
        let ran = self.program.ok(&rotate, b"");
        let begun = Instant::now();
        loop {
            let show = [&["rotation", "show", "DATABASE_URL", "--json"], &AT[..]].concat();
            let shown: Value = serde_json::from_slice(&self.program.ok(&show, b"").stdout).unwrap();
            if shown["rotation"]["state"] == "done" {
                return (format!("keyward {}", rotate.join(" ")), ran.err());
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{shown}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What the application reads of its file.
    pub(crate) fn deployed(&self) -> String {
        let text = std::fs::read_to_string(file(&self.program)).unwrap();
        let parsed = keyward_dotenv::parse(&text, keyward_dotenv::Dialect::Python, &|_| None).unwrap();
        parsed.value("DATABASE_URL").unwrap().to_owned()
    }

    pub(crate) fn connects(&self, url: &str) -> bool {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-q", "-c", "SELECT 1", url]).stdout(Stdio::null()).stderr(Stdio::null());
        psql.status().unwrap().success()
    }

    /// How many messages the database has.
    pub(crate) fn kept(&self) -> u64 {
        let url = url(self.postgres.port(), &self.roots, "keyward", ADMIN);
        let mut psql = Command::new("psql");
        let ran = psql.args(["-X", "-q", "-A", "-t", "-c", "SELECT count(*) FROM messages", &url]).output().unwrap();
        String::from_utf8_lossy(&ran.stdout).trim().parse().unwrap_or_else(|_| panic!("{ran:?}"))
    }
}

/// The example's own values, but for the database, which is real.
fn fill(program: &Program, postgres: &Postgres, roots: &Path) {
    let folder = program.home.project();
    let example = example().join("make_env.py");
    let mut make = Command::new(python());
    let made = make.arg("-B").arg(example).arg(&folder).stdout(Stdio::null()).status().unwrap();
    assert!(made.success());
    program.ok(&["init", "--yes", "--project", "chatbot"], b"");
    let first = url(postgres.port(), roots, ROLES[0], FIRST);
    let admin = url(postgres.port(), roots, "keyward", ADMIN);
    for (name, value) in [("DATABASE_URL", &first), ("ADMIN_URL", &admin)] {
        program.ok(&[&["set", name], &AT[..]].concat(), value.as_bytes());
    }
    let file = file(program);
    std::fs::write(&file, format!("DATABASE_URL='{first}'\n")).unwrap();
    let path = file.to_str().unwrap();
    let add = ["target", "add", "env-file", "chatbot", "--path", path, "--secret", "DATABASE_URL"];
    program.ok(&[&add, &AT[..]].concat(), b"");
}

fn file(program: &Program) -> PathBuf {
    program.home.root().join("database.env")
}

fn url(port: u16, roots: &Path, user: &str, password: &str) -> String {
    let roots = roots.display().to_string().replace('/', "%2F");
    format!("postgresql://{user}:{password}@localhost:{port}/chatbot?sslmode=verify-full&sslrootcert={roots}")
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/chatbot")
}

/// A Python that has the driver.
#[expect(clippy::disallowed_methods, reason = "`cargo xtask test` says where it is")]
fn python() -> PathBuf {
    let python = match std::env::var_os("KEYWARD_SDKS_PYTHON") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/keyward-dev/sdks-python/bin/python"),
    };
    assert!(python.exists(), "{} is missing: `cargo xtask test tests` installs it", python.display());
    python
}

/// `keyward run -- python backend/app.py`, which ends with the test.
struct Application {
    child: Child,
    port: String,
}

impl Application {
    fn start(program: &Program) -> Self {
        let (python, app) = (python(), example().join("backend/app.py"));
        // The file has the one secret that changes while it runs.
        let run = [&["run", "--keep-existing"], &AT[..], &["--"]].concat();
        let mut command = program.command(&run);
        command.arg(python).arg("-B").arg(app).env("PORT", "0").env("QUESTIONS_A_MINUTE", "1000000");
        command.env("DATABASE_ENV_FILE", file(program)).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut line, mut said) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
        said.read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().unwrap_or_default().to_owned();
        assert!(line.contains("(production, stand-in services) listens on"), "{line}");
        Self { child, port }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}
