//! One exchange with a server, and with nobody else: no redirect is followed, no proxy is taken
//! from the environment, and nothing goes out in the clear but to this machine.

use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::Agent;
use ureq::config::Config;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use zeroize::Zeroizing;

use super::ServerUrl;
use crate::{Code, Failure, Result};

/// Asks one server.
pub(super) struct Http {
    agent: Agent,
    url: ServerUrl,
}

/// What a server said.
pub(super) struct Answered {
    pub(super) status: u16,
    body: Zeroizing<Vec<u8>>,
}

/// How long a whole exchange may take, and its connection.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(10);
/// Longest answer; those of these calls are far shorter.
const LARGEST: u64 = 64 << 10;

impl Http {
    pub(super) fn new(url: ServerUrl, ca: Option<&Path>, agent: &str) -> Result<Self> {
        let roots = match ca {
            Some(path) => authority(path)?,
            None => RootCerts::PlatformVerifier,
        };
        let config = Config::builder()
            .https_only(!url.is_plain())
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .timeout_connect(Some(CONNECT))
            .user_agent(agent)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        Ok(Self { agent: Agent::new_with_config(config), url })
    }

    /// Posts JSON, as whoever holds the token where there is one.
    pub(super) fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Result<Answered> {
        let mut request = self.agent.post(self.url.at(path)).header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", &*Zeroizing::new(format!("Bearer {token}")));
        }
        let bytes = Zeroizing::new(body.to_string().into_bytes());
        let mut answer = request.send(&bytes[..]).map_err(|error| self.failure(&error))?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(LARGEST).read_to_vec();
        Ok(Answered { status, body: Zeroizing::new(body.map_err(|error| self.failure(&error))?) })
    }

    /// An error of the client in our words.
    fn failure(&self, error: &ureq::Error) -> Failure {
        let url = &self.url;
        let failed = |why: &str| Failure::new(Code::Unavailable, format!("`{url}` cannot be reached: {why}"));
        let untrusted = || {
            failed("its certificate is not trusted here, or it speaks no TLS")
                .hint("`--ca FILE` names the authority that signed it, for one that `keyward ca init` made")
        };
        match error {
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                let failure = failed("nothing answers there");
                if url.is_plain() { failure.hint("`keyward up` starts a server on this machine") } else { failure }
            }
            // What TLS says of a certificate arrives as an error of reading.
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData && !url.is_plain() => untrusted(),
            ureq::Error::Io(error) => failed(&error.kind().to_string()),
            ureq::Error::Timeout(_) => failed("it did not answer in time"),
            ureq::Error::HostNotFound => failed("its name leads nowhere"),
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => untrusted(),
            _ => failed("what it answers is not HTTP"),
        }
    }
}

impl Answered {
    /// The body, where the server said yes.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        if !(200..300).contains(&self.status) {
            return Err(self.refusal());
        }
        serde_json::from_slice(&self.body).map_err(|_| strange(self.status))
    }

    /// The code of a problem.
    pub(super) fn code(&self) -> String {
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    /// What the server refused, with its hint.
    pub(super) fn refusal(&self) -> Failure {
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let Some(detail) = problem["detail"].as_str() else { return strange(self.status) };
        let code = match self.status {
            401 | 403 | 429 => Code::Denied,
            404 => Code::NotFound,
            409 => Code::Conflict,
            500.. => Code::Unavailable,
            _ => Code::Usage,
        };
        let failure = Failure::new(code, harmless(detail));
        match problem["hint"].as_str() {
            Some(hint) => failure.hint(harmless(hint)),
            None => failure,
        }
    }
}

/// Text of a server, fit for a terminal.
fn harmless(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(400).collect()
}

fn strange(status: u16) -> Failure {
    Failure::internal(format!("what the server answered ({status}) is not what a keyward server says"))
        .hint("is it the address of a keyward server, and of the same version?")
}

fn authority(path: &Path) -> Result<RootCerts> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
    let certificates: Vec<_> = parse_pem(&bytes)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(Failure::usage(format!("`{}` holds no certificate", path.display()))
            .hint("`keyward ca init` writes one in PEM form, `ca.pem`"));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}
