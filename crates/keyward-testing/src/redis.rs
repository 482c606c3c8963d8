//! A Redis of the test's own, on a port of this machine, with a file for its users.
//!
//! Without Redis on the machine a test fails. `cargo xtask test` installs it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server.
pub struct Redis {
    port: u16,
    server: Child,
    folder: tempfile::TempDir,
}

impl Redis {
    /// Starts one, with an administrator and these users, each as `ACL SETUSER` takes it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(users: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("keyward-redis-").tempdir().expect("a temporary folder");
        let lines: String = users.iter().map(|user| format!("user {user}\n")).collect();
        std::fs::write(folder.path().join("users.acl"), lines).expect("it can be written");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string(), "--aclfile", "users.acl"]);
        command.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = command.spawn().expect("Redis is needed (on Debian: apt-get install redis-server)");
        let redis = Self { port, server, folder };
        let start = Instant::now();
        while redis.ask("PING\r\n").is_none() {
            assert!(start.elapsed() < Duration::from_secs(20), "Redis does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        redis
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The file of its users.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn users(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("users.acl")).expect("it can be read")
    }

    fn ask(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        stream.write_all(command.as_bytes()).ok()?;
        let mut answer = [0; 512];
        let length = stream.read(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer[..length]).into_owned()).filter(|answer| !answer.is_empty())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
