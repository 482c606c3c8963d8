//! The forms of one value, and the table that finds them.
//!
//! A key has some ten forms of twenty to five hundred bytes. They are searched for as Wu and Manber do
//! (TR-94-17): a window as long as the shortest form is looked at from its end, and the last two bytes
//! tell how far it may be moved on, so that most bytes are never read.

use keyward_types::forms::forms;
use zeroize::Zeroizing;

/// No shorter value is looked for: such ones occur by chance all the time.
const SHORTEST: usize = 8;

/// The longest window: more brings nothing, as a step is a byte.
const LONGEST_WINDOW: usize = 64;

const TABLE: usize = 1 << 12;

/// Everything that one value's echoes are recognised by. As secret as the value; wiped when dropped.
pub struct Patterns {
    arena: Zeroizing<Vec<u8>>,
    /// Where each form lies in the arena.
    spans: Vec<Span>,
    /// How far the window moves on, by the hash of its last two bytes.
    shift: Zeroizing<Vec<u8>>,
    window: usize,
    /// Whether a form begins with this byte.
    first: Zeroizing<Vec<bool>>,
}

/// Positions, the end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What was found in a text.
pub(super) struct Found {
    /// Whole forms, by their beginning.
    pub(super) complete: Vec<Span>,
    /// Where the first form begins that the text breaks off; the text's length where there is none.
    pub(super) hold: usize,
}

impl Patterns {
    /// The forms of a value; none for one of less than 8 bytes.
    pub fn of(value: &[u8]) -> Self {
        let mut patterns = Self {
            arena: Zeroizing::default(),
            spans: Vec::new(),
            shift: Zeroizing::default(),
            window: 0,
            first: Zeroizing::new(vec![false; 256]),
        };
        if value.len() < SHORTEST {
            return patterns;
        }
        for form in forms(value).iter().filter(|form| form.bytes.len() >= SHORTEST) {
            let start = patterns.arena.len();
            patterns.arena.extend_from_slice(&form.bytes);
            patterns.spans.push(Span { start, end: patterns.arena.len() });
            patterns.first[usize::from(form.bytes[0])] = true;
        }
        patterns.index();
        patterns
    }

    fn index(&mut self) {
        let shortest = self.spans.iter().map(|span| span.end - span.start).min().unwrap_or(SHORTEST);
        self.window = shortest.min(LONGEST_WINDOW);
        let farthest = u8::try_from(self.window - 1).unwrap_or(u8::MAX);
        self.shift = Zeroizing::new(vec![farthest; TABLE]);
        for span in &self.spans {
            let head = &self.arena[span.start..span.start + self.window];
            for (at, pair) in head.windows(2).enumerate() {
                let left = u8::try_from(self.window - 2 - at).unwrap_or(u8::MAX);
                let place = &mut self.shift[slot(pair[0], pair[1])];
                *place = left.min(*place);
            }
        }
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Whether a whole form stands in the text.
    pub(crate) fn stand_in(&self, text: &[u8]) -> bool {
        text.len() >= self.window && !self.find(text).complete.is_empty()
    }

    fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().map(|span| &self.arena[span.start..span.end])
    }

    /// Every whole form in the text, and where the text breaks one off.
    pub(super) fn find(&self, text: &[u8]) -> Found {
        let mut found = Found { complete: Vec::new(), hold: text.len() };
        if self.is_empty() {
            return found;
        }
        let mut end = self.window;
        while end <= text.len() {
            let shift = self.shift[slot(text[end - 2], text[end - 1])];
            if shift > 0 {
                end += usize::from(shift);
                continue;
            }
            self.compare(text, end - self.window, &mut found);
            end += 1;
        }
        let tail = text.len().saturating_sub(self.window - 1);
        for start in tail..text.len() {
            if self.first[usize::from(text[start])] && self.all().any(|form| begins_with(form, &text[start..])) {
                found.hold = found.hold.min(start);
                break;
            }
        }
        found
    }

    #[cold]
    fn compare(&self, text: &[u8], start: usize, found: &mut Found) {
        let rest = &text[start..];
        for form in self.all() {
            if rest.starts_with(form) {
                found.complete.push(Span { start, end: start + form.len() });
            } else if form.starts_with(rest) {
                found.hold = found.hold.min(start);
            }
        }
    }

    /// Reports each form that the text breaks off, by its beginning and whole length.
    pub(super) fn begun(&self, text: &[u8], mut report: impl FnMut(usize, usize)) {
        for start in 0..text.len() {
            for form in self.all().filter(|form| form.starts_with(&text[start..])) {
                report(start, form.len());
            }
        }
    }
}

impl std::fmt::Debug for Patterns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Patterns({} forms)", self.spans.len())
    }
}

/// Whether a form begins with this rest of a text. Most differ in the first two bytes, and are not compared
/// any further.
fn begins_with(form: &[u8], rest: &[u8]) -> bool {
    form[0] == rest[0] && form.get(1).zip(rest.get(1)).is_none_or(|(a, b)| a == b) && form.starts_with(rest)
}

fn slot(first: u8, second: u8) -> usize {
    (usize::from(first) << 5 ^ usize::from(second)) & (TABLE - 1)
}
