//! A request whose body was read as far as anything depends on it, and no further.

use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body as _, Frame};
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use hyper::{Method, Request};

use crate::ask::{Asked, Unreadable};
use crate::body::{Broken, Inbound};
use crate::grant::Route;
use crate::judge::model_in_path;
use crate::meter::Interface;
use crate::narrowing::Narrowing;
use crate::proxy::Below;
use crate::refusal::{Reason, Refusal};
use crate::worker::Worker;

/// A request, with what its body says.
pub(crate) struct Reading {
    pub(crate) parts: Parts,
    pub(crate) content: Content,
    pub(crate) asked: Option<Asked>,
    /// Whether rules about the body are to be held against it.
    pub(crate) judged: bool,
}

/// A body.
pub(crate) enum Content {
    /// All of it, so that it can be sent again.
    Whole(Bytes),
    /// As it comes, with its length where that was said.
    Stream(Inbound, Option<u64>),
}

/// A body no longer than this is kept, so that it can be sent again.
const SHORT: u64 = 64 << 10;

impl Reading {
    /// Reads what has to be read.
    pub(crate) async fn of(
        worker: &Worker,
        (route, narrowing): (&Route, Option<&Narrowing>),
        below: Below,
        request: Request<Inbound>,
    ) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let path = below.of(&parts.uri);
        let length = body.size_hint().exact();
        let limits = worker.config.limits;
        if length.is_some_and(|length| length > limits.body) {
            return Err(Reason::TooLarge.into());
        }
        let empty = length == Some(0);
        // Who asks for a list, or deletes, names no model and needs none.
        let reads = route.reads_body() || narrowing.is_some_and(Narrowing::reads_body);
        let judged = reads && !(empty && parts.method != Method::POST && model_in_path(path).is_none());
        let metered = route.upstream.interface.is_some() && is_json(&parts);
        if empty {
            if judged && model_in_path(path).is_none() {
                return Err(Reason::Body.into());
            }
            return Ok(Self { parts, content: Content::Whole(Bytes::new()), asked: None, judged });
        }
        if !metered && !judged {
            let content = match length {
                // Nothing is signed that may still change.
                _ if route.upstream.signs() => Content::Whole(collect(worker, body, limits.read_body as u64).await?),
                Some(length) if length <= SHORT => Content::Whole(collect(worker, body, length).await?),
                length => Content::Stream(body, length),
            };
            return Ok(Self { parts, content, asked: None, judged });
        }
        let body = collect(worker, body, limits.read_body as u64).await?;
        let maxima = match narrowing {
            Some(narrowing) => Cow::Owned([&*route.maxima, &*narrowing.maxima].concat()),
            None => Cow::Borrowed(&*route.maxima),
        };
        let asked = match Asked::read(&body, &maxima) {
            Ok(asked) => Some(asked),
            Err(Unreadable::Twice) => return Err(Reason::BodyTwice.into()),
            Err(Unreadable::NotJson) if judged => return Err(Reason::Body.into()),
            Err(Unreadable::NotJson) => None,
        };
        Ok(Self { parts, content: Content::Whole(body), asked, judged })
    }

    /// Bytes of the body, as far as they are known.
    pub(crate) fn length(&self) -> u64 {
        match &self.content {
            Content::Whole(bytes) => bytes.len() as u64,
            Content::Stream(_, length) => length.unwrap_or(0),
        }
    }

    /// Has the usage of an OpenAI stream told where the caller did not ask for it. True: it was put in.
    pub(crate) fn ask_for_usage(&mut self, interface: Option<Interface>, below: Below) -> bool {
        let path = below.of(&self.parts.uri);
        let streams = interface == Some(Interface::OpenAi) && path.ends_with("/completions");
        match (&self.asked, &mut self.content) {
            (Some(asked), Content::Whole(body)) if streams && asked.lacks_usage() => {
                *body = asked.with_usage(body);
                true
            }
            _ => false,
        }
    }
}

fn is_json(parts: &Parts) -> bool {
    parts.headers.get(CONTENT_TYPE).is_none_or(|sort| {
        let sort = sort.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        sort.len() >= 4 && sort[sort.len() - 4..].eq_ignore_ascii_case(b"json")
    })
}

/// All of a body, which has to come in time and within its limit.
async fn collect(worker: &Worker, mut body: Inbound, most: u64) -> Result<Bytes, Reason> {
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    let mut length = 0;
    while let Some(frame) = next(worker, &mut body).await? {
        let Ok(bytes) = frame.map_err(|_| Reason::Framing)?.into_data() else { continue };
        length += bytes.len() as u64;
        if length > most {
            return Err(Reason::TooLarge);
        }
        // Nearly always a body comes in one piece.
        if first.is_empty() && all.is_empty() {
            first = bytes;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&bytes);
        }
        if body.is_end_stream() {
            break;
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

type Framed = Result<Frame<Bytes>, Broken>;

async fn next(worker: &Worker, body: &mut Inbound) -> Result<Option<Framed>, Reason> {
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
    worker.alarms.within(worker.config.times.idle, frame).await.map_err(|_| Reason::SlowBody)
}
