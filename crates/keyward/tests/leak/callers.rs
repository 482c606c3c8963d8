//! A pool of callers that never pauses: some through the gateway, with a virtual key; some at the service
//! itself, with what stands in the file that keyward deploys to.

use std::io::{BufRead, BufReader, Error, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::places::what_is_read;

/// What they do, and whether anything failed.
pub(crate) struct Pool<'a> {
    /// Host and port of the gateway.
    pub(crate) gateway: &'a str,
    /// What it is called with.
    pub(crate) virtual_key: &'a str,
    /// Host and port of the service.
    pub(crate) service: &'a str,
    /// The file of a program, and its variable.
    pub(crate) file: &'a Path,
    pub(crate) variable: &'a str,
    pub(crate) stop: AtomicBool,
    pub(crate) served: AtomicU64,
    pub(crate) failures: Mutex<Vec<String>>,
}

/// Of each kind.
pub(crate) const CALLERS: usize = 2;

impl Pool<'_> {
    /// One caller with a virtual key and one connection, as long as it lasts.
    pub(crate) fn call_the_gateway(&self) {
        let mut kept = None;
        while !self.stop.load(Ordering::Relaxed) {
            let mut stream = kept.take().unwrap_or_else(|| connected(self.gateway));
            let asked = ask(&mut stream, "/openai/v1/models", self.virtual_key);
            if self.counts("through the gateway", asked) {
                kept = Some(stream);
            }
        }
    }

    /// One caller as programs are that read their file again before they call.
    pub(crate) fn call_the_service(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let key = what_is_read(self.file, self.variable).unwrap_or_default();
            let mut stream = connected(self.service);
            let asked = ask(&mut stream, "/v1/models", &key);
            self.counts("with the file's key", asked);
        }
    }

    fn counts(&self, how: &str, asked: Result<u16, Error>) -> bool {
        let failed = match asked {
            Ok(200) => {
                self.served.fetch_add(1, Ordering::Relaxed);
                return true;
            }
            Ok(status) => format!("{how}: status {status}"),
            Err(error) => format!("{how}: {error}"),
        };
        self.failures.lock().unwrap().push(failed);
        false
    }
}

fn connected(to: &str) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    BufReader::new(stream)
}

fn ask(stream: &mut BufReader<TcpStream>, path: &str, key: &str) -> Result<u16, Error> {
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\r\n");
    stream.get_mut().write_all(head.as_bytes())?;
    let (mut line, mut length) = (String::new(), 0);
    stream.read_line(&mut line)?;
    let status = line.get(9..12).and_then(|status| status.parse().ok());
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap_or(0);
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    status.ok_or_else(|| Error::other("no status"))
}
