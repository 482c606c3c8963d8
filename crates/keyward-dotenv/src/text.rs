//! Places in a text: lines of offsets, line breaks of several kinds.

use std::borrow::Cow;

/// Where lines begin, to tell the line of an offset. `\r\n`, `\n` and `\r` break lines.
pub(crate) struct Lines {
    /// Of every line but the first, ascending.
    starts: Vec<usize>,
}

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let ends = |at: usize| bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
        Self { starts: (0..bytes.len()).filter(|&at| ends(at)).map(|at| at + 1).collect() }
    }

    /// The text without any `\r`, and its lines, counted as in the text with them.
    pub(crate) fn without_carriage_returns(text: &str) -> (Cow<'_, str>, Self) {
        if !text.contains('\r') {
            return (Cow::Borrowed(text), Self::of(text));
        }
        let mut kept = String::with_capacity(text.len());
        let mut starts = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            if c != '\r' {
                kept.push(c);
            }
            if c == '\n' || (c == '\r' && rest.peek() != Some(&'\n')) {
                starts.push(kept.len());
            }
        }
        (Cow::Owned(kept), Self { starts })
    }

    /// The line, from 1, that holds the byte at `offset`.
    pub(crate) fn at(&self, offset: usize) -> usize {
        1 + self.starts.partition_point(|&start| start <= offset)
    }
}

/// The text with `\r\n` and `\r` turned into `\n`, as three of the libraries begin.
pub(crate) fn unify_line_breaks(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of_all(text: &str, lines: &Lines) -> Vec<usize> {
        (0..text.len()).map(|at| lines.at(at)).collect()
    }

    #[test]
    fn every_kind_of_break_counts() {
        let text = "a\r\nb\nc\rd";
        assert_eq!(lines_of_all(text, &Lines::of(text)), [1, 1, 1, 2, 2, 3, 3, 4]);
        assert_eq!(unify_line_breaks(text), "a\nb\nc\nd");
    }

    #[test]
    fn dropped_breaks_still_count() {
        let (kept, lines) = Lines::without_carriage_returns("\ra\r\nb\nc\rd");
        assert_eq!(kept, "a\nb\ncd");
        assert_eq!(lines_of_all(&kept, &lines), [2, 2, 3, 3, 4, 5]);
    }
}
