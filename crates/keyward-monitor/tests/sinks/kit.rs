//! A receiver of HTTP that answers as it is told, and what tests send.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use keyward_monitor::{Alert, AlertKind, Parcel, Severity, Subject};
use keyward_types::{Clock, Random, RandomError, Timestamp};

/// A request as it came.
pub(crate) struct Got {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A receiver on a port of its own. Each answer of its list is given once, the last one for ever.
pub(crate) struct Receiving {
    pub(crate) port: u16,
    got: Receiver<Got>,
}

/// A path that must not be seen anywhere.
pub(crate) const PATH: &str = "/services/marker-of-the-path";

impl Receiving {
    pub(crate) fn answering(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, got) = channel();
        std::thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let answer = answers[n.min(answers.len() - 1)];
                let mut stream = stream.unwrap();
                let Some(request) = read(&mut stream) else { continue };
                if tell.send(request).is_err() {
                    return;
                }
                if answer == HANG {
                    std::thread::spawn(move || {
                        std::thread::sleep(Duration::from_secs(60));
                        drop(stream);
                    });
                    continue;
                }
                let _ = write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        });
        Self { port, got }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    pub(crate) fn next(&self) -> Got {
        self.got.recv_timeout(Duration::from_secs(20)).expect("a request comes")
    }

    pub(crate) fn nothing_more(&self) -> bool {
        self.soon().is_none()
    }

    pub(crate) fn soon(&self) -> Option<Got> {
        self.got.recv_timeout(Duration::from_millis(300)).ok()
    }
}

/// Reads the request and answers nothing.
pub(crate) const HANG: &str = "hang";

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no header `{name}`"))
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn read(stream: &mut TcpStream) -> Option<Got> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut got = Got { line: line.trim_end().to_owned(), headers, body: Vec::new() };
    got.body = vec![0; got.header("content-length").parse().ok()?];
    reader.read_exact(&mut got.body).ok()?;
    Some(got)
}

pub(crate) fn alert(subject: &str) -> Alert {
    let subject = Subject::new("account", subject).named("ada");
    Alert::new(AlertKind::BreakGlass, Severity::Critical, NOW, subject, "`ada` took emergency rights in `shop`")
}

pub(crate) fn parcel() -> Parcel {
    Parcel { id: "msg_0123".into(), alert: alert("user:a") }
}

pub(crate) const NOW: Timestamp = Timestamp(1_790_000_000_123);

/// The wall clock.
pub(crate) struct WallClock(std::time::Instant);

impl WallClock {
    pub(crate) fn new() -> Self {
        Self(std::time::Instant::now())
    }
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp(NOW.0 + i64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
}

/// The same bytes each time.
pub(crate) struct Sevens;

impl Random for Sevens {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(7);
        Ok(())
    }
}
