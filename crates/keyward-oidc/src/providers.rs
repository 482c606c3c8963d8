use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use keyward_access::oidc::{self, Claims, Expected, KeySet};
use keyward_types::Timestamp;
use serde::Deserialize;

use crate::encode::put;
use crate::fetch::{Answer, Way};
use crate::{Fault, Issuer};

/// What is known of providers in this process.
pub struct Providers {
    pace: Pace,
    kept: Mutex<HashMap<Issuer, Arc<Kept>>>,
    asking: AtomicUsize,
}

/// How long what a provider said is gone by.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long endpoints and keys are kept.
    pub lasts: Duration,
    /// How soon keys are fetched anew for a token with another one.
    pub renew_after: Duration,
    /// How long a provider that could not be asked is left alone.
    pub pause: Duration,
}

/// What a provider says of itself (OpenID Connect Discovery), with its keys.
#[derive(Clone, Debug)]
pub struct Known {
    authorization_endpoint: String,
    pub(crate) token_endpoint: Option<String>,
    /// Whether answers name it (RFC 9207): then one that does not is none.
    pub names_itself: bool,
    /// Whether a secret goes into the form, where it does not take one in the header.
    pub(crate) secret_in_form: bool,
    keys: KeySet,
}

/// What is asked of a provider.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// As it knows us.
    pub client_id: &'a str,
    /// Where the browser is to be sent back to.
    pub redirect_uri: &'a str,
    /// What it comes back with.
    pub state: &'a str,
    /// What the answer has to hold.
    pub nonce: &'a str,
    /// PKCE's challenge (RFC 7636, S256).
    pub challenge: &'a str,
}

impl Known {
    /// The address that a browser goes to with a question.
    ///
    /// # Errors
    /// [`Fault::Odd`] where nobody signs in: an issuer of workloads' tokens.
    pub fn address(&self, question: &Question<'_>) -> Result<String, Fault> {
        if self.authorization_endpoint.is_empty() {
            return Err(Fault::odd("it names no `authorization_endpoint` that is spoken to"));
        }
        let mut query = String::with_capacity(512);
        put(&mut query, "response_type", b"code");
        put(&mut query, "client_id", question.client_id.as_bytes());
        put(&mut query, "redirect_uri", question.redirect_uri.as_bytes());
        put(&mut query, "scope", b"openid email profile");
        put(&mut query, "state", question.state.as_bytes());
        put(&mut query, "nonce", question.nonce.as_bytes());
        put(&mut query, "code_challenge", question.challenge.as_bytes());
        put(&mut query, "code_challenge_method", b"S256");
        let joint = if self.authorization_endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{}{joint}{query}", self.authorization_endpoint))
    }
}

#[derive(Default)]
struct Kept {
    latest: Mutex<Latest>,
    /// Held while it is asked, so that one asks for all.
    asked: Mutex<()>,
}

#[derive(Default)]
struct Latest {
    known: Option<(Arc<Known>, Instant)>,
    failed: Option<(Fault, Instant)>,
    /// When keys were last fetched for a token with another one.
    renewed: Option<Instant>,
}

/// A provider's document, as far as it is used here.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    #[serde(default)]
    authorization_endpoint: String,
    token_endpoint: Option<String>,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Issuers that are remembered; beyond, all are forgotten.
const ISSUERS: usize = 256;
/// Who asks providers, or waits for whoever asks, at a time: each holds a thread that others need.
const AT_ONCE: usize = 16;

impl Default for Pace {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { lasts: seconds(10 * 60), renew_after: seconds(30), pause: seconds(5) }
    }
}

impl Default for Providers {
    fn default() -> Self {
        Self::at(Pace::default())
    }
}

impl Providers {
    /// Nothing is known yet.
    pub fn at(pace: Pace) -> Self {
        Self { pace, kept: Mutex::default(), asking: AtomicUsize::new(0) }
    }

    /// What a provider says of itself. Blocks while it is asked; who asks for the same one waits for
    /// the same answer.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn known(&self, issuer: &Issuer) -> Result<Arc<Known>, Fault> {
        self.ask(issuer, false, |latest| {
            if let Some((known, _)) = latest.known.as_ref().filter(|(_, since)| since.elapsed() < self.pace.lasts) {
                return Some(Ok(Arc::clone(known)));
            }
            self.failed(latest)
        })
    }

    /// Believes a token of this issuer, or says why not. Where its key is not known, keys are
    /// fetched anew, unless that was done a moment ago.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn verified(
        &self,
        issuer: &Issuer,
        token: &str,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<Claims, Fault> {
        let known = self.known(issuer)?;
        match oidc::verify(token, &known.keys, expected, now) {
            Err(fault) if fault.may_be_a_new_key() => {
                let renewed = self.renewed(issuer, &known)?;
                match Arc::ptr_eq(&known, &renewed) {
                    true => Err(Fault::Token(fault)),
                    false => oidc::verify(token, &renewed.keys, expected, now).map_err(Fault::Token),
                }
            }
            verdict => verdict.map_err(Fault::Token),
        }
    }

    /// What is known instead of that, else what is fetched now: unless that was done a moment ago.
    fn renewed(&self, issuer: &Issuer, instead_of: &Arc<Known>) -> Result<Arc<Known>, Fault> {
        self.ask(issuer, true, |latest| {
            let known = latest.known.as_ref().map(|(known, _)| known);
            if let Some(other) = known.filter(|known| !Arc::ptr_eq(known, instead_of)) {
                return Some(Ok(Arc::clone(other)));
            }
            if latest.renewed.is_some_and(|at| at.elapsed() < self.pace.renew_after) {
                return Some(Ok(Arc::clone(instead_of)));
            }
            self.failed(latest)
        })
    }

    /// What is at hand, else what is fetched now.
    fn ask(
        &self,
        issuer: &Issuer,
        renews: bool,
        at_hand: impl Fn(&Latest) -> Option<Result<Arc<Known>, Fault>>,
    ) -> Result<Arc<Known>, Fault> {
        let kept = self.kept(issuer);
        let answer = at_hand(&lock(&kept.latest));
        if let Some(answer) = answer {
            return answer;
        }
        self.asking(|| {
            let _asked = lock(&kept.asked);
            // Whoever was asking may have been answered.
            let answer = at_hand(&lock(&kept.latest));
            if let Some(answer) = answer {
                return answer;
            }
            let fetched = fetch(issuer).map(Arc::new);
            let mut latest = lock(&kept.latest);
            if renews {
                latest.renewed = Some(Instant::now());
            }
            match &fetched {
                Ok(known) => (latest.known, latest.failed) = (Some((Arc::clone(known), Instant::now())), None),
                Err(fault) => latest.failed = Some((fault.clone(), Instant::now())),
            }
            fetched
        })
    }

    fn failed(&self, latest: &Latest) -> Option<Result<Arc<Known>, Fault>> {
        let failed = latest.failed.as_ref().filter(|(_, since)| since.elapsed() < self.pace.pause);
        failed.map(|(fault, _)| Err(fault.clone()))
    }

    fn kept(&self, issuer: &Issuer) -> Arc<Kept> {
        let mut all = lock(&self.kept);
        if all.len() >= ISSUERS && !all.contains_key(issuer) {
            all.clear();
        }
        Arc::clone(all.entry(issuer.clone()).or_default())
    }

    /// Does it where few others ask at the same time.
    pub(crate) fn asking<T>(&self, ask: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        let before = self.asking.fetch_add(1, Ordering::SeqCst);
        let answer = match before < AT_ONCE {
            true => ask(),
            false => Err(Fault::Unreachable("too many are signing in at this moment".into())),
        };
        self.asking.fetch_sub(1, Ordering::SeqCst);
        answer
    }
}

impl std::fmt::Debug for Providers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Providers").field("pace", &self.pace).finish_non_exhaustive()
    }
}

fn fetch(issuer: &Issuer) -> Result<Known, Fault> {
    let way = Way::to(issuer);
    let url = format!("{}/.well-known/openid-configuration", issuer.url().trim_end_matches('/'));
    let document: Document = json(&right(way.get(&url)?, "its discovery document")?, "its discovery document")?;
    if document.issuer != issuer.url() {
        return Err(Fault::odd("its discovery document is that of another issuer"));
    }
    let endpoint = |name: &str, url: &str| {
        issuer.endpoint(url).ok_or_else(|| Fault::odd(format!("its `{name}` is no address that is spoken to")))
    };
    let keys = right(way.get(&endpoint("jwks_uri", &document.jwks_uri)?)?, "its keys")?;
    let keys = KeySet::parse(&keys.body).ok_or_else(|| Fault::odd("its keys are no set of keys"))?;
    let token_endpoint = document.token_endpoint.as_deref().map(|url| endpoint("token_endpoint", url)).transpose()?;
    let methods = document.token_endpoint_auth_methods_supported.unwrap_or_default();
    let takes = |method: &str| methods.iter().any(|one| one == method);
    Ok(Known {
        // Issuers of workload tokens have none.
        authorization_endpoint: issuer.endpoint(&document.authorization_endpoint).unwrap_or_default(),
        token_endpoint,
        names_itself: document.authorization_response_iss_parameter_supported,
        secret_in_form: takes("client_secret_post") && !takes("client_secret_basic"),
        keys,
    })
}

fn right(answer: Answer, what: &str) -> Result<Answer, Fault> {
    match answer.status {
        200 => Ok(answer),
        status => Err(Fault::odd(format!("{status} where {what} should be"))),
    }
}

pub(crate) fn json<'a, T: Deserialize<'a>>(answer: &'a Answer, what: &str) -> Result<T, Fault> {
    // What the parser says may quote a token.
    serde_json::from_slice(&answer.body).map_err(|_| Fault::odd(format!("{what} cannot be read")))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
