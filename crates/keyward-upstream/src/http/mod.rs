//! One exchange with one provider.
//!
//! A request goes to a [`Site`], which was judged when it was made, and nowhere else: no redirect is
//! followed, no proxy is taken from the environment, the address that a name leads to is looked at
//! before it is connected to. What came of a request that changes something is told apart: not sent
//! ([`Fault::Unreachable`]), or sent and not known ([`Fault::Ambiguous`]).

mod answer;
mod site;

use std::io::{self, Read};
use std::time::Duration;

use keyward_types::{Unreachable, reachable};
use ureq::config::Config;
use ureq::http::{Request, Response, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body, Timeout};
use zeroize::Zeroizing;

use crate::Fault;

pub(crate) use answer::word;
pub use answer::{Answer, secret};
pub use site::{Hosts, HostsError, Site, SiteError, escape};

/// The way to providers. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Http {
    hosts: Hosts,
    whole: Duration,
    /// Whose certificates are believed; `None`: those that this system trusts.
    roots: Option<RootCerts>,
}

/// What is asked. Nothing in it is kept.
pub struct Ask<'a> {
    /// `GET`, `POST`…
    pub method: &'static str,
    /// Path and query, as they stand behind the site's own path.
    pub path: &'a str,
    /// Names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// What is sent.
    pub body: Option<&'a [u8]>,
    /// Whether it changes nothing, so that it does not matter whether it arrived.
    pub reads: bool,
}

/// How long an exchange may take, and its connection.
const WHOLE: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(5);
/// Largest answer.
const LARGEST: u64 = 1024 * 1024;

impl Http {
    /// The way to the providers themselves.
    pub fn new() -> Self {
        Self::with_hosts(Hosts::default())
    }

    /// The same, but these hosts are elsewhere: where doubles stand in for providers, and in networks
    /// that reach them by a gateway of their own.
    pub fn with_hosts(hosts: Hosts) -> Self {
        Self { hosts, whole: WHOLE, roots: None }
    }

    /// The same, with this much time for a whole exchange.
    #[must_use]
    pub fn within(self, whole: Duration) -> Self {
        Self { whole, ..self }
    }

    /// The same, with this much time at most.
    #[must_use]
    pub fn at_most(self, whole: Duration) -> Self {
        Self { whole: self.whole.min(whole), ..self }
    }

    /// The same, and only certificates that lead to one of these are believed: authorities of one's
    /// own, as PEM.
    ///
    /// # Errors
    /// When there is none in it.
    pub fn trusting(self, pem: &str) -> Result<Self, Fault> {
        let none = || Fault::refused(crate::Refusal::Input, "there is no certificate in what is to be trusted");
        let found: Result<Vec<_>, _> = ureq::tls::parse_pem(pem.as_bytes())
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
                Ok(_) => None,
                Err(_) => Some(Err(none())),
            })
            .collect();
        match found? {
            found if found.is_empty() => Err(none()),
            found => Ok(Self { roots: Some(RootCerts::new_with_certs(&found)), ..self }),
        }
    }

    /// Asks, and gives whatever status below 500 came, 429 and redirects left out.
    ///
    /// # Errors
    /// [`Fault`]: `Limited`, `Unreachable`, and of what changes something `Ambiguous`.
    pub fn ask(&self, site: &Site, ask: &Ask<'_>) -> Result<Answer, Fault> {
        let way = self.hosts.way(site);
        let agent = self.agent(way.allow_private, way.plain);
        let mut request = Request::builder().method(ask.method).uri(format!("{}{}", way.base, ask.path));
        if let Some(host) = &way.host {
            request = request.header("host", host);
        }
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        let sent = match (ask.body, ask.method) {
            (Some(body), _) => request.body(body).map_err(ureq::Error::Http).and_then(|request| agent.run(request)),
            (None, "POST" | "PUT" | "PATCH") => {
                request.body(&b""[..]).map_err(ureq::Error::Http).and_then(|request| agent.run(request))
            }
            (None, _) => request.body(()).map_err(ureq::Error::Http).and_then(|request| agent.run(request)),
        };
        let answer = sent.map_err(|error| fault(&error)).and_then(read).map_err(|fault| match fault {
            Fault::Ambiguous(why) if ask.reads => Fault::Unreachable(why),
            fault => fault,
        })?;
        answer.passing(ask.reads)
    }

    fn agent(&self, allow_private: bool, plain: bool) -> Agent {
        let config = Config::builder()
            .https_only(!plain)
            // A proxy out of the environment would be asked instead of the address that was judged.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_global(Some(self.whole))
            .timeout_connect(Some(CONNECT.min(self.whole)))
            .max_idle_connections(0)
            .user_agent(concat!("keyward/", env!("CARGO_PKG_VERSION")))
            .tls_config(
                TlsConfig::builder().root_certs(self.roots.clone().unwrap_or(RootCerts::PlatformVerifier)).build(),
            )
            .build();
        let judged = Judged { names: DefaultResolver::default(), allow_private };
        Agent::with_parts(config, DefaultConnector::default(), judged)
    }
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

fn read(answer: Response<Body>) -> Result<Answer, Fault> {
    let status = answer.status().as_u16();
    let headers = answer.headers().clone();
    let mut body = Zeroizing::new(Vec::with_capacity(4096));
    let mut reader = answer.into_body().into_with_config().limit(u64::MAX).reader().take(LARGEST + 1);
    let whole = reader.read_to_end(&mut body);
    // A status without the rest of its answer: of a success the value may be lost.
    whole.map_err(|error| Fault::Ambiguous(format!("its answer broke off: {}", error.kind())))?;
    match body.len() as u64 > LARGEST {
        true => Err(Fault::nonsense(format!("an answer of more than {} KiB", LARGEST / 1024))),
        false => Ok(Answer { status, headers, body }),
    }
}

/// The client's error in our words; some of its own repeat the URL.
fn fault(error: &ureq::Error) -> Fault {
    let down = |why: &str| Fault::Unreachable(why.to_owned());
    let unknown = |why: String| Fault::Ambiguous(why);
    match error {
        ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<Unreachable>()) {
            Some(refused) => down(refused.0),
            // rustls' verdicts come as data that is not right, before anything is sent.
            None if error.kind() == io::ErrorKind::InvalidData => down("TLS failed: its certificate is not trusted"),
            None if never_sent(error.kind()) => Fault::Unreachable(format!("the connection failed: {}", error.kind())),
            None => unknown(format!("the connection broke: {}", error.kind())),
        },
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) | ureq::Error::ConnectionFailed => {
            down("it could not be connected to")
        }
        ureq::Error::Timeout(_) => unknown("it did not answer in time".into()),
        ureq::Error::HostNotFound => down("its host name leads nowhere"),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => {
            down("TLS failed: its certificate is not trusted")
        }
        ureq::Error::RequireHttpsOnly(_) | ureq::Error::TlsRequired => down("it does not speak TLS"),
        ureq::Error::Http(_) => {
            Fault::refused(crate::Refusal::Input, "the key or the account holds characters that no request can")
        }
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
            unknown("what it answered is no HTTP".into())
        }
        _ => unknown("the request failed".into()),
    }
}

fn never_sent(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable};
    matches!(kind, ConnectionRefused | HostUnreachable | NetworkUnreachable | NetworkDown)
}

/// Resolves names and lets through what may be connected to.
#[derive(Debug)]
struct Judged {
    names: DefaultResolver,
    allow_private: bool,
}

impl Resolver for Judged {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        // Whatever the system says of a name that it cannot look up: nothing was sent.
        let found = self.names.resolve(uri, config, timeout).map_err(|error| match error {
            ureq::Error::Io(_) => ureq::Error::HostNotFound,
            error => error,
        })?;
        let plain = uri.scheme_str() != Some("https");
        let mut kept = self.empty();
        for address in reachable(&found, self.allow_private, plain).map_err(io::Error::other)? {
            kept.push(address);
        }
        Ok(kept)
    }
}
