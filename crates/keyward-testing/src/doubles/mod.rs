//! Doubles of services' administrative interfaces, as their documents have them, with troubles to
//! switch on: an answer that is lost after the change was made, one that takes too long, too many
//! calls, failures, nonsense, lists that lag behind.
//!
//! Each service is a small state machine over requests ([`Service`]); [`Double`] is the server
//! around it, which alone knows of troubles.

mod anthropic;
mod apikeys;
mod azure;
mod cohere;
mod gcp_secrets;
mod github;
mod github_actions;
mod github_app;
mod iam;
mod kubernetes;
mod neon;
mod openai;
mod qdrant;
mod qdrant_node;
mod receiver;
mod relay;
mod vault_kv;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

pub use anthropic::Anthropic;
pub use apikeys::ApiKeys;
pub use azure::AzureKeyVault;
pub use cohere::Cohere;
pub use gcp_secrets::GcpSecrets;
pub use github::GitHub;
pub use github_actions::GitHubActions;
pub use github_app::GitHubApp;
pub use iam::Iam;
pub use kubernetes::Kubernetes;
pub use neon::Neon;
pub use openai::OpenAi;
pub use qdrant::Qdrant;
pub use qdrant_node::QdrantNode;
pub use receiver::Receiver;
pub use relay::Relay;
pub use vault_kv::VaultKv;

/// A service as a state machine.
pub trait Service: Send + 'static {
    /// Hosts that requests name when they mean it.
    const HOSTS: &'static [&'static str];

    /// Answers one request, and makes its change.
    fn answer(&mut self, request: &Request) -> Reply;
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`…
    pub method: String,
    /// Without the query, in segments, each decoded.
    pub path: Vec<String>,
    /// Decoded.
    pub query: HashMap<String, String>,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    /// What was sent.
    pub body: String,
}

/// What comes back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The connection ends before the service has seen it.
    NeverArrives,
    /// The change is made, and the connection ends without an answer.
    LostAnswer,
    /// The change is made, and the answer comes after this long.
    Slow(Duration),
    /// Nothing is done: 429, with this many seconds in `Retry-After`.
    Limited(u64),
    /// Nothing is done: a failure with this status.
    Fails(u16),
    /// The change is made, and the answer is 200 with something else than documented.
    Nonsense,
    /// Nothing is done: a redirect to elsewhere.
    Redirects,
}

/// A service on a port of this machine, as long as the process lives.
pub struct Double<S> {
    address: SocketAddr,
    service: Arc<Mutex<S>>,
    troubles: Arc<Mutex<Vec<(String, Trouble)>>>,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl<S: Service> Double<S> {
    /// Starts it.
    ///
    /// # Panics
    /// When this machine gives no port.
    pub fn start(service: S) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let double =
            Self { address, service: Arc::new(Mutex::new(service)), troubles: Arc::default(), seen: Arc::default() };
        let (service, troubles, seen) =
            (Arc::clone(&double.service), Arc::clone(&double.troubles), Arc::clone(&double.seen));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (service, troubles, seen) = (Arc::clone(&service), Arc::clone(&troubles), Arc::clone(&seen));
                std::thread::spawn(move || serve(stream, &service, &troubles, &seen));
            }
        });
        double
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `HOST=URL,…`: its hosts, and that they are here.
    pub fn hosts(&self) -> String {
        let each: Vec<String> = S::HOSTS.iter().map(|host| format!("{host}={}", self.url())).collect();
        each.join(",")
    }

    /// The next request whose method, path, query or body has this in it goes wrong so.
    pub fn trouble(&self, on: &str, trouble: Trouble) {
        lock(&self.troubles).push((on.to_owned(), trouble));
    }

    /// Nothing goes wrong any more.
    pub fn calm(&self) {
        lock(&self.troubles).clear();
    }

    /// The state of the service, to look at and to change behind everybody's back.
    pub fn service(&self) -> MutexGuard<'_, S> {
        lock(&self.service)
    }

    /// The requests so far, also those that went wrong; of very many the last.
    pub fn seen(&self) -> Vec<Request> {
        lock(&self.seen).clone()
    }
}

impl Request {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// Method and path, to be matched.
    pub fn route(&self) -> (&str, Vec<&str>) {
        (&self.method, self.path.iter().map(String::as_str).collect())
    }

    /// What is behind `Bearer `.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    fn line(&self) -> String {
        let query: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{} /{}?{} {}", self.method, self.path.join("/"), query.join("&"), self.body)
    }
}

impl Reply {
    /// JSON with a status.
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, body: body.to_string() }
    }

    /// Text with a status.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into() }
    }
}

fn serve<S: Service>(
    mut stream: TcpStream,
    service: &Mutex<S>,
    troubles: &Mutex<Vec<(String, Trouble)>>,
    seen: &Mutex<Vec<Request>>,
) {
    let Some(request) = read(&stream) else { return };
    let trouble = {
        let line = request.line();
        let mut troubles = lock(troubles);
        let at = troubles.iter().position(|(on, _)| line.contains(on.as_str()));
        at.map(|at| troubles.remove(at).1)
    };
    remember(&mut lock(seen), &request);
    let answer = || lock(service).answer(&request);
    let (reply, more) = match trouble {
        Some(Trouble::NeverArrives) => return,
        Some(Trouble::LostAnswer) => {
            answer();
            return;
        }
        Some(Trouble::Slow(time)) => {
            let reply = answer();
            std::thread::sleep(time);
            (reply, String::new())
        }
        Some(Trouble::Limited(after)) => (Reply::text(429, "{}"), format!("retry-after: {after}\r\n")),
        Some(Trouble::Fails(status)) => (Reply::text(status, "upstream connect error"), String::new()),
        Some(Trouble::Nonsense) => {
            answer();
            (Reply::text(200, "<html>welcome</html>"), String::new())
        }
        Some(Trouble::Redirects) => (Reply::text(307, ""), "location: http://127.0.0.1:9/elsewhere\r\n".to_owned()),
        None => (answer(), String::new()),
    };
    let head = format!(
        "HTTP/1.1 {} As-Told\r\nconnection: close\r\ncontent-type: application/json\r\n{more}content-length: {}\r\n\r\n",
        reply.status,
        reply.body.len()
    );
    // Whoever does not wait for it has gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(reply.body.as_bytes()));
}

/// The last requests, so that a service under load does not fill the memory.
fn remember(seen: &mut Vec<Request>, request: &Request) {
    const MOST: usize = 20_000;
    if seen.len() >= MOST {
        seen.drain(..MOST / 2);
    }
    seen.push(request.clone());
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let (method, target) = line.trim_end().split_once(' ')?;
    let target = target.split(' ').next()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (method, path, query) = (method.to_owned(), segments(path), pairs(query));
    let mut headers = HashMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, query, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty()).map(decode).collect()
}

/// Pairs of a query or a form.
pub(crate) fn pairs(text: &str) -> HashMap<String, String> {
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (decode(name), decode(&value.replace('+', " ")))
    };
    text.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        match byte {
            b'%' => out.push(u8::try_from(digit().unwrap_or(0) * 16 + digit().unwrap_or(0)).unwrap_or(b'?')),
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Characters that a service draws for a new key: unlike every other of this process.
pub(crate) fn drawn(count: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut bytes = vec![0_u8; count];
    getrandom::fill(&mut bytes).expect("this machine has randomness");
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}

/// What stands before a SHA-256 in a signature with RSA (RFC 8017, 9.2).
const SHA256: [u8; 19] = [0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
