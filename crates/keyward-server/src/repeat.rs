//! `Idempotency-Key`: a change that is asked for again with the same key is not carried out again;
//! its first answer is given once more.
//!
//! Keys are kept for 24 hours, in two places. *In memory* ([`MOST`] of them) are whole answers, and
//! which requests are under way. *In the store* the change itself carries the mark that it is done
//! (`keyward_vault::Once`), and the answer is put beside it, sealed: so a key also holds over a
//! restart, on another node, and where the process ended between the work and the answer. What holds
//! a thing that is shown once is answered again from memory alone; later its caller hears that it was
//! done, and has to look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use keyward_client::Failure;
use keyward_types::PrincipalId;
use keyward_vault::{Once, Visitor};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::address::Client;
use crate::app::App;
use crate::asker::{Identified, agent, identify};
use crate::credential::Credential;
use crate::input;
use crate::problem::{Problem, Result};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPEATED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Most answers kept; of more, the oldest go.
const MOST: usize = 10_000;
/// Larger answers are not kept; those to changes are far smaller.
const LARGEST: usize = 64 << 10;

/// The answers of one server.
#[derive(Default)]
pub(crate) struct Repeats(Mutex<HashMap<Id, Known>>);

/// Who asked, and under which key.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Id(String, String);

struct Known {
    since: Instant,
    /// Of method, path and body: a key is for one request.
    request: [u8; 32],
    /// `None` while the first one is under way.
    answer: Option<Answer>,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    /// It may hold a token that was just made.
    body: Zeroizing<Vec<u8>>,
}

/// Lets each change with a key through once. Reads pass, and changes without a key; so does signing
/// in and all around it, whose answers hold what is never to be kept.
pub(crate) async fn answer_once(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let is_change = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH | Method::DELETE);
    let keeps_nothing = request.uri().path().starts_with("/auth/");
    if !is_change || keeps_nothing || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    once(app, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn once(app: Arc<App>, request: Request, next: Next) -> Result<Response> {
    let credential = Credential::shown(request.method(), request.headers(), request.extensions())?;
    let (token, key) = (credential.token, key(request.headers())?);
    let from = request.extensions().get::<Client>().and_then(|client| client.0);
    // An answer is given again only to whoever would be let in now.
    let (looked_up, agent) = (Arc::clone(&app), agent(request.headers()));
    let looking = move || identify(&looked_up, &token, &Visitor { address: from, agent: &agent });
    let caller = tokio::task::spawn_blocking(looking).await;
    let caller = caller.unwrap_or_else(|_panicked| Err(Problem::internal()))?;
    let (mut parts, body) = request.into_parts();
    let body = input::collect(body, app.config.limits.body).await?;
    let digest = digest(&parts.method, &parts.uri.to_string(), &body);
    let id = Id(caller.principal().to_string(), key);
    let principal = caller.principal().clone();
    // A token for so many uses is used once by this.
    parts.extensions.insert(Identified(caller));
    match app.repeats.begin(&id, digest) {
        Begin::Again(answer) => return Ok(answer.into_response()),
        Begin::UnderWay => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "under_way",
                "the first request with this key is under way",
            ));
        }
        Begin::Other => {
            return Err(reused());
        }
        Begin::First => {}
    }
    let mut under_way = UnderWay { app: Arc::clone(&app), id: Some(id) };
    let asked = (Arc::clone(&app), principal, under_way.key(), digest);
    let marked = tokio::task::spawn_blocking(move || look_up(&asked.0, &asked.1, &asked.2, asked.3)).await;
    let once = match marked.unwrap_or_else(|_panicked| Err(Problem::internal()))? {
        Looked::Fresh(once) => once,
        Looked::Again(answer) => {
            under_way.keep(answer.clone());
            return Ok(answer.into_response());
        }
    };
    parts.extensions.insert(once.clone());
    let shown_once = shows_once(parts.uri.path());
    let request = Request::from_parts(parts, Body::from(body.to_vec()));
    // On a task of its own: whoever breaks the connection off asks again, and finds the answer.
    let work = tokio::spawn(async move {
        let (answer, response) = keep(next.run(request).await).await?;
        under_way.settle(once, answer, response.status(), shown_once).await;
        Ok(response)
    });
    work.await.unwrap_or_else(|_panicked| Err(Problem::internal()))
}

/// What the store says of a key.
enum Looked {
    Fresh(Once),
    Again(Answer),
}

/// May block.
fn look_up(app: &App, who: &PrincipalId, key: &str, digest: [u8; 32]) -> Result<Looked> {
    let failed = |error: keyward_vault::Error| Problem::from(Failure::from(error));
    let Some(repeated) = app.vault.repeated(who, key, digest).map_err(failed)? else {
        return Ok(Looked::Fresh(app.vault.once(who, key, digest).map_err(failed)?));
    };
    if !repeated.same {
        return Err(reused());
    }
    if let (Some(status), Some(kept)) = (repeated.status, &repeated.answer) {
        return Ok(Looked::Again(Answer::unpack(status, kept).ok_or_else(Problem::internal)?));
    }
    let done = "the change was carried out with this key, and its answer cannot be shown again";
    Err(Problem::new(StatusCode::CONFLICT, "carried_out", done)
        .hint("look at what is there; what was shown once is made anew, with a new key"))
}

fn reused() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "key_reused", "this key was used for another request")
        .hint("make a new `Idempotency-Key` for each change")
}

/// Whether an answer to a change here may hold what is shown once: tokens, signing secrets, links,
/// codes, values.
fn shows_once(path: &str) -> bool {
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    ["/tokens", "/alert-sinks", "/auth", "/unseal"].iter().any(|at| path.starts_with(at)) || path.contains("/values")
}

/// A request whose key is taken. Without an answer the key is free again.
struct UnderWay {
    app: Arc<App>,
    id: Option<Id>,
}

impl UnderWay {
    fn key(&self) -> String {
        self.id.as_ref().map(|id| id.1.clone()).unwrap_or_default()
    }

    fn keep(&mut self, answer: Answer) {
        if let Some(id) = self.id.take() {
            self.app.repeats.finish(&id, answer);
        }
    }

    /// Keeps the answer in memory, and in the store where a change was marked; what failed may be
    /// tried again.
    async fn settle(&mut self, once: Once, answer: Option<Answer>, status: StatusCode, shown_once: bool) {
        let packed = answer.as_ref().filter(|_| !shown_once).map(Answer::pack);
        if let Some(answer) = answer {
            self.keep(answer);
        }
        if !once.is_marked() {
            return;
        }
        let app = Arc::clone(&self.app);
        let kept = tokio::task::spawn_blocking(move || match status.is_success() {
            true => app.vault.keep_answer(&once, status.as_u16(), packed.as_ref().map(|packed| packed.as_slice())),
            false => app.vault.forget_request(&once),
        });
        if !matches!(kept.await, Ok(Ok(()))) {
            tracing::warn!("the answer to a change could not be kept; asked again, it says that it was carried out");
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            self.app.repeats.forget(id);
        }
    }
}

fn key(headers: &HeaderMap) -> Result<String> {
    let wrong = || Problem::wrong("an `Idempotency-Key` has 1 to 128 visible ASCII characters");
    let mut given = headers.get_all(KEY).iter();
    let (Some(key), None) = (given.next(), given.next()) else { return Err(wrong()) };
    let key = key.to_str().map_err(|_| wrong())?;
    let fits = (1..=128).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| key.to_owned()).ok_or_else(wrong)
}

fn digest(method: &Method, uri: &str, body: &[u8]) -> [u8; 32] {
    let parts = [method.as_str().as_bytes(), uri.as_bytes(), body];
    let hash = parts
        .iter()
        .fold(Sha256::new(), |hash, part| hash.chain_update((part.len() as u64).to_be_bytes()).chain_update(part));
    hash.finalize().into()
}

/// The answer, to be kept and to be sent. What failed is to be tried again, so that it is not kept.
async fn keep(response: Response) -> Result<(Option<Answer>, Response)> {
    if !response.status().is_success() {
        return Ok((None, response));
    }
    let (parts, body) = response.into_parts();
    let body = input::collect(body, usize::MAX).await?;
    let response = Response::from_parts(parts.clone(), Body::from(body.to_vec()));
    let answer = Answer { status: parts.status, headers: parts.headers, body };
    Ok(((answer.body.len() <= LARGEST).then_some(answer), response))
}

enum Begin {
    First,
    UnderWay,
    Other,
    Again(Answer),
}

impl Repeats {
    fn begin(&self, id: &Id, request: [u8; 32]) -> Begin {
        let mut known = self.known();
        let now = Instant::now();
        match known.get(id) {
            Some(first) if now.duration_since(first.since) < KEPT => {
                return match &first.answer {
                    _ if first.request != request => Begin::Other,
                    None => Begin::UnderWay,
                    Some(answer) => Begin::Again(answer.clone()),
                };
            }
            _ => {}
        }
        if known.len() >= MOST {
            make_room(&mut known, now);
        }
        known.insert(id.clone(), Known { since: now, request, answer: None });
        Begin::First
    }

    fn finish(&self, id: &Id, answer: Answer) {
        if let Some(first) = self.known().get_mut(id) {
            first.answer = Some(answer);
        }
    }

    fn forget(&self, id: &Id) {
        self.known().remove(id);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Id, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is over goes; when nothing is, the older half does.
fn make_room(known: &mut HashMap<Id, Known>, now: Instant) {
    known.retain(|_, first| now.duration_since(first.since) < KEPT);
    if known.len() < MOST {
        return;
    }
    let mut times: Vec<Instant> = known.values().map(|first| first.since).collect();
    let middle = times.len() / 2;
    let (_, middle, _) = times.select_nth_unstable(middle);
    let middle = *middle;
    known.retain(|_, first| first.since > middle);
}

/// An answer as the store keeps it.
#[derive(Serialize, Deserialize)]
struct Packed {
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn pack(&self) -> Zeroizing<Vec<u8>> {
        let headers = self
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
        let mut packed = Packed { headers: headers.collect(), body: BASE64.encode(&self.body) };
        let bytes = Zeroizing::new(serde_json::to_vec(&packed).unwrap_or_default());
        packed.body.zeroize();
        bytes
    }

    fn unpack(status: u16, bytes: &[u8]) -> Option<Self> {
        let mut packed: Packed = serde_json::from_slice(bytes).ok()?;
        let body = Zeroizing::new(BASE64.decode(packed.body.as_bytes()).ok()?);
        packed.body.zeroize();
        let header = |(name, value): &(String, String)| Some((name.parse::<HeaderName>().ok()?, value.parse().ok()?));
        let headers = packed.headers.iter().filter_map(header).collect();
        Some(Self { status: StatusCode::from_u16(status).ok()?, headers, body })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body.to_vec()).into_response();
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(REPEATED, HeaderValue::from_static("true"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> Id {
        Id("user:a".into(), n.to_string())
    }

    fn answer() -> Answer {
        Answer { status: StatusCode::CREATED, headers: HeaderMap::new(), body: Zeroizing::new(b"once".to_vec()) }
    }

    #[test]
    fn a_key_is_for_one_request() {
        let repeats = Repeats::default();
        assert!(matches!(repeats.begin(&id(1), [1; 32]), Begin::First));
        assert!(matches!(repeats.begin(&id(1), [1; 32]), Begin::UnderWay));
        repeats.finish(&id(1), answer());
        assert!(matches!(repeats.begin(&id(1), [1; 32]), Begin::Again(again) if **again.body == *b"once"));
        assert!(matches!(repeats.begin(&id(1), [2; 32]), Begin::Other));
        let other = Id("user:b".into(), "1".into());
        assert!(matches!(repeats.begin(&other, [1; 32]), Begin::First), "keys of two callers are two keys");
    }

    #[test]
    fn no_more_than_the_limit_is_kept() {
        let repeats = Repeats::default();
        for n in 0..3 * MOST {
            repeats.begin(&id(n), [0; 32]);
        }
        assert!(repeats.known().len() <= MOST);
        assert!(matches!(repeats.begin(&id(3 * MOST - 1), [0; 32]), Begin::UnderWay), "the newest stays");
    }

    #[test]
    fn parts_of_a_request_cannot_be_moved_into_each_other() {
        assert_ne!(digest(&Method::PUT, "/a", b"b"), digest(&Method::PUT, "/ab", b""));
        assert_ne!(digest(&Method::PUT, "/a", b""), digest(&Method::POST, "/a", b""));
    }
}
