//! A MariaDB of the test's own, on a port of this machine.
//!
//! Without MariaDB on the machine a test fails. `cargo xtask test` installs it.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::guarded::Guarded;

/// A running server, whose `root` signs in by its socket alone.
pub struct MariaDb {
    port: u16,
    folder: PathBuf,
    _server: Guarded,
}

const NEEDED: &str = "MariaDB is needed (on Debian: apt-get install mariadb-server)";

impl MariaDb {
    /// Starts one.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("keyward-maria-").tempdir().expect("a temporary folder").keep();
        let data = format!("--datadir={}", folder.join("data").display());
        let user = format!("--user={}", whoami());
        let mut install = Command::new("mariadb-install-db");
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", &data, &user]);
        let made = install.stdout(Stdio::null()).stderr(Stdio::null()).status().expect(NEEDED);
        assert!(made.success(), "mariadb-install-db made no database");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let socket = format!("--socket={}", folder.join("s").display());
        let port_text = format!("--port={port}");
        let arguments = ["--no-defaults", "--bind-address=127.0.0.1", &port_text, &socket, &data, &user];
        let server = Guarded::start("mariadbd", arguments, Some(&folder), &[]);
        let maria = Self { port, folder, _server: server };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "MariaDB does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        maria
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it answers to statements of its administrator; values without their names.
    ///
    /// # Panics
    /// When a statement fails.
    pub fn sql(&self, sql: &str) -> String {
        let socket = format!("--socket={}", self.folder.join("s").display());
        let mut command = Command::new("mariadb");
        command.args(["--no-defaults", &socket, "-u", "root", "-N", "-B", "-e", sql]);
        let output = command.stdin(Stdio::null()).output().expect(NEEDED);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

fn whoami() -> String {
    let said = Command::new("id").arg("-un").output().expect("`id` is everywhere");
    String::from_utf8_lossy(&said.stdout).trim().to_owned()
}
