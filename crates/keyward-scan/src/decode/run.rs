//! The characters of one encoded run, its lines put together.

use zeroize::Zeroizing;

use super::Piece;
use super::class::SIX_BITS;
use super::map::{Base64Map, Map};

/// Lines from this width on may go on in the next one; shorter ones are rather a value each.
const WRAPPED: usize = 60;
/// A continued line is indented by so much at most.
const INDENT: usize = 64;

/// Characters of an encoding, in one line or several.
pub(crate) struct Run {
    /// Index of a stretch's first character among all, and its place.
    pub(crate) lines: Vec<(usize, usize)>,
    pub(crate) chars: usize,
    pub(crate) end: usize,
}

impl Run {
    pub(crate) fn collect(bytes: &[u8], start: usize, belongs: fn(u8) -> bool) -> Self {
        let mut run = Self { lines: vec![(0, start)], chars: 0, end: start };
        run.extend(bytes, belongs);
        let width = run.chars;
        let mut full = width >= WRAPPED;
        while full && let Some(next) = gap(bytes, run.end) {
            let mut line = Self { lines: vec![(run.chars, next)], chars: run.chars, end: next };
            line.extend(bytes, belongs);
            let length = line.chars - run.chars;
            full = length == width;
            if length == 0 || length > width || !ends_line(bytes, line.end) {
                break;
            }
            run.lines.append(&mut line.lines);
            (run.chars, run.end) = (line.chars, line.end);
        }
        run
    }

    /// Goes on to the end of the line; a slash may be escaped, as PHP writes JSON.
    fn extend(&mut self, bytes: &[u8], belongs: fn(u8) -> bool) {
        loop {
            let length = bytes[self.end..].iter().take_while(|byte| belongs(**byte)).count();
            self.chars += length;
            self.end += length;
            if !belongs(b'/') || !bytes[self.end..].starts_with(b"\\/") {
                return;
            }
            self.end += 1;
            self.lines.push((self.chars, self.end));
        }
    }

    pub(crate) fn start(&self) -> usize {
        self.lines[0].1
    }

    pub(crate) fn characters<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (usize, u8)> + 'a {
        self.lines.iter().enumerate().flat_map(move |(index, (first, at))| {
            let next = self.lines.get(index + 1).map_or(self.chars, |(next, _)| *next);
            (*at..at + (next - first)).map(|at| (at, bytes[at]))
        })
    }

    pub(crate) fn base64(&self, bytes: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut decoded = Zeroizing::new(Vec::with_capacity(self.chars / 4 * 3 + 3));
        let (mut bits, mut count) = (0u32, 0);
        for (_, character) in self.characters(bytes) {
            bits = bits << 6 | u32::from(SIX_BITS[usize::from(character)] & 63);
            count += 6;
            if count >= 8 {
                count -= 8;
                decoded.push((bits >> count) as u8);
            }
        }
        decoded
    }

    pub(crate) fn piece(&self, bytes: &[u8], decoded: Zeroizing<Vec<u8>>) -> Piece {
        let end = self.padded_end(bytes);
        let (start, length) = (self.start(), decoded.len());
        let map = Base64Map { lead: 0, lead_at: start, decoded: length, lines: self.lines.clone(), end };
        Piece { bytes: decoded, range: start..end, map: Map::Base64(map) }
    }

    /// With the name before it, and the quote behind it.
    pub(crate) fn with_lead(&self, bytes: &[u8], decoded: Zeroizing<Vec<u8>>, lead_at: usize) -> Piece {
        let (end, lead) = (self.padded_end(bytes), &bytes[lead_at..self.start()]);
        let quote = bytes.get(end..end + 1).filter(|next| matches!(next[0], b'"' | b'\'' | b'`')).unwrap_or_default();
        let value = decoded.trim_ascii_end();
        // Room at once: growing would leave copies behind that are not wiped.
        let mut text = Zeroizing::new(Vec::with_capacity(lead.len() + value.len() + 1));
        text.extend_from_slice(lead);
        text.extend_from_slice(value);
        text.extend_from_slice(quote);
        let lines = self.lines.clone();
        let map = Base64Map { lead: lead.len(), lead_at, decoded: value.len(), lines, end };
        Piece { bytes: text, range: lead_at..end + quote.len(), map: Map::Base64(map) }
    }

    pub(crate) fn padded_end(&self, bytes: &[u8]) -> usize {
        self.end + bytes[self.end..].iter().take(2).take_while(|byte| **byte == b'=').count()
    }
}

/// Where the next line's characters begin, if a line break stands here: a real one or, in a string, a written one.
fn gap(bytes: &[u8], at: usize) -> Option<usize> {
    let breaks: [&[u8]; 4] = [b"\n", b"\r\n", b"\\n", b"\\r\\n"];
    let found = breaks.iter().find(|one| bytes[at..].starts_with(one))?;
    let at = at + found.len();
    Some(at + bytes[at..].iter().take(INDENT).take_while(|byte| matches!(byte, b' ' | b'\t')).count())
}

fn ends_line(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|next| matches!(next, b'\n' | b'\r' | b'\\' | b'=' | b'"' | b'\'' | b'`' | b'<'))
}
