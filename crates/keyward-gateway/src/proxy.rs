//! The path of a request: identify, judge, reserve, borrow, inject, forward. Whoever reads this file
//! has read what happens to one.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HOST, ORIGIN};
use hyper::{Method, Request, Response, Uri, Version};
use keyward_types::Timestamp;

use crate::ask::Asked;
use crate::body::{Inbound, Out};
use crate::call::{Call, Estimate};
use crate::cors;
use crate::endpoint::endpoint;
use crate::forward::{Outgoing, Taken, forward};
use crate::grant::{Grant, Route};
use crate::grpc::{self, is_call};
use crate::identify::{NoKey, identify};
use crate::judge::{RequestHead, is_plain, judge, judge_body, model_in_path};
use crate::lease::Lease;
use crate::meter::Interface;
use crate::price::Price;
use crate::read_on::Waiting;
use crate::reading::Reading;
use crate::refusal::{Reason, Refusal, Shape};
use crate::snapshot::Snapshot;
use crate::socket::{Opening, judge as judge_socket, model as socket_model, opens};
use crate::worker::{Known, Worker};

/// Answers a request.
pub(crate) async fn answer(worker: &Rc<Worker>, request: Request<Inbound>, peer: IpAddr) -> Response<Out> {
    let origin = request.headers().get(ORIGIN).cloned();
    let mut asking = Asking { known: None, shape: Shape::Plain, grpc: is_call(&request), peer };
    let answer = asking.answer(worker, request).await;
    let refused = answer.is_err();
    let mut response = match answer {
        Ok(response) => response,
        Err(refusal) => {
            worker.deny(asking.known.as_deref(), peer, refusal.reason);
            let key = asking.known.as_ref().map(|known| known.grant.id);
            tracing::debug!(target: "keyward::gateway", ?key, reason = refusal.reason.code(), "refused");
            refusal.answer(if asking.grpc { Shape::Grpc } else { asking.shape })
        }
    };
    match (origin, &asking.known) {
        (Some(origin), Some(known)) => cors::allow(&known.grant, &origin, response.headers_mut()),
        (Some(origin), None) if refused => {
            cors::allow_refusal(&worker.shared.snapshot(), &origin, response.headers_mut());
        }
        _ => {}
    }
    response
}

/// What is known of a request as far as it came.
struct Asking {
    known: Option<Rc<Known>>,
    shape: Shape,
    grpc: bool,
    peer: IpAddr,
}

impl Asking {
    async fn answer(&mut self, worker: &Rc<Worker>, request: Request<Inbound>) -> Result<Response<Out>, Refusal> {
        let (provider, below) = self.read_line(worker, &request)?;
        let path = below.of(request.uri());
        let now = worker.now();
        let known = {
            let snapshot = worker.shared.snapshot();
            let upstream = snapshot.upstream(provider);
            self.shape = upstream.map_or(Shape::Plain, |upstream| upstream.shape);
            if let Some(answer) = cors::preflight(&snapshot, &request) {
                return Ok(answer);
            }
            let known = self.identify(worker, &request, &snapshot, now).map_err(|reason| match reason {
                // Who knows nothing of late cannot say that a key is none.
                Reason::UnknownKey if is_older(&snapshot, worker.config.times.max_stale, now) => Reason::Stale,
                reason => reason,
            })?;
            is_fresh(worker, &known.grant, &snapshot, now)?;
            if upstream.is_none() && known.grant.route(provider).is_none() {
                return Err(Reason::Provider.into());
            }
            known
        };
        let origin = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok());
        let head = RequestHead { method: request.method(), provider, path, peer: self.peer, origin };
        let route = judge(&known.grant, &head, now)?;
        let narrowing = known.narrowing.as_deref();
        narrowing.map_or(Ok(()), |narrowing| narrowing.judge(&head, now))?;
        self.shape = route.upstream.shape;
        if worker.stopping.get() {
            return Err(Reason::Draining.into());
        }
        let lease = borrow(worker, route, now).await?;
        let called = endpoint(request.method().as_str(), path);
        let read = Reading::of(worker, (route, narrowing), below, request).await?;
        let path = below.of(&read.parts.uri);
        let in_path = model_in_path(path);
        let output_due = generates(route.upstream.interface, path);
        let nothing = Asked::default();
        let asked = read.asked.as_ref().unwrap_or(&nothing);
        if read.judged {
            judge_body(route, asked, in_path, output_due)?;
            narrowing.map_or(Ok(()), |narrowing| narrowing.judge_body(asked, in_path, output_due))?;
        }
        let opening = opens(&read.parts).then(|| Opening::of(&read.parts.headers, self.peer)).flatten();
        let (model, estimate) = if opening.is_some() {
            let query = read.parts.uri.query();
            judge_socket(route, narrowing, query)?;
            let model = socket_model(query).or(in_path).unwrap_or_default();
            (model, estimate_socket(route, model))
        } else {
            let model = asked.model.as_deref().or(in_path).unwrap_or_default();
            (model, estimate(route, &read, asked, (path, model), output_due))
        };
        let about = (estimate, model, called);
        let call = Call::begin(worker, &known, (route, Arc::clone(&lease)), about, now).await?;
        let route = Taken::new(&known, route).ok_or(Reason::NotGranted)?;
        let pursuit = Rc::clone(call.pursuit());
        let worker_of = Rc::clone(worker);
        let out = Box::new(Outgoing { worker: worker_of, route, below, read, lease, opening, grpc: self.grpc });
        Waiting::new(worker, pursuit, forward(out, call)).await
    }

    /// What is wrong with a request whoever sends it; else the provider and the path below it.
    fn read_line<'r>(&mut self, worker: &Worker, request: &'r Request<Inbound>) -> Result<(&'r str, Below), Reason> {
        let uri = request.uri();
        if !matches!(request.version(), Version::HTTP_11 | Version::HTTP_2) {
            return Err(Reason::Version);
        }
        if request.method() == Method::CONNECT {
            return Err(Reason::Connect);
        }
        if !is_called_so(worker, request) {
            return Err(Reason::ForeignHost);
        }
        let path = uri.path();
        if !is_plain(path) {
            return Err(Reason::Path);
        }
        let provider = path[1..].split('/').next().unwrap_or_default();
        if let Some(provider) = grpc::provider(provider).filter(|_| self.grpc) {
            return Ok((provider, Below(0)));
        }
        Ok((provider, Below(1 + provider.len())))
    }

    fn identify(
        &mut self,
        worker: &Worker,
        request: &Request<Inbound>,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Rc<Known>, Reason> {
        let presented = identify(request.headers(), request.uri().query()).map_err(|none| match none {
            NoKey::Missing => Reason::NoKey,
            NoKey::Disagree => Reason::TwoKeys,
            NoKey::Malformed => Reason::MalformedKey,
        })?;
        let known = worker.known(presented, snapshot, now)?;
        self.known = Some(Rc::clone(&known));
        Ok(known)
    }
}

/// Where in a request's path the part begins that its provider gets to see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Below(usize);

impl Below {
    /// That part of this request's path.
    pub(crate) fn of(self, uri: &Uri) -> &str {
        match uri.path().get(self.0..) {
            None | Some("") => "/",
            Some(path) => path,
        }
    }
}

/// A name in the request line has to be that of the header, and both one of ours: a page of a foreign
/// site whose name was made to point here calls by that name.
fn is_called_so(worker: &Worker, request: &Request<Inbound>) -> bool {
    let named = request.headers().get(HOST).map(|host| host.to_str().unwrap_or("/"));
    let authority = request.uri().authority().map(hyper::http::uri::Authority::as_str);
    let agree = match (named, authority) {
        (Some(named), Some(authority)) => named.eq_ignore_ascii_case(authority),
        (None, None) => false,
        _ => true,
    };
    let name = authority.or(named).unwrap_or("/");
    let bare = match name.strip_prefix('[').and_then(|name| name.split_once(']')) {
        Some((bare, _)) => bare,
        None => name.rsplit_once(':').map_or(name, |(bare, _)| bare),
    };
    let ours = bare == "localhost"
        || bare.parse::<IpAddr>().is_ok()
        || worker.config.hosts.iter().any(|host| host.eq_ignore_ascii_case(bare));
    agree && ours
}

/// Whether a grant may be judged by what is known.
pub(crate) fn is_fresh(worker: &Worker, grant: &Grant, snapshot: &Snapshot, now: Timestamp) -> Result<(), Reason> {
    let most = grant.max_stale.unwrap_or(worker.config.times.max_stale);
    if is_older(snapshot, most, now) { Err(Reason::Stale) } else { Ok(()) }
}

fn is_older(snapshot: &Snapshot, most: Duration, now: Timestamp) -> bool {
    let age = now.0.saturating_sub(snapshot.as_of.0);
    u128::try_from(age).unwrap_or(0) > most.as_millis()
}

/// The lease of a route. The first call for a long time waits until one is on record.
async fn borrow(worker: &Worker, route: &Route, now: Timestamp) -> Result<Arc<Lease>, Reason> {
    let leases = &worker.shared.leases;
    let living = |now| {
        let lease = leases.lease(route.secret, route.version);
        lease.filter(|lease| lease.secret == route.secret && lease.lives(now))
    };
    if let Some(lease) = living(now) {
        return Ok(lease);
    }
    if leases.ask(route.secret) {
        for _ in 0..LOOKS {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Some(lease) = living(worker.now()) {
                return Ok(lease);
            }
        }
    }
    Err(Reason::NoLease)
}

/// How often it is looked whether a lease has come, and how many times.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOKS: u32 = 400;

/// Whether a call makes a model write, so that a limit of output has to be said.
fn generates(interface: Option<Interface>, path: &str) -> bool {
    match interface {
        None => false,
        Some(Interface::OpenAi) => path.ends_with("/completions") || path.ends_with("/responses"),
        Some(Interface::Anthropic) => path.ends_with("/messages") || path.ends_with("/complete"),
        Some(Interface::Cohere) => path.ends_with("/chat") || path.ends_with("/generate"),
        Some(Interface::Gemini) => path.contains("enerateContent"),
    }
}

/// Whether a call is one that uses tokens: where its answer does not say how many, they are estimated.
fn uses_tokens(interface: Option<Interface>, path: &str) -> bool {
    if generates(interface, path) {
        return true;
    }
    let last = path.rsplit('/').next().unwrap_or_default();
    match interface {
        None => false,
        Some(Interface::OpenAi) => {
            last == "embeddings" || path.contains("/images/") || path.contains("/audio/") || last == "rerank"
        }
        Some(Interface::Anthropic) => false,
        Some(Interface::Cohere) => matches!(last, "embed" | "rerank" | "classify" | "summarize"),
        Some(Interface::Gemini) => path.contains("mbedContent"),
    }
}

/// Whether a call costs nothing at its service, so that a budget in money need not know its price: what
/// reads lists and records, and what only counts or checks.
fn is_free(interface: Option<Interface>, method: &Method, path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    let counts = match interface {
        Some(Interface::OpenAi) => last == "moderations",
        Some(Interface::Anthropic) => last == "count_tokens",
        Some(Interface::Cohere) => matches!(last, "tokenize" | "detokenize" | "check-api-key"),
        Some(Interface::Gemini) => last.ends_with(":countTokens"),
        None => false,
    };
    counts || matches!(*method, Method::GET | Method::HEAD | Method::DELETE) && !uses_tokens(interface, path)
}

/// What the call will use at most, as far as its request tells: three bytes of input make a token, and
/// output is as long as it may be.
fn estimate(route: &Route, read: &Reading, asked: &Asked, (path, model): (&str, &str), output_due: bool) -> Estimate {
    let interface = route.upstream.interface;
    if interface.is_some() && is_free(interface, &read.parts.method, path) {
        return Estimate { price: Some(Price::default()), ..Estimate::default() };
    }
    let price = route.upstream.prices.of(model);
    if interface.is_none() {
        return Estimate { price, ..Estimate::default() };
    }
    // No model writes more than it can, whatever it is asked for.
    let can = price.map(|price| price.max_output).filter(|most| *most > 0);
    let most = match (asked.max_output, can) {
        (Some(asked), Some(can)) => asked.min(can),
        (asked, can) => asked.or(can).unwrap_or(UNSAID_OUTPUT),
    };
    let output = if output_due { most.saturating_mul(asked.answers) } else { 0 };
    let stream = asked.stream || path.contains(":stream");
    Estimate { input: read.length().div_ceil(3), output, price, due: uses_tokens(interface, path), stream }
}

/// What a WebSocket has reserved ahead of what it has used so far.
fn estimate_socket(route: &Route, model: &str) -> Estimate {
    let price = route.upstream.prices.of(model);
    match route.upstream.interface {
        Some(_) => Estimate { input: UNSAID_OUTPUT, output: UNSAID_OUTPUT, price, ..Estimate::default() },
        None => Estimate { price, ..Estimate::default() },
    }
}

/// Tokens of output that a call is believed to make when neither it nor its price says how many.
const UNSAID_OUTPUT: u64 = 4096;
