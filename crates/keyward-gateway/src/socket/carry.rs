//! A WebSocket that stands: bytes go both ways, each no faster than the other side takes them, and several
//! times a second it is asked whether its key may still have it.

use std::future::poll_fn;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use hyper::Response;
use hyper::header::HeaderValue;
use keyward_types::SecretId;
use tokio::io::AsyncWrite as _;

use super::frames::{Fault, FromCaller, FromUpstream, close};
use super::{Ahead, Opening, judge as judge_socket, written};
use crate::call::Call;
use crate::forward::Outgoing;
use crate::http1::buffers::Buffers;
use crate::judge::{RequestHead, judge};
use crate::meter::Said;
use crate::proxy::is_fresh;
use crate::refusal::{Reason, Refusal};
use crate::usage::End;
use crate::watch::Watched;
use crate::wire::Wire;
use crate::worker::{Known, Worker};

/// A socket whose handshake both sides have made, on its way to the task that drives it.
pub(crate) struct Carried {
    upstream: Side,
    down: FromUpstream,
    up: FromCaller,
    standing: Standing,
    /// The answer that its caller has not had yet.
    head: Vec<u8>,
    counted: Counted,
}

/// The call that a socket is: it ends with it, however that comes about.
struct Counted {
    call: Option<Box<Call>>,
    said: Option<Said>,
    passed: u64,
    hits: u64,
    end: End,
}

/// What a socket was let through for.
struct Standing {
    known: Rc<Known>,
    secret: SecretId,
    peer: IpAddr,
    provider: String,
    path: String,
    query: Option<String>,
    origin: Option<HeaderValue>,
}

/// One of the two connections.
struct Side {
    wire: Wire,
    /// What came and was not passed on yet.
    ahead: Ahead,
    /// What is to be written.
    out: Vec<u8>,
    at: usize,
    flushed: bool,
}

/// What has happened.
enum Turn {
    /// The upstream has said what was used.
    Used,
    /// It is time to look around.
    Look,
    Over(End),
    Fault(Reason),
}

/// How often it is asked whether the key may still have it: with the tick of alarms, under half a second.
const LOOK: Duration = Duration::from_millis(250);
/// How long the other side may take to end what one has ended.
const LINGER: Duration = Duration::from_secs(1);

impl Carried {
    /// A handshake was answered by the upstream.
    ///
    /// # Errors
    /// When that is no answer to it.
    pub(crate) fn new(
        out: &Outgoing,
        opening: &Opening,
        told: &Response<()>,
        (wire, ahead): (Wire, BytesMut),
        call: Box<Call>,
    ) -> Result<Self, Reason> {
        let head = opening.answer(told.headers())?;
        let (upstream, lease) = (&*out.route.upstream, call.lease());
        let patterns = upstream.redaction.then(|| lease.patterns()).filter(|patterns| !patterns.is_empty());
        let most = out.worker.config.limits.body;
        let standing = Standing {
            known: Rc::clone(out.route.known()),
            secret: lease.secret,
            peer: opening.peer,
            provider: out.route.provider.to_string(),
            path: out.path().to_owned(),
            query: out.read.parts.uri.query().map(str::to_owned),
            origin: opening.origin.clone(),
        };
        Ok(Self {
            upstream: Side::new(wire, ahead),
            down: FromUpstream::new(patterns.cloned(), upstream.interface, most),
            up: FromCaller::new(most),
            standing,
            head: written(&head),
            counted: Counted { call: Some(call), said: None, passed: 0, hits: 0, end: End::HungUp },
        })
    }
}

/// Drives a socket to its end.
pub(crate) async fn carry(worker: &Rc<Worker>, watched: &Watched, caller: (Wire, Ahead), socket: Box<Carried>) {
    let Carried { upstream, down, up, standing, head, counted } = *socket;
    let mut caller = Side::new(caller.0, caller.1);
    caller.out = head;
    let mut link = Link { worker, caller, upstream, down, up, counted, came: worker.alarms.now() };
    let reason = link.run(watched, &standing).await;
    if let Some(reason) = reason {
        worker.deny(Some(&standing.known), standing.peer, reason);
        link.say(reason);
    }
    // Whether they take it in time is their own business.
    let Link { caller, upstream, .. } = &mut link;
    let ends = async { (caller.end().await, upstream.end().await) };
    let _ = worker.alarms.within(LINGER, ends).await;
}

/// Both sides, and what is known of what passes.
struct Link<'a> {
    worker: &'a Rc<Worker>,
    caller: Side,
    upstream: Side,
    down: FromUpstream,
    up: FromCaller,
    counted: Counted,
    /// When something came last.
    came: u64,
}

impl Link<'_> {
    /// Gives why it was ended from here, where it was.
    async fn run(&mut self, watched: &Watched, standing: &Standing) -> Option<Reason> {
        let (alarms, times) = (&self.worker.alarms, self.worker.config.times);
        let began = alarms.now();
        let look = alarms.after(LOOK);
        let mut closing = None;
        loop {
            let turn = poll_fn(|context| {
                watched.register(context);
                if watched.over.get() {
                    return Poll::Ready(Turn::Over(End::HungUp));
                }
                match self.poll(watched, context) {
                    Poll::Pending => look.poll(context).map(|()| Turn::Look),
                    turn => turn,
                }
            });
            let ended = match turn.await {
                Turn::Over(end) => {
                    self.counted.end = end;
                    self.tell();
                    return None;
                }
                Turn::Fault(reason) => Err(reason),
                Turn::Used => self.afford().await.map_err(|refusal| refusal.reason),
                Turn::Look => {
                    look.reset(LOOK);
                    let now = alarms.now();
                    let beyond = |since: u64, limit: Duration| u128::from(now - since) > limit.as_millis();
                    if self.down.closed || self.up.closed {
                        closing.get_or_insert(now);
                    }
                    if closing.is_some_and(|since| beyond(since, LINGER)) {
                        self.counted.end = End::Whole;
                        self.tell();
                        return None;
                    }
                    match beyond(self.came, times.idle) || beyond(began, times.total) {
                        true => Err(Reason::SocketIdle),
                        false => standing.holds(self.worker),
                    }
                }
            };
            if let Err(reason) = ended {
                self.counted.end = End::Stopped;
                self.tell();
                return Some(reason);
            }
        }
    }

    fn poll(&mut self, watched: &Watched, context: &mut Context<'_>) -> Poll<Turn> {
        let now = self.worker.alarms.now();
        let counts = self.down.tally.counts;
        let buffers = &self.worker.buffers;
        loop {
            let (down, up) = (&mut self.down, &mut self.up);
            let (taken, came) = pass(&mut self.upstream, &mut self.caller, buffers, context, &mut |ahead, out| {
                down.take(ahead, out).map(|()| down.closed)
            });
            watched.wrote(self.caller.at < self.caller.out.len(), now);
            let (given, went) = pass(&mut self.caller, &mut self.upstream, buffers, context, &mut |ahead, out| {
                up.take(ahead, out).map(|()| up.closed)
            });
            if came || went {
                self.came = now;
            }
            match (taken, given) {
                (Passed::Fault(_), _) => return Poll::Ready(Turn::Fault(Reason::BadAnswer)),
                (_, Passed::Fault(Fault::TooLarge)) => return Poll::Ready(Turn::Fault(Reason::TooLarge)),
                (_, Passed::Fault(Fault::Protocol)) => return Poll::Ready(Turn::Fault(Reason::Framing)),
                // Both have said that they are done, and what they said has gone.
                (Passed::Closed, Passed::Closed) => return Poll::Ready(Turn::Over(End::Whole)),
                (Passed::Gone(Which::From), _) | (_, Passed::Gone(Which::To)) => {
                    return Poll::Ready(Turn::Over(if self.down.closed { End::Whole } else { End::CutOff }));
                }
                (Passed::Gone(Which::To), _) | (_, Passed::Gone(Which::From)) => {
                    return Poll::Ready(Turn::Over(if self.up.closed { End::Whole } else { End::HungUp }));
                }
                _ if self.down.tally.counts != counts => return Poll::Ready(Turn::Used),
                _ if came || went => {}
                _ => return Poll::Pending,
            }
        }
    }

    /// Keeps ahead of what is used with what is reserved.
    async fn afford(&mut self) -> Result<(), Refusal> {
        match &mut self.counted.call {
            Some(call) => call.go_on(&self.down.tally.counts).await,
            None => Ok(()),
        }
    }

    /// What was used, as far as it was told.
    fn tell(&mut self) {
        let Self { down, up, counted, .. } = self;
        let metered = down.is_metered();
        let tally = std::mem::take(&mut down.tally);
        (counted.passed, counted.hits) = (down.passed, down.hits);
        if let Some(call) = &counted.call {
            call.pursuit().uploaded.set(up.passed);
        }
        counted.said = metered.then(|| Said {
            counts: Some(tally.counts),
            model: tally.model,
            passed: crate::meter::Passed::default(),
            since: tally.since,
        });
    }

    /// Ends both sides with the reason.
    fn say(&mut self, reason: Reason) {
        let (status, why) = reason.closes();
        if !self.down.closed {
            close(&mut self.caller.out, status, why, None);
        }
        if self.up.is_between() && !self.up.closed {
            let mask = RandomState::new().hash_one(status).to_be_bytes();
            close(&mut self.upstream.out, 1001, "", Some([mask[0], mask[1], mask[2], mask[3]]));
        }
    }
}

/// What came of passing on from one side to the other.
enum Passed {
    /// Nothing more just now.
    Pending,
    /// The last frame has gone.
    Closed,
    Gone(Which),
    Fault(Fault),
}

enum Which {
    From,
    To,
}

/// Makes of what came what is to be written; true when that is the last of it.
type Take<'a> = &'a mut dyn FnMut(&mut BytesMut, &mut Vec<u8>) -> Result<bool, Fault>;

/// Passes on what there is, and gives whether anything came.
fn pass(
    from: &mut Side,
    to: &mut Side,
    buffers: &Buffers,
    context: &mut Context<'_>,
    take: Take<'_>,
) -> (Passed, bool) {
    let mut came = false;
    loop {
        // What came behind the handshake is there before anything is read.
        let closed = match take(&mut from.ahead, &mut to.out) {
            Ok(closed) => closed,
            Err(fault) => return (Passed::Fault(fault), came),
        };
        match to.poll_write(context) {
            Poll::Pending => return (Passed::Pending, came),
            Poll::Ready(Err(_)) => return (Passed::Gone(Which::To), came),
            Poll::Ready(Ok(())) if closed => return (Passed::Closed, came),
            Poll::Ready(Ok(())) => {}
        }
        match from.poll_read(buffers, context) {
            Poll::Pending => return (Passed::Pending, came),
            Poll::Ready(Ok(1..)) => came = true,
            Poll::Ready(_) => return (Passed::Gone(Which::From), came),
        }
    }
}

impl Side {
    fn new(wire: Wire, ahead: Ahead) -> Self {
        Self { wire, ahead, out: Vec::new(), at: 0, flushed: true }
    }

    fn poll_read(&mut self, buffers: &Buffers, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { wire, ahead, .. } = self;
        buffers.read(wire, context, |bytes| {
            ahead.extend_from_slice(bytes);
            bytes.len()
        })
    }

    /// Writes all there is to be written.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.at < self.out.len() {
            self.flushed = false;
            match ready!(Pin::new(&mut self.wire).poll_write(context, &self.out[self.at..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                length => self.at += length,
            }
        }
        // One that waits has no room of its own.
        (self.out, self.at) = (Vec::new(), 0);
        if !self.flushed {
            ready!(Pin::new(&mut self.wire).poll_flush(context))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what is left, and says that nothing follows.
    async fn end(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_write(context)).await?;
        poll_fn(|context| Pin::new(&mut self.wire).poll_shutdown(context)).await
    }
}

impl Standing {
    /// Whether the key may still have what it was given.
    fn holds(&self, worker: &Worker) -> Result<(), Reason> {
        if worker.stopping.get() {
            return Err(Reason::Draining);
        }
        let (now, snapshot) = (worker.now(), worker.shared.snapshot());
        let grant = worker.again(&self.known, &snapshot, now)?;
        is_fresh(worker, &grant, &snapshot, now)?;
        let origin = self.origin.as_ref().and_then(|origin| origin.to_str().ok());
        let method = &hyper::Method::GET;
        let head = RequestHead { method, provider: &self.provider, path: &self.path, peer: self.peer, origin };
        let route = match judge(&grant, &head, now) {
            // It was the last one.
            Err(Reason::Uses) => grant.route(&self.provider).ok_or(Reason::NotGranted)?,
            judged => judged?,
        };
        let narrowing = self.known.narrowing.as_deref();
        narrowing.map_or(Ok(()), |narrowing| narrowing.judge(&head, now))?;
        judge_socket(route, narrowing, self.query.as_deref())?;
        let lease = worker.shared.leases.lease(route.secret, route.version);
        let lives = lease.is_some_and(|lease| lease.secret == self.secret && lease.lives(now));
        if lives { Ok(()) } else { Err(Reason::NoLease) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        let said = self.said.take().unwrap_or_default();
        // Text whose counts have not come makes of what is known an estimate.
        let all = said.since == crate::meter::Passed::default();
        call.end((self.end, all), &said, self.passed, self.hits);
    }
}
