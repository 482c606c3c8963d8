//! The statement that `node`, `dotenvx` and `ruby` share.
//!
//! All three search the text for one regular expression: at the beginning of a line space, an
//! optional `export`, a name, a separator, a value in quotes or without, space, an optional comment,
//! the end of a line. `\s*` in it crosses lines, and where a quoted form does not fit the expression
//! falls back to others. This module finds the same matches as a backtracking engine, each in time
//! linear in what it reads; the comments say which fallback a step stands for.

/// In what the three expressions differ.
pub(crate) struct Grammar {
    /// `\s`.
    pub(crate) is_space: fn(char) -> bool,
    /// What `$` holds before and `^` after; `.` matches all else.
    pub(crate) is_line_end: fn(char) -> bool,
    /// The characters of a name.
    pub(crate) is_name: fn(u8) -> bool,
    pub(crate) quotes: &'static [u8],
    /// Whether a name may stand without separator and value.
    pub(crate) name_alone: bool,
}

/// One match.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Statement<'t> {
    pub(crate) exported: bool,
    pub(crate) name: &'t str,
    /// Where the name begins.
    pub(crate) at: usize,
    /// As written, with quotes and the space around it; `None` where the expression's group for it
    /// takes no part in the match.
    pub(crate) value: Option<&'t str>,
}

/// The matches in `text`, in which no `\r` is left.
pub(crate) fn statements<'t>(text: &'t str, grammar: &'static Grammar) -> Statements<'t> {
    Statements { text, grammar, at: 0 }
}

pub(crate) struct Statements<'t> {
    text: &'t str,
    grammar: &'static Grammar,
    at: usize,
}

impl<'t> Iterator for Statements<'t> {
    type Item = Statement<'t>;

    fn next(&mut self) -> Option<Statement<'t>> {
        loop {
            // A match from any line in the run of space begins with the same character, so the
            // run is tried once.
            let start = self.skip_space(self.line_start(self.at)?);
            let first = self.text[start..].chars().next()?;
            if let Some((statement, end)) = self.exported(start).or_else(|| self.named(start, false)) {
                self.at = end;
                return Some(statement);
            }
            self.at = start + first.len_utf8();
        }
    }
}

impl<'t> Statements<'t> {
    /// The first beginning of a line from `from`.
    fn line_start(&self, from: usize) -> Option<usize> {
        if self.text[..from].chars().next_back().is_none_or(self.grammar.is_line_end) {
            return Some(from);
        }
        let after = |(at, c): (usize, char)| from + at + c.len_utf8();
        self.text[from..].char_indices().find(|&(_, c)| (self.grammar.is_line_end)(c)).map(after)
    }

    fn exported(&self, start: usize) -> Option<(Statement<'t>, usize)> {
        let after = start + self.text[start..].starts_with("export").then_some("export".len())?;
        let name = self.skip_space(after);
        if name == after { None } else { self.named(name, true) }
    }

    /// A name from `start` on, and all that follows.
    fn named(&self, start: usize, exported: bool) -> Option<(Statement<'t>, usize)> {
        let bytes = self.text.as_bytes();
        let length = bytes[start..].iter().take_while(|&&byte| (self.grammar.is_name)(byte)).count();
        if length == 0 {
            return None;
        }
        let name_end = start + length;
        let statement = |value| Statement { exported, name: &self.text[start..name_end], at: start, value };
        if let Some(after) = self.separator(name_end) {
            let (value, end) = self.value(after);
            return Some((statement(value), end));
        }
        let end = if self.grammar.name_alone { self.line_tail(name_end) } else { None };
        end.map(|end| (statement(None), end))
    }

    /// The end of `\s*=` or of `:` with one space character.
    fn separator(&self, name_end: usize) -> Option<usize> {
        let after_space = self.skip_space(name_end);
        if self.text[after_space..].starts_with('=') {
            return Some(after_space + 1);
        }
        let space = self.text[name_end..].strip_prefix(':')?.chars().next().filter(|&c| (self.grammar.is_space)(c))?;
        Some(name_end + 1 + space.len_utf8())
    }

    /// The value after a separator, and the end of the match. There is always one: without quotes
    /// that fit, the value is the line to its first `#`, and nothing where that would be empty.
    fn value(&self, from: usize) -> (Option<&'t str>, usize) {
        let opening = self.skip_space(from);
        if self.text.as_bytes().get(opening).is_some_and(|byte| self.grammar.quotes.contains(byte))
            && let Some((close, end)) = self.close(opening)
        {
            return (Some(&self.text[from..=close]), end);
        }
        let rest = &self.text[from..];
        let length = rest.find(['#', '\n']).unwrap_or(rest.len());
        let end = self.line_tail(from + length).expect("before `#`, a line break or the end a tail always fits");
        ((length > 0).then_some(&rest[..length]), end)
    }

    /// The quote that closes the one at `opening`, and the end of the match.
    ///
    /// The expression runs to the first quote without a backslash before it (or to the end of the
    /// text), and where the rest does not fit after that one, steps back to quotes with a backslash.
    /// A search ends at the latest before the next statement's opening quote of the same kind, so
    /// all searches together are linear.
    fn close(&self, opening: usize) -> Option<(usize, usize)> {
        let bytes = self.text.as_bytes();
        let quote = bytes[opening];
        let mut escaped = None;
        for at in (opening + 1..bytes.len()).filter(|&at| bytes[at] == quote) {
            let found = self.line_tail(at + 1).map(|end| (at, end));
            let is_escaped = at > opening + 1 && bytes[at - 1] == b'\\';
            if !is_escaped {
                return found.or(escaped);
            }
            escaped = found.or(escaped);
        }
        escaped
    }

    /// The end of `\s*(?:#.*)?$` from `from`: space over any number of lines, then a comment to the
    /// end of its line, or the last end of a line within the space.
    fn line_tail(&self, from: usize) -> Option<usize> {
        let after_space = self.skip_space(from);
        let rest = &self.text[after_space..];
        if rest.starts_with('#') {
            return Some(after_space + rest.find(self.grammar.is_line_end).unwrap_or(rest.len()));
        }
        if rest.is_empty() {
            return Some(after_space);
        }
        self.text[from..after_space].rfind(self.grammar.is_line_end).map(|at| from + at)
    }

    fn skip_space(&self, from: usize) -> usize {
        self.text.len() - self.text[from..].trim_start_matches(self.grammar.is_space).len()
    }
}
