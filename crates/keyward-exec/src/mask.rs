//! Masks secrets in a stream of output, whatever the chunks it comes in.
//!
//! Every occurrence of every [form](keyward_types::forms) of a secret is overwritten with `*`, byte
//! for byte, so that columns and lengths stay; line breaks inside a multi-line secret are kept, so
//! that lines stay too. Where matches overlap, their union is masked.
//!
//! A tail that may become a match is held back, but only when it is a true prefix of a form and at
//! least [`GRAM`] bytes long: prompts and progress bars must not lag. What this costs, exactly:
//!
//! - When a chunk ends within the first three bytes of a form, those bytes are out. The rest of the
//!   form is masked.
//! - The caller [flushes](Masker::flush) a held tail when nothing has followed for a while. What is
//!   then shown is at most the first half of any form; the part beyond is masked even though the
//!   match is not complete. When the rest of the form arrives later, it is masked.
//!
//! So a secret never passes whole, at whatever pace it is written, and within the time limit no
//! more than three of its bytes do.
//!
//! What a program itself breaks up is not recognised: colours in the middle of a value, columns,
//! encodings that are not on the list, or encodings of encodings.

mod pattern;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use zeroize::Zeroizing;

use pattern::{GRAM, Patterns};

/// The shortest value that can be masked, in bytes. Shorter ones occur by chance all the time.
pub const MIN_SECRET: usize = pattern::MIN_PATTERN;

/// Masks one stream. For a second stream of the same child take [`Masker::another`].
pub struct Masker {
    patterns: Arc<Patterns>,
    /// The last bytes of the stream: up to `GRAM - 1` that are already written, then the held ones.
    window: Zeroizing<Vec<u8>>,
    /// Position in the stream of the window's first byte.
    base: u64,
    /// How many bytes of the window are already written.
    written: usize,
    /// Matches that have begun and not ended.
    open: Vec<Open>,
    /// What must be masked, as far as it is not yet written.
    covered: Vec<Span>,
    seen: Vec<bool>,
}

impl Masker {
    /// Takes secrets as (name, value). Values under [`MIN_SECRET`] bytes are left out; whether a
    /// longer one is too weak to be masked (`true`, `changeme`) is for the caller to say.
    pub fn new<N, V>(secrets: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: AsRef<[u8]>,
    {
        Self::over(Arc::new(Patterns::new(secrets)))
    }

    /// A masker of the same secrets for another stream.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::over(Arc::clone(&self.patterns))
    }

    /// Whether there is nothing to mask, so that output need not pass through here at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Takes the next bytes of the stream and appends to `out` what may be shown of it so far.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let old_end = self.window.len();
        self.window.extend_from_slice(input);
        self.advance_open(input);
        self.find_new(old_end.saturating_sub(GRAM - 1));
        let end = self.end();
        let hold = self.open.iter().map(|open| open.start).min().unwrap_or(end);
        self.write_to(hold, out);
    }

    /// Whether bytes are held back. When nothing follows within the time that the caller allows
    /// (`keyward run`: 50 ms), [`flush`](Self::flush) is due.
    #[must_use]
    pub fn held(&self) -> bool {
        self.written < self.window.len()
    }

    /// Appends what is held back, the part beyond the first half of a form masked. A form that
    /// goes on afterwards is still recognised.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        let end = self.end();
        for open in &self.open {
            let shown = self.patterns.bytes(open.pattern).len() as u64 / 2;
            self.covered.push(Span { start: open.start + shown, end });
        }
        self.write_to(end, out);
    }

    /// The names of the secrets that were masked so far.
    pub fn seen(&self) -> impl Iterator<Item = &str> {
        let names = self.patterns.names();
        self.seen.iter().enumerate().filter(|(_, seen)| **seen).map(|(i, _)| names[i].as_str())
    }

    fn over(patterns: Arc<Patterns>) -> Self {
        Self {
            window: Zeroizing::new(Vec::new()),
            base: 0,
            written: 0,
            open: Vec::new(),
            covered: Vec::new(),
            seen: vec![false; patterns.names().len()],
            patterns,
        }
    }

    /// Position in the stream behind the last byte received.
    fn end(&self) -> u64 {
        self.base + self.window.len() as u64
    }

    /// Compares the matches that have begun with the new bytes only, so that a long secret that
    /// arrives byte by byte costs no more than one that arrives at once.
    fn advance_open(&mut self, input: &[u8]) {
        let Self { patterns, open, covered, seen, .. } = self;
        open.retain_mut(|candidate| {
            let rest = &patterns.bytes(candidate.pattern)[candidate.matched..];
            match compare(rest, input) {
                Comparison::Differs => false,
                Comparison::Begins => {
                    candidate.matched += input.len();
                    true
                }
                Comparison::Complete => {
                    let end = candidate.start + (candidate.matched + rest.len()) as u64;
                    cover(covered, Span { start: candidate.start, end });
                    seen[patterns.secret(candidate.pattern)] = true;
                    false
                }
            }
        });
    }

    /// Finds the matches that begin in the window at `from` or later.
    fn find_new(&mut self, from: usize) {
        let Self { patterns, window, base, open, covered, seen, .. } = self;
        patterns.candidates(window, from, |pattern, position| {
            let (bytes, text) = (patterns.bytes(pattern), &window[position..]);
            let start = *base + position as u64;
            match compare(bytes, text) {
                Comparison::Differs => {}
                Comparison::Begins => open.push(Open { pattern, start, matched: text.len() }),
                Comparison::Complete => {
                    cover(covered, Span { start, end: start + bytes.len() as u64 });
                    seen[patterns.secret(pattern)] = true;
                }
            }
        });
    }

    /// Writes up to `hold` (a position in the stream), masks applied, and forgets what is no
    /// longer needed.
    fn write_to(&mut self, hold: u64, out: &mut Vec<u8>) {
        let first = self.base + self.written as u64;
        let hold = hold.max(first);
        let until = (hold - self.base) as usize;
        let offset = out.len();
        out.extend_from_slice(&self.window[self.written..until]);
        for span in &self.covered {
            let (start, end) = (span.start.max(first), span.end.min(hold));
            if start < end {
                mask(&mut out[offset + (start - first) as usize..offset + (end - first) as usize]);
            }
        }
        self.covered.retain(|span| span.end > hold);
        let keep = until.min(self.window.len().saturating_sub(GRAM - 1));
        self.window.drain(..keep);
        self.base += keep as u64;
        self.written = until - keep;
    }
}

/// A match that has begun: the last `matched` bytes of the stream are the first of `pattern`.
struct Open {
    pattern: u32,
    start: u64,
    matched: usize,
}

/// Positions in the stream, end exclusive.
struct Span {
    start: u64,
    end: u64,
}

/// Adds a span; joins it to the last one where they touch, as they do when secrets repeat.
fn cover(covered: &mut Vec<Span>, span: Span) {
    match covered.last_mut() {
        Some(last) if last.start <= span.start && span.start <= last.end => {
            last.end = last.end.max(span.end);
        }
        _ => covered.push(span),
    }
}

fn mask(bytes: &mut [u8]) {
    for byte in bytes {
        if !matches!(*byte, b'\n' | b'\r') {
            *byte = b'*';
        }
    }
}

enum Comparison {
    Differs,
    /// All of the text fits and the pattern goes on.
    Begins,
    Complete,
}

fn compare(pattern: &[u8], text: &[u8]) -> Comparison {
    let shared = pattern.len().min(text.len());
    if pattern[..shared] != text[..shared] {
        Comparison::Differs
    } else if shared == pattern.len() {
        Comparison::Complete
    } else {
        Comparison::Begins
    }
}
