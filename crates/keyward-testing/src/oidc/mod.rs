//! An OpenID provider, and an issuer of workloads' tokens, that answers what it is told to: right by
//! itself, and as no good one does where a test says so.

mod signer;

pub use signer::{Signer, hs256, unsigned};

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

/// A provider on a port of its own, as long as the process lives.
pub struct Provider {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// What it answers at a path.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A status, further header lines and a body.
    Answer(u16, Vec<String>, Vec<u8>),
    /// A status, and a body without an end.
    Endless(u16),
    /// Nothing, for a while.
    Silence(Duration),
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// Without the query.
    pub path: String,
    /// What stands behind `?`.
    pub query: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    /// What was posted.
    pub body: String,
}

#[derive(Default)]
struct State {
    replies: HashMap<String, Reply>,
    requests: Vec<Request>,
}

impl Provider {
    /// A provider with these keys in its set.
    ///
    /// # Panics
    /// When this machine gives no port.
    pub fn start(keys: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let provider = Self { address, state: Arc::default() };
        provider.publish(keys);
        provider.answer("/.well-known/openid-configuration", &provider.document());
        let state = Arc::clone(&provider.state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        provider
    }

    /// Its issuer.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its discovery document, as a good one has it.
    pub fn document(&self) -> Value {
        let issuer = self.issuer();
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"),
            "authorization_response_iss_parameter_supported": true,
        })
    }

    /// From now on these are its keys.
    pub fn publish(&self, keys: &[&Signer]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        self.answer("/keys", &json!({ "keys": keys }));
    }

    /// From now on this is what comes for a code: an ID token, and an access token beside it.
    pub fn give(&self, id_token: &str) {
        self.answer(
            "/token",
            &json!({ "id_token": id_token, "access_token": "an access token", "token_type": "Bearer" }),
        );
    }

    /// From now on it answers this at a path.
    pub fn answer(&self, path: &str, body: &Value) {
        let lines = vec!["content-type: application/json".to_owned()];
        self.reply(path, Reply::Answer(200, lines, body.to_string().into_bytes()));
    }

    /// The same, whatever it is.
    pub fn reply(&self, path: &str, reply: Reply) {
        lock(&self.state).replies.insert(path.to_owned(), reply);
    }

    /// What was asked at a path so far.
    pub fn asked(&self, path: &str) -> Vec<Request> {
        lock(&self.state).requests.iter().filter(|request| request.path == path).cloned().collect()
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let Some(request) = read(&stream) else { return };
    let reply = {
        let mut state = lock(state);
        let reply = state.replies.get(&request.path).cloned();
        state.requests.push(request);
        reply.unwrap_or(Reply::Answer(404, Vec::new(), Vec::new()))
    };
    // Whoever does not wait for it has gone.
    let _ = match reply {
        Reply::Silence(time) => {
            std::thread::sleep(time);
            Ok(())
        }
        Reply::Answer(status, lines, body) => {
            let mut head =
                format!("HTTP/1.1 {status} As-Told\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
            lines.iter().for_each(|line| head.push_str(&format!("{line}\r\n")));
            stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(&body))
        }
        Reply::Endless(status) => {
            let head =
                format!("HTTP/1.1 {status} As-Told\r\nconnection: close\r\ncontent-type: application/json\r\n\r\n");
            let mut written = stream.write_all(head.as_bytes());
            while written.is_ok() {
                written = stream.write_all(&[b' '; 8192]);
            }
            written
        }
    };
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let target = line.split(' ').nth(1)?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (path, query) = (path.to_owned(), query.to_owned());
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
    Some(Request { path, query, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
