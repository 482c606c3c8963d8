//! A caller's connection: requests are read, answered one after the other, and written out, by one task.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::Frame;
use hyper::header::{CONNECTION, EXPECT, HeaderMap};
use hyper::{Method, Request, Response};
use tokio::io::AsyncWrite as _;

use crate::body::{Broken, Inbound, Out};
use crate::framing::{Framing, Length, Part};
use crate::http1::buffers::Buffers;
use crate::http1::turn::after_others;
use crate::http1::writing::Writing;
use crate::proxy::answer;
use crate::refusal::{Reason, Refusal, Shape};
use crate::socket::carry;
use crate::watch::Watched;
use crate::wire::Wire;
use crate::worker::Worker;

/// One connection, which bodies of its requests are read from.
pub(crate) struct Line {
    state: RefCell<State>,
    buffers: Rc<Buffers>,
}

struct State {
    /// `None`: it is over.
    socket: Option<Wire>,
    framing: Framing,
    /// Which request is the present one.
    number: u64,
    /// All of the present request has come.
    complete: bool,
    /// Its caller waits to be told to send the body.
    expects: bool,
}

/// The body of a request.
pub(crate) struct Receiving {
    line: Rc<Line>,
    number: u64,
    length: Option<u64>,
}

/// What is read ahead of what a caller sends while his last request is answered.
const AHEAD: usize = 64 << 10;
/// How much is waited for when a connection ends before its request has, so that its caller gets to read
/// the answer, and how long.
const LINGER: Duration = Duration::from_secs(1);
const LINGERED: usize = 1 << 20;

/// Serves a connection to its end.
pub(crate) async fn serve(worker: &Rc<Worker>, socket: Wire, peer: IpAddr) {
    let watched = worker.watch.begin(worker.alarms.now());
    let line = Rc::new(Line::new(socket, &worker.buffers));
    loop {
        let next = poll_fn(|context| {
            watched.register(context);
            if watched.over.get() || (worker.stopping.get() && line.is_idle()) {
                return Poll::Ready(Ok(None));
            }
            line.poll_head(context, worker.config.limits.head)
        });
        match next.await {
            Ok(Some(request)) => {
                if !exchange(worker, &watched, &line, request, peer).await {
                    break;
                }
            }
            Ok(None) => break,
            Err(reason) => {
                worker.deny(None, peer, reason);
                line.refuse(reason);
                break;
            }
        }
    }
    // What its bodies were read by may live on with a call that goes on without it.
    let complete = line.state.borrow().complete;
    let socket = line.state.borrow_mut().socket.take();
    if let Some(socket) = socket {
        // Whether it ends in time is its own business.
        let _ = worker.alarms.within(LINGER, close(&worker.buffers, socket, complete)).await;
    }
}

/// Answers one request; false when the connection ends with it.
async fn exchange(
    worker: &Rc<Worker>,
    watched: &Rc<Watched>,
    line: &Rc<Line>,
    request: Request<Inbound>,
    peer: IpAddr,
) -> bool {
    let _begun = watched.request(&worker.alarms);
    let keeps = !says(request.headers(), "close");
    let no_body = request.method() == Method::HEAD;
    let answered = {
        let mut answer = pin!(answer(worker, request, peer));
        poll_fn(|context| {
            watched.register(context);
            if watched.over.get() {
                return Poll::Ready(None);
            }
            match answer.as_mut().poll(context) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending if line.poll_gone(context) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    };
    let Some(response) = answered else { return false };
    let response = match response.into_parts() {
        (_, Out::Socket(socket)) => {
            if let Some(caller) = line.give_up() {
                carry(worker, watched, caller, socket).await;
            }
            return false;
        }
        (parts, body) => Response::from_parts(parts, body),
    };
    // Who was refused for his head may have sent a body, which nobody wants any more.
    if Rc::strong_count(line) == 1 {
        line.skip();
    }
    let keeps = keeps && !worker.stopping.get() && !says(response.headers(), "close") && line.state.borrow().complete;
    line.send(worker, watched, response, (no_body, keeps)).await && keeps
}

/// Whether `Connection` has this word.
fn says(headers: &HeaderMap, word: &str) -> bool {
    let words = headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    words.into_iter().any(|said| said.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

/// Ends a connection. What of a request is still on its way is taken and thrown away, as else the answer
/// would be, too.
async fn close(buffers: &Buffers, mut socket: Wire, complete: bool) {
    // A peer that is gone is gone.
    if poll_fn(|context| Pin::new(&mut socket).poll_shutdown(context)).await.is_err() || complete {
        return;
    }
    let mut taken = 0;
    while let Ok(length @ 1..) = poll_fn(|context| buffers.read(&mut socket, context, <[u8]>::len)).await {
        taken += length;
        if taken > LINGERED {
            break;
        }
    }
}

impl Line {
    fn new(socket: Wire, buffers: &Rc<Buffers>) -> Self {
        let state =
            State { socket: Some(socket), framing: Framing::default(), number: 0, complete: true, expects: false };
        Self { state: RefCell::new(state), buffers: Rc::clone(buffers) }
    }

    /// Gives up the connection, and what came and was not read: it speaks HTTP no more.
    fn give_up(&self) -> Option<(Wire, BytesMut)> {
        let mut state = self.state.borrow_mut();
        let socket = state.socket.take()?;
        Some((socket, std::mem::take(&mut state.framing).into_rest()))
    }

    /// Nothing of another request has come.
    fn is_idle(&self) -> bool {
        self.state.borrow().framing.waiting() == 0
    }

    fn poll_head(
        self: &Rc<Self>,
        context: &mut Context<'_>,
        most: usize,
    ) -> Poll<Result<Option<Request<Inbound>>, Reason>> {
        let mut state = self.state.borrow_mut();
        loop {
            match state.framing.next_into(|| self.buffers.lend_table())? {
                Some(Part::Head(parts, length)) => {
                    return Poll::Ready(Ok(Some(self.begin(&mut state, *parts, length))));
                }
                Some(_) => return Poll::Ready(Err(Reason::Framing)),
                None if state.framing.waiting() > most => return Poll::Ready(Err(Reason::Head)),
                None => {}
            }
            if !matches!(ready!(state.poll_read(&self.buffers, context)), Ok(1..)) {
                return Poll::Ready(Ok(None));
            }
        }
    }

    fn begin(
        self: &Rc<Self>,
        state: &mut State,
        parts: hyper::http::request::Parts,
        length: Length,
    ) -> Request<Inbound> {
        state.number += 1;
        state.complete = length == Length::Is(0);
        state.expects = !state.complete && parts.headers.contains_key(EXPECT);
        let body = match length {
            Length::Is(0) => Inbound::None,
            Length::Is(length) => Inbound::Http1(Receiving::new(self, state.number, Some(length))),
            Length::Chunked => Inbound::Http1(Receiving::new(self, state.number, None)),
        };
        Request::from_parts(parts, body)
    }

    /// Whether the caller has hung up. While he still sends this cannot be seen, and shows as he does not.
    fn poll_gone(&self, context: &mut Context<'_>) -> bool {
        let mut state = self.state.borrow_mut();
        while state.complete && state.framing.waiting() < AHEAD {
            match state.poll_read(&self.buffers, context) {
                Poll::Pending => return false,
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => {
                    state.socket = None;
                    return true;
                }
            }
        }
        false
    }

    /// Throws away what of the present request has come already.
    fn skip(&self) {
        let mut state = self.state.borrow_mut();
        while !state.complete {
            match state.framing.next() {
                Ok(Some(Part::Data(_))) => state.complete = state.framing.body_is_over(),
                Ok(Some(Part::End)) => state.complete = true,
                _ => break,
            }
        }
    }

    /// Writes an answer; false when it could not be written as it was to be.
    async fn send(
        &self,
        worker: &Worker,
        watched: &Watched,
        response: Response<Out>,
        (no_body, keeps): (bool, bool),
    ) -> bool {
        let (parts, body) = response.into_parts();
        let mut writing = Writing::new(&self.buffers, &parts, body, (no_body, keeps), &worker.date());
        self.buffers.give_back_table(parts.headers);
        after_others().await;
        poll_fn(|context| {
            watched.register(context);
            if watched.over.get() {
                return Poll::Ready(false);
            }
            loop {
                writing.gather(&self.buffers, context);
                let mut state = self.state.borrow_mut();
                let Some(socket) = &mut state.socket else { return Poll::Ready(false) };
                let written = writing.poll_write(Pin::new(socket), context);
                watched.wrote(written.is_pending(), worker.alarms.now());
                match ready!(written) {
                    Ok(true) => {}
                    Ok(false) if writing.is_over() => return Poll::Ready(writing.is_whole()),
                    // Nothing more has come to be written.
                    Ok(false) => {
                        writing.rest(&self.buffers);
                        drop(state);
                        return if self.poll_gone(context) { Poll::Ready(false) } else { Poll::Pending };
                    }
                    Err(_) => {
                        state.socket = None;
                        return Poll::Ready(false);
                    }
                }
            }
        })
        .await
    }

    /// Answers what can be read in two ways. It is tried once: a connection that has just been read from has
    /// room for it, and whoever has filled it does without.
    fn refuse(&self, reason: Reason) {
        let mut state = self.state.borrow_mut();
        // Whatever follows is not read.
        state.complete = false;
        state.write_once(&fault(reason));
    }
}

impl State {
    fn poll_read(&mut self, buffers: &Buffers, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { socket: Some(socket), framing, .. } = self else { return Poll::Ready(Ok(0)) };
        buffers.read(socket, context, |bytes| {
            framing.push(bytes);
            bytes.len()
        })
    }

    fn write_once(&mut self, bytes: &[u8]) {
        if let Some(socket) = &mut self.socket {
            let mut context = Context::from_waker(std::task::Waker::noop());
            let _ = Pin::new(&mut *socket).poll_write(&mut context, bytes);
            let _ = Pin::new(socket).poll_flush(&mut context);
        }
    }
}

impl Receiving {
    fn new(line: &Rc<Line>, number: u64, length: Option<u64>) -> Self {
        Self { line: Rc::clone(line), number, length }
    }

    /// The next of the body.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let mut state = self.line.state.borrow_mut();
        if state.number != self.number {
            return Poll::Ready(Some(Err(Broken::Peer)));
        }
        loop {
            if state.complete {
                return Poll::Ready(None);
            }
            match state.framing.next() {
                Ok(Some(Part::Data(bytes))) => {
                    // The end is often known with the last piece.
                    state.complete = state.framing.body_is_over();
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Ok(Some(Part::End)) => {
                    state.complete = true;
                    return Poll::Ready(None);
                }
                Ok(Some(Part::Head(..))) | Err(_) => return Poll::Ready(Some(Err(Broken::Framing))),
                Ok(None) => {}
            }
            if std::mem::take(&mut state.expects) {
                state.write_once(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            match ready!(state.poll_read(&self.line.buffers, context)) {
                Ok(1..) => {}
                // He may have ended his own side alone, and is still to be told.
                Ok(0) => return Poll::Ready(Some(Err(Broken::Framing))),
                Err(_) => {
                    state.socket = None;
                    return Poll::Ready(Some(Err(Broken::Peer)));
                }
            }
        }
    }

    /// Whether nothing follows.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.line.state.borrow();
        state.complete && state.number == self.number
    }

    /// How long it was said to be.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }
}

/// The answer to a connection whose requests can be read in two ways, after which it is closed.
fn fault(reason: Reason) -> Vec<u8> {
    let answer: Response<Vec<u8>> = Refusal::from(reason).answer(Shape::OpenAi);
    let mut out = format!("HTTP/1.1 {}\r\n", answer.status()).into_bytes();
    for (name, value) in answer.headers() {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("content-length: {}\r\n\r\n", answer.body().len()).as_bytes());
    out.extend_from_slice(answer.body());
    out
}
