//! From a request that was let through to its answer: the key is put in when the connection stands, and
//! taken out of whatever comes back.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use hyper::Response;
use hyper::client::conn::http2;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};

use crate::body::{Answer, Idle, Out, Source, Streamed, Upload};
use crate::call::{Call, Charge};
use crate::coding::{Coding, Decoded};
use crate::grant::Route;
use crate::grpc::Messages;
use crate::headers::{answered, outgoing, written};
use crate::http1::client::Failed;
use crate::lease::Lease;
use crate::meter::{Meter, Writing};
use crate::pool::{Connection, Place};
use crate::proxy::Below;
use crate::read_on::Held;
use crate::reading::{Content, Reading};
use crate::redact::Redactor;
use crate::refusal::{Reason, Refusal};
use crate::socket::{Carried, Opening};
use crate::worker::{Known, Worker};

/// A request that was let through. It borrows nothing: it may have to go on without its caller.
pub(crate) struct Outgoing {
    pub(crate) worker: Rc<Worker>,
    pub(crate) route: Taken,
    /// Where its path at the upstream begins.
    pub(crate) below: Below,
    pub(crate) read: Reading,
    pub(crate) lease: Arc<Lease>,
    /// It opens a WebSocket.
    pub(crate) opening: Option<Opening>,
    /// It is a call of gRPC.
    pub(crate) grpc: bool,
}

/// One of a grant's routes.
pub(crate) struct Taken {
    known: Rc<Known>,
    at: usize,
}

impl Taken {
    /// `None`: the route is none of this grant's.
    pub(crate) fn new(known: &Rc<Known>, route: &Route) -> Option<Self> {
        let at = known.grant.routes.iter().position(|one| std::ptr::eq(one, route))?;
        Some(Self { known: Rc::clone(known), at })
    }

    /// Whose route it is.
    pub(crate) fn known(&self) -> &Rc<Known> {
        &self.known
    }
}

impl std::ops::Deref for Taken {
    type Target = Route;

    fn deref(&self) -> &Route {
        &self.known.grant.routes[self.at]
    }
}

/// An answer's head and where its body comes from.
type Sent = Result<(Response<()>, Source), Failed<Upload>>;

/// A coded answer up to this length is looked into before its head is passed on.
const AHEAD: usize = 256 << 10;

/// Sends it, and makes the caller's answer of the upstream's.
pub(crate) async fn forward(mut out: Box<Outgoing>, mut call: Box<Call>) -> Result<Response<Out>, Refusal> {
    let strip = out.read.ask_for_usage(out.route.upstream.interface, out.below);
    let (worker, upstream) = (Rc::clone(&out.worker), Arc::clone(&out.route.upstream));
    let (worker, upstream) = (&*worker, &*upstream);
    let place = worker.pool.place(upstream, out.grpc);
    let connection = out.connection(&place).await?;
    let lease = Arc::clone(&out.lease);
    let again = out.again();
    let content = std::mem::replace(&mut out.read.content, Content::Whole(bytes::Bytes::new()));
    let sent = out.send(&place, connection, &lease, content, &mut call).await?;
    let sent = match out.previous(&sent.0, &lease, worker) {
        // The new version is not known there yet: nothing was done, and the old one still holds.
        Some(previous) if let Some(content) = again => {
            drop(sent);
            let connection = out.connection(&place).await?;
            out.send(&place, connection, &previous, content, &mut call).await?
        }
        _ => sent,
    };
    worker.buffers.give_back_table(std::mem::take(&mut out.read.parts.headers));
    if sent.0.status() == hyper::StatusCode::SWITCHING_PROTOCOLS && out.opening.is_some() {
        return open(&out, sent, call);
    }
    pass_on(&out, sent, strip, call).await
}

impl Outgoing {
    /// Its path as the upstream sees it.
    pub(crate) fn path(&self) -> &str {
        self.below.of(&self.read.parts.uri)
    }

    /// A connection of the kind that it takes.
    async fn connection(&self, place: &Rc<Place>) -> Result<Connection, Reason> {
        let (pool, upstream) = (&self.worker.pool, &*self.route.upstream);
        match self.opening {
            Some(_) => Box::pin(pool.alone(upstream)).await,
            None => pool.take(place, upstream).await,
        }
    }

    /// The body for a second try, where it is whole.
    fn again(&self) -> Option<Content> {
        match &self.read.content {
            Content::Whole(bytes) => Some(Content::Whole(bytes.clone())),
            Content::Stream(..) => None,
        }
    }

    /// The version to fall back to after a clean 401.
    fn previous(&self, response: &Response<()>, lease: &Lease, worker: &Worker) -> Option<Arc<Lease>> {
        let unknown = response.status() == hyper::StatusCode::UNAUTHORIZED;
        lease.previous.as_ref().filter(|previous| unknown && previous.lives(worker.now())).cloned()
    }

    async fn send(
        &self,
        place: &Rc<Place>,
        mut connection: Connection,
        lease: &Arc<Lease>,
        content: Content,
        call: &mut Call,
    ) -> Result<(Response<()>, Source), Refusal> {
        let (worker, upstream) = (&*self.worker, &*self.route.upstream);
        let mut upload = self.upload(content, call);
        call.sending(lease);
        let mut fresh = self.opening.is_some();
        loop {
            let was_http2 = connection.is_http2();
            let sent = pin!(self.send_by(place, connection, lease, upload));
            let Ok(sent) = worker.alarms.within(worker.config.times.first_byte, sent).await else {
                // It may well be at work, and will charge for it.
                call.fail(Charge::Estimate);
                return Err(Reason::FirstByte.into());
            };
            match sent? {
                Ok(answer) => return Ok(answer),
                // The upstream closed what was kept, before anything went out.
                Err(Failed::Unsent(unsent)) if !fresh => {
                    connection = Box::pin(worker.pool.connect(place, upstream)).await?;
                    fresh = true;
                    if was_http2 != connection.is_http2() {
                        return Err(Reason::Connection.into());
                    }
                    upload = unsent;
                }
                Err(_) => {
                    call.fail(Charge::Nothing);
                    return Err(call.pursuit().fault.get().unwrap_or(Reason::BadAnswer).into());
                }
            }
        }
    }

    async fn send_by(
        &self,
        place: &Rc<Place>,
        connection: Connection,
        lease: &Lease,
        upload: Upload,
    ) -> Result<Sent, Reason> {
        let (parts, upstream) = (&self.read.parts, &*self.route.upstream);
        let clock = &*self.worker.shared.clock;
        match connection {
            Connection::Http1(mut connection) => {
                let out = self.worker.buffers.lend();
                let head = written(out, parts, upstream, place, (self.path(), &upload), (lease, clock));
                let mut head = head.ok_or(Reason::Path)?;
                if let Some(opening) = &self.opening {
                    opening.write(&mut head.bytes);
                }
                let sent = connection.send(head, upload).await;
                Ok(sent.map(|head| (head, Source::Http1(connection, Rc::clone(place)))))
            }
            // What it waits for is too large to be kept room for in every call.
            Connection::Http2(connection) => Box::pin(self.send_by_http2(place, connection, lease, upload)).await,
        }
    }

    async fn send_by_http2(
        &self,
        place: &Place,
        mut connection: http2::SendRequest<Upload>,
        lease: &Lease,
        upload: Upload,
    ) -> Result<Sent, Reason> {
        if connection.ready().await.is_err() {
            return Ok(Err(Failed::Unsent(upload)));
        }
        let (parts, upstream, clock) = (&self.read.parts, &*self.route.upstream, &*self.worker.shared.clock);
        let head = outgoing(parts, upstream, place, (self.path(), &upload), (lease, clock)).ok_or(Reason::Path)?;
        let sent = connection.try_send_request(head.map(|()| upload)).await;
        Ok(match sent {
            Ok(answer) => {
                let (head, incoming) = answer.into_parts();
                Ok((Response::from_parts(head, ()), Source::Http2(incoming)))
            }
            Err(mut error) => {
                Err(error.take_message().map_or(Failed::Broken, |unsent| Failed::Unsent(unsent.into_body())))
            }
        })
    }

    fn upload(&self, content: Content, call: &Call) -> Upload {
        let times = self.worker.config.times;
        match content {
            Content::Whole(bytes) => {
                call.pursuit().uploaded.set(bytes.len() as u64);
                Upload::Whole(Some(bytes))
            }
            Content::Stream(incoming, length) => Upload::Stream(Box::new(Streamed {
                incoming,
                length,
                left: self.worker.config.limits.body,
                idle: Idle::new(&self.worker.alarms, times.idle, times.total),
                pursuit: Rc::clone(call.pursuit()),
            })),
        }
    }
}

/// Makes the caller's connection what the upstream's has become.
fn open(out: &Outgoing, (told, source): (Response<()>, Source), mut call: Box<Call>) -> Result<Response<Out>, Refusal> {
    let (Some(opening), Source::Http1(connection, _)) = (&out.opening, source) else {
        return Err(Reason::BadAnswer.into());
    };
    call.answered(told.status().as_u16());
    let carried = Carried::new(out, opening, &told, connection.into_parts(), call)?;
    Ok(Response::new(Out::Socket(Box::new(carried))))
}

async fn pass_on(
    out: &Outgoing,
    (response, source): (Response<()>, Source),
    strip: bool,
    mut call: Box<Call>,
) -> Result<Response<Out>, Refusal> {
    let (parts, ()) = response.into_parts();
    let (status, upstream) = (parts.status, &*out.route.upstream);
    let writing = parts.headers.get(CONTENT_TYPE).and_then(|sort| Writing::of(sort.as_bytes()));
    let meter = upstream.interface.zip(writing).map(|(interface, writing)| Meter::new(interface, writing, strip));
    call.answered(status.as_u16());
    let looked_at = upstream.redaction || meter.is_some();
    let coding = Coding::of(parts.headers.get(CONTENT_ENCODING).map(hyper::header::HeaderValue::as_bytes));
    let refused = match (status.is_informational(), status.is_redirection(), &coding) {
        (true, ..) => Some(Reason::BadAnswer),
        (_, true, _) if status != hyper::StatusCode::NOT_MODIFIED => Some(Reason::Redirect),
        (.., Err(_)) if looked_at => Some(Reason::Coded),
        _ => None,
    };
    if let Some(reason) = refused {
        call.fail(Charge::Estimate);
        return Err(reason.into());
    }
    let coding = coding.ok().flatten().filter(|_| looked_at);
    let mut head = Response::new(());
    *head.status_mut() = status;
    *head.headers_mut() = answered(parts.headers, call.patterns());
    let lease = call.lease();
    let stripped = strip && writing == Some(Writing::Events);
    if stripped || coding.is_some() {
        head.headers_mut().remove(CONTENT_LENGTH);
    }
    let plain = upstream.redaction && coding.is_none() && !lease.patterns().is_empty();
    let times = out.worker.config.times;
    let mut answer = Box::new(Answer {
        over: false,
        last: None,
        first: std::collections::VecDeque::new(),
        redactor: plain.then(|| Redactor::new(Arc::clone(lease.patterns()))),
        messages: out.grpc.then(Messages::default),
        meter,
        decoded: coding.map(|coding| Box::new(Decoded::new(coding, Arc::clone(lease.patterns())))),
        idle: Idle::new(&out.worker.alarms, times.idle, times.total),
        call: Some(call),
        passed: 0,
        alone: false,
        source,
    });
    if coding.is_some() {
        answer.read_ahead(AHEAD).await.map_err(|_| Reason::Echo)?;
    }
    answer.end_if_empty();
    Ok(head.map(|()| Out::Answer(Held::new(answer))))
}
