//! One exchange with a provider.

use std::io::{self, Read};
use std::time::Duration;

use keyward_types::{Unreachable, reachable};
use ureq::config::Config;
use ureq::http::{Response, Uri};
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use crate::{Fault, Issuer};

/// How long an exchange may take, and its connection.
const WHOLE: Duration = Duration::from_secs(8);
const CONNECT: Duration = Duration::from_secs(4);
/// Largest answer; the largest known sets of keys have some 20 KiB.
const LARGEST: u64 = 256 * 1024;

/// The way to one provider.
pub(crate) struct Way {
    agent: Agent,
}

/// An answer, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Way {
    pub(crate) fn to(issuer: &Issuer) -> Self {
        let config = Config::builder()
            .https_only(!issuer.is_plain())
            // A proxy out of the environment would be asked instead of the address that was judged.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_global(Some(WHOLE))
            .timeout_connect(Some(CONNECT))
            .max_idle_connections(0)
            .user_agent(concat!("keyward/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(issuer.roots()).build())
            .build();
        let judged = Judged { names: DefaultResolver::default(), allow_private: issuer.allows_private() };
        Self { agent: Agent::with_parts(config, DefaultConnector::default(), judged) }
    }

    pub(crate) fn get(&self, url: &str) -> Result<Answer, Fault> {
        read(self.agent.get(url).header("accept", "application/json").call())
    }

    pub(crate) fn post_form(&self, url: &str, authorization: Option<&str>, form: &str) -> Result<Answer, Fault> {
        let mut request = self.agent.post(url).header("accept", "application/json");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        read(request.header("content-type", "application/x-www-form-urlencoded").send(form))
    }
}

fn read(answer: Result<Response<Body>, ureq::Error>) -> Result<Answer, Fault> {
    let answer = answer.map_err(|error| fault(&error))?;
    let status = answer.status().as_u16();
    match status {
        300..=399 => return Err(Fault::odd(format!("{status}, a redirect, and none is followed"))),
        500.. => return Err(Fault::Unreachable(format!("it answers {status}"))),
        _ => {}
    }
    let mut body = Zeroizing::new(Vec::with_capacity(4096));
    let mut reader = answer.into_body().into_with_config().limit(u64::MAX).reader().take(LARGEST + 1);
    reader.read_to_end(&mut body).map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => Fault::Unreachable("it did not answer in time".into()),
        kind => Fault::Unreachable(format!("the connection failed: {kind}")),
    })?;
    match body.len() as u64 > LARGEST {
        true => Err(Fault::odd(format!("more than {} KiB", LARGEST / 1024))),
        false => Ok(Answer { status, body }),
    }
}

/// The client's error in our words; some of its own repeat the URL.
fn fault(error: &ureq::Error) -> Fault {
    let down = |why: &str| Fault::Unreachable(why.to_owned());
    match error {
        ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<Unreachable>()) {
            Some(refused) => down(refused.0),
            None if error.kind() == io::ErrorKind::InvalidData => down("TLS failed: its certificate is not trusted"),
            None => Fault::Unreachable(format!("the connection failed: {}", error.kind())),
        },
        ureq::Error::Timeout(_) => down("it did not answer in time"),
        ureq::Error::HostNotFound => down("its host name leads nowhere"),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => {
            down("TLS failed: its certificate is not trusted")
        }
        ureq::Error::RequireHttpsOnly(_) | ureq::Error::TlsRequired => down("it does not speak TLS"),
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => Fault::odd("no HTTP"),
        _ => down("the request failed"),
    }
}

/// Resolves names and lets through what may be connected to.
#[derive(Debug)]
struct Judged {
    names: DefaultResolver,
    allow_private: bool,
}

impl Resolver for Judged {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.names.resolve(uri, config, timeout)?;
        let plain = uri.scheme_str() != Some("https");
        let mut kept = self.empty();
        for address in reachable(&found, self.allow_private, plain).map_err(io::Error::other)? {
            kept.push(address);
        }
        Ok(kept)
    }
}
