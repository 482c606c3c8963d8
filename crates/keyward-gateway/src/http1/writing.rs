//! An answer as it is written to its caller.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::StatusCode;
use hyper::body::Body as _;
use hyper::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use hyper::http::response::Parts;
use tokio::io::AsyncWrite;

use crate::body::Out;
use crate::framing::read_length;
use crate::http1::buffers::Buffers;
use crate::http1::client::chunk;
use crate::wire::Wire;

/// One answer.
pub(crate) struct Writing {
    out: Vec<u8>,
    written: usize,
    body: Out,
    ending: Ending,
    flushed: bool,
    broken: bool,
}

/// How its end is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It has.
    Over,
    /// So much is to come.
    Is(u64),
    Chunks,
}

/// No more is gathered while so much was not taken.
const MOST: usize = 64 << 10;

impl Writing {
    /// An answer's head, with nothing of its body yet.
    pub(crate) fn new(
        buffers: &Buffers,
        parts: &Parts,
        body: Out,
        (no_body, keeps): (bool, bool),
        date: &[u8],
    ) -> Self {
        let mut out = buffers.lend();
        let ending = head(&mut out, parts, &body, keeps, date);
        let ending = if no_body { Ending::Over } else { ending };
        Self { out, written: 0, body, ending, flushed: false, broken: false }
    }

    /// Takes of the body what is there.
    pub(crate) fn gather(&mut self, buffers: &Buffers, context: &mut Context<'_>) {
        while self.ending != Ending::Over && self.out.len() < MOST {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else { return };
            if self.out.capacity() == 0 {
                self.out = buffers.lend();
            }
            self.flushed = false;
            match frame {
                // Trailers are for those who can take them, and these here have not said so.
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.put(&bytes);
                    }
                }
                Some(Err(_)) => self.break_off(),
                None => match self.ending {
                    Ending::Is(1..) => self.break_off(),
                    Ending::Chunks => {
                        self.out.extend_from_slice(b"0\r\n\r\n");
                        self.ending = Ending::Over;
                    }
                    _ => self.ending = Ending::Over,
                },
            }
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        match &mut self.ending {
            Ending::Chunks if bytes.is_empty() => {}
            Ending::Chunks => chunk(&mut self.out, bytes),
            Ending::Is(left) if bytes.len() as u64 <= *left => {
                // That nothing follows is for the body to say, which is settled by that.
                *left -= bytes.len() as u64;
                self.out.extend_from_slice(bytes);
            }
            _ => self.break_off(),
        }
    }

    /// What is not whole must not look whole: the connection ends before the answer has.
    fn break_off(&mut self) {
        (self.broken, self.ending) = (true, Ending::Over);
    }

    /// Writes what was gathered; `false` when there is nothing left of it.
    pub(crate) fn poll_write(
        &mut self,
        mut socket: Pin<&mut Wire>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        if self.written == self.out.len() {
            if !self.flushed {
                ready!(socket.poll_flush(context))?;
                self.flushed = true;
            }
            return Poll::Ready(Ok(false));
        }
        match ready!(socket.as_mut().poll_write(context, &self.out[self.written..]))? {
            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            length => self.written += length,
        }
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
        }
        Poll::Ready(Ok(true))
    }

    /// Nothing is to be written for a while.
    pub(crate) fn rest(&mut self, buffers: &Buffers) {
        buffers.give_back(std::mem::take(&mut self.out));
        self.written = 0;
    }

    /// Whether nothing follows.
    pub(crate) fn is_over(&self) -> bool {
        self.ending == Ending::Over
    }

    /// Whether it was written as it was announced.
    pub(crate) fn is_whole(&self) -> bool {
        !self.broken
    }
}

/// Writes a head, and tells how the body's end is told.
fn head(out: &mut Vec<u8>, parts: &Parts, body: &Out, keeps: bool, date: &[u8]) -> Ending {
    let status = parts.status;
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or("Unknown").as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in &parts.headers {
        if !matches!(*name, CONNECTION | CONTENT_LENGTH | TRANSFER_ENCODING) {
            line(out, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    if !parts.headers.contains_key(DATE) {
        line(out, b"date", date);
    }
    if !keeps {
        line(out, b"connection", b"close");
    }
    let said = parts.headers.get(CONTENT_LENGTH).and_then(|length| read_length(length.as_bytes()));
    let length = said.or_else(|| body.size_hint().exact());
    let ending = match length {
        _ if status == StatusCode::NO_CONTENT => Ending::Over,
        _ if status == StatusCode::NOT_MODIFIED && said.is_none() => Ending::Over,
        Some(length) => {
            out.extend_from_slice(b"content-length: ");
            write_length(out, length);
            out.extend_from_slice(b"\r\n");
            if status == StatusCode::NOT_MODIFIED { Ending::Over } else { Ending::Is(length) }
        }
        None => {
            line(out, b"transfer-encoding", b"chunked");
            Ending::Chunks
        }
    };
    out.extend_from_slice(b"\r\n");
    ending
}

/// Writes a number in decimal digits.
pub(crate) fn write_length(out: &mut Vec<u8>, mut number: u64) {
    let (mut digits, mut at) = ([0; 20], 20);
    loop {
        at -= 1;
        // A digit fits.
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_others_write_them() {
        for number in [0, 7, 10, 1_023, 4_294_967_296, u64::MAX] {
            let mut out = b"x".to_vec();
            write_length(&mut out, number);
            assert_eq!(out, format!("x{number}").as_bytes());
        }
    }
}
