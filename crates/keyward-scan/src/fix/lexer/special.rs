//! What Rust, Ruby and PHP write in their own way.

use super::{Lexer, Literal, Token, is_word};

impl Lexer<'_> {
    /// `"…"`, `b"…"`, `r#"…"#`, characters and lifetimes.
    pub(super) fn rust(&self, at: usize) -> Option<Token> {
        let rest = self.rest(at);
        if rest[0] == b'\'' {
            // `'a'` and `'\n'` are characters, `'a` is a lifetime.
            let end = if rest.get(1) == Some(&b'\\') {
                at + 3 + memchr::memchr(b'\'', rest.get(3..)?)?
            } else {
                let width = std::str::from_utf8(&rest[1..rest.len().min(5)])
                    .map_or(1, |text| text.chars().next().map_or(1, char::len_utf8));
                (rest.get(1 + width) == Some(&b'\'')).then_some(at + 1 + width)?
            };
            return Some(Token::Other(at..end + 1));
        }
        if at > 0 && is_word(self.text[at - 1]) {
            return None;
        }
        let letters = rest.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        let prefix = &rest[..letters];
        let raw = prefix.ends_with(b"r");
        if !matches!(prefix, b"" | b"b" | b"c" | b"r" | b"br" | b"cr") {
            return None;
        }
        let hashes = if raw { rest[letters..].iter().take_while(|byte| **byte == b'#').count() } else { 0 };
        let open = letters + hashes;
        if rest.get(open) != Some(&b'"') {
            return None;
        }
        let closing = [b"\"".to_vec(), vec![b'#'; hashes]].concat();
        let (end, _) = self.end_of_string(at + open + 1, &closing, raw, true, b"")?;
        Some(Token::Literal(Literal {
            outer: at..end + closing.len(),
            inner: at + open + 1..end,
            prefix: String::from_utf8_lossy(&rest[..open]).into_owned(),
            quote: "\"".to_owned(),
            holes: Vec::new(),
        }))
    }

    pub(super) fn ruby(&mut self, at: usize) -> Option<Token> {
        let rest = self.rest(at);
        let word_before = at > 0 && is_word(self.text[at - 1]);
        match rest {
            // `?"` is a character.
            [b'?', b'"' | b'\'' | b'`', ..] if !word_before => Some(Token::Other(at..at + 2)),
            [b':', b'"', ..] => Some(Token::Other(at..self.end_of_string(at + 2, b"\"", false, true, b"#{")?.0 + 1)),
            [b'<', b'<', ..] => {
                let (terminator, indented) = here_document(&rest[2..])?;
                self.documents.push((terminator, indented));
                None
            }
            [b'%', ..] if !word_before && self.expects_value(at) => {
                let letters = rest[1..].iter().take_while(|byte| b"qQwWiIrsx".contains(byte)).count();
                let open = *rest.get(1 + letters)?;
                let close = closing(open)?;
                let (mut end, mut depth) = (at + 2 + letters, 1usize);
                while depth > 0 {
                    match *self.text.get(end)? {
                        b'\\' => end += 1,
                        byte if byte == close => depth -= 1,
                        byte if byte == open => depth += 1,
                        _ => {}
                    }
                    end += 1;
                }
                Some(Token::Other(at..end))
            }
            _ => self.string(at),
        }
    }

    /// Goes to the line behind the terminators of here-documents.
    pub(super) fn skip_documents(&mut self, mut at: usize) {
        let start = at;
        for (terminator, indented) in std::mem::take(&mut self.documents) {
            while at < self.text.len() {
                let end = memchr::memchr(b'\n', self.rest(at)).map_or(self.text.len(), |end| at + end);
                let line = self.text[at..end].strip_suffix(b"\r").unwrap_or(&self.text[at..end]);
                at = (end + 1).min(self.text.len());
                if (if indented { line.trim_ascii_start() } else { line }) == terminator {
                    break;
                }
            }
        }
        if at > start {
            self.tokens.push(Token::Other(start..at));
        }
        self.at = at.max(start);
    }

    /// The end of PHP's `<<<NAME … NAME`.
    pub(super) fn php_document(&self, at: usize) -> Option<usize> {
        let rest = self.rest(at + 3);
        let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let name =
            rest[blank..].strip_prefix(b"'").or_else(|| rest[blank..].strip_prefix(b"\"")).unwrap_or(&rest[blank..]);
        let length = name.iter().take_while(|byte| is_word(**byte)).count();
        if length == 0 {
            return None;
        }
        let name = &name[..length];
        let mut line = at + memchr::memchr(b'\n', self.rest(at))? + 1;
        loop {
            let text = self.rest(line);
            let indent = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            if text[indent..].starts_with(name) && !text.get(indent + length).is_some_and(|next| is_word(*next)) {
                return Some(line + indent + length);
            }
            line += memchr::memchr(b'\n', text)? + 1;
        }
    }
}

/// The terminator of `<<~NAME`, `<<-'NAME'`, `<<NAME`, and whether it may be indented.
fn here_document(rest: &[u8]) -> Option<(Vec<u8>, bool)> {
    let indented = matches!(rest.first(), Some(b'~' | b'-'));
    let rest = if indented { &rest[1..] } else { rest };
    let quote = rest.first().copied().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let name = if quote.is_some() { &rest[1..] } else { rest };
    let length = name.iter().take_while(|byte| is_word(**byte)).count();
    // `list << value` is no document.
    let named = name.first().is_some_and(|first| first.is_ascii_uppercase())
        || indented && length > 0
        || quote.is_some() && length > 0;
    (named && quote.is_none_or(|quote| name.get(length) == Some(&quote))).then(|| (name[..length].to_vec(), indented))
}

fn closing(open: u8) -> Option<u8> {
    match open {
        b'(' => Some(b')'),
        b'[' => Some(b']'),
        b'{' => Some(b'}'),
        b'<' => Some(b'>'),
        b'|' | b'!' | b'/' | b'^' => Some(open),
        _ => None,
    }
}
