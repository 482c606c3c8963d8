//! One POST to where a sink says, and nowhere else.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::address::Reach;
use crate::{Endpoint, Fault};

/// Posts to one endpoint.
pub(crate) struct Poster {
    agent: Agent,
    endpoint: Endpoint,
}

/// How long a whole exchange may take, and its connection.
const TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(5);

impl Poster {
    pub(crate) fn new(endpoint: Endpoint, allow_private: bool) -> Self {
        Self::patient(endpoint, allow_private, TIMEOUT)
    }

    pub(crate) fn patient(endpoint: Endpoint, allow_private: bool, timeout: Duration) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Config::builder()
            .https_only(!endpoint.is_plain())
            // A proxy out of the environment would be asked instead of the address that was judged.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_global(Some(timeout))
            .timeout_connect(Some(CONNECT.min(timeout)))
            .max_idle_connections(0)
            .user_agent(concat!("keyward/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build();
        let judged = Judged { names: DefaultResolver::default(), allow_private, plain: endpoint.is_plain() };
        Self { agent: Agent::with_parts(config, DefaultConnector::default(), judged), endpoint }
    }

    /// Posts JSON; the answer's body is not read.
    pub(crate) fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> Result<(), Fault> {
        let mut request = self.agent.post(self.endpoint.expose()).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send(body).map_err(|error| fault(&error))?;
        judge(answer.status().as_u16(), answer.headers().get("retry-after").and_then(|value| value.to_str().ok()))
    }
}

/// What an answer means.
fn judge(status: u16, retry_after: Option<&str>) -> Result<(), Fault> {
    let passing = |why: String| Fault {
        retry_after: retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs),
        ..Fault::passing(why)
    };
    match status {
        200..=299 => Ok(()),
        300..=399 => Err(Fault::permanent(format!("it answered {status}, a redirect, and none is followed"))),
        408 | 425 | 429 | 500.. => Err(passing(format!("it answered {status}"))),
        _ => Err(Fault::permanent(format!("it answered {status}"))),
    }
}

/// An error of the client in our words; some of its own repeat the URL.
fn fault(error: &ureq::Error) -> Fault {
    match error {
        ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<Refused>()) {
            Some(refused) => Fault::permanent(refused.0),
            None => Fault::passing(format!("the connection failed: {}", error.kind())),
        },
        ureq::Error::Timeout(_) => Fault::passing("it did not answer in time"),
        ureq::Error::HostNotFound => Fault::passing("its host name leads nowhere"),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => {
            Fault::permanent("TLS failed: its certificate is not trusted here")
        }
        ureq::Error::RequireHttpsOnly(_) | ureq::Error::TlsRequired => Fault::permanent("it does not speak TLS"),
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
            Fault::passing("what it answered is not HTTP")
        }
        _ => Fault::passing("the request failed"),
    }
}

/// Resolves names and lets through what may be connected to: the address that was judged is the
/// one that is used.
#[derive(Debug)]
struct Judged {
    names: DefaultResolver,
    allow_private: bool,
    plain: bool,
}

/// Why an address was not let through.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) &'static str);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Refused {}

impl Resolver for Judged {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.names.resolve(uri, config, timeout)?;
        let mut kept = self.empty();
        for address in allowed(&found, self.allow_private, self.plain).map_err(io::Error::other)? {
            kept.push(address);
        }
        Ok(kept)
    }
}

/// The addresses that may be connected to; an error when there is none.
pub(crate) fn allowed(found: &[SocketAddr], allow_private: bool, plain: bool) -> Result<Vec<SocketAddr>, Refused> {
    let may = |address: &&SocketAddr| match Reach::of(address.ip()) {
        Reach::Public => !plain,
        Reach::Private => allow_private && (!plain || address.ip().is_loopback()),
        Reach::Never => false,
    };
    let kept: Vec<SocketAddr> = found.iter().filter(may).copied().collect();
    if !kept.is_empty() {
        return Ok(kept);
    }
    let private = found.iter().any(|address| Reach::of(address.ip()) == Reach::Private);
    Err(Refused(match (private, allow_private) {
        (true, false) => "its address is private, and it was added without `--allow-private`",
        (true, true) => "without TLS only this machine is spoken to",
        (false, _) if plain => "without TLS only this machine is spoken to",
        (false, _) => "its address is one that is never spoken to (link-local, multicast or reserved)",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 443)).collect()
    }

    #[test]
    fn of_mixed_addresses_only_the_permitted_are_kept() {
        let mixed = addresses(&["127.0.0.1", "8.8.8.8", "169.254.169.254", "10.0.0.1"]);
        assert_eq!(allowed(&mixed, false, false).unwrap(), addresses(&["8.8.8.8"]));
        assert_eq!(allowed(&mixed, true, false).unwrap(), addresses(&["127.0.0.1", "8.8.8.8", "10.0.0.1"]));
        assert_eq!(allowed(&mixed, true, true).unwrap(), addresses(&["127.0.0.1"]));
        assert!(allowed(&addresses(&["10.0.0.1"]), false, false).unwrap_err().0.contains("--allow-private"));
        assert!(allowed(&addresses(&["169.254.169.254"]), true, false).unwrap_err().0.contains("never"));
        assert!(allowed(&addresses(&["8.8.8.8"]), true, true).unwrap_err().0.contains("TLS"));
    }

    #[test]
    fn answers_are_told_apart_by_whether_trying_again_helps() {
        assert!(judge(204, None).is_ok());
        for status in [301, 307, 400, 401, 404, 410] {
            assert!(judge(status, Some("5")).unwrap_err().permanent, "{status}");
        }
        for status in [408, 429, 500, 503] {
            let fault = judge(status, Some("5")).unwrap_err();
            assert_eq!((fault.permanent, fault.retry_after), (false, Some(Duration::from_secs(5))), "{status}");
        }
        assert_eq!(judge(503, Some("-1 or tomorrow")).unwrap_err().retry_after, None);
    }
}
