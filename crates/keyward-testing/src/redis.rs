//! A Redis of the test's own, on a port of this machine, with a file for its users.
//!
//! Without Redis on the machine a test fails. `cargo xtask test` installs it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::guarded::Guarded;

/// A running server.
pub struct Redis {
    port: u16,
    folder: PathBuf,
    _server: Guarded,
}

impl Redis {
    /// Starts one, with an administrator and these users, each as `ACL SETUSER` takes it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(users: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("keyward-redis-").tempdir().expect("a temporary folder").keep();
        let lines: String = users.iter().map(|user| format!("user {user}\n")).collect();
        std::fs::write(folder.join("users.acl"), lines).expect("it can be written");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let port_text = port.to_string();
        let arguments = ["--bind", "127.0.0.1", "--save", "", "--port", &port_text, "--aclfile", "users.acl"];
        let server = Guarded::start("redis-server", arguments, Some(&folder), &[]);
        let redis = Self { port, folder, _server: server };
        let start = Instant::now();
        while redis.ask("PING\r\n").is_none() {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "no Redis answers (on Debian: apt-get install redis-server)"
            );
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
        std::fs::read_to_string(self.folder.join("users.acl")).expect("it can be read")
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
