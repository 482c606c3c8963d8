//! Strings as most languages write them, and the code inside them.

use std::ops::Range;

use super::{Lexer, Literal, Token, is_word};
use crate::misuse::Language;

impl Lexer<'_> {
    /// A string in the manner of most languages.
    pub(super) fn string(&self, at: usize) -> Option<Token> {
        use Language::{Go, Java, JavaScript, Php, Python, Ruby, TypeScript};
        let quote = self.text[at];
        let language = self.language;
        if !matches!(quote, b'"' | b'\'' | b'`') || quote == b'`' && matches!(language, Python | Java | Php) {
            return None;
        }
        let prefix = self.prefix(at);
        let outer = at - prefix.len();
        if matches!(language, Go | Java) && quote == b'\'' {
            let end = self.end_of_line_string(at, quote)?;
            return Some(Token::Other(at..end + 1));
        }
        let triple = matches!(language, Python | Java) && self.rest(at).starts_with(&[quote; 3]);
        let width = if triple { 3 } else { 1 };
        let raw = match language {
            Go => quote == b'`',
            _ => false,
        };
        let many_lines = triple || quote == b'`' || matches!(language, Ruby | Php);
        let hole: &[u8] = match (language, quote) {
            (JavaScript | TypeScript, b'`') => b"${",
            (Ruby, b'"' | b'`') => b"#{",
            (Php, b'"') => b"{$",
            (Python, _) if prefix.contains(['f', 'F', 't', 'T']) => b"{",
            _ => b"",
        };
        let start = at + width;
        let (end, holes) = self.end_of_string(start, &vec![quote; width], raw, many_lines, hole)?;
        let literal = Literal {
            outer: outer..end + width,
            inner: start..end,
            prefix,
            quote: String::from_utf8_lossy(&self.text[at..start]).into_owned(),
            holes,
        };
        if language == Ruby && quote == b'`' {
            return Some(Token::Other(literal.outer));
        }
        Some(Token::Literal(literal))
    }

    /// The letters before a quote that belong to it.
    pub(super) fn prefix(&self, at: usize) -> String {
        if self.language != Language::Python {
            return String::new();
        }
        let mut start = at;
        while start > 0 && at - start < 3 && is_word(self.text[start - 1]) {
            start -= 1;
        }
        let letters = &self.text[start..at];
        let known = letters.len() <= 2 && letters.iter().all(|byte| b"rRbBuUfFtT".contains(byte));
        if known { String::from_utf8_lossy(letters).into_owned() } else { String::new() }
    }

    /// Where the closing quote is, and the holes before it.
    pub(super) fn end_of_string(
        &self,
        start: usize,
        quote: &[u8],
        raw: bool,
        many_lines: bool,
        hole: &[u8],
    ) -> Option<(usize, Vec<Range<usize>>)> {
        let mut at = start;
        let mut holes = Vec::new();
        while at < self.text.len() {
            let rest = self.rest(at);
            if rest.starts_with(quote) {
                return Some((at, holes));
            }
            if rest[0] == b'\\' && !raw {
                at += 2;
            } else if rest[0] == b'\n' && !many_lines {
                return None;
            } else if !hole.is_empty() && rest.starts_with(hole) {
                if hole == b"{" && rest.starts_with(b"{{") {
                    at += 2;
                    continue;
                }
                let end = self.end_of_hole(at + hole.len(), quote, 0)?;
                holes.push(at..end);
                at = end;
            } else {
                at += 1;
            }
        }
        None
    }

    /// Behind the brace that closes a hole. Strings in it are skipped, which may have holes again.
    pub(super) fn end_of_hole(&self, start: usize, outer: &[u8], depth: usize) -> Option<usize> {
        if depth > 16 {
            return None;
        }
        let python = self.language == Language::Python;
        let (mut at, mut open, mut format) = (start, 1usize, false);
        while at < self.text.len() {
            match self.text[at] {
                b'{' | b'(' | b'[' => open += 1,
                b'}' | b')' | b']' => {
                    open -= 1;
                    if open == 0 {
                        return Some(at + 1);
                    }
                }
                // What follows is a format, not code.
                b':' if python && open == 1 => format = true,
                b'\n' if python && outer.len() == 1 => return None,
                quote @ (b'"' | b'\'' | b'`') if !format => {
                    let mut end = at + 1;
                    while let Some(byte) = self.text.get(end) {
                        match byte {
                            b'\\' => end += 1,
                            byte if *byte == quote => break,
                            b'$' if quote == b'`' && self.text.get(end + 1) == Some(&b'{') => {
                                end = self.end_of_hole(end + 2, b"`", depth + 1)? - 1;
                            }
                            _ => {}
                        }
                        end += 1;
                    }
                    at = end;
                }
                _ if format && self.rest(at).starts_with(outer) => return None,
                _ => {}
            }
            at += 1;
        }
        None
    }

    pub(super) fn end_of_line_string(&self, at: usize, quote: u8) -> Option<usize> {
        let mut end = at + 1;
        while let Some(byte) = self.text.get(end) {
            match byte {
                b'\\' => end += 1,
                b'\n' => return None,
                byte if *byte == quote => return Some(end),
                _ => {}
            }
            end += 1;
        }
        None
    }
}
