//! A vault whose server is killed and started again.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use keyward_testing::{Ahead, Program, Ran, Up};
use serde_json::Value;

use crate::application::what_is_read;
use crate::database::{Database, FIRST};
use crate::writes::Writes;

/// Where the vault is kept, and so which command serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// `keyward up`
    File,
    /// `keyward serve`
    Postgres,
}

pub(crate) struct Shop<'a> {
    database: &'a Database,
    engine: Engine,
    program: Program,
    /// The schema, and the file that `serve` is told it by.
    served: Option<(String, PathBuf)>,
    clock: RefCell<Ahead>,
    up: Option<Up>,
    secrets: u64,
    /// The vault was made here, and its key lies here.
    _owner: Option<Program>,
}

/// A database's password that is stored, and deployed to a file.
pub(crate) struct Secret {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    roles: [String; 2],
}

const AT: [&str; 4] = ["-p", "shop", "-e", "production"];
/// A call of the dead process must have ended after that.
const LATER: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(90);

impl Engine {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::File => "keyward up, a file",
            Self::Postgres => "keyward serve, PostgreSQL",
        }
    }
}

impl<'a> Shop<'a> {
    pub(crate) fn open(database: &'a Database, engine: Engine) -> Self {
        let owner = Program::new(env!("CARGO_BIN_EXE_keyward"));
        owner.ok(&["init", "--yes", "--project", "shop"], b"");
        let clock = RefCell::new(Ahead::build());
        let mut shop =
            Self { database, engine, program: owner, served: None, clock, up: None, secrets: 0, _owner: None };
        if engine == Engine::Postgres {
            shop.moves();
        }
        shop.start();
        shop.ok(&["set", "ADMIN_URL", "--kind", "connection-string"], database.admin().as_bytes());
        shop
    }

    /// Into a database of several nodes, of which this is the first.
    fn moves(&mut self) {
        let address = self.database.postgres.fresh();
        self.program.ok(&["store", "migrate", "--to", &address], b"");
        let keys = std::fs::read_dir(self.program.home.keys()).unwrap().flatten().map(|entry| entry.path());
        let key = keys.into_iter().find(|path| path.extension().is_some_and(|end| end == "key")).unwrap();
        let node = Program::new(env!("CARGO_BIN_EXE_keyward"));
        let config = node.home.root().join("server.toml");
        let listen = "[[listen]]\naddress = '127.0.0.1:0'";
        let text = format!("{listen}\n[store]\naddress = '{address}'\n[unlock]\nkey_file = '{}'\n", key.display());
        std::fs::write(&config, text).unwrap();
        self.served = Some((address.rsplit_once('=').unwrap().1.to_owned(), config));
        self._owner = Some(std::mem::replace(&mut self.program, node));
    }

    fn start(&mut self) {
        let mut command = match &self.served {
            None => self.program.command(&["up", "--listen", "127.0.0.1:0", "--json"]),
            Some((_, config)) => self.program.command(&["serve", "--json", "--config", config.to_str().unwrap()]),
        };
        self.clock.borrow().command(&mut command);
        self.up = Some(Up::of(command));
    }

    /// One more secret, with roles of its own.
    pub(crate) fn secret(&mut self) -> Secret {
        self.secrets += 1;
        let (name, roles) = (format!("DATABASE_URL_{}", self.secrets), self.database.pair());
        let file = self.program.home.root().join(format!("{name}.env"));
        let url = self.database.url(&roles[0], FIRST);
        std::fs::write(&file, format!("DATABASE_URL='{url}'\n")).unwrap();
        self.ok(&["set", &name], url.as_bytes());
        let path = file.to_str().unwrap();
        let add = ["target", "add", "env-file", "web", "--path", path, "--as", "DATABASE_URL", "--secret", &name];
        self.ok(&add, b"");
        Secret { name, file, roles }
    }

    /// Begins a rotation, and kills the server so many microseconds after so many writes of its store. Whether
    /// that came before the rotation's end.
    pub(crate) fn rotates_until(&mut self, secret: &Secret, writes: u64, micros: u64) -> bool {
        let mut seen = match &self.served {
            None => Writes::of_file(self.program.home.vault().join("vault.db-wal")),
            Some((schema, _)) => Writes::of_log(&self.database.postgres, schema),
        };
        let mut asked = self.rotate(secret);
        while seen.count() < writes {
            if asked.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(Duration::from_micros(micros));
        self.up.take().unwrap().kill();
        // It is told that the server has gone.
        asked.wait().unwrap();
        true
    }

    fn rotate(&self, secret: &Secret) -> Child {
        let roles = secret.roles.join(",");
        let how = ["--postgres-roles", &roles, "--admin", "ADMIN_URL", "--emergency", "--yes", "--json"];
        let mut command = self.command(&[&["rotate", &secret.name], &how[..], &AT].concat());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// What whoever asks gets at this moment: of a file without any server.
    pub(crate) fn gives_what_works(&mut self, secret: &Secret, at: &str) {
        if self.engine == Engine::Postgres {
            self.clock.borrow_mut().pass(LATER);
            self.start();
        }
        let value = self.ok(&["get", &secret.name], b"").out();
        assert!(self.database.connects(&value), "{at}: what the vault gives does not work");
    }

    /// The next server goes on with it, to its end. Whether it was not on record, and was asked for again.
    pub(crate) fn goes_on(&mut self, secret: &Secret, at: &str) -> bool {
        if self.engine == Engine::File {
            self.clock.borrow_mut().pass(LATER);
            self.start();
        }
        let (begun, mut again) = (Instant::now(), false);
        loop {
            let show = [&["rotation", "show", &secret.name, "--json"][..], &AT].concat();
            let shown = self.run(&show, b"");
            let said: Value = serde_json::from_slice(&shown.stdout).unwrap_or_default();
            match (shown.code, said["rotation"]["state"].as_str()) {
                (Some(0), Some("done")) => return again,
                (Some(4), _) if !again => {
                    again = true;
                    self.rotate(secret).wait().unwrap();
                }
                // A server that leads goes on by itself, once the lead of the dead one is over: the first time it
                // is left to do so, and then a person does not wait those seconds.
                _ if self.engine == Engine::Postgres && self.secrets > 1 => {
                    self.run(&[&["rotation", "resume", &secret.name][..], &AT].concat(), b"");
                }
                _ => {}
            }
            assert!(begun.elapsed() < LONGEST, "{at}: it does not go on: {shown}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub(crate) fn has_ended_well(&self, secret: &Secret, at: &str) {
        let value = self.ok(&["get", &secret.name], b"").out();
        assert_eq!(value, what_is_read(&secret.file), "{at}: the application has another value");
        let (database, [old, new]) = (self.database, &secret.roles);
        assert!(value.contains(new.as_str()) && database.connects(&value), "{at}: {new} is not in use");
        assert!(!database.connects(&database.url(old, FIRST)), "{at}: the old password works");
        assert_eq!(database.living(&secret.roles), "1", "{at}: one role alone signs in");
        let history = self.ok(&["history", &secret.name], b"").out();
        assert!(!history.contains("pending") && history.contains("active"), "{at}: {history}");
    }

    /// The log of all that is whole.
    pub(crate) fn is_whole(&self) {
        let verified = self.run(&["audit", "verify"], b"");
        assert_eq!(verified.code, Some(0), "{verified}");
    }

    fn ok(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let ran = self.run(&[arguments, &AT].concat(), input);
        assert_eq!(ran.code, Some(0), "{ran}");
        ran
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Ran {
        self.program.run_command(self.command(arguments), arguments, input)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program.command(arguments);
        self.clock.borrow().command(&mut command);
        command
    }
}
