//! Three `keyward serve` on one database, each with a home and a line of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::RwLock;
use std::time::{Duration, Instant};

use keyward_testing::Program;
use keyward_testing::postgres::Postgres;
use serde_json::Value;

use crate::line::Line;
use crate::wire::{Answer, ask};

/// One node.
pub(crate) struct Node {
    program: Program,
    pub(crate) line: Line,
    config: PathBuf,
    running: RwLock<Option<Running>>,
}

struct Running {
    child: Child,
    address: SocketAddr,
    gateway: Option<SocketAddr>,
}

/// A vault in a database, and the token of its owner.
pub(crate) struct Vault {
    pub(crate) schema: String,
    pub(crate) token: String,
    pub(crate) expires_at: String,
    pub(crate) key_file: PathBuf,
    owner: Program,
}

/// For how long the database may be out of reach in these tests.
pub(crate) const MAX_STALE: Duration = Duration::from_secs(2);

impl Vault {
    /// Made on a laptop, moved to the database.
    pub(crate) fn in_database(server: &Postgres) -> Self {
        let owner = Program::new(env!("CARGO_BIN_EXE_keyward"));
        owner.ok(&["init", "--yes", "--project", "shop"], b"");
        let made = owner.ok(&["token", "create", "--ttl", "24h", "--json"], b"").out();
        let made: Value = serde_json::from_str(&made).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let (token, expires_at) = (text(&made["text"]), text(&made["token"]["expires_at"]));
        let address = server.fresh();
        owner.ok(&["store", "migrate", "--to", &address], b"");
        let schema = address.rsplit_once('=').unwrap().1.to_owned();
        let key_file = std::fs::read_dir(owner.home.keys()).unwrap().flatten().map(|entry| entry.path());
        let key_file = key_file.into_iter().find(|path| path.extension().is_some_and(|end| end == "key")).unwrap();
        Self { schema, token, expires_at, key_file, owner }
    }

    /// A file for the node's owner alone, with this in it.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.owner.home.root().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Node {
    /// A node that opens the vault with its key file.
    pub(crate) fn start(server: &Postgres, vault: &Vault) -> Self {
        let unlock = format!("key_file = '{}'", vault.key_file.display());
        let node = Self::prepare(server, vault, &unlock);
        node.begin();
        node
    }

    /// A node that is not running.
    pub(crate) fn prepare(server: &Postgres, vault: &Vault, unlock: &str) -> Self {
        let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
        let line = Line::to(&server.socket(), program.home.root().join("pg"));
        let config = program.home.root().join("server.toml");
        let text = format!(
            "[[listen]]\naddress = '127.0.0.1:0'\n[store]\naddress = '{}'\nmax_stale_seconds = {}\n[unlock]\n{unlock}\n",
            line.address(&vault.schema),
            MAX_STALE.as_secs()
        );
        std::fs::write(&config, text).unwrap();
        Self { program, line, config, running: RwLock::new(None) }
    }

    /// Starts the process, and waits until it says where it listens.
    pub(crate) fn begin(&self) {
        let log = std::fs::File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.program.command(&["serve", "--json", "--config", self.config.to_str().unwrap()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let (mut text, mut lines) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
        while serde_json::from_str::<Value>(&text).is_err() {
            let read = lines.read_line(&mut text).unwrap();
            assert!(read > 0, "it ended: {text}{}", std::fs::read_to_string(self.log()).unwrap());
        }
        let said: Value = serde_json::from_str(&text).unwrap();
        let at = |url: &str| url.strip_prefix("http://").unwrap().parse().unwrap();
        let (address, gateway) = (at(said["urls"][0].as_str().unwrap()), said["gateway"].as_str().map(at));
        *self.running.write().unwrap() = Some(Running { child, address, gateway });
    }

    /// Ends it as the end of its machine would.
    pub(crate) fn kill(&self) {
        let running = self.running.write().unwrap().take();
        if let Some(mut running) = running {
            running.child.kill().unwrap();
            running.child.wait().unwrap();
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.read().unwrap().as_ref().expect("it runs").address
    }

    /// Where its gateway listens, if it was set up with one.
    #[allow(dead_code, reason = "not every test has a gateway")]
    pub(crate) fn gateway(&self) -> SocketAddr {
        self.running.read().unwrap().as_ref().expect("it runs").gateway.expect("it has a gateway")
    }

    /// One request; `None` when nothing came back.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        token: &str,
        reason: &str,
        body: Option<&Value>,
    ) -> Option<Answer> {
        let address = self.running.read().unwrap().as_ref()?.address;
        ask(address, method, path, token, reason, body)
    }

    pub(crate) fn status(&self, path: &str, token: &str) -> u16 {
        self.ask("GET", path, token, "", None).map_or(0, |answer| answer.status)
    }

    /// Waits until it serves.
    pub(crate) fn ready(&self) {
        let started = Instant::now();
        while self.status("/readyz", "") != 200 {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "it does not serve: {}",
                std::fs::read_to_string(self.log()).unwrap()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs a command of the node's own user, which reaches the node by its socket.
    pub(crate) fn run(&self, arguments: &[&str], input: &[u8]) -> String {
        self.program.ok(arguments, input).out()
    }

    /// What it wrote.
    fn log(&self) -> PathBuf {
        self.program.home.root().join("serve.log")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
