//! `Idempotency-Key`: a change that is asked for again with the same key is not carried out again;
//! its first answer is given once more.
//!
//! Keys are kept for 24 hours, in two places. *In memory* (10,000 of them) are whole answers, and
//! which requests are under way. *In the store* the change itself carries the mark that it is done
//! (`keyward_vault::Once`), and the answer is put beside it, sealed: so a key also holds over a
//! restart, on another node, and where the process ended between the work and the answer. What holds
//! a thing that is shown once is answered again from memory alone; later its caller hears that it was
//! done, and has to look.

mod answer;
mod memory;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use keyward_client::Failure;
use keyward_types::PrincipalId;
use keyward_vault::{Once, Visitor};
use sha2::{Digest, Sha256};

use crate::address::Client;
use crate::app::App;
use crate::asker::{Identified, agent, identify};
use crate::blocking::blocking;
use crate::credential::Credential;
use crate::input;
use crate::problem::{Problem, Result};
use answer::Answer;
pub(crate) use memory::Repeats;
use memory::{Begin, Id};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Larger answers are not kept; those to changes are far smaller.
const LARGEST: usize = 64 << 10;

/// Lets each change with a key through once. Reads pass, changes without a key, and whatever
/// [`keeps_nothing`].
pub(crate) async fn answer_once(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let is_change = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH | Method::DELETE);
    if !is_change || keeps_nothing(request.uri().path()) || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    // In a place of its own: what it takes would be taken for each request that passes.
    Box::pin(once(app, request, next)).await.unwrap_or_else(IntoResponse::into_response)
}

/// Whether a call, by its path below `/api/v1`, knows no keys: signing in and all around it, whose
/// answers hold what is never to be kept, and unsealing, at which nobody is known.
pub(crate) fn keeps_nothing(path: &str) -> bool {
    path.starts_with("/auth/") || path == "/unseal"
}

async fn once(app: Arc<App>, request: Request, next: Next) -> Result<Response> {
    let credential = Credential::shown(request.method(), request.headers(), request.extensions());
    let credential = credential.inspect_err(|_| app.metrics.unidentified())?;
    let (token, key) = (credential.token, key(request.headers())?);
    let from = request.extensions().get::<Client>().and_then(|client| client.0);
    // An answer is given again only to whoever would be let in now.
    let (looked_up, agent) = (Arc::clone(&app), agent(request.headers()));
    let looking = move || identify(&looked_up, &token, &Visitor { address: from, agent: &agent });
    let caller = blocking(looking).await?;
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
    let once = match blocking(move || look_up(&asked.0, &asked.1, &asked.2, asked.3)).await? {
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

/// Whether an answer to a change here, by its path below `/api/v1`, holds what is shown once: a
/// token, a signing secret.
fn shows_once(path: &str) -> bool {
    let of_a_key = path.starts_with("/virtual-keys/") && (path.ends_with("/rotate") || path.ends_with("/children"));
    matches!(path, "/tokens" | "/alert-sinks") || path.ends_with("/virtual-keys") || of_a_key
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

#[cfg(test)]
mod tests;
