//! A workload in GitHub Actions or Kubernetes gets in by what its issuer signs for it: that is
//! brought to the server, and what comes for it stays in this process's memory.

use std::io::{self, Read};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use keyward_types::Secret;
use serde::Deserialize;
use serde_json::json;
use ureq::Agent;
use ureq::config::Config;
use ureq::tls::{RootCerts, TlsConfig};
use zeroize::Zeroizing;

use crate::remote::Http;
use crate::{Authority, Code, Failure, Occasion, Result, ServerAccess, ServerUrl};

/// A workload, and where its issuer gives it a token.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The program's account whose token it wants.
    pub account: String,
    /// For whom its own token is made; `None`: the server's address.
    pub audience: Option<String>,
    /// Where it gets that.
    pub source: WorkloadSource,
}

/// Where a workload's own token comes from.
#[derive(Clone, Debug)]
pub enum WorkloadSource {
    /// A file that is kept fresh by others: a projected volume of Kubernetes.
    File(PathBuf),
    /// GitHub Actions gives one to a job with `permissions: id-token: write`.
    GitHub {
        /// `ACTIONS_ID_TOKEN_REQUEST_URL`.
        url: String,
        /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
        token: Secret<String>,
    },
}

/// What a server gave for it.
#[derive(Clone, Debug)]
pub struct GivenToken {
    /// What is sent.
    pub text: Secret<String>,
    until: Instant,
}

impl GivenToken {
    /// Whether it serves for a while still.
    pub fn lives(&self) -> bool {
        Instant::now() + SHORT < self.until
    }
}

#[derive(Deserialize)]
struct Issued {
    value: String,
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    expires_in: u64,
}

/// Longest token of an issuer, in bytes.
const LONGEST: u64 = 16 * 1024;
/// What is left of a token's life and not worth beginning with.
const SHORT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(15);
/// An issuer that is busy is asked again, after a moment and after a longer one.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1500)];

impl Workload {
    /// Exchanges what the issuer gives for a token of the server.
    ///
    /// # Errors
    /// [`Code::Denied`] when no trust of the account takes it; when issuer or server cannot be asked.
    pub fn token(&self, url: &ServerUrl, authority: &Authority, occasion: &Occasion) -> Result<GivenToken> {
        let began = Instant::now();
        let audience = self.audience.as_deref().unwrap_or(url.as_str());
        let shown = self.source.token(audience)?;
        let access = ServerAccess { url: url.clone(), token: None, authority: authority.clone() };
        let http = Http::new(access, occasion)?;
        let ask = json!({ "service_account": self.account, "token": shown.expose() });
        let given: Given = http.granted(&http.exchange("/auth/workload", None, &ask)?)?;
        // It is over a little sooner than the server says.
        let until = began + Duration::from_secs(given.expires_in);
        Ok(GivenToken { text: Secret::new("token", given.access_token), until })
    }
}

impl WorkloadSource {
    fn token(&self, audience: &str) -> Result<Secret<String>> {
        match self {
            Self::File(path) => {
                let failed = |error: io::Error| Failure::file("read", path, &error);
                let mut text = Zeroizing::new(String::new());
                let file = std::fs::File::open(path).map_err(failed)?;
                file.take(LONGEST + 1).read_to_string(&mut text).map_err(failed)?;
                if text.len() as u64 > LONGEST {
                    return Err(Failure::usage(format!("`{}` holds no token: it is too long", path.display())));
                }
                Ok(Secret::new("a workload's token", text.trim().to_owned()))
            }
            Self::GitHub { url, token } => {
                let mut pauses = PAUSES.iter();
                loop {
                    match (ask(url, token, audience), pauses.next()) {
                        (Err(Busy::Passing(_)), Some(pause)) => std::thread::sleep(*pause),
                        (Err(Busy::Passing(why) | Busy::For(why)), _) => {
                            let failure = format!("GitHub gave this job no token: {why}");
                            return Err(Failure::new(Code::Unavailable, failure)
                                .hint("the job needs `permissions: id-token: write`; forks have none"));
                        }
                        (Ok(token), _) => return Ok(token),
                    }
                }
            }
        }
    }
}

/// Why there is no token.
enum Busy {
    Passing(String),
    For(String),
}

fn ask(url: &str, token: &Secret<String>, audience: &str) -> Result<Secret<String>, Busy> {
    // To this machine alone without TLS: what is sent is worth a token.
    let plain = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"].iter().any(|here| url.starts_with(here));
    let config = Config::builder()
        .https_only(!plain)
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_global(Some(WHOLE))
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .build();
    let joint = if url.contains('?') { '&' } else { '?' };
    let address = format!("{url}{joint}audience={}", encoded(audience));
    let bearer = Zeroizing::new(format!("Bearer {}", token.expose()));
    let asked = Agent::new_with_config(config).get(address).header("authorization", bearer.as_str()).call();
    let answer = asked.map_err(|error| match error {
        ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed => {
            Busy::Passing("its address does not answer".into())
        }
        _ => Busy::For("its address cannot be asked".into()),
    })?;
    match answer.status().as_u16() {
        200 => {}
        status @ (429 | 500..) => return Err(Busy::Passing(format!("it answers {status}"))),
        status => return Err(Busy::For(format!("it answers {status}"))),
    }
    let mut body = Zeroizing::new(Vec::new());
    let read = answer.into_body().into_reader().take(LONGEST + 1).read_to_end(&mut body);
    read.map_err(|error| Busy::Passing(format!("the connection failed: {}", error.kind())))?;
    let issued: Issued =
        serde_json::from_slice(&body).map_err(|_| Busy::For("its answer is none of GitHub's".into()))?;
    Ok(Secret::new("a workload's token", issued.value))
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
