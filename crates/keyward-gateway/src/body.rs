//! Bodies on their way: requests from callers, uploads to the upstream, answers to the caller.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::alarm::{Alarm, Alarms};
use crate::call::{Call, Pursuit};
use crate::coding::Decoded;
use crate::grpc::{self, Messages};
use crate::http1::client::Http1;
use crate::http1::server::Receiving;
use crate::meter::{Meter, Said};
use crate::pool::Place;
use crate::read_on::Held;
use crate::redact::{Redactor, redact_header};
use crate::refusal::Reason;
use crate::socket::Carried;
use crate::usage::End;
use crate::worker::Worker;

/// A request's body as it comes from its caller.
pub(crate) enum Inbound {
    None,
    Http1(Receiving),
    Http2(Incoming),
}

/// A request's body on its way to the upstream.
pub(crate) enum Upload {
    Whole(Option<Bytes>),
    Stream(Box<Streamed>),
}

/// A body that is passed on as it comes.
pub(crate) struct Streamed {
    pub(crate) incoming: Inbound,
    /// As it was announced.
    pub(crate) length: Option<u64>,
    pub(crate) left: u64,
    pub(crate) idle: Idle,
    pub(crate) pursuit: Rc<Pursuit>,
}

/// Why a body broke off.
#[derive(Debug)]
pub(crate) enum Broken {
    TooLarge,
    Idle,
    Total,
    Peer,
    /// The caller's body is none, or not all of it came.
    Framing,
    Echo,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the body is too large",
            Self::Idle => "nothing came for too long",
            Self::Total => "it took too long",
            Self::Peer => "the peer broke off",
            Self::Framing => "the body is not as it was announced",
            Self::Echo => "the answer held the key",
        })
    }
}

impl std::error::Error for Broken {}

impl Broken {
    /// Why an answer has no end.
    fn reason(&self) -> Reason {
        match self {
            Self::Idle | Self::Total => Reason::FirstByte,
            Self::Echo => Reason::Echo,
            Self::TooLarge | Self::Peer | Self::Framing => Reason::BadAnswer,
        }
    }
}

/// Limits of time on a body: between two pieces, and on the whole.
pub(crate) struct Idle {
    limit: Duration,
    end: u64,
    alarms: Rc<Alarms>,
    alarm: Option<Alarm>,
    /// Something came since the alarm was set.
    came: bool,
}

impl Idle {
    pub(crate) fn new(alarms: &Rc<Alarms>, limit: Duration, total: Duration) -> Self {
        let end = alarms.now().saturating_add(u64::try_from(total.as_millis()).unwrap_or(u64::MAX));
        Self { limit, end, alarms: Rc::clone(alarms), alarm: None, came: false }
    }

    /// Something came.
    fn reset(&mut self) {
        self.came = true;
    }

    /// Nothing has come: since when is counted from the first call after something did.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Broken> {
        let left = Duration::from_millis(self.end.saturating_sub(self.alarms.now()));
        let limit = self.limit.min(left);
        let alarm = self.alarm.get_or_insert_with(|| self.alarms.after(limit));
        if std::mem::take(&mut self.came) {
            alarm.reset(limit);
        }
        ready!(alarm.poll(context));
        Poll::Ready(if self.alarms.now() >= self.end { Broken::Total } else { Broken::Idle })
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::None => Poll::Ready(None),
            Self::Http1(body) => body.poll(context),
            Self::Http2(body) => {
                Pin::new(body).poll_frame(context).map(|frame| frame.map(|frame| frame.map_err(|_| Broken::Peer)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::None => true,
            Self::Http1(body) => body.is_over(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::None => SizeHint::with_exact(0),
            Self::Http1(body) => body.length().map(SizeHint::with_exact).unwrap_or_default(),
            Self::Http2(body) => body.size_hint(),
        }
    }
}

impl Upload {
    /// How long it is, where that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream(body) => body.length,
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Whole(bytes) => {
                Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Stream(body) => body.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Stream(body) => body.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length().map(SizeHint::with_exact).unwrap_or_default()
    }
}

impl Streamed {
    /// The next of it.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) else {
                return self.idle.poll(context).map(|broken| Some(Err(self.fault(Reason::SlowBody, broken))));
            };
            self.idle.reset();
            let Some(frame) = frame else { return Poll::Ready(None) };
            let frame = match frame {
                Ok(frame) => frame,
                Err(broken) => return Poll::Ready(Some(Err(self.fault(Reason::Framing, broken)))),
            };
            // Trailers stay here: nothing that was not judged goes on.
            let Ok(bytes) = frame.into_data() else { continue };
            let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
                return Poll::Ready(Some(Err(self.fault(Reason::TooLarge, Broken::TooLarge))));
            };
            self.left = left;
            let uploaded = &self.pursuit.uploaded;
            uploaded.set(uploaded.get() + bytes.len() as u64);
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
    }

    /// It is the caller's doing that the call comes to nothing, and he is told so.
    fn fault(&self, reason: Reason, broken: Broken) -> Broken {
        self.pursuit.fault.set(Some(reason));
        broken
    }
}

/// What a caller gets.
pub(crate) enum Out {
    Whole(Option<Bytes>),
    Answer(Held),
    /// There is none: its connection is a WebSocket from now on.
    Socket(Box<Carried>),
}

impl From<Vec<u8>> for Out {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Whole(Some(bytes.into()))
    }
}

/// Where an answer comes from.
pub(crate) enum Source {
    /// A connection, and where that goes afterwards.
    Http1(Box<Http1>, Rc<Place>),
    Http2(Incoming),
    /// It has ended.
    Over,
}

/// An upstream's answer on its way to the caller.
pub(crate) struct Answer {
    pub(crate) source: Source,
    pub(crate) redactor: Option<Redactor>,
    /// It is made of messages, each of which is looked into by itself.
    pub(crate) messages: Option<Messages>,
    pub(crate) meter: Option<Meter>,
    /// A body that came coded, looked into beside. It is rare, and large.
    pub(crate) decoded: Option<Box<Decoded>>,
    pub(crate) call: Option<Box<Call>>,
    pub(crate) idle: Idle,
    /// What was read before the head was passed on.
    pub(crate) first: VecDeque<Bytes>,
    /// The fields behind it, once they have come.
    pub(crate) last: Option<HeaderMap>,
    pub(crate) over: bool,
    pub(crate) passed: u64,
    /// The caller is gone.
    pub(crate) alone: bool,
}

impl Answer {
    /// Reads ahead, before the head is passed on, until so much has come or all.
    ///
    /// # Errors
    /// When the body must not be passed on.
    pub(crate) async fn read_ahead(&mut self, most: usize) -> Result<(), Broken> {
        let (mut ahead, mut length) = (VecDeque::new(), 0);
        while length < most {
            let Some(frame) = std::future::poll_fn(|context| self.poll(context)).await else { break };
            let Ok(bytes) = frame?.into_data() else { continue };
            length += bytes.len();
            ahead.push_back(bytes);
        }
        self.first = ahead;
        Ok(())
    }

    /// An answer without a body has ended with its head.
    pub(crate) fn end_if_empty(&mut self) {
        if self.source.is_over() {
            // Nothing is held back of nothing.
            let _ = self.finish();
        }
    }

    /// The caller is gone: whether its end is worth to be waited for, and how long.
    pub(crate) fn left_alone(&mut self) -> Option<(Rc<Worker>, Option<Duration>)> {
        self.alone = true;
        let call =
            self.call.as_ref().filter(|call| !self.over && self.meter.is_some() && call.pursuit().is_worth_it())?;
        Some((Rc::clone(call.worker()), call.pursuit().stream_patience(call.worker())))
    }

    /// Reads what follows, for nobody.
    pub(crate) async fn read_to_end(&mut self) {
        self.first.clear();
        while let Some(Ok(_)) = std::future::poll_fn(|context| self.poll(context)).await {}
    }

    fn is_over(&self) -> bool {
        self.over && self.first.is_empty() && self.last.is_none()
    }

    /// The next of it. One of gRPC has a status to end with, where others can only break off.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let next = ready!(self.poll_next(context));
        let Some(Err(broken)) = next.as_ref().filter(|_| self.messages.is_some()) else { return Poll::Ready(next) };
        let mut trailers = HeaderMap::new();
        grpc::tell(broken.reason(), &mut trailers);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(bytes) = self.first.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        loop {
            if self.over {
                return Poll::Ready(self.last.take().map(|trailers| Ok(Frame::trailers(trailers))));
            }
            let Poll::Ready(frame) = self.source.poll(context) else {
                return self.idle.poll(context).map(|broken| Some(Err(self.stop(broken))));
            };
            self.idle.reset();
            let frame = match frame {
                None => return Poll::Ready(self.finish().transpose().map(|bytes| bytes.map(Frame::data))),
                Some(Err(_)) => return Poll::Ready(Some(Err(self.stop(Broken::Peer)))),
                Some(Ok(frame)) => frame,
            };
            match frame.into_data() {
                Ok(bytes) => {
                    let mut out = self.take(bytes)?;
                    // The end is often known with the last piece, and nobody has to ask for it then.
                    if self.source.is_over()
                        && let Some(rest) = self.finish()?
                    {
                        out = Some(match out {
                            Some(out) => [out, rest].concat().into(),
                            None => rest,
                        });
                    }
                    if let Some(out) = out {
                        return Poll::Ready(Some(Ok(Frame::data(out))));
                    }
                }
                Err(frame) => {
                    // Nothing follows them, and nobody asks whether.
                    self.last = self.trailers(frame);
                    if let Some(rest) = self.finish()? {
                        return Poll::Ready(Some(Ok(Frame::data(rest))));
                    }
                }
            }
        }
    }

    /// What of these bytes may be passed on.
    fn take(&mut self, bytes: Bytes) -> Result<Option<Bytes>, Broken> {
        if let Some(decoded) = &mut self.decoded
            && decoded.push(&bytes, self.meter.as_mut()).is_err()
        {
            return Err(self.stop(Broken::Echo));
        }
        self.passed += if self.alone { 0 } else { bytes.len() as u64 };
        let bytes = match (&mut self.redactor, &mut self.messages) {
            (Some(redactor), Some(messages)) => match messages.redact(&bytes, redactor) {
                Ok(bytes) => bytes,
                Err(_) => return Err(self.stop(Broken::Echo)),
            },
            (Some(redactor), None) => redactor.push(bytes),
            (None, _) => bytes,
        };
        let bytes = match &mut self.meter {
            Some(meter) if self.decoded.is_none() => meter.push(bytes),
            _ => bytes,
        };
        Ok((!bytes.is_empty()).then_some(bytes))
    }

    /// The answer has ended: what was held back is let go, the connection is free, the call is settled.
    fn finish(&mut self) -> Result<Option<Bytes>, Broken> {
        if std::mem::replace(&mut self.over, true) {
            return Ok(None);
        }
        if let Some(decoded) = &mut self.decoded
            && decoded.finish().is_err()
        {
            return Err(self.stop(Broken::Echo));
        }
        let rest = self.redactor.as_mut().map(Redactor::finish).unwrap_or_default();
        let rest = match &mut self.meter {
            Some(meter) if self.decoded.is_none() => {
                let (rest, last) = (meter.push(rest), meter.finish());
                if last.is_empty() { rest } else { [rest, last].concat().into() }
            }
            _ => rest,
        };
        if let Source::Http1(connection, place) = std::mem::replace(&mut self.source, Source::Over) {
            place.give_back(connection);
        }
        self.settle(if self.alone { End::HungUp } else { End::Whole }, true);
        Ok((!rest.is_empty()).then_some(rest))
    }

    fn stop(&mut self, broken: Broken) -> Broken {
        self.over = true;
        self.source = Source::Over;
        self.settle(if matches!(broken, Broken::Peer) { End::CutOff } else { End::Stopped }, false);
        broken
    }

    fn settle(&mut self, end: End, all: bool) {
        if let Some(call) = self.call.take() {
            let said = self.meter.take().map_or_else(Said::default, Meter::into_said);
            let hits = self.redactor.as_ref().map_or(0, Redactor::hits);
            call.end((end, all), &said, self.passed, hits);
        }
    }

    fn trailers(&mut self, frame: Frame<Bytes>) -> Option<HeaderMap> {
        let mut trailers = frame.into_trailers().ok()?;
        if let Some(call) = &self.call {
            for value in trailers.values_mut() {
                if let Some(masked) = redact_header(call.patterns(), value) {
                    *value = masked;
                }
            }
        }
        Some(trailers)
    }
}

impl Source {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self {
            Self::Http1(connection, _) => connection.poll_body(context),
            Self::Http2(incoming) => {
                Pin::new(incoming).poll_frame(context).map(|frame| frame.map(|frame| frame.map_err(|_| Broken::Peer)))
            }
            Self::Over => Poll::Ready(None),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Http1(connection, _) => connection.is_over(),
            Self::Http2(incoming) => incoming.is_end_stream(),
            Self::Over => true,
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // Nobody asked for the end: the caller is gone.
        self.settle(End::HungUp, false);
    }
}

impl Body for Out {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Whole(bytes) => {
                Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Answer(held) => match held.answer_mut() {
                Some(answer) => answer.poll(context),
                None => Poll::Ready(None),
            },
            Self::Socket(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Answer(held) => held.answer().is_none_or(Answer::is_over),
            Self::Socket(_) => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Answer(held) if held.answer().is_none_or(Answer::is_over) => SizeHint::with_exact(0),
            Self::Answer(_) => SizeHint::default(),
            Self::Socket(_) => SizeHint::with_exact(0),
        }
    }
}
