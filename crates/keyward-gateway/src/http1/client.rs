//! A connection to an upstream. It belongs to one call until the end of its answer's body, and is driven
//! by the task of that call.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use hyper::body::Frame;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};
use hyper::http::response::Parts;
use hyper::{Response, StatusCode, Version};
use tokio::io::AsyncWrite as _;
use zeroize::Zeroize as _;

use crate::body::{Broken, Upload};
use crate::framing::{head_end, read_length};
use crate::http1::buffers::Buffers;
use crate::http1::chunks::{Chunk, Chunks};
use crate::http1::turn::after_others;
use crate::wire::Wire;

/// A connection that a call has to itself.
pub(crate) struct Http1 {
    stream: Wire,
    buffers: Rc<Buffers>,
    /// What came and was not taken yet.
    ahead: BytesMut,
    /// `None`: all of it has left this process.
    sending: Option<Sending>,
    body: Body,
    /// It may be used again when the answer has ended.
    keeps: bool,
}

/// What of a request is still to be written.
struct Sending {
    /// The head, or what stands around a chunk.
    out: Vec<u8>,
    written: usize,
    /// Where in it the value of a secret stands.
    secret: Range<usize>,
    /// What follows `out`.
    piece: Bytes,
    rest: Option<Upload>,
    chunked: bool,
    /// Some of it was written.
    begun: bool,
}

/// What of an answer is still to come.
enum Body {
    Over,
    Is(u64),
    Chunks(Chunks),
    UntilClosed,
}

/// A request that did not get through.
pub(crate) enum Failed<T> {
    /// Nothing of it was sent, so that it may be sent again.
    Unsent(T),
    /// It broke off.
    Broken,
}

/// A request's head, written out, with the value in it.
pub(crate) struct Head {
    pub(crate) bytes: Vec<u8>,
    /// Where in it the value stands.
    pub(crate) secret: Range<usize>,
    /// Answers to `HEAD` have no body, whatever they say.
    pub(crate) no_body: bool,
}

const MOST_FIELDS: usize = 128;
const LONGEST_HEAD: usize = 256 << 10;
/// A body up to this length is copied behind its head, so that both are one piece.
const COPIED: usize = 16 << 10;

impl Http1 {
    pub(crate) fn new(stream: Wire, buffers: &Rc<Buffers>) -> Self {
        Self {
            stream,
            buffers: Rc::clone(buffers),
            ahead: BytesMut::new(),
            sending: None,
            body: Body::Over,
            keeps: true,
        }
    }

    /// Gives up the connection, and what came behind the head of its answer.
    pub(crate) fn into_parts(self) -> (Wire, BytesMut) {
        (self.stream, self.ahead)
    }

    /// Whether nothing has come while nobody asked: no end, and nothing else.
    pub(crate) fn is_usable(&mut self, context: &mut Context<'_>) -> bool {
        self.is_reusable() && self.buffers.read(&mut self.stream, context, |_| ()).is_pending()
    }

    /// Whether another request may follow.
    pub(crate) fn is_reusable(&self) -> bool {
        self.keeps && self.is_over() && self.ahead.is_empty() && self.sending.is_none()
    }

    /// Whether the answer has ended.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.body, Body::Over)
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn send(&mut self, head: Head, upload: Upload) -> Result<Response<()>, Failed<Upload>> {
        let Head { bytes, secret, no_body } = head;
        self.sending = Some(Sending::of(bytes, secret, upload));
        after_others().await;

        poll_fn(|context| {
            let sent = self.poll_send(context);
            if matches!(sent, Poll::Ready(Err(_))) && self.sending.as_ref().is_some_and(|sending| !sending.begun) {
                return Poll::Ready(Err(self.unsent()));
            }
            // An upstream that refuses answers before it has read everything.
            match self.poll_head(context, no_body) {
                Poll::Ready(Ok(answer)) => Poll::Ready(Ok(answer)),
                Poll::Ready(Err(_)) => Poll::Ready(Err(Failed::Broken)),
                Poll::Pending if matches!(sent, Poll::Ready(Err(_))) => Poll::Ready(Err(Failed::Broken)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// The next of the answer's body.
    pub(crate) fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if matches!(self.poll_send(context), Poll::Ready(Err(_))) {
            // What it answers may be whole all the same.
            self.sending = None;
            self.keeps = false;
        }
        loop {
            match self.take() {
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(None) if self.is_over() => return Poll::Ready(None),
                Ok(None) => {}
                Err(broken) => return Poll::Ready(Some(Err(broken))),
            }
            match ready!(self.poll_read(context)) {
                Ok(1..) => {}
                Ok(0) if matches!(self.body, Body::UntilClosed) => self.body = Body::Over,
                _ => return Poll::Ready(Some(Err(Broken::Peer))),
            }
        }
    }

    /// What of the body has come.
    fn take(&mut self) -> Result<Option<Frame<Bytes>>, Broken> {
        if self.ahead.is_empty() {
            return Ok(None);
        }
        match &mut self.body {
            Body::Over => Ok(None),
            Body::UntilClosed => Ok(Some(Frame::data(self.ahead.split().freeze()))),
            Body::Is(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(self.ahead.len());
                *left -= here as u64;
                if *left == 0 {
                    self.body = Body::Over;
                }
                Ok(Some(Frame::data(self.ahead.split_to(here).freeze())))
            }
            Body::Chunks(chunks) => match chunks.next(&mut self.ahead).map_err(|_| Broken::Peer)? {
                None => Ok(None),
                Some(Chunk::Data(bytes)) => Ok(Some(Frame::data(bytes))),
                Some(Chunk::End(trailers)) => {
                    self.body = Body::Over;
                    Ok(trailers.map(Frame::trailers))
                }
            },
        }
    }

    fn poll_head(&mut self, context: &mut Context<'_>, no_body: bool) -> Poll<io::Result<Response<()>>> {
        loop {
            while !self.ahead.is_empty() {
                let Some((parts, body, keeps)) = read_head(&mut self.ahead, &self.buffers)? else { break };
                // What is said in between is for us, and we did not ask.
                if parts.status.is_informational() && parts.status != StatusCode::SWITCHING_PROTOCOLS {
                    continue;
                }
                let none = no_body
                    || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
                    || parts.status.is_informational();
                self.keeps = keeps && !parts.status.is_informational() && (none || !matches!(body, Body::UntilClosed));
                self.body = if none { Body::Over } else { body };
                return Poll::Ready(Ok(Response::from_parts(parts, ())));
            }
            if self.ahead.len() > LONGEST_HEAD || ready!(self.poll_read(context))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { buffers, stream, ahead, .. } = self;
        buffers.read(stream, context, |bytes| {
            // What the last piece was read into is used again, once nobody has it any more.
            ahead.extend_from_slice(bytes);
            bytes.len()
        })
    }

    /// Writes what there is to be written; ready when that is all.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { sending: of, stream, buffers, .. } = self;
        let Some(sending) = of else { return Poll::Ready(Ok(())) };
        loop {
            while sending.written < sending.out.len() || !sending.piece.is_empty() {
                let head = &sending.out[sending.written..];
                let stream = Pin::new(&mut *stream);
                let length = match (head, &sending.piece) {
                    (head, piece) if piece.is_empty() => ready!(stream.poll_write(context, head))?,
                    ([], piece) => ready!(stream.poll_write(context, piece))?,
                    (head, piece) => {
                        ready!(stream.poll_write_vectored(context, &[IoSlice::new(head), IoSlice::new(piece)]))?
                    }
                };
                if length == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                sending.wrote(length);
            }
            match sending.poll_rest(context) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => {
                    ready!(Pin::new(stream).poll_flush(context))?;
                    buffers.give_back(std::mem::take(&mut sending.out));
                    *of = None;
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(io::ErrorKind::InvalidInput.into())),
                Poll::Pending => {
                    ready!(Pin::new(&mut *stream).poll_flush(context))?;
                    return Poll::Pending;
                }
            }
        }
    }

    fn unsent(&mut self) -> Failed<Upload> {
        self.keeps = false;
        let rest = self.sending.take().and_then(|mut sending| sending.rest.take());
        rest.map_or(Failed::Broken, Failed::Unsent)
    }
}

impl Sending {
    fn of(mut out: Vec<u8>, secret: Range<usize>, mut upload: Upload) -> Self {
        let mut piece = Bytes::new();
        // Sent again, it is taken from here.
        if let Upload::Whole(Some(bytes)) = &upload {
            if bytes.len() <= COPIED && out.len() + bytes.len() <= out.capacity() {
                out.extend_from_slice(bytes);
            } else {
                piece = bytes.clone();
            }
        }
        let chunked = match &mut upload {
            Upload::Whole(_) => false,
            Upload::Stream(body) => body.length.is_none(),
        };
        Self { out, written: 0, secret, piece, rest: Some(upload), chunked, begun: false }
    }

    fn wrote(&mut self, length: usize) {
        self.begun = true;
        let of_head = length.min(self.out.len() - self.written);
        self.written += of_head;
        let _ = self.piece.split_to(length - of_head);
        if self.written == self.out.len() {
            self.wipe();
        }
    }

    /// The value does not stay in a buffer that goes on to others.
    fn wipe(&mut self) {
        self.out[std::mem::take(&mut self.secret)].zeroize();
    }

    /// Gets the next to be written; `false` when there is nothing.
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, Broken>> {
        let Some(Upload::Stream(body)) = &mut self.rest else {
            self.rest = None;
            return Poll::Ready(Ok(false));
        };
        let next = ready!(body.poll(context)).transpose()?;
        self.out.clear();
        self.written = 0;
        match next {
            Some(frame) => self.piece = frame.into_data().unwrap_or_default(),
            None => {
                self.rest = None;
                if self.chunked {
                    self.out.extend_from_slice(b"0\r\n\r\n");
                }
                return Poll::Ready(Ok(self.chunked));
            }
        }
        if self.chunked && !self.piece.is_empty() {
            let piece = std::mem::take(&mut self.piece);
            chunk(&mut self.out, &piece);
        }
        Poll::Ready(Ok(true))
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// Writes a chunk.
pub(crate) fn chunk(out: &mut Vec<u8>, bytes: &[u8]) {
    // A vector takes whatever is written to it.
    let _ = io::Write::write_fmt(out, format_args!("{:x}\r\n", bytes.len()));
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

type Read = Option<(Parts, Body, bool)>;

/// Takes an answer's head, once all of it is there: with it how its body ends, and whether the connection
/// goes on after it.
fn read_head(ahead: &mut BytesMut, buffers: &Buffers) -> io::Result<Read> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    let Some(end) = head_end(ahead, 0) else {
        // What is no beginning of an answer is not waited for the end of.
        let whole = ahead.len().min(5);
        return if ahead[..whole] == b"HTTP/"[..whole] { Ok(None) } else { Err(invalid()) };
    };
    let text = ahead.split_to(end).freeze();
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut answer = httparse::Response::new(&mut []);
    let read = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut answer, &text, &mut fields);
    if read.map_err(|_| invalid())?.is_partial() {
        return Err(invalid());
    }
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = StatusCode::from_u16(answer.code.unwrap_or(0)).map_err(|_| invalid())?;
    parts.version = if answer.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
    parts.headers = buffers.lend_table();
    let (mut length, mut chunked, mut keeps) = (None, false, answer.version == Some(1));
    for field in answer.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| invalid())?;
        let value = field.value;
        if name == CONTENT_LENGTH {
            let said = read_length(value).ok_or_else(invalid)?;
            if length.replace(said).is_some_and(|before| before != said) {
                return Err(invalid());
            }
            parts.headers.remove(CONTENT_LENGTH);
        } else if name == TRANSFER_ENCODING {
            // Whatever else it may be coded with, nobody would look into it.
            if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(invalid());
            }
            chunked = true;
        } else if name == CONNECTION {
            keeps &= !value.split(|byte| *byte == b',').any(|word| word.trim_ascii().eq_ignore_ascii_case(b"close"));
        }
        let value = HeaderValue::from_maybe_shared(text.slice_ref(value)).map_err(|_| invalid())?;
        parts.headers.append(name, value);
    }
    let body = match (length, chunked) {
        // Two lengths: one of them is a lie, and what follows would be believed by it.
        (Some(_), true) => return Err(invalid()),
        (None, true) => Body::Chunks(Chunks::with_extensions()),
        (Some(0), false) => Body::Over,
        (Some(length), false) => Body::Is(length),
        (None, false) => Body::UntilClosed,
    };
    Ok(Some((parts, body, keeps)))
}
