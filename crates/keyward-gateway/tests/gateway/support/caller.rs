//! A caller that sends bytes and reads an answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub(crate) struct Caller(pub TcpStream);

/// An answer, its body put together from its chunks.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// The body came to the end that was announced.
    pub(crate) whole: bool,
}

impl Caller {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, request: impl AsRef<[u8]>) -> Answer {
        // A gateway that refuses a head does not wait for the rest.
        let _ = self.0.write_all(request.as_ref());
        read_answer(&mut self.0)
    }

    /// Reads what is said before the answer.
    pub(crate) fn interim(&mut self) -> String {
        let mut said = Vec::new();
        while !said.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            said.push(byte[0]);
        }
        String::from_utf8(said).unwrap()
    }

    /// Whether the connection is closed by the other side.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        match self.0.read(&mut byte) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?} is no JSON"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (given, value) = line.split_once(':')?;
            given.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub(crate) fn refused(&self) -> Option<&str> {
        self.header("x-keyward-refused")
    }
}

/// Reads one answer, past what is said in between; what is missing of it is told by `whole`.
pub(crate) fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let (mut answer, mut rest) = loop {
        let Some(end) = find(&bytes, b"\r\n\r\n") else {
            if more(stream, &mut bytes) {
                continue;
            }
            let head = String::from_utf8_lossy(&bytes).into_owned();
            return Answer { status: 0, head, body: Vec::new(), whole: false };
        };
        let rest = bytes.split_off(end + 4);
        let head = String::from_utf8_lossy(&bytes).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        if status != 100 {
            break (Answer { status, head, body: Vec::new(), whole: false }, rest);
        }
        bytes = rest;
    };
    let status = answer.status;
    if answer.header("transfer-encoding").is_some() {
        (answer.body, answer.whole) = chunks(stream, rest);
        return answer;
    }
    let none = matches!(status, 204 | 304);
    let length = answer.header("content-length").map(|length| length.parse::<usize>().unwrap());
    let wanted = if none { Some(0) } else { length };
    while wanted.is_none_or(|wanted| rest.len() < wanted) && more(stream, &mut rest) {}
    answer.whole = wanted.is_none_or(|wanted| rest.len() >= wanted);
    answer.body = rest;
    answer
}

fn chunks(stream: &mut TcpStream, mut rest: Vec<u8>) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = find(&rest, b"\r\n") else {
            if more(stream, &mut rest) { continue } else { return (body, false) }
        };
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        while rest.len() < end + 2 + size + 2 {
            if !more(stream, &mut rest) {
                body.extend_from_slice(&rest[(end + 2).min(rest.len())..]);
                return (body, false);
            }
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest.drain(..end + 2 + size + 2);
        if size == 0 {
            return (body, true);
        }
    }
}

fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 16 << 10];
    match stream.read(&mut buffer) {
        Ok(length @ 1..) => {
            bytes.extend_from_slice(&buffer[..length]);
            true
        }
        _ => false,
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
