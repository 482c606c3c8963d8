//! Server-sent events (WHATWG HTML, 9.2.6) as they pass: where an event's data stand and where it
//! ends.

/// What the reader tells.
pub(crate) enum Part<'a> {
    /// Bytes of the event's data.
    Data(&'a [u8]),
    /// The event has ended with the byte before this offset of the chunk.
    End(usize),
}

/// Takes a stream apart, whatever the chunks it comes in and whichever of the three line ends.
#[derive(Default)]
pub(crate) struct SseReader {
    line: Line,
    /// How much of `data:` this line began with.
    matched: usize,
    /// The byte before was a carriage return.
    after_return: bool,
    /// The event has had a line.
    any: bool,
    /// An event ended at a carriage return; a line feed behind it is still its own.
    ended: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Line {
    /// At its beginning, or within the field's name.
    #[default]
    Name,
    /// A single space behind the colon is not data.
    Space,
    Data,
    Other,
}

const DATA: &[u8] = b"data:";

impl SseReader {
    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8], tell: &mut impl FnMut(Part<'_>)) {
        let mut i = 0;
        while i < bytes.len() {
            let byte = bytes[i];
            if std::mem::take(&mut self.ended) {
                // The end is told late enough to have its line feed with it.
                let own = usize::from(byte == b'\n');
                tell(Part::End(i + own));
                self.after_return = false;
                i += own;
                continue;
            }
            if byte == b'\n' && std::mem::take(&mut self.after_return) {
                i += 1;
                continue;
            }
            self.after_return = byte == b'\r';
            match self.line {
                _ if matches!(byte, b'\r' | b'\n') => self.end_line(byte, i + 1, tell),
                Line::Name if byte == DATA[self.matched] => {
                    self.matched += 1;
                    self.any = true;
                    if self.matched == DATA.len() {
                        self.line = Line::Space;
                    }
                }
                Line::Name => (self.line, self.any) = (Line::Other, true),
                Line::Space if byte == b' ' => self.line = Line::Data,
                Line::Space | Line::Data => {
                    self.line = Line::Data;
                    let rest = &bytes[i..];
                    let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                    tell(Part::Data(&rest[..end]));
                    i += end;
                    continue;
                }
                Line::Other => {
                    let rest = &bytes[i..];
                    i += memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                    continue;
                }
            }
            i += 1;
        }
        // Nothing may wait for a line feed that perhaps never comes.
        if std::mem::take(&mut self.ended) {
            tell(Part::End(bytes.len()));
        }
    }

    fn end_line(&mut self, byte: u8, after: usize, tell: &mut impl FnMut(Part<'_>)) {
        let blank = self.line == Line::Name && self.matched == 0;
        let data = matches!(self.line, Line::Data | Line::Space);
        (self.line, self.matched) = (Line::Name, 0);
        if blank && std::mem::take(&mut self.any) {
            match byte {
                b'\r' => self.ended = true,
                _ => tell(Part::End(after)),
            }
        } else if data {
            // Lines of data are joined by a line feed.
            tell(Part::Data(b"\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<String> {
        let (mut reader, mut events, mut data) = (SseReader::default(), Vec::new(), String::new());
        for chunk in chunks {
            reader.feed(chunk, &mut |part| match part {
                Part::Data(bytes) => data.push_str(std::str::from_utf8(bytes).unwrap()),
                Part::End(_) => events.push(std::mem::take(&mut data)),
            });
        }
        events
    }

    #[test]
    fn lines_end_in_three_ways_at_every_split() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["event: x", "data: {\"a\":1}", "", ": note", "data:b", "data: c", "", "", "datum: d", "", ""]
                .join(end);
            let wanted = ["{\"a\":1}\n", "b\nc\n", ""];
            assert_eq!(events(&[text.as_bytes()]), wanted, "{end:?}");
            for split in 0..=text.len() {
                let (first, second) = text.as_bytes().split_at(split);
                assert_eq!(events(&[first, second]), wanted, "{end:?} split at {split}");
            }
        }
    }

    #[test]
    fn an_event_ends_with_its_last_byte() {
        let mut ends = Vec::new();
        let text = b"data: a\r\n\r\ndata: b\n\n";
        SseReader::default().feed(text, &mut |part| {
            if let Part::End(at) = part {
                ends.push(at);
            }
        });
        assert_eq!(ends, [11, text.len()]);
    }
}
