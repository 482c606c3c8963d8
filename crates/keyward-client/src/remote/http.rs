//! Requests to one server: made, tried again where that changes nothing twice, and read.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use data_encoding::HEXLOWER;
use keyward_types::{Random as _, Secret};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::config::Config;
use ureq::http::{Method, Request, Response, Uri};
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body, Timeout};
use zeroize::Zeroizing;

use super::{ServerAccess, refusal};
use crate::{Code, Failure, Occasion, Result, ServerUrl, SystemRandom};

/// The way to one server.
pub(crate) struct Http {
    agent: Agent,
    url: ServerUrl,
    token: Option<Secret<String>>,
    occasion: Occasion,
    /// Whether the last request came to nobody who could have answered.
    unreached: AtomicBool,
    /// What is kept of this server, which ends when it knows the token no more.
    kept: Option<PathBuf>,
}

/// A request, as often as it is sent.
struct Ask<'a> {
    method: Method,
    path: &'a str,
    token: Option<&'a str>,
    /// JSON; it may hold values.
    body: Option<&'a [u8]>,
    /// Under which a change is carried out once.
    key: Option<String>,
}

/// Why a request came to no answer.
struct Broken {
    failure: Failure,
    /// Whether trying again may help.
    passing: bool,
    /// Whether nobody was reached.
    unreached: bool,
}

/// An answer whose body was read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    retry_after: Option<u64>,
    body: Zeroizing<Vec<u8>>,
}

const CONNECT: Duration = Duration::from_secs(5);
/// Longer than a server works on a request by itself.
const WHOLE: Duration = Duration::from_secs(60);
/// A bundle of 100,000 secrets is far smaller.
const LARGEST: usize = 64 << 20;
/// How often a request is sent at most.
const TRIES: u32 = 3;
/// Longest pause that a server may ask for and is given by a command that waits.
const PAUSE: u64 = 5;

impl Http {
    pub(crate) fn new(access: ServerAccess, occasion: &Occasion) -> Result<Self> {
        let ServerAccess { url, token, authority } = access;
        let tls = TlsConfig::builder().root_certs(authority.roots()?).build();
        let config = Config::builder()
            .https_only(!url.is_plain())
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(WHOLE))
            .max_idle_connections(1)
            .user_agent(ascii(&occasion.agent))
            .tls_config(tls)
            .build();
        let names = Names { names: DefaultResolver::default(), here_alone: url.is_plain() };
        let agent = Agent::with_parts(config, DefaultConnector::default(), names);
        let unreached = AtomicBool::new(false);
        Ok(Self { agent, url, token, occasion: occasion.clone(), unreached, kept: None })
    }

    pub(super) fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// Whether the last request came to nobody who could have answered: no connection, no name, no
    /// answer in time. A refusal is an answer.
    pub(super) fn was_unreached(&self) -> bool {
        self.unreached.load(Ordering::Relaxed)
    }

    pub(super) fn forget_when_unknown(&mut self, kept: PathBuf) {
        self.kept = Some(kept);
    }

    /// Reads what lies at a path below `/api/v1`.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.parsed(&self.bytes(path)?)
    }

    /// The same, as it comes.
    pub(super) fn bytes(&self, path: &str) -> Result<Zeroizing<Vec<u8>>> {
        self.ask(&self.mine(Method::GET, path))
    }

    /// Changes something, or has something worked out that needs a body to say.
    pub(super) fn send<T: DeserializeOwned>(&self, method: Method, path: &str, body: &impl Serialize) -> Result<T> {
        let text = written(body)?;
        self.parsed(&self.ask(&Ask { body: Some(&text), key: Some(key()?), ..self.mine(method, path) })?)
    }

    /// Changes something that the path says all about.
    pub(super) fn act<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T> {
        self.parsed(&self.ask(&Ask { key: Some(key()?), ..self.mine(method, path) })?)
    }

    /// Posts JSON once and gives whatever comes back, for who holds this token or is nobody yet.
    pub(crate) fn exchange(&self, path: &str, token: Option<&str>, body: &impl Serialize) -> Result<Answer> {
        let text = written(body)?;
        let ask = Ask { method: Method::POST, path, token, body: Some(&text), key: None };
        self.once(&ask).map_err(|broken| broken.failure)
    }

    /// What an answer holds, where the server said yes.
    pub(crate) fn granted<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T> {
        if (200..300).contains(&answer.status) { self.parsed(&answer.body) } else { Err(self.refusal(answer)) }
    }

    /// What the server refused.
    pub(crate) fn refusal(&self, answer: &Answer) -> Failure {
        refusal::of(&self.url, answer.status, &answer.body)
    }

    fn refused(&self, answer: &Answer) -> Failure {
        let failure = self.refusal(answer);
        match (&self.kept, answer.status) {
            (Some(kept), 401) if kept.exists() && std::fs::remove_file(kept).is_ok() => {
                let gone = "what was kept offline of it is gone from this machine";
                let hint = failure.hint.as_ref().map_or_else(|| gone.to_owned(), |hint| format!("{hint}; {gone}"));
                failure.hint(hint)
            }
            _ => failure,
        }
    }

    /// A request of whoever this is, without a body.
    fn mine<'a>(&'a self, method: Method, path: &'a str) -> Ask<'a> {
        let token = self.token.as_ref().map(|token| token.expose().as_str());
        Ask { method, path, token, body: None, key: None }
    }

    fn parsed<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T> {
        // What the parser says may quote a value.
        serde_json::from_slice(body).map_err(|error| {
            Failure::internal(format!("the answer of `{}` cannot be read at column {}", self.url, error.column()))
                .hint("the server may be another version of keyward than this command")
        })
    }

    fn ask(&self, ask: &Ask<'_>) -> Result<Zeroizing<Vec<u8>>> {
        let mut tries = 1;
        loop {
            let answer = self.once(ask);
            self.unreached.store(answer.as_ref().is_err_and(|broken| broken.unreached), Ordering::Relaxed);
            let pause = match answer {
                Ok(answer) if (200..300).contains(&answer.status) => return Ok(answer.body),
                Ok(answer) => match answer.pause(ask) {
                    Some(pause) if tries < TRIES => pause,
                    _ => return Err(self.refused(&answer)),
                },
                Err(broken) if broken.passing && tries < TRIES => Duration::from_millis(100 << tries),
                Err(broken) => return Err(broken.failure),
            };
            std::thread::sleep(pause);
            tries += 1;
        }
    }

    fn once(&self, ask: &Ask<'_>) -> Result<Answer, Broken> {
        if ask.token.is_some_and(|token| !token.bytes().all(|b| b.is_ascii_graphic())) {
            let failure = Failure::usage("the token holds characters that no token has")
                .hint("copy `KEYWARD_TOKEN` again: a token is one word of letters, digits, `_` and `-`");
            return Err(Broken { failure, passing: false, unreached: false });
        }
        let mut request =
            Request::builder().method(ask.method.clone()).uri(self.url.at(&format!("/api/v1{}", ask.path)));
        if let Some(token) = ask.token {
            // Built here and dropped with the request; what the library copies of it is its own.
            let bearer = Zeroizing::new(format!("Bearer {token}"));
            request = request.header("authorization", bearer.as_str());
        }
        if let Some(reason) = &self.occasion.reason {
            request = request.header("x-keyward-reason", spoken(reason).as_bytes());
        }
        if let Some(key) = &ask.key {
            request = request.header("idempotency-key", key);
        }
        let sent = match (ask.body, &ask.method) {
            (Some(body), _) => self.run(request.header("content-type", "application/json").body(body)),
            (None, &Method::POST | &Method::PUT | &Method::PATCH) => self.run(request.body(&b""[..])),
            (None, _) => self.run(request.body(())),
        };
        let response = sent.map_err(|error| self.broken(&error))?;
        Answer::read(response).map_err(|error| self.broken(&ureq::Error::Io(error)))
    }

    fn run<B: ureq::AsSendBody>(
        &self,
        request: Result<Request<B>, ureq::http::Error>,
    ) -> Result<Response<Body>, ureq::Error> {
        self.agent.run(request?)
    }

    /// The client's error in our words.
    fn broken(&self, error: &ureq::Error) -> Broken {
        let unreached = match error {
            ureq::Error::Timeout(_) | ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
            ureq::Error::Io(error) => self.broken_io(error).1,
            _ => false,
        };
        let (why, passing) = match error {
            ureq::Error::Io(error) => self.broken_io(error),
            ureq::Error::Timeout(_) => ("it does not answer in time".to_owned(), false),
            ureq::Error::HostNotFound => (NOWHERE.to_owned(), false),
            ureq::Error::ConnectionFailed => (NOBODY.to_owned(), true),
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => (NOT_TRUSTED.to_owned(), false),
            ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
                ("what answers there does not speak HTTP, or needs `https://`".to_owned(), false)
            }
            ureq::Error::Http(_) => ("the token or the reason holds characters that no request can".to_owned(), false),
            _ => ("the request failed".to_owned(), false),
        };
        let code = match error {
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => Code::Unavailable,
            ureq::Error::Timeout(_) => Code::TimedOut,
            _ => Code::Unavailable,
        };
        let failure = Failure::new(code, format!("`{}` cannot be asked: {why}", self.url));
        let failure = failure.hint(match why.as_str() {
            NOT_TRUSTED => "`KEYWARD_CA`, and `keyward login --ca FILE`, name the certificate of an authority of one's own (`keyward ca init`)",
            NOBODY if self.url.is_plain() => "`keyward up` starts a server on this machine; `--local` works with the vault here without one",
            NOWHERE => "is it spelled right, and can this machine look names up? `--local` works with the vault here",
            _ => "nothing more is known than that; `--local` works with the vault on this machine",
        });
        Broken { failure, passing, unreached }
    }

    fn broken_io(&self, error: &io::Error) -> (String, bool) {
        if let Some(elsewhere) = error.get_ref().and_then(|inner| inner.downcast_ref::<Elsewhere>()) {
            return (elsewhere.to_string(), false);
        }
        match error.kind() {
            // rustls' verdicts come as data that is not right. Asked again, it would say the same.
            io::ErrorKind::InvalidData if !self.url.is_plain() => {
                let untrusted = error.to_string().contains("certificate");
                (if untrusted { NOT_TRUSTED } else { NO_TLS }.to_owned(), false)
            }
            io::ErrorKind::ConnectionRefused => (NOBODY.to_owned(), true),
            // Names that do not resolve come as such, under no kind of their own.
            _ if error.to_string().contains("lookup address") => (NOWHERE.to_owned(), true),
            _ => (format!("the connection failed: {error}"), true),
        }
    }
}

const NOT_TRUSTED: &str = "its certificate is not trusted here";
const NO_TLS: &str = "what answers there speaks no TLS that is understood here";
const NOWHERE: &str = "its name leads nowhere";
const NOBODY: &str = "nothing answers there";

impl Answer {
    fn read(response: Response<Body>) -> io::Result<Self> {
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.into_body();
        let announced = body.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(4096);
        let body = read_all(body.into_with_config().limit(LARGEST as u64).reader(), announced.min(LARGEST))?;
        Ok(Self { status, retry_after, body })
    }

    /// How long to wait before the same is asked again; `None`: the answer stands.
    fn pause(&self, ask: &Ask<'_>) -> Option<Duration> {
        match self.status {
            503 => Some(Duration::from_secs(self.retry_after.filter(|after| *after <= PAUSE)?)),
            // The first of our own tries is still being worked on.
            409 if ask.key.is_some() && self.is("under_way") => Some(Duration::from_millis(500)),
            _ => None,
        }
    }

    /// The code of a problem; empty where it is none.
    pub(crate) fn code(&self) -> String {
        refusal::code_of(&self.body).unwrap_or_default()
    }

    fn is(&self, code: &str) -> bool {
        let code = format!("\"code\":\"{code}\"");
        self.body.windows(code.len()).any(|window| window == code.as_bytes())
    }
}

/// A body, which may hold values.
fn written(body: &impl Serialize) -> Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(1024));
    serde_json::to_writer(&mut *text, body)
        .map_err(|error| Failure::internal(format!("the request cannot be written: {error}")))?;
    Ok(text)
}

/// A whole body. A buffer that grows leaves no copy behind.
fn read_all(mut reader: impl Read, announced: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut whole = Zeroizing::new(Vec::with_capacity(announced + 1));
    let mut chunk = Zeroizing::new([0; 16 << 10]);
    loop {
        let n = reader.read(&mut *chunk)?;
        if n == 0 {
            return Ok(whole);
        }
        if whole.len() + n > whole.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity((whole.len() + n) * 2));
            larger.extend_from_slice(&whole);
            whole = larger;
        }
        whole.extend_from_slice(&chunk[..n]);
    }
}

/// Words fit for a header, in whatever language: the server reads UTF-8.
fn spoken(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The name of a program, which is ASCII everywhere.
fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

fn key() -> Result<String> {
    let mut bytes = [0; 16];
    SystemRandom.fill(&mut bytes).map_err(|error| Failure::internal(error.to_string()))?;
    Ok(HEXLOWER.encode(&bytes))
}

/// Resolves names. Where nothing is encrypted, only addresses of this machine are let through,
/// whatever a name leads to.
#[derive(Debug)]
struct Names {
    names: DefaultResolver,
    here_alone: bool,
}

/// A name that should be this machine and is not.
#[derive(Debug)]
struct Elsewhere;

impl std::fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("without TLS only this machine is spoken to, and the name leads elsewhere")
    }
}

impl std::error::Error for Elsewhere {}

impl Resolver for Names {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.names.resolve(uri, config, timeout)?;
        if !self.here_alone {
            return Ok(found);
        }
        let mut kept = self.empty();
        for address in found.iter().filter(|address| address.ip().is_loopback()) {
            kept.push(*address);
        }
        if kept.is_empty() { Err(io::Error::other(Elsewhere).into()) } else { Ok(kept) }
    }
}
