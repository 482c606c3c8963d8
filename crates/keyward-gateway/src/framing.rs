//! The reader of HTTP/1.1 requests, which takes only what has one reading.
//!
//! RFC 9112 says how a request with two lengths is to be read, and still such a request was written by
//! nobody but an attacker on whatever stands in front of us or behind. So heads are looked at for what
//! two readers could read differently, bodies are counted by the same rules, and the first fault ends
//! the connection with an answer.

use bytes::{Bytes, BytesMut};
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Uri};
use memchr::memchr;

use crate::http1::chunks::{Chunk, Chunks};
use crate::refusal::Reason;
use crate::socket::is_opening;

/// What was read so far of the requests on one connection.
#[derive(Default)]
pub struct Framing {
    state: State,
    /// What came and was not taken yet.
    ahead: BytesMut,
    /// How much of that was looked through for the end of a head.
    seen: usize,
}

/// A part of a request.
#[derive(Debug)]
pub enum Part {
    /// It begins.
    Head(Box<Parts>, Length),
    /// Some of its body.
    Data(Bytes),
    /// It has ended. A request without a body ends with its head, and this is not said.
    End,
}

/// How long a body is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Is(u64),
    /// It comes in chunks.
    Chunked,
}

#[derive(Default)]
enum State {
    #[default]
    Head,
    Body(u64),
    Chunks(Chunks),
    /// What follows a fault is nobody's.
    Fault(Reason),
}

/// No head is longer than this, whatever is configured.
const LONGEST_HEAD: usize = 256 << 10;
/// Nor has more lines.
const MOST_FIELDS: usize = 100;

impl Framing {
    /// Takes bytes as they came; they are read by [`next`](Self::next).
    pub fn push(&mut self, bytes: &[u8]) {
        // What the last request was read into is used again, once nobody has it any more.
        self.ahead.extend_from_slice(bytes);
    }

    /// Gives up what came: what follows is no HTTP.
    pub(crate) fn into_rest(self) -> BytesMut {
        self.ahead
    }

    /// How many bytes came and were not read yet.
    pub fn waiting(&self) -> usize {
        self.ahead.len()
    }

    /// The next part; `None` when more has to come.
    ///
    /// # Errors
    /// When what came can be read in two ways.
    #[allow(clippy::should_implement_trait, reason = "it goes on after `None`, and ends with an error")]
    pub fn next(&mut self) -> Result<Option<Part>, Reason> {
        self.next_into(HeaderMap::new)
    }

    /// The same, with a table for the fields of a head.
    pub(crate) fn next_into(&mut self, table: impl FnOnce() -> HeaderMap) -> Result<Option<Part>, Reason> {
        let next = self.read(table);
        if let Err(reason) = next {
            self.state = State::Fault(reason);
        }
        next
    }

    fn read(&mut self, table: impl FnOnce() -> HeaderMap) -> Result<Option<Part>, Reason> {
        match &mut self.state {
            State::Fault(reason) => Err(*reason),
            State::Head => self.head(table),
            State::Body(0) => Ok(Some(self.end())),
            State::Body(_) if self.ahead.is_empty() => Ok(None),
            State::Body(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(self.ahead.len());
                *left -= here as u64;
                Ok(Some(Part::Data(self.ahead.split_to(here).freeze())))
            }
            State::Chunks(chunks) => match chunks.next(&mut self.ahead).map_err(|_| Reason::Framing)? {
                None => Ok(None),
                Some(Chunk::Data(bytes)) => Ok(Some(Part::Data(bytes))),
                Some(Chunk::End(_)) => Ok(Some(self.end())),
            },
        }
    }

    /// Whether the present body has no more to come; then its end is not said any more.
    pub(crate) fn body_is_over(&mut self) -> bool {
        let over = matches!(self.state, State::Body(0));
        if over {
            self.state = State::Head;
        }
        over
    }

    fn head(&mut self, table: impl FnOnce() -> HeaderMap) -> Result<Option<Part>, Reason> {
        let Some(end) = head_end(&self.ahead, self.seen) else {
            self.seen = self.ahead.len().saturating_sub(3);
            return if self.ahead.len() > LONGEST_HEAD { Err(Reason::Framing) } else { Ok(None) };
        };
        let (parts, length) = read_head(&self.ahead.split_to(end).freeze(), table())?;
        self.seen = 0;
        self.state = match length {
            Length::Is(0) => State::Head,
            Length::Is(length) => State::Body(length),
            Length::Chunked => State::Chunks(Chunks::strict()),
        };
        Ok(Some(Part::Head(Box::new(parts), length)))
    }

    fn end(&mut self) -> Part {
        self.state = State::Head;
        Part::End
    }
}

/// Behind the empty line that ends a head.
pub(crate) fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    // Lines before a request line are not ours to skip.
    let mut at = from;
    while let Some(line) = memchr(b'\n', &bytes[at..]) {
        let next = at + line + 1;
        match bytes[next..] {
            [b'\r', b'\n', ..] => return Some(next + 2),
            // A lone line feed ends a head for some; it is refused when it is read.
            [b'\n', ..] => return Some(next + 1),
            _ => at = next,
        }
    }
    None
}

/// A head, and how long the body is that follows.
fn read_head(head: &Bytes, table: HeaderMap) -> Result<(Parts, Length), Reason> {
    let mut lines = Lines(head);
    let (mut parts, ()) = Request::new(()).into_parts();
    let request = lines.next().ok_or(Reason::Framing)??;
    let (method, target) = read_request_line(request)?;
    parts.method = Method::from_bytes(method).map_err(|_| Reason::Framing)?;
    parts.uri = Uri::from_maybe_shared(head.slice_ref(target)).map_err(|_| Reason::Framing)?;
    parts.headers = table;
    let (mut length, mut chunked, mut hosts, mut upgrades) = (None, false, 0, false);
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let colon = memchr(b':', line).ok_or(Reason::Framing)?;
        let name = &line[..colon];
        // A space before the name folds a line, one behind it hides the name.
        if name.is_empty() || !name.iter().all(is_token) {
            return Err(Reason::Framing);
        }
        let value = line[colon + 1..].trim_ascii();
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => hosts += 1,
            7 if name.eq_ignore_ascii_case(b"upgrade") => upgrades = true,
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let before = length.replace(read_length(value).ok_or(Reason::Framing)?);
                before.map_or(Ok(()), |_| Err(Reason::Framing))?;
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Reason::Framing);
                }
                chunked = true;
            }
            _ => {}
        }
        if parts.headers.len() == MOST_FIELDS {
            return Err(Reason::Head);
        }
        let name = HeaderName::from_bytes(name).map_err(|_| Reason::Framing)?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(value)).map_err(|_| Reason::Framing)?;
        parts.headers.append(name, value);
    }
    if upgrades {
        is_opening(&parts, !chunked && length.unwrap_or(0) == 0)?;
    }
    let length = match (length, chunked) {
        _ if hosts != 1 => return Err(Reason::Framing),
        (Some(_), true) => return Err(Reason::Framing),
        (None, true) => Length::Chunked,
        (length, false) => Length::Is(length.unwrap_or(0)),
    };
    Ok((parts, length))
}

/// Method and target.
fn read_request_line(line: &[u8]) -> Result<(&[u8], &[u8]), Reason> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next(), parts.next(), parts.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, parts.next()) else {
        return Err(Reason::Framing);
    };
    if method.is_empty() || !method.iter().all(is_token) || target.is_empty() {
        return Err(Reason::Framing);
    }
    if method == b"CONNECT" {
        return Err(Reason::Connect);
    }
    if version != b"HTTP/1.1" {
        return Err(Reason::Version);
    }
    Ok((method, target))
}

/// Digits alone: no sign, no list, nothing that overflows.
pub(crate) fn read_length(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(value).ok()?.parse().ok()).flatten()
}

fn is_token(byte: &u8) -> bool {
    const TOKEN: [bool; 256] = {
        let (mut table, mut byte) = ([false; 256], 0);
        while byte < 128 {
            table[byte] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let others = b"!#$%&'*+-.^_`|~";
        let mut other = 0;
        while other < others.len() {
            table[others[other] as usize] = true;
            other += 1;
        }
        table
    };
    TOKEN[usize::from(*byte)]
}

/// The lines of a head, each of which ends with both characters and holds neither, nor a NUL.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = Result<&'a [u8], Reason>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = memchr(b'\n', self.0)?;
        let (line, rest) = self.0.split_at(end + 1);
        self.0 = rest;
        Some(match line {
            [line @ .., b'\r', b'\n'] if memchr::memchr2(b'\r', 0, line).is_none() => Ok(line),
            _ => Err(Reason::Framing),
        })
    }
}

#[cfg(test)]
mod tests;
