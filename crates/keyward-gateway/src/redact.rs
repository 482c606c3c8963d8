//! Echoes of a key are masked on their way back to the caller.
//!
//! Every [form](keyward_types::forms) of the value that was put in is overwritten with `*`, byte for
//! byte, so that lengths hold. What is held back is a tail that is a true beginning of a form, and
//! nothing else: an event ends with a line break, which no form of a header's value contains, so that
//! no event waits for the next one. A chunk without a hit is passed on as it came, without a copy.

mod patterns;

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::HeaderValue;
use zeroize::Zeroizing;

pub use patterns::Patterns;
use patterns::Span;

/// Masks one body, whatever the chunks it comes in.
pub struct Redactor {
    patterns: Arc<Patterns>,
    /// A tail that may become a form.
    held: Zeroizing<Vec<u8>>,
    /// How many of the held bytes belong to a form that is complete.
    masked: usize,
    hits: u64,
}

impl Redactor {
    /// A redactor of this value's forms.
    pub fn new(patterns: Arc<Patterns>) -> Self {
        Self { patterns, held: Zeroizing::default(), masked: 0, hits: 0 }
    }

    /// Takes the next bytes and gives what may be passed on so far; it may be nothing.
    pub fn push(&mut self, mut chunk: Bytes) -> Bytes {
        if self.held.is_empty() {
            let found = self.patterns.find(&chunk);
            if found.complete.is_empty() {
                self.held.extend_from_slice(&chunk[found.hold..]);
                chunk.truncate(found.hold);
                return chunk;
            }
            return self.cut(&chunk, found, 0);
        }
        let before = self.held.len();
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(&chunk);
        let found = self.patterns.find(&joined);
        self.cut(&joined, found, before)
    }

    /// What is left when nothing follows. Of a form that broke off, the part beyond its first half is
    /// masked: almost the whole of a key is a key.
    pub fn finish(&mut self) -> Bytes {
        let held = std::mem::take(&mut self.held);
        let mut rest = held.to_vec();
        rest[..self.masked].fill(b'*');
        self.patterns.begun(&held, |start, length| {
            let shown = start + length / 2;
            if shown < rest.len() {
                rest[shown..].fill(b'*');
                self.hits += 1;
            }
        });
        self.masked = 0;
        rest.into()
    }

    /// How many forms were masked so far.
    pub fn hits(&self) -> u64 {
        self.hits
    }

    fn cut(&mut self, text: &[u8], found: patterns::Found, before: usize) -> Bytes {
        let hold = found.hold;
        let mut out = text[..hold].to_vec();
        let old = Span { start: 0, end: self.masked };
        self.masked = 0;
        for span in std::iter::once(&old).chain(&found.complete) {
            out[span.start.min(hold)..span.end.min(hold)].fill(b'*');
            self.masked = self.masked.max(span.end.saturating_sub(hold));
        }
        self.hits += found.complete.iter().filter(|span| span.end > before).count() as u64;
        self.held.extend_from_slice(&text[hold..]);
        out.into()
    }
}

/// A header's value with the forms in it masked; `None` when there are none.
pub fn redact_header(patterns: &Patterns, value: &HeaderValue) -> Option<HeaderValue> {
    // Nearly always it is too short to hold one.
    if !patterns.stand_in(value.as_bytes()) {
        return None;
    }
    let found = patterns.find(value.as_bytes());
    let mut masked = value.as_bytes().to_vec();
    for span in found.complete {
        masked[span.start..span.end].fill(b'*');
    }
    // Only stars were put in where printable bytes or others stood.
    HeaderValue::from_bytes(&masked).ok()
}

#[cfg(test)]
mod tests;
