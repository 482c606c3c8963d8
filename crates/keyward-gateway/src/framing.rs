//! A second reader of HTTP/1.1 framing, in front of the first one.
//!
//! hyper reads a request that has both lengths as chunked and takes the other one out before anybody
//! sees it. That is right by RFC 9112, and still such a request was written by nobody but an attacker
//! on whatever stands in front of us. So each byte of a plain connection passes here first: heads are
//! looked at for what two readers could read differently, bodies are counted by the same rules, and
//! the first fault ends the connection with an answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::refusal::Reason;

/// What was read so far of the requests on one connection.
#[derive(Default)]
pub struct Framing {
    state: State,
    /// The beginning of a head that came in pieces.
    head: Vec<u8>,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Head,
    Body(u64),
    /// The digits of a chunk's size so far, and whether there was one.
    Size(u64, bool),
    /// An extension of a chunk, which nobody needs; up to the line's end.
    SizeEnd,
    Chunk(u64),
    ChunkEnd(u8),
    /// Trailers: how many bytes the present line has.
    Trailer(u32),
}

/// No head is longer than this, whatever is configured.
const LONGEST_HEAD: usize = 256 << 10;

impl Framing {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they can be read in two ways.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Reason> {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Head => self.head(bytes)?,
                State::Body(left) => self.body(bytes, left),
                _ => self.chunked(bytes)?,
            };
        }
        Ok(())
    }

    fn head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Reason> {
        if self.head.is_empty() {
            // Nearly always a head comes whole.
            let Some(end) = head_end(bytes, 0) else {
                self.head.extend_from_slice(bytes);
                return Ok(&[]);
            };
            self.state = read_head(&bytes[..end])?;
            return Ok(&bytes[end..]);
        }
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let Some(end) = head_end(&self.head, before.saturating_sub(3)) else {
            return if self.head.len() > LONGEST_HEAD { Err(Reason::Framing) } else { Ok(&[]) };
        };
        self.state = read_head(&self.head[..end])?;
        self.head = Vec::new();
        Ok(&bytes[end - before..])
    }

    fn body<'a>(&mut self, bytes: &'a [u8], left: u64) -> &'a [u8] {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left - here as u64;
        self.state = if left == 0 { State::Head } else { State::Body(left) };
        &bytes[here..]
    }

    fn chunked<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Reason> {
        if let State::Chunk(left) = self.state {
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            let left = left - here as u64;
            self.state = if left == 0 { State::ChunkEnd(b'\r') } else { State::Chunk(left) };
            return Ok(&bytes[here..]);
        }
        let byte = bytes[0];
        self.state = match (self.state, byte) {
            (State::Size(size, _), digit) if digit.is_ascii_hexdigit() => {
                let digit = u64::from(char::from(digit).to_digit(16).unwrap_or(0));
                State::Size(size.checked_mul(16).ok_or(Reason::Framing)? + digit, true)
            }
            // Extensions of chunks are where readers differ; no SDK sends any.
            (State::Size(size, true), b'\r') => {
                self.head.clear();
                self.head.extend_from_slice(&size.to_be_bytes());
                State::SizeEnd
            }
            (State::SizeEnd, b'\n') => {
                let size = self.head.as_slice().try_into().map(u64::from_be_bytes).unwrap_or(0);
                self.head = Vec::new();
                if size == 0 { State::Trailer(0) } else { State::Chunk(size) }
            }
            (State::ChunkEnd(b'\r'), b'\r') => State::ChunkEnd(b'\n'),
            (State::ChunkEnd(b'\n'), b'\n') => State::Size(0, false),
            // A carriage return counts for nothing, so that an empty line has no bytes.
            (State::Trailer(length), b'\r') => State::Trailer(length),
            (State::Trailer(0), b'\n') => State::Head,
            (State::Trailer(_), b'\n') => State::Trailer(0),
            (State::Trailer(length), _) if length < 8192 => State::Trailer(length + 1),
            _ => return Err(Reason::Framing),
        };
        Ok(&bytes[1..])
    }
}

/// Behind the empty line that ends a head.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
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

/// How long the body is that follows a head.
fn read_head(head: &[u8]) -> Result<State, Reason> {
    let mut lines = Lines(head);
    let request = lines.next().ok_or(Reason::Framing)??;
    read_request_line(request)?;
    let (mut length, mut chunked, mut hosts) = (None, false, 0);
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let colon = memchr(b':', line).ok_or(Reason::Framing)?;
        let name = &line[..colon];
        // A space before the name folds a line, one behind it hides the name.
        if name.is_empty() || name.iter().any(|byte| !is_token(*byte)) {
            return Err(Reason::Framing);
        }
        let value = line[colon + 1..].trim_ascii();
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => hosts += 1,
            7 if name.eq_ignore_ascii_case(b"upgrade") => return Err(Reason::Upgrade),
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
    }
    match (length, chunked) {
        _ if hosts != 1 => Err(Reason::Framing),
        (Some(_), true) => Err(Reason::Framing),
        (None, true) => Ok(State::Size(0, false)),
        (None | Some(0), false) => Ok(State::Head),
        (Some(length), false) => Ok(State::Body(length)),
    }
}

fn read_request_line(line: &[u8]) -> Result<(), Reason> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next(), parts.next(), parts.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, parts.next()) else {
        return Err(Reason::Framing);
    };
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) || target.is_empty() {
        return Err(Reason::Framing);
    }
    if method == b"CONNECT" {
        return Err(Reason::Connect);
    }
    if version != b"HTTP/1.1" {
        return Err(Reason::Version);
    }
    Ok(())
}

/// Digits alone: no sign, no list, nothing that overflows.
fn read_length(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(value).ok()?.parse().ok()).flatten()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
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

/// A connection whose requests are looked at before hyper reads them.
pub(crate) struct Strict<S> {
    stream: S,
    framing: Framing,
    /// What is answered to a fault, in whole.
    answer: fn(Reason) -> Vec<u8>,
    fault: Option<Reason>,
    report: Box<dyn FnMut(Reason)>,
}

impl<S> Strict<S> {
    pub(crate) fn new(stream: S, answer: fn(Reason) -> Vec<u8>, report: Box<dyn FnMut(Reason)>) -> Self {
        Self { stream, framing: Framing::default(), answer, fault: None, report }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Strict<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.fault.is_some() {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        let Err(fault) = this.framing.feed(&buffer.filled()[before..]) else { return Poll::Ready(Ok(())) };
        this.fault = Some(fault);
        buffer.set_filled(before);
        (this.report)(fault);
        // It is tried once: the buffer of a connection that has just been read from has room, and
        // whoever has filled it does without.
        let _ = Pin::new(&mut this.stream).poll_write(context, &(this.answer)(fault));
        let _ = Pin::new(&mut this.stream).poll_flush(context);
        Poll::Ready(Err(io::ErrorKind::InvalidData.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
