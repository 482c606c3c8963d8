//! A body in chunks (RFC 9112, 7.1).

use bytes::{Buf as _, Bytes, BytesMut};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use memchr::memchr;

/// Where in a body its reader is.
pub(crate) struct Chunks {
    state: State,
    /// Whether a chunk may have an extension. They are where readers differ; nobody needs any.
    extensions: bool,
    /// The lines behind the last chunk.
    trailers: Vec<u8>,
}

/// What a body consists of.
pub(crate) enum Chunk {
    /// Some of a chunk.
    Data(Bytes),
    /// Its end, with the fields that follow it.
    End(Option<HeaderMap>),
}

/// It is none.
#[derive(Debug)]
pub(crate) struct NoChunk;

#[derive(Clone, Copy)]
enum State {
    /// The size so far, and how many digits that were.
    Size(u64, u8),
    Extension(u64, u16),
    SizeEnd(u64),
    Data(u64),
    DataEnd(u8),
    Trailers,
}

/// Digits of a size: more are no chunk's.
const MOST_DIGITS: u8 = 16;
const LONGEST_EXTENSION: u16 = 1024;
const LONGEST_TRAILERS: usize = 16 << 10;

impl Chunks {
    /// As a request has to have it: one spelling.
    pub(crate) fn strict() -> Self {
        Self { state: State::Size(0, 0), extensions: false, trailers: Vec::new() }
    }

    /// As an answer may have it.
    pub(crate) fn with_extensions() -> Self {
        Self { extensions: true, ..Self::strict() }
    }

    /// The next of it; `None` when more has to come.
    pub(crate) fn next(&mut self, bytes: &mut BytesMut) -> Result<Option<Chunk>, NoChunk> {
        while let Some(byte) = bytes.first().copied() {
            self.state = match (self.state, byte) {
                (State::Data(left), _) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let left = left - here as u64;
                    self.state = if left == 0 { State::DataEnd(b'\r') } else { State::Data(left) };
                    return Ok(Some(Chunk::Data(bytes.split_to(here).freeze())));
                }
                (State::Trailers, _) => match self.trailers(bytes)? {
                    Some(end) => return Ok(Some(end)),
                    None => return Ok(None),
                },
                (State::Size(size, digits), digit) if digit.is_ascii_hexdigit() && digits < MOST_DIGITS => {
                    State::Size(size << 4 | u64::from(char::from(digit).to_digit(16).unwrap_or(0)), digits + 1)
                }
                (State::Size(size, 1..), b'\r') | (State::Extension(size, _), b'\r') => State::SizeEnd(size),
                (State::Size(size, 1..), b';' | b' ' | b'\t') if self.extensions => State::Extension(size, 0),
                (State::Extension(size, length), byte) if byte != b'\n' && length < LONGEST_EXTENSION => {
                    State::Extension(size, length + 1)
                }
                (State::SizeEnd(0), b'\n') => State::Trailers,
                (State::SizeEnd(size), b'\n') => State::Data(size),
                (State::DataEnd(b'\r'), b'\r') => State::DataEnd(b'\n'),
                (State::DataEnd(b'\n'), b'\n') => State::Size(0, 0),
                _ => return Err(NoChunk),
            };
            bytes.advance(1);
        }
        Ok(None)
    }

    /// Takes lines up to the empty one.
    fn trailers(&mut self, bytes: &mut BytesMut) -> Result<Option<Chunk>, NoChunk> {
        while let Some(end) = memchr(b'\n', bytes) {
            self.trailers.extend_from_slice(&bytes[..=end]);
            bytes.advance(end + 1);
            if !self.trailers.ends_with(b"\r\n") || self.trailers.len() > LONGEST_TRAILERS {
                return Err(NoChunk);
            }
            if self.trailers == b"\r\n" || self.trailers.ends_with(b"\r\n\r\n") {
                return Ok(Some(Chunk::End(fields(&self.trailers)?)));
            }
        }
        self.trailers.extend_from_slice(bytes);
        bytes.clear();
        if self.trailers.len() > LONGEST_TRAILERS { Err(NoChunk) } else { Ok(None) }
    }
}

fn fields(text: &[u8]) -> Result<Option<HeaderMap>, NoChunk> {
    let mut fields = HeaderMap::new();
    for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_at(memchr(b':', line).ok_or(NoChunk)?);
        let name = HeaderName::from_bytes(name).map_err(|_| NoChunk)?;
        let value = HeaderValue::from_bytes(value[1..].trim_ascii()).map_err(|_| NoChunk)?;
        fields.append(name, value);
    }
    Ok((!fields.is_empty()).then_some(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut chunks: Chunks, pieces: &[&[u8]]) -> Result<(Vec<u8>, Option<HeaderMap>), NoChunk> {
        let mut body = Vec::new();
        let mut ahead = BytesMut::new();
        for piece in pieces {
            ahead.extend_from_slice(piece);
            while let Some(chunk) = chunks.next(&mut ahead)? {
                match chunk {
                    Chunk::Data(bytes) => body.extend_from_slice(&bytes),
                    Chunk::End(trailers) => return Ok((body, trailers)),
                }
            }
        }
        Err(NoChunk)
    }

    #[test]
    fn it_is_read_alike_at_every_split() {
        let text = b"5;a=\"b\"\r\nhello\r\n00A\r\n0123456789\r\n0\r\nx-sum: 1\r\nx-b:2 \r\n\r\n";
        for split in 0..=text.len() {
            let (first, second) = text.split_at(split);
            let (body, trailers) = read(Chunks::with_extensions(), &[first, second]).unwrap();
            assert_eq!(body, b"hello0123456789");
            assert_eq!(trailers.unwrap()["x-b"], "2");
            assert!(read(Chunks::strict(), &[first, second]).is_err());
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for text in
            ["g\r\n", "\r\n", "5\nhello", "5\r\nhelloX", "11111111111111111\r\n", "0\r\nx\r\n\r\n", "0\r\nx: 1\n\n"]
        {
            assert!(read(Chunks::with_extensions(), &[text.as_bytes()]).is_err(), "{text:?}");
        }
        let endless = [b"0\r\nx: ".as_slice(), &[b'a'; 40_000]].concat();
        assert!(read(Chunks::with_extensions(), &[&endless]).is_err());
    }
}
