//! Lines and columns of byte offsets.

use std::ops::Range;

/// Where a range of bytes stands, as people count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) end_line: u32,
    pub(crate) end_column: u32,
}

/// Counts lines of one text, forward: asked in the order of offsets it is linear over all.
pub(crate) struct Lines<'a> {
    text: &'a [u8],
    /// Offset up to which newlines are counted, and where that line begins.
    counted: usize,
    line: u32,
    start: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, counted: 0, line: 1, start: 0 }
    }

    /// The place of `range`; an earlier range than the last one starts the count anew.
    pub(crate) fn span(&mut self, range: Range<usize>) -> Span {
        let (line, column) = self.place(range.start);
        let (end_line, end_column) = self.place(range.end);
        // The next range may begin on this one's first line.
        Span { line, column, end_line, end_column }
    }

    /// The line that `offset` is on, without its line break.
    pub(crate) fn line_around(&self, offset: usize) -> Range<usize> {
        let start = memchr::memrchr(b'\n', &self.text[..offset]).map_or(0, |at| at + 1);
        let end = memchr::memchr(b'\n', &self.text[offset..]).map_or(self.text.len(), |at| offset + at);
        start..if end > start && self.text[end - 1] == b'\r' { end - 1 } else { end }
    }

    fn place(&mut self, offset: usize) -> (u32, u32) {
        if offset < self.start {
            *self = Self::new(self.text);
        }
        for at in memchr::memchr_iter(b'\n', &self.text[self.counted.min(offset)..offset]) {
            self.line = self.line.saturating_add(1);
            self.start = self.counted + at + 1;
        }
        self.counted = self.counted.max(offset);
        let column = self.text[self.start..offset].iter().filter(|byte| (**byte & 0xc0) != 0x80).count();
        (self.line, u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let text = "ab\né=x\n\nend".as_bytes();
        let mut lines = Lines::new(text);
        assert_eq!(lines.span(0..2), Span { line: 1, column: 1, end_line: 1, end_column: 3 });
        assert_eq!(lines.span(5..6), Span { line: 2, column: 2, end_line: 2, end_column: 3 });
        assert_eq!(lines.span(9..12), Span { line: 4, column: 1, end_line: 4, end_column: 4 });
        assert_eq!(lines.span(5..6).line, 2, "backwards works too");
        assert_eq!(lines.line_around(5), 3..7);
    }
}
