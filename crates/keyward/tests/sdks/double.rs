//! A service for SDKs to call: HTTP/1.1, a thread a connection, JSON in and JSON, events or bytes out.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A running double.
pub(crate) struct Double {
    address: SocketAddr,
    key: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    told: Told,
    lines: String,
    all: String,
}

/// A request as it came.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) query: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What a double has told of itself: what is to be counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// The real key: a request without it in its place is none of a customer's.
    pub(crate) key: String,
    pub(crate) requests: u64,
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cached: u64,
    pub(crate) reasoning: u64,
    /// Calls that use tokens and do not say how many: their input is estimated.
    pub(crate) unsaid: u64,
    /// Calls of one sort, for what is answered otherwise the first time.
    pub(crate) slowed: u64,
    /// What was wrong with requests.
    pub(crate) faults: Vec<String>,
}

/// What is answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    Json(Value),
    /// Pieces, each in a chunk of its own.
    Pieces(&'static str, Vec<String>),
    Bytes(&'static str, Vec<u8>),
}

impl Answer {
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Server-sent events with these data.
    pub(crate) fn events(events: impl IntoIterator<Item = Value>) -> Self {
        let pieces = events.into_iter().map(|event| format!("data: {event}\n\n")).collect();
        Self { status: 200, headers: Vec::new(), body: Body::Pieces("text/event-stream", pieces) }
    }

    /// Server-sent events, each under the name that its `type` is.
    pub(crate) fn named_events(events: impl IntoIterator<Item = Value>) -> Self {
        let named = |event: Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default());
        let pieces = events.into_iter().map(named).collect();
        Self { status: 200, headers: Vec::new(), body: Body::Pieces("text/event-stream", pieces) }
    }
}

/// A JSON answer.
pub(crate) fn json(body: Value) -> Answer {
    status(200, body)
}

/// A JSON answer with this status.
pub(crate) fn status(status: u16, body: Value) -> Answer {
    Answer { status, headers: Vec::new(), body: Body::Json(body) }
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The body; null where it is no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn call(&self) -> (&str, &str) {
        (&self.method, &self.path)
    }
}

impl Told {
    /// Tells of these tokens.
    pub(crate) fn tokens(&mut self, input: u64, output: u64) {
        self.input += input;
        self.output += output;
    }

    /// Notes that a request was not what the service takes.
    pub(crate) fn fault(&mut self, request: &Request, what: &str) {
        self.faults.push(format!("{} {}: {what}", request.method, request.path));
    }
}

impl Double {
    pub(crate) fn new(key: &str, answer: fn(&Request, &mut Told) -> Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let told = Told { key: key.to_owned(), ..Told::default() };
        let state = Arc::new(Mutex::new(State { told, ..State::default() }));
        let ours = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (state, stream) = (Arc::clone(&ours), stream.unwrap());
                std::thread::spawn(move || serve(stream, &state, answer));
            }
        });
        Self { address, key: key.to_owned(), state }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn told(&self) -> Told {
        self.state.lock().unwrap().told.clone()
    }

    /// Request lines and statuses.
    pub(crate) fn seen(&self) -> String {
        self.state.lock().unwrap().lines.clone()
    }

    /// All that arrived.
    pub(crate) fn all(&self) -> String {
        self.state.lock().unwrap().all.clone()
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>, answer: fn(&Request, &mut Told) -> Answer) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = read(&mut reader) {
        let answer = {
            let mut state = state.lock().unwrap();
            let _ = writeln!(state.all, "{request:?} {}", String::from_utf8_lossy(&request.body));
            state.told.requests += 1;
            let answer = answer(&request, &mut state.told);
            let _ = writeln!(state.lines, "{} {} {}: {}", request.method, request.path, request.query, answer.status);
            answer
        };
        if write(&mut stream, answer).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request { method, path: path.into(), query: query.into(), ..Request::default() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        request.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    if let Ok(length) = request.header("content-length").parse() {
        request.body = vec![0; length];
        reader.read_exact(&mut request.body).ok()?;
    } else if !request.header("transfer-encoding").is_empty() {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let mut chunk = vec![0; usize::from_str_radix(line.trim(), 16).ok()? + 2];
            reader.read_exact(&mut chunk).ok()?;
            if chunk.len() == 2 {
                break;
            }
            request.body.extend_from_slice(&chunk[..chunk.len() - 2]);
        }
    }
    Some(request)
}

fn write(stream: &mut TcpStream, answer: Answer) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Said\r\n", answer.status);
    for (name, value) in &answer.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let whole = |head: String, sort: &str, body: &[u8]| {
        let head = format!("{head}Content-Type: {sort}\r\nContent-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    match answer.body {
        // RFC 9110, 8.6: nothing follows this status.
        Body::Json(_) if answer.status == 204 => stream.write_all(format!("{head}\r\n").as_bytes()),
        Body::Json(Value::Null) => stream.write_all(&whole(head, "application/json", b"")),
        Body::Json(value) => stream.write_all(&whole(head, "application/json", value.to_string().as_bytes())),
        Body::Bytes(sort, bytes) => stream.write_all(&whole(head, sort, &bytes)),
        Body::Pieces(sort, pieces) => {
            write!(stream, "{head}Content-Type: {sort}\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            for piece in pieces {
                write!(stream, "{:x}\r\n{piece}\r\n", piece.len())?;
            }
            stream.write_all(b"0\r\n\r\n")
        }
    }
}
