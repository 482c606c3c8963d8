//! An upstream that does what it is told: a thread a connection, and a function from a request to what is
//! written, piece by piece.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) struct Double {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    open: AtomicUsize,
    connections: AtomicUsize,
    forgets: AtomicBool,
}

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (given, value) = line.split_once(':')?;
            given.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// What is written for a request: pieces and the pauses before them. The connection stays open unless
/// `close`.
#[derive(Clone, Default)]
pub(crate) struct Reply {
    pub(crate) pieces: Vec<(Duration, Vec<u8>)>,
    pub(crate) close: bool,
    /// Counts the pieces that were written.
    pub(crate) written: Option<Arc<AtomicUsize>>,
}

impl Reply {
    pub(crate) fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    pub(crate) fn then(mut self, pause: u64, piece: impl Into<Vec<u8>>) -> Self {
        self.pieces.push((Duration::from_millis(pause), piece.into()));
        self
    }
}

/// Bytes as they stand.
pub(crate) fn reply(bytes: impl Into<Vec<u8>>) -> Reply {
    Reply::default().then(0, bytes)
}

/// A JSON answer.
pub(crate) fn json(body: &str) -> Reply {
    reply(format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

impl Double {
    pub(crate) fn new(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let (ours, answer) = (Arc::clone(&state), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (state, answer, stream) = (Arc::clone(&ours), Arc::clone(&answer), stream.unwrap());
                state.connections.fetch_add(1, Ordering::AcqRel);
                state.open.fetch_add(1, Ordering::AcqRel);
                std::thread::spawn(move || {
                    serve(stream, &state, &*answer);
                    state.open.fetch_sub(1, Ordering::AcqRel);
                });
            }
        });
        Self { port, state }
    }

    /// Keeps no requests: there will be very many.
    #[allow(dead_code, reason = "one of the tests makes so many")]
    pub(crate) fn forgetful(self) -> Self {
        self.state.forgets.store(true, Ordering::Relaxed);
        self
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// Connections that are open now.
    pub(crate) fn open(&self) -> usize {
        self.state.open.load(Ordering::Acquire)
    }

    /// Connections that were ever made.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Acquire)
    }
}

fn serve(mut stream: TcpStream, state: &State, answer: &dyn Fn(&Received) -> Reply) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut buffer) {
        if !state.forgets.load(Ordering::Relaxed) {
            state.received.lock().unwrap().push(request.clone());
        }
        let reply = answer(&request);
        for (pause, piece) in &reply.pieces {
            std::thread::sleep(*pause);
            if stream.write_all(piece).is_err() {
                return;
            }
            if let Some(written) = &reply.written {
                written.fetch_add(1, Ordering::AcqRel);
            }
        }
        if reply.close {
            return;
        }
    }
}

fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Received> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        more(stream, buffer)?;
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end);
    let mut request = Received { head, body: Vec::new() };
    if let Some(length) = request.header("content-length").map(|length| length.parse::<usize>().unwrap()) {
        while buffer.len() < length {
            more(stream, buffer)?;
        }
        request.body = buffer.drain(..length).collect();
    } else if request.header("transfer-encoding").is_some() {
        loop {
            let line = loop {
                if let Some(line) = buffer.windows(2).position(|window| window == b"\r\n") {
                    break line;
                }
                more(stream, buffer)?;
            };
            let size = usize::from_str_radix(std::str::from_utf8(&buffer[..line]).ok()?, 16).ok()?;
            while buffer.len() < line + 2 + size + 2 {
                more(stream, buffer)?;
            }
            request.body.extend_from_slice(&buffer[line + 2..line + 2 + size]);
            buffer.drain(..line + 2 + size + 2);
            if size == 0 {
                break;
            }
        }
    }
    Some(request)
}

fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut bytes = [0; 16 << 10];
    let length = stream.read(&mut bytes).ok().filter(|length| *length > 0)?;
    buffer.extend_from_slice(&bytes[..length]);
    Some(())
}
