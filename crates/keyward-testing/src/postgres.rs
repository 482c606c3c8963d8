//! A PostgreSQL of the test's own: made in a fresh folder, stopped and removed with the test, also
//! when that is killed. It listens on a socket in its folder and nowhere else.
//!
//! Without PostgreSQL on the machine a test fails. `cargo xtask test` installs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use keyward_upstream::rotators::TwoRoles;

/// A running server.
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    schemas: AtomicU32,
    guard: Child,
    /// Once it is closed, by whatever end of this process, the guard cleans up.
    life: Option<ChildStdin>,
}

impl Postgres {
    /// The server that all tests of this process share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server of one's own, for whoever restarts or stops it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start() -> Self {
        Self::start_with(5432, "listen_addresses = ''\n", &[])
    }

    /// One that also listens on this machine's network, for TLS with this certificate and key (PEM)
    /// and for who knows the password.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_with_tls(certificate: &str, key: &str, password: &str) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let settings = "listen_addresses = '127.0.0.1'\nssl = on\n";
        let rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
        let files = [("server.crt", certificate), ("server.key", key), ("pg_hba.conf", rules)];
        let server = Self::start_with(free.expect("a free port").port(), settings, &files);
        server.sql("public", &format!("ALTER USER {USER} PASSWORD '{password}'"));
        server
    }

    fn start_with(port: u16, settings: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("keyward-pg-").tempdir().expect("a temporary folder").keep();
        Account::of_the_server().own(&folder);
        let data = folder.join("data");
        let made = run(program("initdb").arg("-D").arg(&data).args([
            "-U",
            USER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]));
        assert!(made.contains("Success") || data.join("PG_VERSION").exists(), "initdb made no database: {made}");
        let settings = format!("{SETTINGS}{settings}port = {port}\nunix_socket_directories = '{}'\n", folder.display());
        for (name, text) in files.iter().chain([&("postgresql.auto.conf", &*settings)]) {
            put_file(&data.join(name), text);
        }
        let mut guard = guard(&folder);
        let life = guard.stdin.take();
        let server = Self { folder, port, schemas: AtomicU32::new(0), guard, life };
        server.control(&["start"]);
        server
    }

    /// The address of an empty schema that does not exist yet.
    pub fn fresh(&self) -> String {
        self.address(&format!("t{}", self.schemas.fetch_add(1, Ordering::Relaxed)))
    }

    /// The address of a schema.
    pub fn address(&self, schema: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{USER}@{folder}:{}/postgres?schema={schema}", self.port)
    }

    /// The port of its socket, and of its network address where it has one.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The socket it listens on.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{}", self.port))
    }

    /// Ends it as a crash would, and starts it again.
    pub fn crash(&self) {
        self.control(&["restart", "-m", "immediate"]);
    }

    /// What `psql` answers to a statement, past everything of ours; values without their names.
    ///
    /// # Panics
    /// When the statement fails.
    pub fn sql(&self, schema: &str, sql: &str) -> String {
        let path = format!("SET search_path = {schema}");
        let mut command = program("psql");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", USER, "-d", "postgres"]);
        command.arg("-p").arg(self.port.to_string()).arg("-h").arg(&self.folder);
        run(command.args(["-c", &path, "-c", sql])).trim().to_owned()
    }

    /// Two roles that stand in for each other, as their owner's setup makes them. The first signs in with
    /// `password`, the other not yet.
    ///
    /// # Panics
    /// When a name can be no role's, or there is one of it already.
    pub fn two_roles(&self, [first, other]: [&str; 2], owner: &str, password: &str) {
        let roles = TwoRoles::new(first, other).expect("names of roles");
        roles.setup(owner).split(";\n").filter(|part| !part.is_empty()).for_each(|part| drop(self.sql("public", part)));
        self.sql("public", &format!("ALTER ROLE {first} PASSWORD '{password}'"));
        self.sql("public", &format!("ALTER ROLE {other} NOLOGIN"));
    }

    /// What it has logged.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).expect("the server's log can be read")
    }

    fn control(&self, action: &[&str]) {
        let mut command = program("pg_ctl");
        command.arg("-D").arg(self.folder.join("data")).arg("-l").arg(self.folder.join("log")).args(["-w", "-s"]);
        run(command.args(action));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.life.take());
        // It has stopped the server, or there was none any more.
        let _ = self.guard.wait();
    }
}

/// Waits for the end of its input, which is that of the test, and leaves nothing behind.
fn guard(folder: &Path) -> Child {
    let script = "read _; \"$0\" -D \"$1/data\" stop -m immediate; rm -rf \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(binary("pg_ctl")).arg(folder);
    Account::of_the_server().take_on(&mut command);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("a shell can be started")
}

fn program(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    Account::of_the_server().take_on(&mut command);
    command
}

/// Debian keeps each version's programs in a folder of its own, which is not on the path.
fn binary(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest =
        versions.map(|entry| entry.path()).filter(|path| path.join("bin").join(name).exists()).max_by_key(number);
    newest.map_or_else(|| name.into(), |path| path.join("bin").join(name))
}

/// A file of the server's, which nobody else may read.
fn put_file(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).expect("the server's files are written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("and are its own");
    Account::of_the_server().own(path);
}

fn run(command: &mut Command) -> String {
    let hint = "PostgreSQL is needed (on Debian: apt-get install postgresql)";
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{hint}: {command:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Who runs the server: it refuses to run as root.
#[derive(Clone, Copy)]
enum Account {
    Ours,
    Other { user: u32, group: u32 },
}

impl Account {
    fn of_the_server() -> Self {
        static FOUND: OnceLock<Account> = OnceLock::new();
        *FOUND.get_or_init(|| {
            let id = |arguments: &[&str]| run(Command::new("id").args(arguments)).trim().parse().expect("a number");
            if id(&["-u"]) != 0 {
                return Self::Ours;
            }
            Self::Other { user: id(&["-u", "postgres"]), group: id(&["-g", "postgres"]) }
        })
    }

    fn own(self, path: &Path) {
        if let Self::Other { user, group } = self {
            std::os::unix::fs::chown(path, Some(user), Some(group)).expect("root gives its files away");
        }
    }

    fn take_on(self, command: &mut Command) {
        use std::os::unix::process::CommandExt;
        // The test's own folder may be closed to that account.
        command.current_dir("/");
        if let Self::Other { user, group } = self {
            command.uid(user).gid(group);
        }
    }
}

const USER: &str = "keyward";

/// Durable as in earnest; small.
const SETTINGS: &str = "\
fsync = on
shared_buffers = '64MB'
max_connections = 250
";
