//! Callers of a gateway that never pause, each with one connection as long as it lasts.

use std::io::{BufRead, BufReader, Error, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// One connection.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

/// What all callers have in common: their key, and what they saw.
pub(crate) struct Callers {
    key: Mutex<String>,
    over: AtomicBool,
    calls: AtomicU64,
    failures: Mutex<Vec<String>>,
}

/// Ends the callers, whatever fails.
pub(crate) struct Stop<'a>(&'a Callers);

impl Connection {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// The status of one call.
    pub(crate) fn ask(&mut self, key: &str) -> std::io::Result<u16> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(30)))?;
                BufReader::new(stream)
            }
        };
        let head = format!("GET /qdrant/collections HTTP/1.1\r\nhost: localhost\r\napi-key: {key}\r\n\r\n");
        stream.get_mut().write_all(head.as_bytes())?;
        let (mut line, mut length, mut closes) = (String::new(), 0, false);
        stream.read_line(&mut line)?;
        let status = line.get(9..12).and_then(|status| status.parse().ok());
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            match &*name.to_ascii_lowercase() {
                "content-length" => length = value.parse().unwrap_or(0),
                "connection" => closes = value.eq_ignore_ascii_case("close"),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        self.stream = (!closes).then_some(stream);
        status.ok_or_else(|| Error::other("no status"))
    }
}

impl Callers {
    pub(crate) fn new(key: String) -> Self {
        Self {
            key: Mutex::new(key),
            over: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            failures: Mutex::default(),
        }
    }

    /// Gives them another key.
    pub(crate) fn have(&self, key: String) {
        *self.key.lock().unwrap() = key;
    }

    /// Calls until it is over.
    pub(crate) fn call(&self, address: SocketAddr) {
        let mut connection = Connection::to(address);
        while !self.over.load(Ordering::Acquire) {
            let key = self.key.lock().unwrap().clone();
            match connection.ask(&key) {
                Ok(200) => {}
                Ok(status) => self.failures.lock().unwrap().push(format!("status {status}")),
                Err(error) => self.failures.lock().unwrap().push(error.to_string()),
            }
            self.calls.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Ends them when it is dropped.
    pub(crate) fn stop(&self) -> Stop<'_> {
        Stop(self)
    }

    /// How many calls there were, and those that failed.
    pub(crate) fn told(&self) -> (u64, Vec<String>) {
        (self.calls.load(Ordering::Acquire), self.failures.lock().unwrap().clone())
    }
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
    }
}
