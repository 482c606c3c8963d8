//! Which bytes of a form are its window.
//!
//! Each window covers as many bytes of the *value* as the raw form's does: 32 of a value that has so
//! many, else 16. In base64 a byte less has to do (42 or 20 characters), as the characters at both edges are
//! not the value's alone. Of a form with escapes it is a part without any, where such is long enough, else one
//! that begins with an escape and is longer, or what spells most.

use std::cmp::Reverse;

use keyward_types::forms::{Form, FormKind};

use super::{Among, LONGEST, Shape, WINDOW};

/// Which bytes of a form are its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Where it begins.
    pub(crate) at: usize,
    /// What it is like.
    pub(crate) shape: Shape,
}

/// Bytes of a value that windows cover where it has so many.
const FAR: usize = 32;
/// Lengths of windows that begin with an escape.
const ESCAPED: [usize; 6] = [20, 24, 28, 32, 48, LONGEST];

impl Chosen {
    /// The window of a form of a value of that many bytes; `None` for a value that is shorter than a window.
    pub(crate) fn of(form: &Form, value: usize) -> Option<Self> {
        let reach = [FAR, WINDOW].into_iter().find(|reach| value >= *reach)?;
        let bytes = &form.bytes;
        match form.kind {
            FormKind::Base64(_) | FormKind::Base64Url(_) => {
                let length = if reach == FAR { 42 } else { 20 };
                let (_, at) = best(bytes, &Spelled::plainly(bytes), length, length)?;
                Some(Self { at, shape: Shape { among: Among::Base64, length } })
            }
            FormKind::Hex(_) => {
                let (_, at) = best(bytes, &Spelled::plainly(bytes), 2 * reach, 2 * reach)?;
                Some(Self { at, shape: Shape { among: Among::Hex, length: 2 * reach } })
            }
            FormKind::Url(..) => Self::of_escaped(bytes, &Spelled::by(bytes, percent), reach),
            FormKind::Json(_) => Self::of_escaped(bytes, &Spelled::by(bytes, json), reach),
            _ => Self::of_escaped(bytes, &Spelled::plainly(bytes), reach),
        }
    }

    /// Sixteen bytes of a form, whatever they spell; `None` for one that is shorter.
    pub(crate) fn short(form: &Form) -> Option<Self> {
        let (blanks, at) = best(&form.bytes, &Spelled::plainly(&form.bytes), WINDOW, WINDOW)?;
        let among = if blanks { Among::Any } else { Among::Plain };
        Some(Self { at, shape: Shape { among, length: WINDOW } })
    }

    /// Without blanks, where that spells at least sixteen bytes; few values have none such, and all windows of
    /// a text have to be visited for them.
    fn of_escaped(form: &[u8], spelled: &Spelled, reach: usize) -> Option<Self> {
        let chosen = |among, length, at| Self { at, shape: Shape { among, length } };
        let long = |length: usize| length <= form.len();
        for length in [reach, WINDOW].into_iter().filter(|length| long(*length)) {
            if let Some((false, at)) = best(form, spelled, length, length) {
                return Some(chosen(Among::Plain, length, at));
            }
        }
        // By how much is spelled, then the shortest, then the last.
        let escaped = ESCAPED.into_iter().filter(|length| long(*length)).flat_map(|length| {
            let starts = (0..=form.len() - length).filter(|at| is_escape(form[*at]));
            starts.map(move |at| (spelled.within(at, length).min(WINDOW), Reverse(length), at))
        });
        let escaped = escaped.max();
        if let Some((WINDOW, Reverse(length), at)) = escaped {
            return Some(chosen(Among::Escaped, length, at));
        }
        for length in [reach, WINDOW].into_iter().filter(|length| long(*length)) {
            if let Some((true, at)) = best(form, spelled, length, length) {
                return Some(chosen(Among::Any, length, at));
            }
        }
        // A short value with escapes: nothing spells all of it.
        let most = (0..=form.len() - WINDOW).map(|at| spelled.within(at, WINDOW)).max()?;
        match escaped {
            Some((more, Reverse(length), at)) if more >= most => Some(chosen(Among::Escaped, length, at)),
            _ => {
                let (blanks, at) = best(form, spelled, WINDOW, most)?;
                Some(chosen(if blanks { Among::Any } else { Among::Plain }, WINDOW, at))
            }
        }
    }
}

/// How many bytes of the value are spelled by the parts of a form that end, or begin, before each place.
struct Spelled {
    ended: Vec<usize>,
    begun: Vec<usize>,
}

impl Spelled {
    /// Every byte spells one.
    fn plainly(form: &[u8]) -> Self {
        Self::by(form, |_| (1, 1))
    }

    /// `part` says of the rest of a form how long its first part is and how many bytes it spells.
    fn by(form: &[u8], part: impl Fn(&[u8]) -> (usize, usize)) -> Self {
        let (mut ended, mut begun) = (vec![0; form.len() + 1], vec![0; form.len() + 1]);
        let (mut at, mut sum) = (0, 0);
        while at < form.len() {
            let (length, bytes) = part(&form[at..]);
            let end = (at + length).min(form.len());
            ended[at..end].fill(sum);
            begun[at] = sum;
            begun[at + 1..=end].fill(sum + bytes);
            sum += bytes;
            at = end;
        }
        ended[at] = sum;
        Self { ended, begun }
    }

    /// Bytes of which the whole spelling stands in a window.
    fn within(&self, at: usize, length: usize) -> usize {
        self.ended[at + length].saturating_sub(self.begun[at])
    }
}

/// `%2F` spells a byte.
fn percent(rest: &[u8]) -> (usize, usize) {
    if rest[0] == b'%' { (3, 1) } else { (1, 1) }
}

/// `\n` spells a byte, `\u00e9` as many as the character has in UTF-8, half of a pair two.
fn json(rest: &[u8]) -> (usize, usize) {
    match rest {
        [b'\\', b'u', digits @ ..] => {
            let digits = digits.get(..4).and_then(|digits| std::str::from_utf8(digits).ok());
            let bytes = match digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
                Some(0..0x80) => 1,
                Some(0x80..0x800 | 0xd800..0xe000) => 2,
                _ => 3,
            };
            (6, bytes)
        }
        [b'\\', ..] => (2, 1),
        _ => (1, 1),
    }
}

/// Of a form's windows of that length that spell enough, the one without blanks, then of the most different
/// bytes, then the last: what values of one kind share (`-----BEGIN`, a service's prefix, the name of a
/// field) stands in front and repeats itself. Says whether there are blanks in it and where it begins.
fn best(form: &[u8], spelled: &Spelled, length: usize, enough: usize) -> Option<(bool, usize)> {
    let mut seen = [0u8; 256];
    let (mut blanks, mut different) = (0usize, 0usize);
    let mut best: Option<((bool, usize), usize)> = None;
    for (end, &byte) in form.iter().enumerate() {
        if let Some(start) = end.checked_sub(length) {
            let gone = &mut seen[usize::from(form[start])];
            *gone -= 1;
            different -= usize::from(*gone == 0);
            blanks -= usize::from(is_blank(form[start]));
        }
        let new = &mut seen[usize::from(byte)];
        different += usize::from(*new == 0);
        *new += 1;
        blanks += usize::from(is_blank(byte));
        let worth = (blanks == 0, different);
        if let Some(at) = (end + 1).checked_sub(length)
            && best.is_none_or(|(known, _)| worth >= known)
            && spelled.within(at, length) >= enough
        {
            best = Some((worth, at));
        }
    }
    best.map(|((without, _), at)| (!without, at))
}

/// The first byte of an escape in some form.
fn is_escape(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\')
}

/// Space, line ends and all other control characters of ASCII but the last.
fn is_blank(byte: u8) -> bool {
    byte <= b' '
}
