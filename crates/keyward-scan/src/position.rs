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
    /// Offset up to which characters of that line are counted, and how many there are.
    measured: usize,
    characters: usize,
    /// The line that was asked for last.
    around: Range<usize>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, counted: 0, line: 1, start: 0, measured: 0, characters: 0, around: 0..0 }
    }

    /// The place of `range`; an earlier range than the last one starts the count anew.
    pub(crate) fn span(&mut self, range: Range<usize>) -> Span {
        let (line, column) = self.place(range.start);
        let (measured, characters) = (self.measured, self.characters);
        let (end_line, end_column) = self.place(range.end);
        if line == end_line {
            (self.measured, self.characters) = (measured, characters);
        }
        // The next range may begin on this one's first line.
        Span { line, column, end_line, end_column }
    }

    /// The line that `offset` is on, without its line break.
    pub(crate) fn line_around(&mut self, offset: usize) -> Range<usize> {
        if self.around.is_empty() || !(self.around.start..=self.around.end).contains(&offset) {
            let start = memchr::memrchr(b'\n', &self.text[..offset]).map_or(0, |at| at + 1);
            let end = memchr::memchr(b'\n', &self.text[offset..]).map_or(self.text.len(), |at| offset + at);
            self.around = start..if end > start && self.text[end - 1] == b'\r' { end - 1 } else { end };
        }
        self.around.clone()
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
        if self.measured < self.start || offset < self.measured {
            (self.measured, self.characters) = (self.start, 0);
        }
        self.characters += self.text[self.measured..offset].iter().filter(|byte| (**byte & 0xc0) != 0x80).count();
        self.measured = offset;
        (self.line, u32::try_from(self.characters).unwrap_or(u32::MAX).saturating_add(1))
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

    #[test]
    fn places_are_the_same_however_they_are_asked_for() {
        let text = "añb c\r\n\n日本 x = y\nlast".as_bytes();
        let ranges =
            |lines: &mut Lines<'_>, start: usize, end: usize| (lines.span(start..end), lines.line_around(start));
        let mut same = Lines::new(text);
        for start in (0..text.len()).chain((0..text.len()).rev()) {
            for end in start..=text.len() {
                assert_eq!(ranges(&mut same, start, end), ranges(&mut Lines::new(text), start, end), "{start}..{end}");
            }
        }
    }

    #[test]
    fn many_places_on_one_long_line_cost_its_length_once() {
        let text = vec![b'x'; 4 << 20];
        let start = std::time::Instant::now();
        let mut lines = Lines::new(&text);
        for at in (0..text.len() - 8).step_by(64) {
            assert_eq!(lines.span(at..at + 8).column as usize, at + 1);
            assert_eq!(lines.line_around(at), 0..text.len());
        }
        // Each place anew would be 65,536 times 4 MiB, which takes minutes.
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    }
}
