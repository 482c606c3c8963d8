//! From places in a decoded text to places in its encoded form.

use std::ops::Range;

/// How the bytes of a decoded text lie in the text around it.
#[derive(Clone, Debug)]
pub(crate) enum Map {
    /// In steps: escapes, hexadecimal digits, UTF-16, and what is literal. In order of places.
    Steps(Vec<Step>),
    /// Base64.
    Base64(Base64Map),
    /// No byte has a place of its own: compressed.
    Whole(Range<usize>),
    /// The first leads into a text between, the second from there outward.
    Then(Box<Map>, Box<Map>),
}

/// A stretch in which every `inner_unit` decoded bytes come from `outer_unit` encoded ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) inner: usize,
    pub(crate) outer: usize,
    pub(crate) inner_unit: u8,
    pub(crate) outer_unit: u8,
}

/// Base64 characters in one or more lines, with literal text before and behind.
#[derive(Clone, Debug)]
pub(crate) struct Base64Map {
    /// Literal bytes that stand before, and where they begin.
    pub(crate) lead: usize,
    pub(crate) lead_at: usize,
    /// Bytes that the characters hold.
    pub(crate) decoded: usize,
    /// Index of a line's first character among all, and its place.
    pub(crate) lines: Vec<(usize, usize)>,
    /// Where the literal text behind begins.
    pub(crate) end: usize,
}

impl Map {
    /// The encoded place of decoded bytes.
    pub(crate) fn outer(&self, inner: &Range<usize>) -> Range<usize> {
        match self {
            Self::Whole(range) => range.clone(),
            Self::Then(first, second) => second.outer(&first.outer(inner)),
            Self::Steps(steps) => {
                let start = locate(steps, inner.start).0;
                // An empty range has no last byte.
                start..inner.end.checked_sub(1).map_or(start, |last| locate(steps, last).1).max(start)
            }
            Self::Base64(map) => {
                let start = map.byte(inner.start).0;
                start..inner.end.checked_sub(1).map_or(start, |last| map.byte(last).1).max(start)
            }
        }
    }
}

impl Base64Map {
    /// Where the characters begin and end that hold the bits of a byte.
    fn byte(&self, index: usize) -> (usize, usize) {
        let Some(index) = index.checked_sub(self.lead) else { return (self.lead_at + index, self.lead_at + index + 1) };
        if let Some(behind) = index.checked_sub(self.decoded) {
            return (self.end + behind, self.end + behind + 1);
        }
        (self.character(index * 4 / 3), self.character((index * 4 + 3) / 3) + 1)
    }

    fn character(&self, index: usize) -> usize {
        let line = self.lines.partition_point(|(first, _)| *first <= index).saturating_sub(1);
        self.lines.get(line).map_or(self.end, |(first, at)| at + (index - first))
    }
}

/// Where the encoded unit of a decoded byte begins and ends.
fn locate(steps: &[Step], index: usize) -> (usize, usize) {
    let at = steps.partition_point(|step| step.inner <= index).saturating_sub(1);
    let Some(step) = steps.get(at) else { return (0, 0) };
    let unit = index.saturating_sub(step.inner) / usize::from(step.inner_unit.max(1));
    let start = step.outer + unit * usize::from(step.outer_unit);
    (start, start + usize::from(step.outer_unit))
}

/// Makes the steps of a text while it is decoded.
#[derive(Default)]
pub(crate) struct Steps(pub(crate) Vec<Step>);

impl Steps {
    /// `inner_unit` bytes at `inner` come from `outer_unit` bytes at `outer`. Equal ones in a row become one step.
    pub(crate) fn add(&mut self, inner: usize, outer: usize, inner_unit: u8, outer_unit: u8) {
        if let Some(last) = self.0.last()
            && (last.inner_unit, last.outer_unit) == (inner_unit, outer_unit)
            && (inner - last.inner) * usize::from(outer_unit) == (outer - last.outer) * usize::from(inner_unit)
        {
            return;
        }
        self.0.push(Step { inner, outer, inner_unit, outer_unit });
    }
}
