//! A server in a thread, and a client that writes what it is told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use keyward_access::Caller;
use keyward_client::{Desk, Failure, LocalDesk, NewTokenInfo, Occasion};
use keyward_server::{Authenticate, Config, Server, Stop, Tokens};
use keyward_testing::TestVault;
use keyward_testing::vault::TestClock;
use keyward_types::token::PlainToken;
use keyward_vault::Vault;
use serde_json::Value;
use tempfile::TempDir;

/// `shop` with `development` and `production`, served.
pub(crate) struct Served {
    pub(crate) vault: Arc<Vault>,
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
    _folder: Option<TempDir>,
}

/// An answer, as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Longer than any limit in these tests.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn loopback() -> Config {
    // Nobody out there is asked about a key by a test.
    crate::verdicts::service();
    Config::loopback("127.0.0.1:0".parse().unwrap())
}

impl Served {
    pub(crate) fn start() -> Self {
        Self::with(loopback())
    }

    pub(crate) fn with(config: Config) -> Self {
        Self::as_caller(config, Tokens)
    }

    /// Everybody with a valid token is this caller.
    pub(crate) fn for_caller(caller: impl Fn(&Vault) -> Caller + Send + Sync + 'static) -> Self {
        Self::as_caller(loopback(), Fixed(Box::new(caller)))
    }

    fn as_caller(config: Config, authenticate: impl Authenticate) -> Self {
        Self::made(|vault, _| Server::bind(vault, authenticate, config).unwrap())
    }

    /// The server that is made over a vault, which lies there.
    pub(crate) fn made(make: impl FnOnce(Arc<Vault>, &std::path::Path) -> Server) -> Self {
        Self::opened(|path, key| keyward_testing::vault::open(path, key).unwrap(), make)
    }

    /// The same by a clock that the test moves, behind a proxy that says from where clients come.
    pub(crate) fn at(clock: &Arc<TestClock>) -> Self {
        let config = Config { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..loopback() };
        Self::opened(
            |path, key| keyward_testing::vault::open_at(path, key, Arc::clone(clock)).unwrap(),
            |vault, _| Server::bind(vault, Tokens, config).unwrap(),
        )
    }

    fn opened(
        open: impl FnOnce(&std::path::Path, &keyward_vault::KeyFile) -> Vault,
        make: impl FnOnce(Arc<Vault>, &std::path::Path) -> Server,
    ) -> Self {
        let (folder, key) = TestVault::new(7).close();
        let path = folder.path().join("vault.db");
        let vault = Arc::new(open(&path, &key));
        let desk = LocalDesk::new(Arc::clone(&vault), Occasion { agent: "test".into(), reason: None }).unwrap();
        let made = desk.create_token(NewTokenInfo { name: "test".into(), ..NewTokenInfo::default() }).unwrap();
        let token = String::from_utf8(made.text.expose().to_vec()).unwrap();
        Self::over(vault, token, Some(folder), |vault| make(vault, &path))
    }

    /// Another server over the same vault, as after a restart: it remembers nothing.
    pub(crate) fn anew(&self) -> Self {
        let bind = |vault| Server::bind(vault, Tokens, loopback()).unwrap();
        Self::over(Arc::clone(&self.vault), self.token.clone(), None, bind)
    }

    /// The same with another set-up: a second node.
    pub(crate) fn beside(&self, config: Config) -> Self {
        let bind = |vault| Server::bind(vault, Tokens, config).unwrap();
        Self::over(Arc::clone(&self.vault), self.token.clone(), None, bind)
    }

    fn over(
        vault: Arc<Vault>,
        token: String,
        folder: Option<TempDir>,
        make: impl FnOnce(Arc<Vault>) -> Server,
    ) -> Self {
        let server = make(Arc::clone(&vault));
        let url = server.urls().remove(0);
        let address = url.split("://").nth(1).and_then(|address| address.parse().ok());
        let stop = Stop::new();
        let ends = stop.clone();
        let thread = Some(std::thread::spawn(move || server.run(&ends).unwrap()));
        let address = address.unwrap_or_else(|| "127.0.0.1:1".parse().unwrap());
        Self { vault, address, token, stop, thread, _folder: folder }
    }

    /// A request of the owner under `/api/v1`.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.ask_with(method, path, &[], body)
    }

    pub(crate) fn ask_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", bearer.as_str())];
        if body.is_some() {
            all.push(("content-type", "application/json"));
        }
        all.extend_from_slice(headers);
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.raw(method, &format!("/api/v1{path}"), &all, &body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }

    /// A request with these headers and no others but `Host` and `Content-Length`.
    pub(crate) fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(body);
        self.send(&bytes)
    }

    /// These bytes, and what comes back until the server closes.
    pub(crate) fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // A server that has heard enough closes while the rest is still being written.
        let _ = stream.write_all(bytes);
        Answer::read(&mut stream)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Number of entries in the log.
    pub(crate) fn log_size(&self) -> u64 {
        self.vault.log_size().unwrap()
    }

    /// What the newest entry says: action and outcome.
    pub(crate) fn last_entry(&self) -> (String, String) {
        let line = self.vault.log(self.log_size() - 1, 1).unwrap().remove(0);
        (line.entry.action.to_string(), line.entry.outcome.to_string())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the server's thread panicked");
        }
    }
}

struct Fixed(Box<dyn Fn(&Vault) -> Caller + Send + Sync>);

impl Authenticate for Fixed {
    fn caller(
        &self,
        vault: &Vault,
        token: &PlainToken,
        from: &keyward_vault::Visitor<'_>,
    ) -> Result<Option<Caller>, Failure> {
        Ok(Tokens.caller(vault, token, from)?.map(|_| (self.0)(vault)))
    }
}

impl Answer {
    /// Everything until the end of the stream; `status` is 0 when nothing came.
    pub(crate) fn read(stream: &mut impl Read) -> Self {
        let mut bytes = Vec::new();
        // A reset after the answer loses nothing of it.
        let _ = stream.read_to_end(&mut bytes);
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut body = bytes[end..].to_vec();
        if headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked") {
            body = unchunked(&body);
        }
        Self { status: status.unwrap_or(0), headers, body }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The JSON of an answer that has this status.
    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:?}\n{}", self.headers, self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// The code of a problem that has this status; every problem has the same form.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        let problem = self.is(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        let code = problem["code"].as_str().unwrap().to_owned();
        assert_eq!(problem["type"], format!("urn:keyward:problem:{code}"));
        code
    }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(at) = bytes.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(&String::from_utf8_lossy(&bytes[..at]), 16).unwrap_or(0);
        if length == 0 || bytes.len() < at + 2 + length {
            break;
        }
        whole.extend_from_slice(&bytes[at + 2..at + 2 + length]);
        bytes = &bytes[(at + 4 + length).min(bytes.len())..];
    }
    whole
}

/// A path below an environment of `shop`.
pub(crate) fn in_development(rest: &str) -> String {
    format!("/projects/shop/environments/development/{rest}")
}
